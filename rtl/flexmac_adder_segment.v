// One segment of flexmac_adder, with its carry on top of the sum.
//
// Parameters: S: bits.
// Latency 0.
`default_nettype none

module flexmac_adder_segment #(
    parameter S = 12
) (
    // data
    input  wire [S-1:0] a_i,
    input  wire [S-1:0] b_i,
    input  wire         carry_i,
    output wire [  S:0] sum_o
);

  assign sum_o = {1'b0, a_i} + {1'b0, b_i} + {{S{1'b0}}, carry_i};

endmodule

`default_nettype wire
