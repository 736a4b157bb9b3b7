// Where results leave: a register slice that ends every packet, whatever happens behind it.
//
// Like flexmac_skid, with one more rule. A clear drops what is behind the output register, but a
// beat on display stays until it is taken, as AXI4-Stream asks; and if the packet on its way out
// would then be left open, one closing beat of zeros with TLAST ends it.
//
// Parameters: W: width of a beat.
// Latency 1; throughput one beat a cycle.
`default_nettype none

module flexmac_outlet #(
    parameter W = 32
) (
    input  wire         clk_i,
    input  wire         rst_ni,
    // control
    input  wire         clear_i,
    // in
    input  wire         s_valid_i,
    output wire         s_ready_o,
    input  wire [W-1:0] s_data_i,
    input  wire         s_last_i,
    // out
    output reg          m_valid_o,
    input  wire         m_ready_i,
    output reg  [W-1:0] m_data_o,
    output reg          m_last_o,
    // status
    output wire         packet_o,    // a packet that no clear has touched leaves in this cycle
    output wire         busy_o
);

  reg         spare_valid_q, spare_last_q;
  reg [W-1:0] spare_q;
  reg         open_q;      // the beats that have left end in mid-packet
  reg         closing_q;   // a closing beat is due
  reg         cut_q;       // what is on display is left over from before a clear

  wire loads = !m_valid_o || m_ready_i;
  wire takes = s_valid_i && s_ready_o;
  wire leaves = m_valid_o && m_ready_i;
  wire open = leaves ? !m_last_o : open_q;
  wire stays_open = m_valid_o ? !m_last_o : open_q;  // once what is on display has left

  assign s_ready_o = !spare_valid_q && !closing_q;
  assign packet_o = leaves && m_last_o && !cut_q;
  assign busy_o = m_valid_o || spare_valid_q || closing_q;

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      m_valid_o <= 1'b0;
      spare_valid_q <= 1'b0;
      open_q <= 1'b0;
      closing_q <= 1'b0;
      cut_q <= 1'b0;
    end else begin
      open_q <= open;
      if (clear_i) begin
        m_valid_o <= m_valid_o && !m_ready_i;
        spare_valid_q <= 1'b0;
        closing_q <= stays_open;
        cut_q <= (m_valid_o && !m_ready_i) || stays_open;
      end else if (loads) begin
        m_valid_o <= closing_q || spare_valid_q || takes;
        spare_valid_q <= 1'b0;
        closing_q <= 1'b0;
        cut_q <= closing_q;
      end else begin
        spare_valid_q <= spare_valid_q || takes;
      end
    end
  end

  always @(posedge clk_i) begin
    if (loads) begin
      m_data_o <= closing_q ? {W{1'b0}} : spare_valid_q ? spare_q : s_data_i;
      m_last_o <= closing_q || (spare_valid_q ? spare_last_q : s_last_i);
    end
    if (!spare_valid_q) begin
      spare_q <= s_data_i;
      spare_last_q <= s_last_i;
    end
  end

endmodule

`default_nettype wire
