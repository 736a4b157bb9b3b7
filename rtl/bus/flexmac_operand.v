// Input of one operand: a stream, held to its packet length, that fills a bank.
//
// Beat n of a packet is word n of the bank: plane 0's words, then plane 1's, and so on.
//
// Parameters:
//   WIDTH         bits of a word, at least 1
//   ADDR_WIDTH    bits of an address, at least 1: 2^ADDR_WIDTH words per bank
//   LENGTH_WIDTH  bits of a packet length, at least ADDR_WIDTH
//
// Latency: 1 cycle from a read to its data. Throughput: one word in and one word out per cycle.
// Not handled: a length beyond a bank; flexmac_check refuses it.
`default_nettype none

module flexmac_operand #(
    parameter WIDTH        = 32,
    parameter ADDR_WIDTH   = 4,
    parameter LENGTH_WIDTH = 5
) (
    input  wire                    clk_i,
    input  wire                    rst_ni,
    // control
    input  wire                    clear_i,
    input  wire                    flush_i,  // with clear_i
    input  wire                    start_i,
    input  wire [LENGTH_WIDTH-1:0] length_i,
    input  wire                    bank_i,   // bank being filled
    // stream
    input  wire                    s_valid_i,
    output wire                    s_ready_o,
    input  wire [       WIDTH-1:0] s_data_i,
    input  wire                    s_last_i,
    // read: data one cycle later
    input  wire                    read_i,
    input  wire                    read_bank_i,
    input  wire [  ADDR_WIDTH-1:0] read_addr_i,
    output wire [       WIDTH-1:0] read_data_o,
    // status
    output wire                    done_o,   // last cycle of the packet
    output wire                    short_o,
    output wire                    long_o,
    output wire                    flush_o
);

  generate
    if (WIDTH < 1) begin : gen_bad_width
      flexmac_operand_WIDTH_must_be_at_least_1 u_illegal ();
    end
    if (ADDR_WIDTH < 1) begin : gen_bad_addr_width
      flexmac_operand_ADDR_WIDTH_must_be_at_least_1 u_illegal ();
    end
    if (LENGTH_WIDTH < ADDR_WIDTH) begin : gen_bad_length_width
      flexmac_operand_LENGTH_WIDTH_must_be_at_least_ADDR_WIDTH u_illegal ();
    end
  endgenerate

  localparam [ADDR_WIDTH-1:0] ONE = 1;

  wire write;
  wire [WIDTH-1:0] data;
  wire unused_ready;
  reg [ADDR_WIDTH-1:0] addr_q;

  flexmac_packet #(.WIDTH(WIDTH), .LENGTH_WIDTH(LENGTH_WIDTH)) u_packet (
      .clk_i    (clk_i),
      .rst_ni   (rst_ni),
      .clear_i  (clear_i),
      .flush_i  (flush_i),
      .start_i  (start_i),
      .length_i (length_i),
      .ready_o  (unused_ready),  // flexmac_load starts no packet before the last is done
      .s_valid_i(s_valid_i),
      .s_ready_o(s_ready_o),
      .s_data_i (s_data_i),
      .s_last_i (s_last_i),
      .m_valid_o(write),
      .m_ready_i(1'b1),
      .m_data_o (data),
      .done_o   (done_o),
      .short_o  (short_o),
      .long_o   (long_o),
      .flush_o  (flush_o)
  );

  always @(posedge clk_i) begin
    if (start_i) addr_q <= {ADDR_WIDTH{1'b0}};
    else if (write) addr_q <= addr_q + ONE;
  end

  flexmac_bank #(.WIDTH(WIDTH), .ADDR_WIDTH(ADDR_WIDTH)) u_bank (
      .clk_i       (clk_i),
      .write_i     (write),
      .write_addr_i({bank_i, addr_q}),
      .write_data_i(data),
      .read_i      (read_i),
      .read_addr_i ({read_bank_i, read_addr_i}),
      .read_data_o (read_data_o)
  );

`ifdef FORMAL
  // Rules; any stalls. Given: lengths of 1 to a whole bank, no start before the packet before is
  // done, a source that waits unchanged, no word read while it is written.
  // 1. Beat n of a packet, or zeros where it is short, is written once, as word n of the bank being
  //    filled; nothing else is written.
  // 2. When done_o tells the last cycle, exactly `length` words have been.
  // 3. A read shows, one cycle later, the word last written at its place.
  // The rules of flexmac_packet and flexmac_bank hold inside, and what they are given.
  (* anyconst *) wire [ADDR_WIDTH:0] f_place;
  reg f_known;  // it has been written
  reg [WIDTH-1:0] f_word;
  reg f_active, f_ended, f_flush, f_open;
  reg [LENGTH_WIDTH:0] f_length, f_words;
  wire f_taken = s_valid_i && s_ready_o;
  wire f_beat = f_active && !f_flush && f_taken && f_words != f_length;
  wire f_zero = f_active && f_ended;
  wire f_open_d = f_taken ? !s_last_i : f_open;
  wire [LENGTH_WIDTH:0] f_words_d = f_words + (f_beat || f_zero);
  localparam [LENGTH_WIDTH:0] WORDS = 1 << ADDR_WIDTH;
  reg past_valid = 1'b0;
  initial assume (!rst_ni);

  always @(posedge clk_i) begin
    past_valid <= 1'b1;
    if (past_valid && write && {bank_i, f_words[ADDR_WIDTH-1:0]} == f_place) begin
      f_known <= 1'b1;
      f_word <= f_zero ? {WIDTH{1'b0}} : s_data_i;
    end
    if (!past_valid) f_known <= 1'b0;
    if (!rst_ni || clear_i) begin
      f_active <= 1'b0;
      f_flush <= rst_ni && flush_i && f_open_d;
      f_open <= rst_ni && flush_i && f_open_d;
    end else begin
      f_open <= f_open_d;
      if (f_taken && s_last_i) f_flush <= 1'b0;
      f_words <= f_words_d;
      f_ended <= f_ended || (f_active && !f_flush && f_taken && s_last_i);
      if (done_o) f_active <= 1'b0;
      if (start_i) begin
        f_active <= 1'b1;
        f_length <= length_i;
        f_words <= 0;
        f_ended <= 1'b0;
      end
    end
  end

  always @* begin
    if (start_i && rst_ni) assume ((!f_active || done_o) && length_i != 0 && length_i <= WORDS);
    if (read_i && write) assume ({read_bank_i, read_addr_i} != {bank_i, addr_q});
    if (past_valid) begin
      assert (write == (f_beat || f_zero));
      if (write) assert (data == (f_zero ? {WIDTH{1'b0}} : s_data_i));
      if (write) assert (f_words < f_length && addr_q == f_words);
      if (f_active) assert (f_length <= WORDS && f_words <= f_length);
      if (f_active && f_words != f_length) assert (addr_q == f_words);
      if (done_o) assert (f_active && f_words_d == f_length);
      cover (done_o && f_length == WORDS && f_zero && start_i);
      cover (write && f_beat && bank_i && f_words == WORDS - 1);
      cover (f_taken && !write && f_words == f_length && f_active);
    end
  end

  always @(posedge clk_i) begin
    if (past_valid && $past(rst_ni && s_valid_i && !s_ready_o))
      assume (s_valid_i && s_data_i == $past(s_data_i) && s_last_i == $past(s_last_i));
    if (past_valid && $past(past_valid)
        && $past(read_i && f_known && {read_bank_i, read_addr_i} == f_place))
      assert (read_data_o == $past(f_word));
  end
`endif

endmodule

`default_nettype wire
