// Output of the results: a register slice that ends every packet it has begun, even after a clear.
//
// It works like flexmac_skid, with one more rule. A clear drops the beats behind the output
// register. A beat that is already offered stays until it is accepted, as AXI4-Stream demands. If
// the packet would then stay open, one beat of zeros with TLAST ends it.
//
// Parameters:
//   WIDTH  bits of a beat, at least 1
//
// Latency: 1 cycle. Throughput: one beat per cycle.
`default_nettype none

module flexmac_outlet #(
    parameter WIDTH = 32
) (
    input  wire             clk_i,
    input  wire             rst_ni,
    // control
    input  wire             clear_i,
    // in
    input  wire             s_valid_i,
    output wire             s_ready_o,
    input  wire [WIDTH-1:0] s_data_i,
    input  wire             s_last_i,
    // out
    output reg              m_valid_o,
    input  wire             m_ready_i,
    output reg  [WIDTH-1:0] m_data_o,
    output reg              m_last_o,
    // status
    output wire             packet_o,  // a packet that no clear has touched leaves in this cycle
    output wire             busy_o
);

  generate
    if (WIDTH < 1) begin : gen_bad_width
      flexmac_outlet_WIDTH_must_be_at_least_1 u_illegal ();
    end
  endgenerate

  reg spare_valid_q, spare_last_q;
  reg [WIDTH-1:0] spare_q;
  reg open_q;  // the beats that have left end in mid-packet
  reg closing_q;  // a closing beat is due
  reg cut_q;  // what is on display is left over from before a clear

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
      m_data_o <= closing_q ? {WIDTH{1'b0}} : spare_valid_q ? spare_q : s_data_i;
      m_last_o <= closing_q || (spare_valid_q ? spare_last_q : s_last_i);
    end
    if (!spare_valid_q) begin
      spare_q <= s_data_i;
      spare_last_q <= s_last_i;
    end
  end

`ifdef FORMAL
  // Rules; any stalls, a clear at any time.
  // 1. A beat offered stays, unchanged, until it is taken, whatever is cleared meanwhile.
  // 2. Beats leave in the order they came, unchanged, none lost or doubled; after a clear, of those
  //    that came before only the one on display still leaves.
  // 3. The first beat that came after a clear leaves as the first of a packet: one that a clear cut
  //    has been ended before it, by its own TLAST or by one beat of zeros.
  // 4. packet_o: a last beat leaves that came since the last clear. busy_o: a beat is inside or
  //    due.
  // 5. Bounded: a beat inside or due is offered in the next cycle; room comes the cycle after one
  //    is taken, or after a closing beat has moved up.
  (* anyseq *) wire f_watch;
  reg [1:0] f_new;  // beats inside that came since the last clear
  reg f_watched, f_behind;  // one of these is watched; another is before it
  reg [WIDTH:0] f_beat;
  reg f_first;  // ... and it is the first since the clear
  reg f_any;  // one has come since the clear
  reg f_mid;  // the beats that have left end in mid-packet
  wire f_in = s_valid_i && s_ready_o && !clear_i;
  wire f_out = m_valid_o && m_ready_i;
  wire f_shows_new = m_valid_o && !cut_q;
  reg past_valid = 1'b0;
  initial assume (!rst_ni);

  always @(posedge clk_i) begin
    past_valid <= 1'b1;
    if (!rst_ni) begin
      f_new <= 2'd0;
      f_watched <= 1'b0;
      f_any <= 1'b0;
      f_mid <= 1'b0;
    end else begin
      if (f_out) f_mid <= !m_last_o;
      if (clear_i) begin
        f_new <= 2'd0;
        f_watched <= 1'b0;
        f_any <= 1'b0;
      end else begin
        f_new <= f_new + f_in - (f_out && f_shows_new);
        f_any <= f_any || f_in;
        if (f_watch && f_in && !f_watched) begin
          f_watched <= 1'b1;
          f_beat <= {s_last_i, s_data_i};
          f_first <= !f_any;
          f_behind <= f_new != (f_out && f_shows_new);
        end else if (f_out && f_shows_new) begin
          f_watched <= f_watched && f_behind;
          f_behind <= 1'b0;
        end
      end
    end
  end

  always @* begin
    if (past_valid) begin
      assert (f_new == f_shows_new + spare_valid_q);
      if (f_watched && !f_behind && m_valid_o && !cut_q) assert ({m_last_o, m_data_o} == f_beat);
      if (f_watched && !f_behind && !(m_valid_o && !cut_q))
        assert (spare_valid_q && {spare_last_q, spare_q} == f_beat);
      if (f_watched && f_behind) assert (f_new == 2'd2 && {spare_last_q, spare_q} == f_beat);
      // 3
      assert (open_q == f_mid);
      if (f_watched && f_first) assert (!f_behind);
      if (f_watched && f_first && f_shows_new) assert (!f_mid);
      if (f_watched && f_first && !f_shows_new) assert (m_valid_o ? m_last_o : !f_mid);
      if (!f_any) assert (f_new == 2'd0 && (closing_q || !(m_valid_o ? !m_last_o : f_mid)));
      if (closing_q) assert (!f_any && !spare_valid_q && cut_q && (m_valid_o ? !m_last_o : f_mid));
      // 4
      assert (packet_o == (f_out && m_last_o && f_shows_new));
      assert (busy_o == (f_new != 2'd0 || m_valid_o || closing_q));
      // 5
      if (spare_valid_q) assert (m_valid_o);
      assert (s_ready_o == (f_new != 2'd2 && !spare_valid_q && !closing_q));
      cover (closing_q && m_valid_o && !m_ready_i && clear_i);
      cover (f_watched && f_first && f_shows_new && f_out && f_beat[WIDTH] && f_beat[0]);
      cover (f_watched && f_first && m_valid_o && cut_q);
    end
  end

  always @(posedge clk_i) begin
    if (past_valid && $past(rst_ni)) begin
      if ($past(m_valid_o && !m_ready_i))
        assert (m_valid_o && m_data_o == $past(m_data_o) && m_last_o == $past(m_last_o));
      if ($past(closing_q && (!m_valid_o || m_ready_i) && !clear_i))
        assert (m_valid_o && m_last_o && m_data_o == {WIDTH{1'b0}});
      if ($past(busy_o && !clear_i && !(m_valid_o && m_ready_i && f_new[1] == 0 && !closing_q)))
        assert (m_valid_o);
      if ($past(m_ready_i && !clear_i)) assert (s_ready_o);
    end
  end
`endif

endmodule

`default_nettype wire
