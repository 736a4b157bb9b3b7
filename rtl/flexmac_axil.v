// AXI4-Lite slave in front of a register file: one transfer at a time and direction.
//
// Address and data of a write are taken in either order; the write is done in one cycle, when both
// are there and an earlier response has left. Byte strobes become a bit mask. The register file
// answers in the same cycle, with an error flag that becomes SLVERR.
//
// Every AXI output is a register or a function of registers alone.
//
// Parameters: AW: address width.
// Latency 2 cycles from request to response; throughput one transfer every 2 cycles.
// Not handled: protection bits, which the caller may leave open.
`default_nettype none

module flexmac_axil #(
    parameter AW = 12
) (
    input  wire          clk_i,
    input  wire          rst_ni,
    // write
    input  wire          awvalid_i,
    output wire          awready_o,
    input  wire [AW-1:0] awaddr_i,
    input  wire          wvalid_i,
    output wire          wready_o,
    input  wire [  31:0] wdata_i,
    input  wire [   3:0] wstrb_i,
    output reg           bvalid_o,
    input  wire          bready_i,
    output reg  [   1:0] bresp_o,
    // read
    input  wire          arvalid_i,
    output wire          arready_o,
    input  wire [AW-1:0] araddr_i,
    output reg           rvalid_o,
    input  wire          rready_i,
    output reg  [  31:0] rdata_o,
    output reg  [   1:0] rresp_o,
    // registers
    output wire          write_o,
    output wire [AW-1:0] write_addr_o,
    output wire [  31:0] write_data_o,
    output wire [  31:0] write_mask_o,
    input  wire          write_error_i,
    output wire          read_o,
    output wire [AW-1:0] read_addr_o,
    input  wire [  31:0] read_data_i,
    input  wire          read_error_i
);

  localparam [1:0] OKAY = 2'b00;
  localparam [1:0] SLVERR = 2'b10;

  reg          aw_full_q, w_full_q, ar_full_q;
  reg [AW-1:0] aw_q, ar_q;
  reg [  31:0] w_q;
  reg [   3:0] strobe_q;

  assign awready_o = !aw_full_q;
  assign wready_o = !w_full_q;
  assign arready_o = !ar_full_q;

  assign write_o = aw_full_q && w_full_q && !bvalid_o;
  assign write_addr_o = aw_q;
  assign write_data_o = w_q;
  assign write_mask_o = {{8{strobe_q[3]}}, {8{strobe_q[2]}}, {8{strobe_q[1]}}, {8{strobe_q[0]}}};
  assign read_o = ar_full_q && !rvalid_o;
  assign read_addr_o = ar_q;

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      aw_full_q <= 1'b0;
      w_full_q <= 1'b0;
      ar_full_q <= 1'b0;
      bvalid_o <= 1'b0;
      rvalid_o <= 1'b0;
    end else begin
      aw_full_q <= aw_full_q ? !write_o : awvalid_i;
      w_full_q <= w_full_q ? !write_o : wvalid_i;
      ar_full_q <= ar_full_q ? !read_o : arvalid_i;
      bvalid_o <= bvalid_o ? !bready_i : write_o;
      rvalid_o <= rvalid_o ? !rready_i : read_o;
    end
  end

  always @(posedge clk_i) begin
    if (awvalid_i && awready_o) aw_q <= awaddr_i;
    if (wvalid_i && wready_o) begin
      w_q <= wdata_i;
      strobe_q <= wstrb_i;
    end
    if (arvalid_i && arready_o) ar_q <= araddr_i;
    if (write_o) bresp_o <= write_error_i ? SLVERR : OKAY;
    if (read_o) begin
      rdata_o <= read_data_i;
      rresp_o <= read_error_i ? SLVERR : OKAY;
    end
  end

endmodule

`default_nettype wire
