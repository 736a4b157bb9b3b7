// Both operand banks of one operand: a memory with one write and one read port.
//
//   word address   {bank, address}; a word is one plane of every row (column) and lane
//
// A read shows one cycle later and holds until the next. Loading and computing use different banks,
// so no word is read and written in one cycle: the attribute saves the logic that would decide it.
//
// Parameters: W: width of a word; AW: width of an address, so 2^AW words a bank.
// Infers as block RAM on iCE40, ECP5 and Xilinx; small banks become distributed RAM or registers.
`default_nettype none

module flexmac_bank #(
    parameter W  = 32,
    parameter AW = 4
) (
    input  wire         clk_i,
    // write
    input  wire         write_i,
    input  wire [ AW:0] write_addr_i,
    input  wire [W-1:0] write_data_i,
    // read
    input  wire         read_i,
    input  wire [ AW:0] read_addr_i,
    output reg  [W-1:0] read_data_o
);

  (* no_rw_check *)
  reg [W-1:0] memory_q [0:(2<<AW)-1];

  always @(posedge clk_i) begin
    if (write_i) memory_q[write_addr_i] <= write_data_i;
  end

  always @(posedge clk_i) begin
    if (read_i) read_data_o <= memory_q[read_addr_i];
  end

endmodule

`default_nettype wire
