// Carry-save tree: N words to two of the same sum, without carrying anything along.
//
// A full adder per bit makes two words of three. A level does that with as many threes as there
// are and passes on what is left, so n words become n - floor(n/3):
//
//      x  x  x   x  x  x   x  x           8 words
//      |  |  |   |  |  |   |  |
//      adders    adders    |  |
//      sum carry sum carry |  |           6 words, carries one place up
//
//   words_i          N x W bits
//   sum_o, carry_o   W bits each: together the sum of the words modulo 2^W. Where that sum is below
//                    2^W as unsigned integers, so is that of the two: nothing is lost at the top.
//
// Parameters: N >= 1: words; area grows with N W, depth with log1.5(N); W >= 2;
// CUT: levels before a register, 0 for none; where there are fewer, all of them.
// Latency 0, or 1 with the register; throughput one sum a cycle.
`default_nettype none

module flexmac_csa #(
    parameter N   = 9,
    parameter W   = 19,
    parameter CUT = 0
) (
    input  wire           clk_i,
    // control
    input  wire           cut_en_i,
    // data
    input  wire [N*W-1:0] words_i,
    output wire [  W-1:0] sum_o,
    output wire [  W-1:0] carry_o
);

  generate
    if (N < 1) begin : gen_bad_n
      flexmac_csa_N_must_be_at_least_1 u_illegal ();
    end
    if (N < 3 && CUT != 0) begin : gen_bad_cut
      flexmac_csa_CUT_must_have_a_level u_illegal ();
    end
    if (W < 2) begin : gen_bad_w
      flexmac_csa_W_must_be_at_least_2 u_illegal ();
    end
  endgenerate

  // words after some levels
  function integer words_after(input integer levels);
    integer i;
    begin
      words_after = N;
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

  localparam LEVELS = levels_of(N);
  localparam LAST_OR_CUT = CUT < LEVELS ? CUT : LEVELS;

  genvar level, i;
  generate
    for (level = 0; level < LEVELS; level = level + 1) begin : gen_level
      localparam M = words_after(level);
      localparam THREES = M / 3;
      localparam LEFT = M - THREES;
      wire [M*W-1:0] from;
      wire [LEFT*W-1:0] made;
      wire [LEFT*W-1:0] words;

      if (level == 0) begin : gen_first
        assign from = words_i;
      end else begin : gen_later
        assign from = gen_level[level-1].words;
      end

      for (i = 0; i < THREES; i = i + 1) begin : gen_three
        wire [W-1:0] x = from[3*i*W +: W];
        wire [W-1:0] y = from[(3*i+1)*W +: W];
        wire [W-1:0] z = from[(3*i+2)*W +: W];
        wire [W-1:0] carry = (x & y) | (z & (x ^ y));
        wire unused_top = carry[W-1];
        assign made[2*i*W +: W] = x ^ y ^ z;
        assign made[(2*i+1)*W +: W] = {carry[W-2:0], 1'b0};
      end

      for (i = 0; i < M - 3 * THREES; i = i + 1) begin : gen_left
        assign made[(2*THREES+i)*W +: W] = from[(3*THREES+i)*W +: W];
      end

      flexmac_pipe #(.W(LEFT * W), .ON(level + 1 == LAST_OR_CUT)) u_cut (
          .clk_i(clk_i), .en_i(cut_en_i), .d_i(made), .q_o(words)
      );
    end

    if (LEVELS > 0) begin : gen_tree
      assign {carry_o, sum_o} = gen_level[LEVELS-1].words;
    end else begin : gen_no_tree
      wire unused_wire = &{1'b0, clk_i, cut_en_i};
      if (N == 2) begin : gen_two
        assign {carry_o, sum_o} = words_i;
      end else begin : gen_one
        assign {carry_o, sum_o} = {{W{1'b0}}, words_i};
      end
    end
  endgenerate

`ifdef FORMAL
  // Rules (CUT = 0; with the register, the same a cycle later)
  // 1. The two words add up to the sum of the words, modulo 2^W.
  // 2. If that sum stays below 2^W as integers, that of the two does.
  localparam T = W + 8;
  reg [T-1:0] total;
  reg [T-1:0] both;
  integer f;

  always @* begin
    total = {T{1'b0}};
    for (f = 0; f < N; f = f + 1) total = total + {8'd0, words_i[f*W +: W]};
    both = {8'd0, sum_o} + {8'd0, carry_o};
    assert (both[W-1:0] == total[W-1:0]);
    if (total[T-1:W] == 8'd0) assert (both == total);
    cover (total[T-1:W] == 8'd0 && (N == 1 || (sum_o != 0 && carry_o != 0)));
    cover (N == 1 || total[T-1:W] != 8'd0);
  end
`endif

endmodule

`default_nettype wire
