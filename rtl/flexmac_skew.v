// N registers in a row that always move: data that must arrive N cycles later.
//
// Never frozen, so it has no enable to broadcast; what the data is good for travels beside it
// (flexmac_delay). No reset.
//
// Parameters: W >= 1: width; N >= 0: cycles, 0 is a wire.
// Latency N cycles.
`default_nettype none

module flexmac_skew #(
    parameter W = 1,
    parameter N = 1
) (
    input  wire         clk_i,
    // data
    input  wire [W-1:0] d_i,
    output wire [W-1:0] q_o
);

  generate
    if (N == 0) begin : gen_wire
      wire unused_wire = &{1'b0, clk_i};
      assign q_o = d_i;
    end else if (N == 1) begin : gen_register
      reg [W-1:0] data_q;
      always @(posedge clk_i) data_q <= d_i;
      assign q_o = data_q;
    end else begin : gen_line
      reg [N*W-1:0] line_q;  // newest lowest
      always @(posedge clk_i) line_q <= {line_q[(N-1)*W-1:0], d_i};
      assign q_o = line_q[(N-1)*W +: W];
    end
  endgenerate

endmodule

`default_nettype wire
