// Holds a stream to packets of a known length, so that a wrong TLAST cannot block or shift later
// data.
//
// A start gives the length of the next packet in beats; exactly that many leave. At TLAST the
// length is compared with the beats that arrived:
//
//   TLAST early   the missing beats leave as zeros                     short_o, for one cycle
//   TLAST late    the surplus beats up to TLAST are dropped            long_o, for one cycle
//
// A clear forgets the packet. With flush_i, the rest of a packet that has begun to arrive is
// dropped up to its TLAST; without flush_i, the next beat counts as a first one.
//
// Parameters:
//   WIDTH         bits of a beat, at least 1
//   LENGTH_WIDTH  bits of a length, at least 1
//
// Latency: 0. Throughput: one beat per cycle, packets back to back. s_ready_o depends on registers
// and m_ready_i only.
// Not handled: a length of 0, a start before ready_o.
`default_nettype none

module flexmac_packet #(
    parameter WIDTH        = 32,
    parameter LENGTH_WIDTH = 8
) (
    input  wire                    clk_i,
    input  wire                    rst_ni,
    // control
    input  wire                    clear_i,
    input  wire                    flush_i,  // with clear_i
    input  wire                    start_i,
    input  wire [LENGTH_WIDTH-1:0] length_i,
    output wire                    ready_o,  // a start may come: no packet, or its last cycle
    // in
    input  wire                    s_valid_i,
    output wire                    s_ready_o,
    input  wire [       WIDTH-1:0] s_data_i,
    input  wire                    s_last_i,
    // out
    output wire                    m_valid_o,
    input  wire                    m_ready_i,
    output wire [       WIDTH-1:0] m_data_o,
    // status
    output wire                    done_o,   // last cycle of the packet
    output wire                    short_o,
    output wire                    long_o,
    output wire                    flush_o   // dropping what a clear left over
);

  generate
    if (WIDTH < 1) begin : gen_bad_width
      flexmac_packet_WIDTH_must_be_at_least_1 u_illegal ();
    end
    if (LENGTH_WIDTH < 1) begin : gen_bad_length_width
      flexmac_packet_LENGTH_WIDTH_must_be_at_least_1 u_illegal ();
    end
  endgenerate

  localparam [LENGTH_WIDTH-1:0] ONE = 1;

  reg active_q;  // a packet is expected
  reg pad_q;  // ... it was short
  reg surplus_q;  // ... it is long
  reg flush_q;
  reg open_q;  // a packet has begun to arrive and not ended
  reg [LENGTH_WIDTH-1:0] left_q;  // beats still to leave

  wire pass = active_q && !pad_q && !surplus_q && !flush_q;
  wire pad = active_q && pad_q;
  wire drop = surplus_q || flush_q;
  wire final_beat = left_q == ONE;

  wire taken = s_valid_i && s_ready_o;
  wire sent = m_valid_o && m_ready_i;
  wire open = taken ? !s_last_i : open_q;

  assign s_ready_o = (pass && m_ready_i) || drop;
  assign m_valid_o = (pass && s_valid_i) || pad;
  assign m_data_o = pad ? {WIDTH{1'b0}} : s_data_i;

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

`ifdef FORMAL
  // Rules; any stalls. Given: lengths above 0, no start before ready_o, and (for 1) a source that
  // waits unchanged.
  // 1. A beat offered stays, unchanged, until it is taken or cleared.
  // 2. From a start to done_o exactly `length` beats leave: the arriving ones in order and
  //    unchanged, then zeros where they were too few. What arrives beyond them, and nothing else,
  //    is dropped.
  // 3. done_o is the cycle in which both the last beat has left and TLAST has arrived, so what
  //    arrives next is a first beat. short_o and long_o tell of an early and a late TLAST, once.
  // 4. After a clear with flush_i in mid-packet the rest is dropped up to its TLAST.
  // 5. Bounded: in every cycle with m_ready_i a packet moves on, by the beat that is there or by a
  //    missing one; what must be dropped is taken at once.
  reg f_active, f_ended, f_open, f_flush;
  reg [LENGTH_WIDTH:0] f_length, f_sent;
  wire f_taken = s_valid_i && s_ready_o;
  wire f_leaves = m_valid_o && m_ready_i;
  wire [LENGTH_WIDTH:0] f_sent_d = f_sent + f_leaves;
  wire f_open_d = f_taken ? !s_last_i : f_open;
  wire f_ended_d = f_ended || (f_active && !f_flush && f_taken && s_last_i);
  reg past_valid = 1'b0;
  initial assume (!rst_ni);

  always @(posedge clk_i) begin
    past_valid <= 1'b1;
    if (!rst_ni || clear_i) begin
      f_active <= 1'b0;
      f_flush <= rst_ni && flush_i && f_open_d;
      f_open <= rst_ni && flush_i && f_open_d;
    end else begin
      f_open <= f_open_d;
      if (f_taken && s_last_i) f_flush <= 1'b0;
      f_sent <= f_sent_d;
      f_ended <= f_ended_d;
      if (done_o) f_active <= 1'b0;
      if (start_i) begin
        f_active <= 1'b1;
        f_length <= length_i;
        f_sent <= 0;
        f_ended <= 1'b0;
      end
    end
  end

  always @* begin
    if (start_i && rst_ni) assume (ready_o && length_i != 0);
    if (past_valid) begin
      // 2
      if (f_active) assert (f_length != 0 && f_sent <= f_length);
      if (f_active) assert (f_sent == f_length || left_q == f_length - f_sent);
      if (f_leaves) begin
        assert (f_active && f_sent < f_length && !f_flush);
        if (f_ended) assert (m_data_o == {WIDTH{1'b0}} && !f_taken);
        else assert (f_taken && m_data_o == s_data_i);
      end
      if (f_taken && !f_leaves) assert (f_flush || (f_active && !f_ended && f_sent == f_length));
      // 3
      assert (done_o == (f_active && f_sent_d == f_length && f_ended_d));
      if (done_o) assert (!f_open_d);
      assert (ready_o == (!f_active || done_o));
      assert (short_o == (f_active && !f_ended && f_ended_d && f_sent_d < f_length));
      assert (long_o == (f_active && f_leaves && f_sent_d == f_length && !f_ended_d));
      // 4
      assert (flush_o == f_flush && (!f_flush || f_open));
      if (f_flush) assert (s_ready_o && !m_valid_o);
      // 5
      if (f_active && m_ready_i && !f_flush && (s_valid_i || f_ended)) assert (f_leaves || f_taken);
      if (f_active && !f_ended && f_sent == f_length) assert (s_ready_o);
      // what the registers hold
      assert (active_q == f_active && open_q == f_open);
      assert (pad_q == (f_active && f_ended)
          && surplus_q == (f_active && !f_ended && f_sent == f_length));
      if (f_active && f_ended) assert (f_sent < f_length && !f_open);
      if (f_active && !f_ended && f_sent != 0) assert (f_open);
      if (!f_active) assert (!pad_q && !surplus_q);
      if (f_flush) assert (!(f_active && (f_ended || f_sent != 0)));
      cover (done_o && f_length == 3 && f_ended && start_i);
      cover (done_o && f_length == 1 && surplus_q && f_sent == f_length);
      cover (f_flush && f_active && f_taken && s_last_i);
      cover (f_leaves && f_sent == 1 && f_length == 2 && done_o && !f_ended);
    end
  end

  always @(posedge clk_i) begin
    if (past_valid && $past(rst_ni)) begin
      if ($past(s_valid_i && !s_ready_o))
        assume (s_valid_i && s_data_i == $past(s_data_i) && s_last_i == $past(s_last_i));
      if ($past(m_valid_o && !m_ready_i && !clear_i))
        assert (m_valid_o && m_data_o == $past(m_data_o));
    end
  end
`endif

endmodule

`default_nettype wire
