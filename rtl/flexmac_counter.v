// A counter that software clears and reads.
//
// Parameters: W: width, wraps at 2^W; A: width of what is added.
// Latency 1.
`default_nettype none

module flexmac_counter #(
    parameter W = 48,
    parameter A = 1
) (
    input  wire         clk_i,
    input  wire         rst_ni,
    // control
    input  wire         clear_i,
    input  wire         en_i,
    // data
    input  wire [A-1:0] add_i,
    output reg  [W-1:0] count_o
);

  always @(posedge clk_i) begin
    if (!rst_ni || clear_i) count_o <= {W{1'b0}};
    else if (en_i) count_o <= count_o + {{(W - A) {1'b0}}, add_i};
  end

endmodule

`default_nettype wire
