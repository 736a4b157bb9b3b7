// Trial: sum of V products of P bits, or of 2V products of P/2 bits, as a carry-save pair with an
// offset. The flexmac_dot of a multiplier that splits.
//
// Halves of a lane's operands make four quadrants of its rows. Whole, all four are the product of P
// bits. Split, the two that weigh 2^(P/2) are two products of signed halves, which the tree adds up
// where they lie; the other two are held at zero in front of the rows:
//
//                a high          a low
//            +-------------+-------------+
//     b low  | ah bl  2^H  | al bl    1  |     H = P/2
//            +-------------+-------------+
//     b high | ah bh  2^P  | al bh  2^H  |
//            +-------------+-------------+
//
//     whole   sum_o + carry_o  =  sum of a b  +  2^(S-1)
//     split   sum_o + carry_o  =  sum of (ah bl + al bh) 2^H  +  2^(S-1)
//
// So a product of halves pairs a's high half with b's low one: the operands' memory lays them so. A
// product of P/2 by P bits is a whole one with a's low half 0, 2^H times it; half of the rows' bits
// stand still then. Bits of negative weight are inverted, as in flexmac_dot; the constant that this
// leaves depends on the mode.
//
//   a_i, b_i   V words of P bits, lane 0 lowest
//
// Parameters: P even, 4..32; V 1..16; S = 2P+1+log2(V); CUT as in flexmac_csa.
// Latency 0, or 1 with the register; throughput one sum a cycle. Area grows with V P^2.
// Not handled: unsigned halves when split; a_signed_i and b_signed_i are to be set then.
`default_nettype none

module flexmac_split_dot #(
    parameter P   = 16,
    parameter V   = 1,
    parameter S   = 33,
    parameter CUT = 0
) (
    input  wire           clk_i,
    // control
    input  wire           cut_en_i,
    input  wire           split_i,     // with the words
    input  wire           a_signed_i,
    input  wire           b_signed_i,
    // data
    input  wire [V*P-1:0] a_i,
    input  wire [V*P-1:0] b_i,
    output wire [  S-1:0] sum_o,
    output wire [  S-1:0] carry_o
);

  generate
    if (P < 4 || P > 32 || P % 2 != 0) begin : gen_bad_p
      flexmac_split_dot_P_must_be_even_and_4_to_32 u_illegal ();
    end
    if (V < 1 || V > 16) begin : gen_bad_v
      flexmac_split_dot_V_must_be_1_to_16 u_illegal ();
    end
    if (S != 2 * P + 1 + $clog2(V)) begin : gen_bad_s
      flexmac_split_dot_S_must_hold_the_lanes_sum u_illegal ();
    end
  endgenerate

  localparam H = P / 2;
  localparam N = V * P + 1;  // rows, and the constant
  localparam [S-1:0] LANES = V;
  localparam [S-1:0] OFFSET = {1'b1, {(S - 1) {1'b0}}};
  localparam [S-1:0] ONE_SIGNED = OFFSET + (LANES << (P - 1)) - (LANES << (2 * P - 1));
  localparam [S-1:0] BOTH_SIGNED = OFFSET + (LANES << P) - (LANES << (2 * P - 1));
  localparam [S-1:0] SPLIT = OFFSET + (LANES << (P + 1)) - (LANES << (2 * P - 1));

  reg  [N*S-1:0] words;
  reg  [P-1:0] a_low_row;   // what rows of b's low half take: split, without a's low half
  reg  [P-1:0] a_high_row;  // ... of b's high half: split, without a's high half
  reg  [P-1:0] row;
  reg  b_sign_row, half_sign_row;
  integer lane, bit_b;

  always @* begin
    row = {P{1'b0}};
    a_low_row = {P{1'b0}};
    a_high_row = {P{1'b0}};
    b_sign_row = 1'b0;
    half_sign_row = 1'b0;
    for (lane = 0; lane < V; lane = lane + 1) begin
      a_low_row = a_i[lane*P +: P] & {{H{1'b1}}, {H{!split_i}}};
      a_high_row = a_i[lane*P +: P] & {{H{!split_i}}, {H{1'b1}}};
      for (bit_b = 0; bit_b < P; bit_b = bit_b + 1) begin
        row = (bit_b < H ? a_low_row : a_high_row) & {P{b_i[lane*P+bit_b]}};
        // whole: a's sign, in the row of b's sign all but that bit
        b_sign_row = bit_b == P - 1;
        row[P-1] = row[P-1] ^ a_signed_i;
        if (b_sign_row) row = row ^ {P{b_signed_i}};
        // split, the sign of al where b is high, and of bl where it is low
        half_sign_row = bit_b == H - 1;
        if (half_sign_row) row[P-1:H] = row[P-1:H] ^ {H{split_i}};
        if (bit_b >= H) row[H-1] = row[H-1] ^ split_i;
        words[(lane*P+bit_b)*S +: S] = {{(S - P) {1'b0}}, row} << bit_b;
      end
    end
    words[V*P*S +: S] = split_i ? SPLIT : a_signed_i && b_signed_i ? BOTH_SIGNED
        : a_signed_i || b_signed_i ? ONE_SIGNED : OFFSET;
  end

  flexmac_csa #(.N(N), .W(S), .CUT(CUT)) u_tree (
      .clk_i(clk_i), .cut_en_i(cut_en_i), .words_i(words), .sum_o(sum_o), .carry_o(carry_o)
  );

`ifdef FORMAL
  // Rules, CUT = 0 (64 bits hold any sum)
  // 1. Whole, the pair is the sum of all lanes' products as integers, plus the offset, for every
  //    kind of planes. Split, it is the sum of both products of signed halves at 2^H, plus the
  //    offset.
  // 2. Nothing is lost at the top: the pair's sum as unsigned integers is below 2^S, and its two
  //    top bits are never both set.
  reg  signed [63:0] total_want;
  reg  signed [63:0] a_want, b_want, ah_want, al_want, bh_want, bl_want;
  wire [63:0] pair = {{(64 - S) {1'b0}}, sum_o} + {{(64 - S) {1'b0}}, carry_o};
  integer f;

  always @* begin
    total_want = 64'sd1 <<< (S - 1);
    for (f = 0; f < V; f = f + 1) begin
      a_want = {{(64 - P) {1'b0}}, a_i[f*P +: P]};
      b_want = {{(64 - P) {1'b0}}, b_i[f*P +: P]};
      if (a_signed_i && a_i[f*P+P-1]) a_want = a_want - (64'sd1 <<< P);
      if (b_signed_i && b_i[f*P+P-1]) b_want = b_want - (64'sd1 <<< P);
      al_want = {{(64 - H) {a_i[f*P+H-1]}}, a_i[f*P +: H]};
      bl_want = {{(64 - H) {b_i[f*P+H-1]}}, b_i[f*P +: H]};
      ah_want = {{(64 - H) {a_i[f*P+P-1]}}, a_i[f*P+H +: H]};
      bh_want = {{(64 - H) {b_i[f*P+P-1]}}, b_i[f*P+H +: H]};
      if (split_i) total_want = total_want + ((ah_want * bl_want + al_want * bh_want) <<< H);
      else total_want = total_want + a_want * b_want;
    end
    if (split_i) assume (a_signed_i && b_signed_i);
    assert (pair == total_want);
    assert (pair < 64'd1 << S);
    assert (!(sum_o[S-1] && carry_o[S-1]));
    cover (!split_i && a_signed_i && a_want == -(64'sd1 <<< (P - 1)) && b_want == a_want);
    cover (!split_i && !a_signed_i && a_want == (64'sd1 <<< P) - 1 && b_want < 0);
    cover (split_i && ah_want == -(64'sd1 <<< (H - 1)) && bl_want == ah_want && al_want == ah_want
        && bh_want > 0);
  end
`endif

endmodule

`default_nettype wire
