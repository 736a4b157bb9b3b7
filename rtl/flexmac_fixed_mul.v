// Signed operand times a slice of another.
//
//   a_i         s(W-1).0
//   b_i         S bits: signed where TOP, else unsigned
//   product_o   s(W+S-1).0
//
// Parameters: W, S: widths; TOP: 1 for the slice that holds the sign.
// Latency 0.
`default_nettype none

module flexmac_fixed_mul #(
    parameter W   = 32,
    parameter S   = 32,
    parameter TOP = 1
) (
    // data
    input  wire signed [  W-1:0] a_i,
    input  wire        [  S-1:0] b_i,
    output wire signed [W+S-1:0] product_o
);

  generate
    if (W < 1 || S < 1) begin : gen_bad_widths
      flexmac_fixed_mul_W_and_S_must_be_at_least_1 u_illegal ();
    end
  endgenerate

  generate
    if (TOP != 0) begin : gen_signed
      wire signed [S-1:0] b = b_i;
      assign product_o = a_i * b;
    end else begin : gen_unsigned
      wire signed [S:0] b = {1'b0, b_i};
      wire signed [W+S:0] product = a_i * b;
      wire unused_product = product[W+S];
      assign product_o = product[W+S-1:0];
    end
  endgenerate

`ifdef FORMAL
  // Rules.
  // 1. The product is that of the operands as integers, b_i signed where TOP, else not.
  wire signed [W+S+1:0] f_a = a_i;
  wire signed [W+S+1:0] f_b = {{(W + 2) {TOP != 0 && b_i[S-1]}}, b_i};
  wire signed [W+S+1:0] f_product = f_a * f_b;

  always @* begin
    assert (product_o == f_product);
    cover (product_o < 0 && b_i == {S{1'b1}});
    cover (product_o > 0 && a_i < 0 || TOP == 0);
  end
`endif

endmodule

`default_nettype wire
