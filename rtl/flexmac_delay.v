// N-cycle delay line with enable, cleared by reset.
//
// Carries control beside a datapath of the same depth. Data that such control guards needs no
// reset and no copy of this module.
//
// Parameters: W >= 1: width; N >= 0: cycles, 0 is a wire.
// Latency N enabled cycles.
`default_nettype none

module flexmac_delay #(
    parameter W = 1,
    parameter N = 1
) (
    input  wire         clk_i,
    input  wire         rst_ni,
    // control
    input  wire         en_i,
    // data
    input  wire [W-1:0] d_i,
    output wire [W-1:0] q_o
);

  generate
    if (N == 0) begin : gen_wire
      wire unused_wire = &{1'b0, clk_i, rst_ni, en_i};
      assign q_o = d_i;
    end else begin : gen_line
      reg  [N*W-1:0] line_q;  // newest lowest
      wire [(N+1)*W-1:0] line_d = {line_q, d_i};

      always @(posedge clk_i) begin
        if (!rst_ni) line_q <= {N * W{1'b0}};
        else if (en_i) line_q <= line_d[N*W-1:0];
      end

      assign q_o = line_d[N*W +: W];
    end
  endgenerate

endmodule

`default_nettype wire
