// Register slice of a stream: no combinational path from valid to valid nor from ready to ready.
//
// ready is registered, so it cannot stop a beat in the cycle in which the output blocks. That beat
// waits in a spare register:
//
//   s --+------------->+
//       +---> spare --->+---> output register ---> m
//
// Parameters:
//   WIDTH  bits of a beat, at least 1
//
// Latency: 1 cycle. Throughput: one beat per cycle.
`default_nettype none

module flexmac_skid #(
    parameter WIDTH = 32
) (
    input  wire             clk_i,
    input  wire             rst_ni,
    // in
    input  wire             s_valid_i,
    output wire             s_ready_o,
    input  wire [WIDTH-1:0] s_data_i,
    // out
    output reg              m_valid_o,
    input  wire             m_ready_i,
    output reg  [WIDTH-1:0] m_data_o
);

  generate
    if (WIDTH < 1) begin : gen_bad_width
      flexmac_skid_WIDTH_must_be_at_least_1 u_illegal ();
    end
  endgenerate

  reg spare_valid_q;
  reg [WIDTH-1:0] spare_q;
  wire loads = !m_valid_o || m_ready_i;

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

`ifdef FORMAL
  // Rules; any stalls.
  // 1. Beats leave in the order they came, unchanged, none lost or doubled: whatever beat is
  //    watched shows once the one before it, if any, has left.
  // 2. A beat offered stays, unchanged, until it is taken.
  // 3. A beat inside is offered; a beat taken on makes room for the next cycle.
  (* anyseq *) wire f_watch;
  reg [1:0] f_inside;
  reg f_watched, f_behind;  // a beat inside is watched; another is before it
  reg [WIDTH-1:0] f_beat;
  wire f_in = s_valid_i && s_ready_o;
  wire f_out = m_valid_o && m_ready_i;
  reg past_valid = 1'b0;
  initial assume (!rst_ni);

  always @(posedge clk_i) begin
    past_valid <= 1'b1;
    if (!rst_ni) begin
      f_inside <= 2'd0;
      f_watched <= 1'b0;
    end else begin
      f_inside <= f_inside + f_in - f_out;
      if (f_watch && f_in && !f_watched) begin
        f_watched <= 1'b1;
        f_beat <= s_data_i;
        f_behind <= f_inside != f_out;
      end else if (f_out) begin
        f_watched <= f_watched && f_behind;
        f_behind <= 1'b0;
      end
    end
  end

  always @* begin
    if (past_valid) begin
      assert (m_valid_o == (f_inside != 2'd0) && spare_valid_q == (f_inside == 2'd2));
      assert (f_inside <= 2'd2);
      if (f_watched && !f_behind) assert (m_valid_o && m_data_o == f_beat);
      if (f_watched && f_behind) assert (f_inside == 2'd2 && spare_q == f_beat);
      cover (f_watched && f_behind && !s_ready_o && f_out);
      cover (f_inside == 2'd1 && f_in && f_out);
    end
  end

  always @(posedge clk_i) begin
    if (past_valid && $past(rst_ni)) begin
      if ($past(m_valid_o && !m_ready_i)) assert (m_valid_o && m_data_o == $past(m_data_o));
      if ($past(m_ready_i)) assert (s_ready_o);
    end
  end
`endif

endmodule

`default_nettype wire
