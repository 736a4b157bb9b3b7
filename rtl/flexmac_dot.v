// Sum of V products of P-bit digits, signed or not, as a carry-save pair with an offset.
//
//      sum_o + carry_o  =  a[0] b[0] + ... + a[V-1] b[V-1] + 2^(S-1)
//
// as unsigned integers: the offset keeps the sum within 0 .. 2^S-1, so that whoever adds the pair up
// extends it by zeros. The two top bits are never both set.
//
// A digit is one plane of an operand: the top plane is signed, the others are not, and all lanes
// have the same. Two bodies, proven equal (docs/proofs.md):
//
// - as it stands, products are `*` and the pair is their plain sum and zero: left to the tool, which
//   simulates it fast and may have multiplier blocks;
// - with FLEXMAC_CELLS defined, the bits themselves, for standard cells. Row j of a lane is a times
//   bit j of b. Bits of negative weight, those of one sign bit, are inverted:
//
//        -x 2^n  =  ~x 2^n - 2^n          (x one bit)
//
//   and what that leaves, a constant per kind of operands, is a row more (Baugh and Wooley, 1973).
//   All rows of all lanes meet in one carry-save tree: no product is ever added up alone.
//
//   a_i, b_i   V digits of P bits, lane 0 lowest
//
// Parameters: P 2..32; V 1..16; S: 2P+1+log2(V), or one less if a_i and b_i are always signed;
// CUT: levels of the tree before a register, 0 for none.
// Latency 0, or 1 with the register; throughput one sum a cycle. Area grows with V P^2.
`default_nettype none

module flexmac_dot #(
    parameter P   = 8,
    parameter V   = 1,
    parameter S   = 17,
    parameter CUT = 0
) (
    input  wire           clk_i,
    // control
    input  wire           cut_en_i,
    input  wire           a_signed_i,  // with the digits
    input  wire           b_signed_i,
    // data
    input  wire [V*P-1:0] a_i,
    input  wire [V*P-1:0] b_i,
    output wire [  S-1:0] sum_o,
    output wire [  S-1:0] carry_o
);

  generate
    if (P < 2 || P > 32) begin : gen_bad_p
      flexmac_dot_P_must_be_2_to_32 u_illegal ();
    end
    if (V < 1 || V > 16) begin : gen_bad_v
      flexmac_dot_V_must_be_1_to_16 u_illegal ();
    end
    if (S != 2 * P + $clog2(V) && S != 2 * P + 1 + $clog2(V)) begin : gen_bad_s
      flexmac_dot_S_must_hold_the_lanes_sum u_illegal ();
    end
  endgenerate

  localparam [S-1:0] OFFSET = {1'b1, {(S - 1) {1'b0}}};

`ifdef FLEXMAC_CELLS
  localparam N = V * P + 1;  // rows, and the constant
  localparam [S-1:0] LANES = V;
  localparam [S-1:0] ONE_SIGNED = OFFSET + (LANES << (P - 1)) - (LANES << (2 * P - 1));
  localparam [S-1:0] BOTH_SIGNED = OFFSET + (LANES << P) - (LANES << (2 * P - 1));

  reg  [N*S-1:0] words;
  reg  [P-1:0] row;
  integer lane, bit_b;

  always @* begin
    row = {P{1'b0}};
    for (lane = 0; lane < V; lane = lane + 1) begin
      for (bit_b = 0; bit_b < P; bit_b = bit_b + 1) begin
        row = a_i[lane*P +: P] & {P{b_i[lane*P+bit_b]}};
        if (bit_b == P - 1) row = row ^ {a_signed_i, {(P - 1) {b_signed_i}}};
        if (bit_b == P - 1) row[P-1] = row[P-1] ^ b_signed_i;
        else row[P-1] = row[P-1] ^ a_signed_i;
        words[(lane*P+bit_b)*S +: S] = {{(S - P) {1'b0}}, row} << bit_b;
      end
    end
    words[V*P*S +: S] = a_signed_i && b_signed_i ? BOTH_SIGNED
        : a_signed_i || b_signed_i ? ONE_SIGNED : OFFSET;
  end

  flexmac_csa #(.N(N), .W(S), .CUT(CUT)) u_tree (
      .clk_i(clk_i), .cut_en_i(cut_en_i), .words_i(words), .sum_o(sum_o), .carry_o(carry_o)
  );
`else
  reg  signed [P:0] a, b;
  reg  signed [S-1:0] total;
  integer lane;

  always @* begin
    total = OFFSET;
    for (lane = 0; lane < V; lane = lane + 1) begin
      a = {a_signed_i & a_i[lane*P+P-1], a_i[lane*P +: P]};
      b = {b_signed_i & b_i[lane*P+P-1], b_i[lane*P +: P]};
      total = total + a * b;
    end
  end

  flexmac_pipe #(.W(S), .ON(CUT != 0)) u_cut (
      .clk_i(clk_i), .en_i(cut_en_i), .d_i(total), .q_o(sum_o)
  );
  assign carry_o = {S{1'b0}};
`endif

`ifdef FORMAL
  // Rules, CUT = 0 (64 bits hold any sum)
  // 1. The pair is the sum of all lanes' products as integers, plus the offset, for every kind of
  //    planes; where S is one less, for two signed ones.
  // 2. Nothing is lost at the top: the pair's sum as unsigned integers is below 2^S.
  // 3. Signed digits are -2^(P-1) .. 2^(P-1)-1, the others 0 .. 2^P-1: what an operand's plane is.
  reg  signed [63:0] total_want;
  reg  signed [63:0] a_want;
  reg  signed [63:0] b_want;
  wire [63:0] pair = {{(64 - S) {1'b0}}, sum_o} + {{(64 - S) {1'b0}}, carry_o};
  integer f;

  always @* begin
    total_want = 64'sd1 <<< (S - 1);
    for (f = 0; f < V; f = f + 1) begin
      a_want = {{(64 - P) {1'b0}}, a_i[f*P +: P]};
      b_want = {{(64 - P) {1'b0}}, b_i[f*P +: P]};
      if (a_signed_i && a_i[f*P+P-1]) a_want = a_want - (64'sd1 <<< P);
      if (b_signed_i && b_i[f*P+P-1]) b_want = b_want - (64'sd1 <<< P);
      total_want = total_want + a_want * b_want;
    end
    if (S == 2 * P + $clog2(V)) assume (a_signed_i && b_signed_i);
    assert (pair == total_want);
    assert (pair < 64'd1 << S);
    assert (!(sum_o[S-1] && carry_o[S-1]));
    cover (a_want == -(64'sd1 <<< (P - 1)) && b_want == a_want);
    cover (a_want > 0 && b_want < 0);
    cover (S == 2 * P + $clog2(V) || (!a_signed_i && a_want == (64'sd1 <<< P) - 1
        && b_want == a_want));
  end
`endif

endmodule

`default_nettype wire
