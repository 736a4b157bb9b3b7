// Holds a stream to packets of a known length, so that a wrong TLAST cannot hang or shift what
// follows.
//
// A start gives the length of the next packet, in beats; exactly that many leave. What arrives is
// compared with it at TLAST:
//
//   early   the missing beats leave as zeros                        short_o, for one cycle
//   late    the surplus is taken and dropped up to its TLAST        long_o, for one cycle
//
// A clear forgets the packet. With flush_i, the rest of a packet that had begun to arrive is
// dropped up to its TLAST; without, the next beat is taken for a first one.
//
// Parameters: W: width of a beat; LW: width of a length.
// Latency 0; throughput one beat a cycle, packets back to back. s_ready_o follows registers and
// m_ready_i alone.
// Not handled: a length of 0, and a start before ready_o.
`default_nettype none

module flexmac_packet #(
    parameter W  = 32,
    parameter LW = 8
) (
    input  wire          clk_i,
    input  wire          rst_ni,
    // control
    input  wire          clear_i,
    input  wire          flush_i,   // with clear_i
    input  wire          start_i,
    input  wire [LW-1:0] length_i,
    output wire          ready_o,   // a start may come: no packet, or its last cycle
    // in
    input  wire          s_valid_i,
    output wire          s_ready_o,
    input  wire [ W-1:0] s_data_i,
    input  wire          s_last_i,
    // out
    output wire          m_valid_o,
    input  wire          m_ready_i,
    output wire [ W-1:0] m_data_o,
    // status
    output wire          done_o,    // last cycle of the packet
    output wire          short_o,
    output wire          long_o,
    output wire          flush_o    // dropping what a clear left over
);

  localparam [LW-1:0] ONE = 1;

  reg          active_q;   // a packet is expected
  reg          pad_q;      // ... it was short
  reg          surplus_q;  // ... it is long
  reg          flush_q;
  reg          open_q;     // a packet has begun to arrive and not ended
  reg [LW-1:0] left_q;     // beats still to leave

  wire pass = active_q && !pad_q && !surplus_q && !flush_q;
  wire pad = active_q && pad_q;
  wire drop = surplus_q || flush_q;
  wire final_beat = left_q == ONE;

  wire taken = s_valid_i && s_ready_o;
  wire sent = m_valid_o && m_ready_i;
  wire open = taken ? !s_last_i : open_q;

  assign s_ready_o = (pass && m_ready_i) || drop;
  assign m_valid_o = (pass && s_valid_i) || pad;
  assign m_data_o = pad ? {W{1'b0}} : s_data_i;

  assign short_o = pass && taken && s_last_i && !final_beat;
  assign long_o = pass && taken && !s_last_i && final_beat;
  assign done_o = (sent && final_beat && (pad || s_last_i)) || (surplus_q && taken && s_last_i);
  assign ready_o = !active_q || done_o;
  assign flush_o = flush_q;

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      active_q <= 1'b0;
      pad_q <= 1'b0;
      surplus_q <= 1'b0;
      flush_q <= 1'b0;
      open_q <= 1'b0;
    end else if (clear_i) begin
      active_q <= 1'b0;
      pad_q <= 1'b0;
      surplus_q <= 1'b0;
      flush_q <= flush_i && open;
      open_q <= flush_i && open;
    end else begin
      active_q <= start_i || (active_q && !done_o);
      pad_q <= short_o || (pad_q && !done_o);
      surplus_q <= long_o || (surplus_q && !done_o);
      flush_q <= flush_q && open;
      open_q <= open;
    end
  end

  always @(posedge clk_i) begin
    if (start_i) left_q <= length_i;
    else if (sent) left_q <= left_q - ONE;
  end

endmodule

`default_nettype wire
