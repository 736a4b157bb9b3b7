// Signed product of two digits that already carry their sign.
//
// A digit is one P-bit plane of an operand, extended by one bit at the edge of the array: by its
// own sign for the top plane, by zero for the others. So one multiplier serves all four pairs of
// signed and unsigned planes.
//
//   a_i, b_i    s(P).0, -2^(P-1) .. 2^P-1
//   product_o   s(2P).0: the largest magnitude, (2^P-1)^2, stays below 2^(2P)
//
// Parameters: P, 2..16: multiplier width; area grows with its square.
// Latency 0.
`default_nettype none

module flexmac_mul #(
    parameter P = 8
) (
    // data
    input  wire signed [  P:0] a_i,
    input  wire signed [  P:0] b_i,
    output wire signed [2*P:0] product_o
);

  generate
    if (P < 2 || P > 16) begin : gen_bad_p
      flexmac_mul_P_must_be_2_to_16 u_illegal ();
    end
  endgenerate

  assign product_o = a_i * b_i;

`ifdef FORMAL
  // Rules (a_i, b_i: any digits; 64 bits hold any product of two)
  // 1. The product is that of the integers, and fits its width.
  // 2. It stays within the corners of its operands' kinds: top planes are -2^(P-1) .. 2^(P-1)-1,
  //    the others 0 .. 2^P-1. flexmac_pe takes this as given.
  // 3. Up to P = 4, it is the sum of b's bits times a, shifted: what a product is, without `*`.
  localparam signed [63:0] TOP = 64'sd1 <<< (P - 1);
  wire signed [63:0] a = {{(63 - P) {a_i[P]}}, a_i};
  wire signed [63:0] b = {{(63 - P) {b_i[P]}}, b_i};
  wire signed [63:0] product = {{(63 - 2 * P) {product_o[2*P]}}, product_o};
  wire both_top = a < TOP && b < TOP;
  wire a_top = a < TOP && b >= 0;
  wire both_low = a >= 0 && b >= 0;
  reg  signed [63:0] rows;
  integer f;

  always @* begin
    rows = 64'sd0;
    for (f = 0; f <= P; f = f + 1) begin
      if (b_i[f]) rows = f == P ? rows - (a <<< f) : rows + (a <<< f);
    end
    assume (a >= -TOP && b >= -TOP);
    assert (product == a * b);
    if (both_top) assert (product >= -TOP * (TOP - 1) && product <= TOP * TOP);
    if (a_top) assert (product >= -TOP * (2 * TOP - 1) && product <= (TOP - 1) * (2 * TOP - 1));
    if (both_low) assert (product >= 0 && product <= (2 * TOP - 1) * (2 * TOP - 1));
    if (P <= 4) assert (product == rows);
    cover (a == -TOP && b == -TOP);
    cover (a == -TOP && b == 2 * TOP - 1);
    cover (a == 2 * TOP - 1 && b == 2 * TOP - 1);
    cover (a == -1 && b == 2 * TOP - 2);
  end
`endif

endmodule

`default_nettype wire
