// One operand's way in: a stream held to its packet length, written into the bank being filled.
//
// Beat n of a packet is word n of the bank: plane 0's words, then plane 1's, and so on.
//
// Parameters: W: width of a word; AW: of an address, so 2^AW words a bank; LW: of a length.
// Latency 1 cycle from a read to its data; throughput one word in and one out a cycle.
// Not handled: a length beyond a bank; flexmac_check refuses it.
`default_nettype none

module flexmac_operand #(
    parameter W  = 32,
    parameter AW = 4,
    parameter LW = 5
) (
    input  wire          clk_i,
    input  wire          rst_ni,
    // control
    input  wire          clear_i,
    input  wire          flush_i,    // with clear_i
    input  wire          start_i,
    input  wire [LW-1:0] length_i,
    input  wire          bank_i,     // bank being filled
    // stream
    input  wire          s_valid_i,
    output wire          s_ready_o,
    input  wire [ W-1:0] s_data_i,
    input  wire          s_last_i,
    // read: data one cycle later
    input  wire          read_i,
    input  wire          read_bank_i,
    input  wire [AW-1:0] read_addr_i,
    output wire [ W-1:0] read_data_o,
    // status
    output wire          done_o,     // last cycle of the packet
    output wire          short_o,
    output wire          long_o,
    output wire          flush_o
);

  localparam [AW-1:0] ONE = 1;

  wire write;
  wire [W-1:0] data;
  wire unused_ready;
  reg [AW-1:0] addr_q;

  flexmac_packet #(.W(W), .LW(LW)) u_packet (
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
    if (start_i) addr_q <= {AW{1'b0}};
    else if (write) addr_q <= addr_q + ONE;
  end

  flexmac_bank #(.W(W), .AW(AW)) u_bank (
      .clk_i       (clk_i),
      .write_i     (write),
      .write_addr_i({bank_i, addr_q}),
      .write_data_i(data),
      .read_i      (read_i),
      .read_addr_i ({read_bank_i, read_addr_i}),
      .read_data_o (read_data_o)
  );

endmodule

`default_nettype wire
