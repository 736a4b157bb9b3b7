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

  assign product_o = a_i * b_i;

endmodule

`default_nettype wire
