// Rules of flexmac_top's own ports, for any stalls and any programs; 1 x 1, chunk 2, lanes 1,
// max_bits 4, max_k 2, depth 4. Given: streams and requests wait unchanged.
// 1. A response or result offered stays, unchanged, until it is taken.
// 2. Every write and every read accepted is answered once, and no other: what has been accepted and
//    not answered is what the registers hold, one of a kind and one answer.
// 3. Bounded, with answers taken within WAIT cycles: a write whose address and data are accepted,
//    or a read, is answered within WAIT + 2 cycles.
// 4. After a reset nothing is offered.
// Rules of the cells below are proven along, and what they are given: no queue is pushed while full
// or popped while empty, no bank is filled while it is read, no packet starts before the last ends.
`default_nettype none

module top (
    input wire        aclk,
    input wire        aresetn,
    input wire [11:0] awaddr,
    input wire        awvalid,
    input wire [31:0] wdata,
    input wire [ 3:0] wstrb,
    input wire        wvalid,
    input wire        bready,
    input wire [11:0] araddr,
    input wire        arvalid,
    input wire        rready,
    input wire [ 9:0] a,
    input wire [ 9:0] b,
    input wire [65:0] preload,
    input wire [32:0] seed,
    input wire        result_ready
);

  localparam WAIT = 2;
  wire awready, wready, bvalid, arready, rvalid, a_ready, b_ready, preload_ready, seed_ready;
  wire result_valid, result_last, irq;
  wire [1:0] bresp, rresp;
  wire [31:0] rdata, result;

  flexmac_top u_top (
      .aclk(aclk), .aresetn(aresetn), .irq(irq),
      .s_axil_awaddr(awaddr), .s_axil_awprot(3'b000), .s_axil_awvalid(awvalid),
      .s_axil_awready(awready), .s_axil_wdata(wdata), .s_axil_wstrb(wstrb), .s_axil_wvalid(wvalid),
      .s_axil_wready(wready), .s_axil_bresp(bresp), .s_axil_bvalid(bvalid), .s_axil_bready(bready),
      .s_axil_araddr(araddr), .s_axil_arprot(3'b000), .s_axil_arvalid(arvalid),
      .s_axil_arready(arready), .s_axil_rdata(rdata), .s_axil_rresp(rresp), .s_axil_rvalid(rvalid),
      .s_axil_rready(rready),
      .s_axis_a_tdata(a[7:0]), .s_axis_a_tlast(a[8]), .s_axis_a_tvalid(a[9]), .s_axis_a_tready(a_ready),
      .s_axis_b_tdata(b[7:0]), .s_axis_b_tlast(b[8]), .s_axis_b_tvalid(b[9]), .s_axis_b_tready(b_ready),
      .s_axis_preload_tdata(preload[63:0]), .s_axis_preload_tlast(preload[64]),
      .s_axis_preload_tvalid(preload[65]), .s_axis_preload_tready(preload_ready),
      .s_axis_seed_tdata(seed[31:0]), .s_axis_seed_tvalid(seed[32]), .s_axis_seed_tready(seed_ready),
      .m_axis_result_tdata(result), .m_axis_result_tvalid(result_valid),
      .m_axis_result_tready(result_ready), .m_axis_result_tlast(result_last)
  );

  reg  [7:0] aw_q, w_q, b_q, ar_q, r_q;   // transfers so far
  reg  [2:0] bstall_q, rstall_q, wdue_q, rdue_q;
  reg  [2:0] results_q;                   // up to 7
  reg  past_valid = 1'b0;
  wire [7:0] aw_open = aw_q - b_q;
  wire [7:0] w_open = w_q - b_q;
  wire [7:0] r_open = ar_q - r_q;
  initial assume (!aresetn);

  always @(posedge aclk) begin
    past_valid <= 1'b1;
    if (!aresetn) begin
      {aw_q, w_q, b_q, ar_q, r_q} <= 40'd0;
      {bstall_q, rstall_q, wdue_q, rdue_q, results_q} <= 15'd0;
    end else begin
      aw_q <= aw_q + (awvalid && awready);
      w_q <= w_q + (wvalid && wready);
      b_q <= b_q + (bvalid && bready);
      ar_q <= ar_q + (arvalid && arready);
      r_q <= r_q + (rvalid && rready);
      bstall_q <= bvalid && !bready ? bstall_q + 3'd1 : 3'd0;
      rstall_q <= rvalid && !rready ? rstall_q + 3'd1 : 3'd0;
      wdue_q <= aw_open != 0 && w_open != 0 && !bvalid ? wdue_q + 3'd1 : 3'd0;
      rdue_q <= r_open != 0 && !rvalid ? rdue_q + 3'd1 : 3'd0;
      if (result_valid && result_ready && results_q != 3'd7) results_q <= results_q + 3'd1;
    end
  end

  always @* begin
    if (past_valid && bstall_q == WAIT) assume (bready);
    if (past_valid && rstall_q == WAIT) assume (rready);
    if (past_valid) begin
      assert (aw_open == !awready + bvalid && w_open == !wready + bvalid);
      assert (r_open == !arready + rvalid);
      // an answer stands in front of the next for at most WAIT + 1 cycles
      assert (bstall_q <= WAIT && rstall_q <= WAIT && wdue_q <= 3'd1 && rdue_q <= 3'd1);
      cover (bvalid && bresp == 2'b00 && b_q == 8'd1);
      cover (rvalid && rstall_q == WAIT && rresp == 2'b10);
      cover (results_q == 3'd2 && result_valid && result_last);
`ifdef F_PROGRAMS
      cover (a_ready && a[9] && b_ready && b[9] && a[8]);
      cover (preload_ready && preload[65] && preload[64]);
      cover (irq);
`endif
    end
  end

  always @(posedge aclk) begin
    if (past_valid && !$past(aresetn)) assert (!bvalid && !rvalid && !result_valid);
    if (past_valid && $past(aresetn)) begin
      if ($past(bvalid && !bready)) assert (bvalid && bresp == $past(bresp));
      if ($past(rvalid && !rready)) assert (rvalid && rresp == $past(rresp) && rdata == $past(rdata));
      if ($past(result_valid && !result_ready))
        assert (result_valid && result == $past(result) && result_last == $past(result_last));
      if ($past(a[9] && !a_ready)) assume (a == $past(a));
      if ($past(b[9] && !b_ready)) assume (b == $past(b));
      if ($past(preload[65] && !preload_ready)) assume (preload == $past(preload));
    end
  end

endmodule

`default_nettype wire
