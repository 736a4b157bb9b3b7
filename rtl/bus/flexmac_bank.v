// Both banks of one operand: a memory with one write port and one read port.
//
//   word address   {bank, address}; a word is one plane of every row (or column) and lane
//
// A read shows one cycle later and holds until the next read. Loading and computing use different
// banks, so no word is read and written in the same cycle; the attribute no_rw_check tells
// synthesis that it needs no logic for that case.
//
// Parameters:
//   WIDTH       bits of a word, at least 1
//   ADDR_WIDTH  bits of an address, at least 1: 2^ADDR_WIDTH words per bank
//
// Latency: 1 cycle. Throughput: one read and one write per cycle. Becomes block RAM on iCE40, ECP5
// and Xilinx; small banks become distributed RAM or registers.
// Not handled: a read of the word that is being written.
`default_nettype none

module flexmac_bank #(
    parameter WIDTH      = 32,
    parameter ADDR_WIDTH = 4
) (
    input  wire                clk_i,
    // write
    input  wire                write_i,
    input  wire [ADDR_WIDTH:0] write_addr_i,
    input  wire [   WIDTH-1:0] write_data_i,
    // read
    input  wire                read_i,
    input  wire [ADDR_WIDTH:0] read_addr_i,
    output reg  [   WIDTH-1:0] read_data_o
);

  generate
    if (WIDTH < 1) begin : gen_bad_width
      flexmac_bank_WIDTH_must_be_at_least_1 u_illegal ();
    end
    if (ADDR_WIDTH < 1) begin : gen_bad_addr_width
      flexmac_bank_ADDR_WIDTH_must_be_at_least_1 u_illegal ();
    end
  endgenerate

  (* no_rw_check *)
  reg [WIDTH-1:0] memory_q [0:(2<<ADDR_WIDTH)-1];

  always @(posedge clk_i) begin
    if (write_i) memory_q[write_addr_i] <= write_data_i;
  end

  always @(posedge clk_i) begin
    if (read_i) read_data_o <= memory_q[read_addr_i];
  end

`ifdef FORMAL
  // Rules; given no word read in the cycle it is written.
  // 1. A read shows in the next cycle what was last written at its address.
  // 2. It shows until the next read, whatever is written.
  (* anyconst *) wire [ADDR_WIDTH:0] f_addr;
  reg f_known = 1'b0;  // f_addr has been written
  reg [WIDTH-1:0] f_word;
  reg past_valid = 1'b0;

  always @(posedge clk_i) begin
    past_valid <= 1'b1;
    if (write_i && write_addr_i == f_addr) begin
      f_known <= 1'b1;
      f_word <= write_data_i;
    end
  end

  always @* begin
    if (read_i && write_i) assume (read_addr_i != write_addr_i);
    if (f_known) assert (memory_q[f_addr] == f_word);
  end

  always @(posedge clk_i) begin
    if (past_valid) begin
      if ($past(read_i && read_addr_i == f_addr && f_known)) assert (read_data_o == $past(f_word));
      if (!$past(read_i)) assert (read_data_o == $past(read_data_o));
      cover ($past(read_i && read_addr_i == f_addr && f_known && write_i) && f_word != 0);
      cover (!$past(read_i) && f_known && f_word != read_data_o && read_addr_i == f_addr);
    end
  end
`endif

endmodule

`default_nettype wire
