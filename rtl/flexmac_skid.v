// Register slice of a stream: cuts the paths of valid and of ready, at full throughput.
//
// A beat that arrives while the output is blocked waits in a spare register, so ready can be a
// register too:
//
//   s --+------------->+
//       +---> spare --->+---> output register ---> m
//
// Parameters: W: width of a beat.
// Latency 1; throughput one beat a cycle.
`default_nettype none

module flexmac_skid #(
    parameter W = 32
) (
    input  wire         clk_i,
    input  wire         rst_ni,
    // in
    input  wire         s_valid_i,
    output wire         s_ready_o,
    input  wire [W-1:0] s_data_i,
    // out
    output reg          m_valid_o,
    input  wire         m_ready_i,
    output reg  [W-1:0] m_data_o
);

  reg          spare_valid_q;
  reg  [W-1:0] spare_q;
  wire         loads = !m_valid_o || m_ready_i;

  assign s_ready_o = !spare_valid_q;

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      m_valid_o <= 1'b0;
      spare_valid_q <= 1'b0;
    end else if (loads) begin
      m_valid_o <= spare_valid_q || s_valid_i;
      spare_valid_q <= 1'b0;
    end else begin
      spare_valid_q <= spare_valid_q || s_valid_i;
    end
  end

  always @(posedge clk_i) begin
    if (loads) m_data_o <= spare_valid_q ? spare_q : s_data_i;
    if (!spare_valid_q) spare_q <= s_data_i;
  end

endmodule

`default_nettype wire
