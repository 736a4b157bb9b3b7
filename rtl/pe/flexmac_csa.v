// Carry-save tree: reduces many words to two with the same sum, without carry propagation.
//
// A full adder per bit reduces three words to two. Each level groups its words in threes and passes
// on what is left over, so n words become n - floor(n/3):
//
//      x  x  x   x  x  x   x  x           8 words
//      |  |  |   |  |  |   |  |
//      adders    adders    |  |
//      sum carry sum carry |  |           6 words, carries one place up
//
//   words_i          WORDS x WIDTH bits
//   sum_o, carry_o   WIDTH bits each: together the sum of the words modulo 2^WIDTH. If that sum is
//                    below 2^WIDTH as unsigned integers, so is that of the two: no carry is lost.
//
// Parameters:
//   WORDS  number of words, at least 1; area grows with WORDS * WIDTH, depth with log1.5(WORDS)
//   WIDTH  bits of a word, at least 2
//   CUT    levels in front of the pipeline register, at most all of them; 0: no register
//
// Latency: 0, or 1 cycle with the register. Throughput: one sum per cycle.
// Not handled: the final addition; flexmac_accumulate does it.
`default_nettype none

module flexmac_csa #(
    parameter WORDS = 9,
    parameter WIDTH = 19,
    parameter CUT   = 0
) (
    input  wire                   clk_i,
    // control
    input  wire                   cut_en_i,
    // data
    input  wire [WORDS*WIDTH-1:0] words_i,
    output wire [      WIDTH-1:0] sum_o,
    output wire [      WIDTH-1:0] carry_o
);

  generate
    if (WORDS < 1) begin : gen_bad_words
      flexmac_csa_WORDS_must_be_at_least_1 u_illegal ();
    end
    if (WORDS < 3 && CUT != 0) begin : gen_bad_cut
      flexmac_csa_CUT_must_have_a_level u_illegal ();
    end
    if (WIDTH < 2) begin : gen_bad_width
      flexmac_csa_WIDTH_must_be_at_least_2 u_illegal ();
    end
  endgenerate

  // words after some levels
  function integer words_after(input integer levels);
    integer i;
    begin
      words_after = WORDS;
      for (i = 0; i < levels; i = i + 1) words_after = words_after - words_after / 3;
    end
  endfunction

  // levels until no three are left
  function integer levels_of(input integer words);
    integer left;
    begin
      levels_of = 0;
      for (left = words; left > 2; left = left - left / 3) levels_of = levels_of + 1;
    end
  endfunction

  localparam LEVELS = levels_of(WORDS);
  localparam LAST_OR_CUT = CUT < LEVELS ? CUT : LEVELS;

  genvar level, i;
  generate
    for (level = 0; level < LEVELS; level = level + 1) begin : gen_level
      localparam WORDS_IN = words_after(level);
      localparam THREES = WORDS_IN / 3;
      localparam WORDS_OUT = WORDS_IN - THREES;
      wire [WORDS_IN*WIDTH-1:0] from;
      wire [WORDS_OUT*WIDTH-1:0] made;
      wire [WORDS_OUT*WIDTH-1:0] words;

      if (level == 0) begin : gen_first
        assign from = words_i;
      end else begin : gen_later
        assign from = gen_level[level-1].words;
      end

      for (i = 0; i < THREES; i = i + 1) begin : gen_three
        wire [WIDTH-1:0] x = from[3*i*WIDTH +: WIDTH];
        wire [WIDTH-1:0] y = from[(3*i+1)*WIDTH +: WIDTH];
        wire [WIDTH-1:0] z = from[(3*i+2)*WIDTH +: WIDTH];
        wire [WIDTH-1:0] carry = (x & y) | (z & (x ^ y));
        wire unused_top = carry[WIDTH-1];
        assign made[2*i*WIDTH +: WIDTH] = x ^ y ^ z;
        assign made[(2*i+1)*WIDTH +: WIDTH] = {carry[WIDTH-2:0], 1'b0};
      end

      for (i = 0; i < WORDS_IN - 3 * THREES; i = i + 1) begin : gen_left
        assign made[(2*THREES+i)*WIDTH +: WIDTH] = from[(3*THREES+i)*WIDTH +: WIDTH];
      end

      flexmac_pipe #(.WIDTH(WORDS_OUT * WIDTH), .REGISTER(level + 1 == LAST_OR_CUT)) u_cut (
          .clk_i(clk_i), .en_i(cut_en_i), .d_i(made), .q_o(words)
      );
    end

    if (LEVELS > 0) begin : gen_tree
      assign {carry_o, sum_o} = gen_level[LEVELS-1].words;
    end else begin : gen_no_tree
      wire unused_wire = &{1'b0, clk_i, cut_en_i};
      if (WORDS == 2) begin : gen_two
        assign {carry_o, sum_o} = words_i;
      end else begin : gen_one
        assign {carry_o, sum_o} = {{WIDTH{1'b0}}, words_i};
      end
    end
  endgenerate

`ifdef FORMAL
  // Rules (CUT = 0; with the register, the same a cycle later)
  // 1. The two words add up to the sum of the words, modulo 2^WIDTH.
  // 2. If that sum stays below 2^WIDTH as integers, that of the two does.
  localparam TOTAL_WIDTH = WIDTH + 8;
  reg [TOTAL_WIDTH-1:0] total;
  reg [TOTAL_WIDTH-1:0] both;
  integer f;

  always @* begin
    total = {TOTAL_WIDTH{1'b0}};
    for (f = 0; f < WORDS; f = f + 1) total = total + {8'd0, words_i[f*WIDTH +: WIDTH]};
    both = {8'd0, sum_o} + {8'd0, carry_o};
    assert (both[WIDTH-1:0] == total[WIDTH-1:0]);
    if (total[TOTAL_WIDTH-1:WIDTH] == 8'd0) assert (both == total);
    cover (total[TOTAL_WIDTH-1:WIDTH] == 8'd0 && (WORDS == 1 || (sum_o != 0 && carry_o != 0)));
    cover (WORDS == 1 || total[TOTAL_WIDTH-1:WIDTH] != 8'd0);
  end
`endif

endmodule

`default_nettype wire
