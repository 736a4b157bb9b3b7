// AXI4-Lite slave in front of a register file: one transfer at a time per direction.
//
// Address and data of a write are accepted in either order. The write takes place in one cycle,
// once both are there and the response before has been accepted. The register file answers in the
// same cycle; its error flag becomes SLVERR.
//
// Registers are written whole: a write without strobes does nothing and answers OKAY, one with some
// of the four does nothing and answers SLVERR. The register file sees neither.
//
// Every AXI output is a register or a function of registers alone.
//
// Parameters:
//   ADDR_WIDTH  bits of an address, 1..32
//
// Latency: 2 cycles from request to response. Throughput: one transfer per 2 cycles.
// Not handled: protection bits; the caller may leave them open.
`default_nettype none

module flexmac_axil #(
    parameter ADDR_WIDTH = 12
) (
    input  wire                  clk_i,
    input  wire                  rst_ni,
    // write
    input  wire                  awvalid_i,
    output wire                  awready_o,
    input  wire [ADDR_WIDTH-1:0] awaddr_i,
    input  wire                  wvalid_i,
    output wire                  wready_o,
    input  wire [          31:0] wdata_i,
    input  wire [           3:0] wstrb_i,
    output reg                   bvalid_o,
    input  wire                  bready_i,
    output reg  [           1:0] bresp_o,
    // read
    input  wire                  arvalid_i,
    output wire                  arready_o,
    input  wire [ADDR_WIDTH-1:0] araddr_i,
    output reg                   rvalid_o,
    input  wire                  rready_i,
    output reg  [          31:0] rdata_o,
    output reg  [           1:0] rresp_o,
    // registers
    output wire                  write_o,
    output wire [ADDR_WIDTH-1:0] write_addr_o,
    output wire [          31:0] write_data_o,
    input  wire                  write_error_i,
    output wire                  read_o,
    output wire [ADDR_WIDTH-1:0] read_addr_o,
    input  wire [          31:0] read_data_i,
    input  wire                  read_error_i
);

  generate
    if (ADDR_WIDTH < 1 || ADDR_WIDTH > 32) begin : gen_bad_addr_width
      flexmac_axil_ADDR_WIDTH_must_be_1_to_32 u_illegal ();
    end
  endgenerate

  localparam [1:0] OKAY = 2'b00;
  localparam [1:0] SLVERR = 2'b10;

  reg aw_full_q, w_full_q, ar_full_q;
  reg [ADDR_WIDTH-1:0] aw_q, ar_q;
  reg [31:0] w_q;
  reg all_q, some_q;  // strobes of the write

  assign awready_o = !aw_full_q;
  assign wready_o = !w_full_q;
  assign arready_o = !ar_full_q;

  wire done = aw_full_q && w_full_q && !bvalid_o;  // with the write, whatever its strobes

  assign write_o = done && all_q;
  assign write_addr_o = aw_q;
  assign write_data_o = w_q;
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
      aw_full_q <= aw_full_q ? !done : awvalid_i;
      w_full_q <= w_full_q ? !done : wvalid_i;
      ar_full_q <= ar_full_q ? !read_o : arvalid_i;
      bvalid_o <= bvalid_o ? !bready_i : done;
      rvalid_o <= rvalid_o ? !rready_i : read_o;
    end
  end

  always @(posedge clk_i) begin
    if (awvalid_i && awready_o) aw_q <= awaddr_i;
    if (wvalid_i && wready_o) begin
      w_q <= wdata_i;
      all_q <= &wstrb_i;
      some_q <= |wstrb_i;
    end
    if (arvalid_i && arready_o) ar_q <= araddr_i;
    if (done) bresp_o <= some_q && (!all_q || write_error_i) ? SLVERR : OKAY;
    if (read_o) begin
      rdata_o <= read_data_i;
      rresp_o <= read_error_i ? SLVERR : OKAY;
    end
  end

`ifdef FORMAL
  // Rules; any stalls. Given for 5: a response is taken within F_WAIT cycles.
  // 1. A response stays, unchanged, until it is taken.
  // 2. Write n is done once, with the address and data taken n-th; it is answered once, in the next
  //    cycle, with SLVERR where the register file said so. Reads likewise, with data.
  // 3. A request waits only behind one of its own channel; none is taken twice or dropped.
  // 4. A write with less than all strobes never reaches the register file; with none it is answered
  //    by OKAY, with some by SLVERR, whatever the register file says.
  // 5. Bounded: F_WAIT cycles after address and data are there the write is done; reads likewise.
  localparam F_WAIT = 3;
  reg [31:0] f_aw, f_w, f_writes, f_b, f_ar, f_reads, f_r;  // transfers so far
  reg [ADDR_WIDTH-1:0] f_waddr, f_raddr;
  reg [31:0] f_wdata;
  reg [3:0] f_strobes;
  reg [2:0] f_bstall, f_rstall, f_wdue, f_rdue;  // cycles waited in a row
  reg past_valid = 1'b0;
  initial assume (!rst_ni);

  always @(posedge clk_i) begin
    past_valid <= 1'b1;
    if (!rst_ni) begin
      {f_aw, f_w, f_writes, f_b, f_ar, f_reads, f_r} <= 0;
      {f_bstall, f_rstall, f_wdue, f_rdue} <= 0;
    end else begin
      f_aw <= f_aw + (awvalid_i && awready_o);
      f_w <= f_w + (wvalid_i && wready_o);
      f_writes <= f_writes + done;
      f_b <= f_b + (bvalid_o && bready_i);
      f_ar <= f_ar + (arvalid_i && arready_o);
      f_reads <= f_reads + read_o;
      f_r <= f_r + (rvalid_o && rready_i);
      f_bstall <= bvalid_o && !bready_i ? f_bstall + 1 : 0;
      f_rstall <= rvalid_o && !rready_i ? f_rstall + 1 : 0;
      f_wdue <= f_aw != f_writes && f_w != f_writes && !done ? f_wdue + 1 : 0;
      f_rdue <= f_ar != f_reads && !read_o ? f_rdue + 1 : 0;
    end
    if (awvalid_i && awready_o) f_waddr <= awaddr_i;
    if (arvalid_i && arready_o) f_raddr <= araddr_i;
    if (wvalid_i && wready_o) begin
      f_wdata <= wdata_i;
      f_strobes <= wstrb_i;
    end
  end

  always @* begin
    if (past_valid && f_bstall == F_WAIT) assume (bready_i);
    if (past_valid && f_rstall == F_WAIT) assume (rready_i);
    if (past_valid) begin
      assert (f_aw - f_writes == !awready_o && f_w - f_writes == !wready_o);
      assert (f_ar - f_reads == !arready_o);
      assert (f_writes - f_b == bvalid_o && f_reads - f_r == rvalid_o);
      if (done) assert (f_aw != f_writes && f_w != f_writes);
      assert (write_o == (done && f_strobes == 4'b1111));
      if (f_w != f_writes) assert (all_q == (f_strobes == 4'b1111));
      if (f_w != f_writes) assert (some_q == (f_strobes != 4'b0000));
      if (f_aw != f_writes) assert (write_addr_o == f_waddr);
      if (f_w != f_writes) assert (write_data_o == f_wdata);
      if (f_ar != f_reads) assert (read_addr_o == f_raddr);
      if (read_o) assert (f_ar != f_reads);
      assert (f_bstall <= F_WAIT && f_rstall <= F_WAIT);
      assert (f_wdue <= (!bvalid_o ? F_WAIT : f_bstall == 0 ? 0 : f_bstall - 1));
      assert (f_rdue <= (!rvalid_o ? F_WAIT : f_rstall == 0 ? 0 : f_rstall - 1));
      cover (done && !write_o && f_writes == 1 && f_strobes == 4'b1101);
      cover (done && !write_o && f_writes == 1 && f_strobes == 4'b0000);
      cover (write_o && f_writes == 1);
      cover (f_w == 2 && f_aw == 1);
      cover (f_wdue == F_WAIT && done);
      cover (rvalid_o && rresp_o == SLVERR && f_rstall == F_WAIT && f_ar == 3);
    end
  end

  always @(posedge clk_i) begin
    if (past_valid && !$past(rst_ni)) assert (!bvalid_o && !rvalid_o);
    if (past_valid && $past(rst_ni)) begin
      if ($past(bvalid_o && !bready_i)) assert (bvalid_o && bresp_o == $past(bresp_o));
      if ($past(rvalid_o && !rready_i))
        assert (rvalid_o && rresp_o == $past(rresp_o) && rdata_o == $past(rdata_o));
      if ($past(done)) assert (bvalid_o);
      if ($past(write_o)) assert (bresp_o == {$past(write_error_i), 1'b0});
      if ($past(done && f_strobes == 4'b0000)) assert (bresp_o == 2'b00);
      if ($past(done && f_strobes != 4'b0000 && f_strobes != 4'b1111)) assert (bresp_o == 2'b10);
      if ($past(read_o)) begin
        assert (rvalid_o && rresp_o == {$past(read_error_i), 1'b0});
        assert (rdata_o == $past(read_data_i));
      end
    end
  end
`endif

endmodule

`default_nettype wire
