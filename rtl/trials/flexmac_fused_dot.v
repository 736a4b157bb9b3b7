// Trial: four products of H = P/2 bits, two of H by P, or one of P by P bits, as a carry-save pair
// with an offset. Four multipliers of a digit that join by shifts (as in Bit Fusion, ISCA 2018).
//
// Each multiplier m gives its product of digits as a carry-save pair of its own; what it weighs
// depends on the mode, and a second tree adds the four up:
//
//     m      quarters       halves         whole
//     3      a3 b3  2^H     ay byh  2^H    ah bh  2^P
//     2      a2 b2  2^H     ay byl  1      al bh  2^H
//     1      a1 b1  2^H     ax bxh  2^H    ah bl  2^H
//     0      a0 b0  2^H     ax bxl  1      al bl  1
//
//     sum_o + carry_o  =  sum of the products (quarters: times 2^H)  +  2^(S-1)
//
// Digits come where they are multiplied: whoever lays the words out repeats a wider operand's.
//
//   mode_i     0 quarters, 1 halves, 2 whole; 3 is 2
//   a_i, b_i   4 digits of H bits, multiplier 0 lowest
//
// Parameters: P even, 4..32; S = 2P+2; CUT: 1 for a register behind the four pairs, else 0.
// Latency 0, or 1 with the register; throughput one sum a cycle.
// Not handled: unsigned operands but in mode whole, where a_signed_i and b_signed_i tell them.
`default_nettype none

module flexmac_fused_dot #(
    parameter P   = 16,
    parameter S   = 34,
    parameter CUT = 0
) (
    input  wire           clk_i,
    // control
    input  wire           cut_en_i,
    input  wire [    1:0] mode_i,      // with the words
    input  wire           a_signed_i,
    input  wire           b_signed_i,
    // data
    input  wire [2*P-1:0] a_i,
    input  wire [2*P-1:0] b_i,
    output wire [  S-1:0] sum_o,
    output wire [  S-1:0] carry_o
);

  generate
    if (P < 4 || P > 32 || P % 2 != 0) begin : gen_bad_p
      flexmac_fused_dot_P_must_be_even_and_4_to_32 u_illegal ();
    end
    if (S != 2 * P + 2) begin : gen_bad_s
      flexmac_fused_dot_S_must_be_2P_and_2 u_illegal ();
    end
  endgenerate

  localparam H = P / 2;
  localparam D = P + 1;  // bits of a product of digits with its offset, 2^P
  localparam [S-1:0] ONE = 1;
  localparam [S-1:0] OFFSET = ONE << (S - 1);
  // the offset less those of the four pairs, at their places
  localparam [S-1:0] QUARTERS = OFFSET - (ONE << (P + H + 2));
  localparam [S-1:0] HALVES = OFFSET - (ONE << (P + H + 1)) - (ONE << (P + 1));
  localparam [S-1:0] WHOLE = OFFSET - (ONE << (2 * P)) - (ONE << (P + H + 1)) - (ONE << P);

  wire whole = mode_i[1];
  wire halves = mode_i == 2'd1;
  // digits with a sign: high ones of a wider operand, as it is signed itself, and all others
  wire [3:0] a_signed = {a_signed_i || !whole, !whole, a_signed_i || !whole, !whole};
  wire [3:0] b_signed = {{b_signed_i || !whole, !whole && !halves},
      {!whole, !whole && !halves}} | {1'b0, b_signed_i && whole, 2'b00};

  wire [4*D-1:0] sums;
  wire [4*D-1:0] carries;
  wire held_whole, held_halves;

  genvar m;
  generate
    for (m = 0; m < 4; m = m + 1) begin : gen_digit
      wire [D-1:0] sum;
      wire [D-1:0] carry;
      flexmac_dot #(.P(H), .V(1), .S(D), .CUT(0)) u_dot (
          .clk_i(clk_i), .cut_en_i(1'b0), .a_signed_i(a_signed[m]), .b_signed_i(b_signed[m]),
          .a_i(a_i[m*H +: H]), .b_i(b_i[m*H +: H]), .sum_o(sum), .carry_o(carry)
      );
      flexmac_pipe #(.W(2 * D), .ON(CUT != 0)) u_cut (
          .clk_i(clk_i), .en_i(cut_en_i), .d_i({carry, sum}),
          .q_o({carries[m*D +: D], sums[m*D +: D]})
      );
    end
  endgenerate

  flexmac_pipe #(.W(2), .ON(CUT != 0)) u_mode (
      .clk_i(clk_i), .en_i(cut_en_i), .d_i({whole, halves}), .q_o({held_whole, held_halves})
  );

  // words at their places: bit 0 of place[m] is H up, bit 1 is P up
  wire [7:0] place = {held_whole, !held_whole, 1'b0, !held_halves,
      1'b0, 1'b1, 1'b0, !held_whole && !held_halves};
  reg  [9*S-1:0] words;
  reg  [S-1:0] word;
  integer w;

  always @* begin
    word = {S{1'b0}};
    for (w = 0; w < 8; w = w + 1) begin
      word = {{(S - D) {1'b0}}, w < 4 ? sums[(w%4)*D +: D] : carries[(w%4)*D +: D]};
      words[w*S +: S] = place[2*(w%4)+1] ? word << P : place[2*(w%4)] ? word << H : word;
    end
    words[8*S +: S] = held_whole ? WHOLE : held_halves ? HALVES : QUARTERS;
  end

  flexmac_csa #(.N(9), .W(S), .CUT(0)) u_tree (
      .clk_i(clk_i), .cut_en_i(1'b0), .words_i(words), .sum_o(sum_o), .carry_o(carry_o)
  );

`ifdef FORMAL
  // Rules, CUT = 0 (64 bits hold any sum)
  // 1. Of words laid out as drawn above, the pair is the sum of the mode's products as integers,
  //    quarters times 2^H, plus the offset.
  // 2. Nothing is lost at the top: the pair's sum as unsigned integers is below 2^S, and its two
  //    top bits are never both set.
  // With F_TWO, of quarters and halves, any two digits of a at a time are other than 0, which is
  // proven three times as fast.
  reg  signed [63:0] total_want;
  reg  signed [63:0] a_want, b_want;
  wire [63:0] pair = {{(64 - S) {1'b0}}, sum_o} + {{(64 - S) {1'b0}}, carry_o};
  integer f;

  // n bits of the word from bit `at`, as an integer
  function signed [63:0] value(input [2*P-1:0] word_in, input integer at, n, input is_signed);
    begin
      value = (word_in >> at) & ((64'd1 << n) - 64'd1);
      if (is_signed && word_in[at+n-1]) value = value - (64'sd1 <<< n);
    end
  endfunction

  reg  [2:0] a_some;  // digits of a that are not 0

  always @* begin
    total_want = 64'sd1 <<< (S - 1);
    a_some = 3'd0;
    for (f = 0; f < 4; f = f + 1) a_some = a_some + {2'd0, |a_i[f*H +: H]};
    if (whole) begin
      assume (a_i[P +: P] == a_i[0 +: P]);
      assume (b_i[H +: H] == b_i[0 +: H] && b_i[P+H +: H] == b_i[P +: H]);
      a_want = value(a_i, 0, P, a_signed_i);
      b_want = value({{P{1'b0}}, b_i[P +: H], b_i[0 +: H]}, 0, P, b_signed_i);
      total_want = total_want + a_want * b_want;
      cover (a_want == -(64'sd1 <<< (P - 1)) && b_want == a_want);
      cover (!a_signed_i && !b_signed_i && a_want == (64'sd1 <<< P) - 1 && b_want == a_want);
    end else begin
      for (f = 0; f < 4; f = f + 1) begin
        a_want = value(a_i, f * H, H, 1'b1);
        if (!halves) total_want = total_want + ((a_want * value(b_i, f * H, H, 1'b1)) <<< H);
        else if (f % 2 == 0) total_want = total_want + a_want * value(b_i, f * H, P, 1'b1);
        if (halves && f % 2 == 0) assume (a_i[(f+1)*H +: H] == a_i[f*H +: H]);
      end
`ifdef F_TWO
      assume (a_some <= 3'd2);
`endif
      cover (!halves && a_i == {{P{1'b0}}, {2{1'b1, {(H - 1) {1'b0}}}}} && b_i == a_i);
      cover (halves && a_i == {{P{1'b0}}, {2{1'b1, {(H - 1) {1'b0}}}}}
          && b_i == {2{1'b1, {(P - 1) {1'b0}}}});
    end
    assert (pair == total_want);
    assert (pair < 64'd1 << S);
    assert (!(sum_o[S-1] && carry_o[S-1]));
  end
`endif

endmodule

`default_nettype wire
