// Trial: four products of HALF = CHUNK/2 bits, two of HALF by CHUNK bits, or one of CHUNK by CHUNK
// bits, as a carry-save pair with an offset. Four small multipliers that combine by shifts (as in
// Bit Fusion, ISCA 2018).
//
// Each multiplier m gives its product as a carry-save pair. The weight of the product depends on
// the mode; a second tree adds the four up:
//
//     m      quarters          halves            whole
//     3      a3 b3  2^HALF     ay byh  2^HALF    ah bh  2^CHUNK
//     2      a2 b2  2^HALF     ay byl  1         al bh  2^HALF
//     1      a1 b1  2^HALF     ax bxh  2^HALF    ah bl  2^HALF
//     0      a0 b0  2^HALF     ax bxl  1         al bl  1
//
//     sum_o + carry_o  =  sum of the products (quarters: times 2^HALF)  +  2^(PAIR_WIDTH-1)
//
// Every half-width slice arrives at the multiplier that uses it; a wider operand's slices are
// repeated by whoever lays out the words.
//
//   mode_i     0 quarters, 1 halves, 2 whole; 3 is 2
//   a_i, b_i   4 slices of HALF bits, multiplier 0 lowest
//
// Parameters:
//   CHUNK       even, 4..32
//   PAIR_WIDTH  2*CHUNK + 2
//   CUT         1: a register behind the four pairs; 0: none
//
// Latency: 0, or 1 cycle with the register. Throughput: one sum per cycle.
// Not handled: unsigned operands, but in mode whole, where a_signed_i and b_signed_i say so.
`default_nettype none

module flexmac_fused_dot #(
    parameter CHUNK      = 16,
    parameter PAIR_WIDTH = 34,
    parameter CUT        = 0
) (
    input  wire                  clk_i,
    // control
    input  wire                  cut_en_i,
    input  wire [           1:0] mode_i,  // with the words
    input  wire                  a_signed_i,
    input  wire                  b_signed_i,
    // data
    input  wire [   2*CHUNK-1:0] a_i,
    input  wire [   2*CHUNK-1:0] b_i,
    output wire [PAIR_WIDTH-1:0] sum_o,
    output wire [PAIR_WIDTH-1:0] carry_o
);

  generate
    if (CHUNK < 4 || CHUNK > 32 || CHUNK % 2 != 0) begin : gen_bad_chunk
      flexmac_fused_dot_CHUNK_must_be_even_and_4_to_32 u_illegal ();
    end
    if (PAIR_WIDTH != 2 * CHUNK + 2) begin : gen_bad_pair_width
      flexmac_fused_dot_PAIR_WIDTH_must_be_2P_and_2 u_illegal ();
    end
  endgenerate

  localparam HALF = CHUNK / 2;
  localparam DIGIT_WIDTH = CHUNK + 1;  // bits of a product of digits with its offset, 2^CHUNK
  localparam [PAIR_WIDTH-1:0] ONE = 1;
  localparam [PAIR_WIDTH-1:0] OFFSET = ONE << (PAIR_WIDTH - 1);
  // the offset less those of the four pairs, at their places
  localparam [PAIR_WIDTH-1:0] QUARTERS = OFFSET - (ONE << (CHUNK + HALF + 2));
  localparam [PAIR_WIDTH-1:0] HALVES = OFFSET - (ONE << (CHUNK + HALF + 1)) - (ONE << (CHUNK + 1));
  localparam [PAIR_WIDTH-1:0] WHOLE =
      OFFSET - (ONE << (2 * CHUNK)) - (ONE << (CHUNK + HALF + 1)) - (ONE << CHUNK);

  wire whole = mode_i[1];
  wire halves = mode_i == 2'd1;
  // digits with a sign: high ones of a wider operand, as it is signed itself, and all others
  wire [3:0] a_signed = {a_signed_i || !whole, !whole, a_signed_i || !whole, !whole};
  wire [3:0] b_signed = {{b_signed_i || !whole, !whole && !halves},
      {!whole, !whole && !halves}} | {1'b0, b_signed_i && whole, 2'b00};

  wire [4*DIGIT_WIDTH-1:0] sums;
  wire [4*DIGIT_WIDTH-1:0] carries;
  wire held_whole, held_halves;

  genvar m;
  generate
    for (m = 0; m < 4; m = m + 1) begin : gen_digit
      wire [DIGIT_WIDTH-1:0] sum;
      wire [DIGIT_WIDTH-1:0] carry;
      flexmac_dot #(.CHUNK(HALF), .LANES(1), .PAIR_WIDTH(DIGIT_WIDTH), .CUT(0)) u_dot (
          .clk_i(clk_i), .cut_en_i(1'b0), .a_signed_i(a_signed[m]), .b_signed_i(b_signed[m]),
          .a_i(a_i[m*HALF +: HALF]), .b_i(b_i[m*HALF +: HALF]), .sum_o(sum), .carry_o(carry)
      );
      flexmac_pipe #(.WIDTH(2 * DIGIT_WIDTH), .REGISTER(CUT != 0)) u_cut (
          .clk_i(clk_i), .en_i(cut_en_i), .d_i({carry, sum}),
          .q_o({carries[m*DIGIT_WIDTH +: DIGIT_WIDTH], sums[m*DIGIT_WIDTH +: DIGIT_WIDTH]})
      );
    end
  endgenerate

  flexmac_pipe #(.WIDTH(2), .REGISTER(CUT != 0)) u_mode (
      .clk_i(clk_i), .en_i(cut_en_i), .d_i({whole, halves}), .q_o({held_whole, held_halves})
  );

  // words at their places: bit 0 of place[m] is HALF up, bit 1 is CHUNK up
  wire [7:0] place = {held_whole, !held_whole, 1'b0, !held_halves,
      1'b0, 1'b1, 1'b0, !held_whole && !held_halves};
  reg [9*PAIR_WIDTH-1:0] words;
  reg [PAIR_WIDTH-1:0] word;
  integer w;

  always @* begin
    word = {PAIR_WIDTH{1'b0}};
    for (w = 0; w < 8; w = w + 1) begin
      word = {{(PAIR_WIDTH - DIGIT_WIDTH) {1'b0}}, w < 4 ? sums[(w%4)*DIGIT_WIDTH +: DIGIT_WIDTH]
          : carries[(w%4)*DIGIT_WIDTH +: DIGIT_WIDTH]};
      words[w*PAIR_WIDTH +: PAIR_WIDTH] = place[2*(w%4)+1] ? word << CHUNK : place[2*(w%4)]
          ? word << HALF : word;
    end
    words[8*PAIR_WIDTH +: PAIR_WIDTH] = held_whole ? WHOLE : held_halves ? HALVES : QUARTERS;
  end

  flexmac_csa #(.WORDS(9), .WIDTH(PAIR_WIDTH), .CUT(0)) u_tree (
      .clk_i(clk_i), .cut_en_i(1'b0), .words_i(words), .sum_o(sum_o), .carry_o(carry_o)
  );

`ifdef FORMAL
  // Rules, CUT = 0 (64 bits hold any sum)
  // 1. Of words laid out as drawn above, the pair is the sum of the mode's products as integers,
  //    quarters times 2^HALF, plus the offset.
  // 2. Nothing is lost at the top: the pair's sum as unsigned integers is below 2^PAIR_WIDTH, and
  //    its two top bits are never both set.
  // With F_TWO, of quarters and halves, any two digits of a at a time are other than 0, which is
  // proven three times as fast.
  reg signed [63:0] total_want;
  reg signed [63:0] a_want, b_want;
  wire [63:0] pair = {{(64 - PAIR_WIDTH) {1'b0}}, sum_o} + {{(64 - PAIR_WIDTH) {1'b0}}, carry_o};
  integer f;

  // n bits of the word from bit `at`, as an integer
  function signed [63:0] value(input [2*CHUNK-1:0] word_in, input integer at, n, input is_signed);
    begin
      value = (word_in >> at) & ((64'd1 << n) - 64'd1);
      if (is_signed && word_in[at+n-1]) value = value - (64'sd1 <<< n);
    end
  endfunction

  reg [2:0] a_some;  // digits of a that are not 0

  always @* begin
    total_want = 64'sd1 <<< (PAIR_WIDTH - 1);
    a_some = 3'd0;
    for (f = 0; f < 4; f = f + 1) a_some = a_some + {2'd0, |a_i[f*HALF +: HALF]};
    if (whole) begin
      assume (a_i[CHUNK +: CHUNK] == a_i[0 +: CHUNK]);
      assume (b_i[HALF +: HALF] == b_i[0 +: HALF] && b_i[CHUNK+HALF +: HALF] == b_i[CHUNK +: HALF]);
      a_want = value(a_i, 0, CHUNK, a_signed_i);
      b_want = value({{CHUNK{1'b0}}, b_i[CHUNK +: HALF], b_i[0 +: HALF]}, 0, CHUNK, b_signed_i);
      total_want = total_want + a_want * b_want;
      cover (a_want == -(64'sd1 <<< (CHUNK - 1)) && b_want == a_want);
      cover (!a_signed_i && !b_signed_i && a_want == (64'sd1 <<< CHUNK) - 1 && b_want == a_want);
    end else begin
      for (f = 0; f < 4; f = f + 1) begin
        a_want = value(a_i, f * HALF, HALF, 1'b1);
        if (!halves) total_want =
            total_want + ((a_want * value(b_i, f * HALF, HALF, 1'b1)) <<< HALF);
        else if (f % 2 == 0) total_want = total_want + a_want * value(b_i, f * HALF, CHUNK, 1'b1);
        if (halves && f % 2 == 0) assume (a_i[(f+1)*HALF +: HALF] == a_i[f*HALF +: HALF]);
      end
`ifdef F_TWO
      assume (a_some <= 3'd2);
`endif
      cover (!halves && a_i == {{CHUNK{1'b0}}, {2{1'b1, {(HALF - 1) {1'b0}}}}} && b_i == a_i);
      cover (halves && a_i == {{CHUNK{1'b0}}, {2{1'b1, {(HALF - 1) {1'b0}}}}}
          && b_i == {2{1'b1, {(CHUNK - 1) {1'b0}}}});
    end
    assert (pair == total_want);
    assert (pair < 64'd1 << PAIR_WIDTH);
    assert (!(sum_o[PAIR_WIDTH-1] && carry_o[PAIR_WIDTH-1]));
  end
`endif

endmodule

`default_nettype wire
