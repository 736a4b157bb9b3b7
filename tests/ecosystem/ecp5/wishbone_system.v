// Example integration: flexmac_top on a 32-bit Wishbone bus, small enough for an ECP5-25F.
//
// One bus reaches everything, so a soft core without DMA can use the array:
//
//   0x0000 .. 0x0fff   the registers of docs/registers.md, through AXI4-Lite
//   0x1000             operand A: words of a beat, the lowest first   (0x1004: as above, with TLAST)
//   0x2000             operand B                                      (0x2004)
//   0x3000             preload                                        (0x3004)
//   0x4000             seeds
//   0x5000             results: words of a beat, the lowest first; waits for one
//
// Made for 2 x 2 PEs, 4 lanes, chunk 8: beats of 64 bits, preload beats of 128.
// Latency 1 cycle for a stream word, about 4 for a register; wait states by ack.
// Not handled: byte selects; err_o tells of SLVERR.
`default_nettype none

module wishbone_system (
    input  wire        clk_i,
    input  wire        rst_i,
    // bus
    input  wire        cyc_i,
    input  wire        stb_i,
    input  wire        we_i,
    input  wire [14:0] adr_i,
    input  wire [31:0] dat_i,
    output wire [31:0] dat_o,
    output wire        ack_o,
    output wire        err_o,
    // status
    output wire        irq_o
);

  wire request = cyc_i && stb_i;
  wire [2:0] place = adr_i[14:12];
  wire write = request && we_i;
  wire to_registers = place == 3'd0;

  // registers: one AXI4-Lite access an access
  wire awready, wready, arready, bvalid, rvalid;
  wire [1:0] bresp, rresp;
  wire [31:0] rdata;
  reg aw_done_q, w_done_q, ar_done_q;
  wire register_write = write && to_registers;
  wire register_read = request && !we_i && to_registers;
  wire register_ack = (register_write && bvalid) || (register_read && rvalid);
  wire register_error = (bvalid && bresp != 2'b00) || (rvalid && rresp != 2'b00);

  always @(posedge clk_i) begin
    if (rst_i || register_ack) begin
      aw_done_q <= 1'b0;
      w_done_q <= 1'b0;
      ar_done_q <= 1'b0;
    end else begin
      aw_done_q <= aw_done_q || (register_write && awready);
      w_done_q <= w_done_q || (register_write && wready);
      ar_done_q <= ar_done_q || (register_read && arready);
    end
  end

  // streams in: words collect into beats
  wire a_valid, a_ready, a_last, a_ack;
  wire b_valid, b_ready, b_last, b_ack;
  wire preload_valid, preload_ready, preload_last, preload_ack;
  wire seed_valid, seed_ready, seed_last, seed_ack;
  wire [63:0] a, b, seed;
  wire [127:0] preload;
  wire unused_last = &{1'b0, seed_last};

  word_to_beat #(.WORDS(2)) u_a (
      .clk_i(clk_i), .rst_i(rst_i), .write_i(write && place == 3'd1), .last_i(adr_i[2]),
      .word_i(dat_i), .ack_o(a_ack), .valid_o(a_valid), .ready_i(a_ready), .beat_o(a),
      .last_o(a_last)
  );
  word_to_beat #(.WORDS(2)) u_b (
      .clk_i(clk_i), .rst_i(rst_i), .write_i(write && place == 3'd2), .last_i(adr_i[2]),
      .word_i(dat_i), .ack_o(b_ack), .valid_o(b_valid), .ready_i(b_ready), .beat_o(b),
      .last_o(b_last)
  );
  word_to_beat #(.WORDS(4)) u_preload (
      .clk_i(clk_i), .rst_i(rst_i), .write_i(write && place == 3'd3), .last_i(adr_i[2]),
      .word_i(dat_i), .ack_o(preload_ack), .valid_o(preload_valid), .ready_i(preload_ready),
      .beat_o(preload), .last_o(preload_last)
  );
  word_to_beat #(.WORDS(2)) u_seed (
      .clk_i(clk_i), .rst_i(rst_i), .write_i(write && place == 3'd4), .last_i(adr_i[2]),
      .word_i(dat_i), .ack_o(seed_ack), .valid_o(seed_valid), .ready_i(seed_ready), .beat_o(seed),
      .last_o(seed_last)
  );

  // results: a beat leaves as two words
  wire result_valid, result_last;
  wire unused_result_last = &{1'b0, result_last};
  wire [63:0] result;
  reg high_q;
  wire result_ack = request && !we_i && place == 3'd5 && result_valid;

  always @(posedge clk_i) begin
    if (rst_i) high_q <= 1'b0;
    else high_q <= high_q ^ result_ack;
  end

  assign dat_o = place == 3'd5 ? (high_q ? result[63:32] : result[31:0]) : rdata;
  assign ack_o = (register_ack && !register_error) || a_ack || b_ack || preload_ack || seed_ack
      || result_ack;
  // what is no place, or is read where only writes go, must end too
  wire nowhere = request && (place > 3'd5 || (place == 3'd5 && we_i)
      || (!we_i && !to_registers && place != 3'd5));
  assign err_o = (register_ack && register_error) || nowhere;

  wire unused_address = &{1'b0, adr_i[1:0]};

  flexmac_top u_flexmac (
      .aclk                 (clk_i),
      .aresetn              (!rst_i),
      .irq                  (irq_o),
      .s_axil_awaddr        (adr_i[11:0]),
      .s_axil_awprot        (3'd0),
      .s_axil_awvalid       (register_write && !aw_done_q),
      .s_axil_awready       (awready),
      .s_axil_wdata         (dat_i),
      .s_axil_wstrb         (4'hf),
      .s_axil_wvalid        (register_write && !w_done_q),
      .s_axil_wready        (wready),
      .s_axil_bresp         (bresp),
      .s_axil_bvalid        (bvalid),
      .s_axil_bready        (register_write),
      .s_axil_araddr        (adr_i[11:0]),
      .s_axil_arprot        (3'd0),
      .s_axil_arvalid       (register_read && !ar_done_q),
      .s_axil_arready       (arready),
      .s_axil_rdata         (rdata),
      .s_axil_rresp         (rresp),
      .s_axil_rvalid        (rvalid),
      .s_axil_rready        (register_read),
      .s_axis_a_tdata       (a),
      .s_axis_a_tvalid      (a_valid),
      .s_axis_a_tready      (a_ready),
      .s_axis_a_tlast       (a_last),
      .s_axis_b_tdata       (b),
      .s_axis_b_tvalid      (b_valid),
      .s_axis_b_tready      (b_ready),
      .s_axis_b_tlast       (b_last),
      .s_axis_preload_tdata (preload),
      .s_axis_preload_tvalid(preload_valid),
      .s_axis_preload_tready(preload_ready),
      .s_axis_preload_tlast (preload_last),
      .s_axis_seed_tdata    (seed),
      .s_axis_seed_tvalid   (seed_valid),
      .s_axis_seed_tready   (seed_ready),
      .m_axis_result_tdata  (result),
      .m_axis_result_tvalid (result_valid),
      .m_axis_result_tready (result_ack && high_q),
      .m_axis_result_tlast  (result_last)
  );

endmodule

`default_nettype wire
