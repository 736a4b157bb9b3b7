// Smallest test bench of a generated flexmac_top: computes one tile of ones and compares the
// results.
//
// Every result is a sum of K products 1 x 1 with operands of 2 bits, so it is K. The bench also
// checks the bus responses, the identification register and that no error was found. It prints
// PASS, or FAIL and why; a design that hangs fails after 10,000 cycles. The thorough tests are in
// tests/cosim and tests/ecosystem of the generator.
//
// Parameters: those of flexmac_top with the same names; ROUND: a rounding mode that it has.
// Not handled: preloads, seeds, several commands.
`default_nettype none

module flexmac_top_tb #(
    parameter       ROWS      = 2,
    parameter       COLS      = 2,
    parameter       CHUNK     = 8,
    parameter       LANES     = 1,
    parameter       MAX_K     = 64,
    parameter       SUM_WIDTH = 48,
    parameter [7:0] ROUND     = 0
);

  localparam STREAM_A_WIDTH = (ROWS * LANES * CHUNK + 7) / 8 * 8;
  localparam STREAM_B_WIDTH = (COLS * LANES * CHUNK + 7) / 8 * 8;
  localparam PRELOAD_WIDTH = COLS * ((SUM_WIDTH + 31) / 32 * 32);
  localparam K = LANES < MAX_K ? LANES : MAX_K;

  reg clk = 1'b0;
  reg rst_n = 1'b0;
  always #5 clk = !clk;

  reg [11:0] awaddr = 12'd0;
  reg awvalid = 1'b0;
  wire awready;
  reg [31:0] wdata = 32'd0;
  reg wvalid = 1'b0;
  wire wready;
  wire [1:0] bresp;
  wire bvalid;
  reg [11:0] araddr = 12'd0;
  reg arvalid = 1'b0;
  wire arready;
  wire [31:0] rdata;
  wire [1:0] rresp;
  wire rvalid;
  reg [STREAM_A_WIDTH-1:0] a;
  reg [STREAM_B_WIDTH-1:0] b;
  reg a_valid = 1'b0;
  reg b_valid = 1'b0;
  wire a_ready;
  wire b_ready;
  wire preload_ready;
  wire seed_ready;
  wire [COLS*32-1:0] result;
  wire result_valid;
  wire result_last;
  wire irq;

  flexmac_top u_top (
      .aclk                 (clk),
      .aresetn              (rst_n),
      .irq                  (irq),
      .s_axil_awaddr        (awaddr),
      .s_axil_awprot        (3'd0),
      .s_axil_awvalid       (awvalid),
      .s_axil_awready       (awready),
      .s_axil_wdata         (wdata),
      .s_axil_wstrb         (4'hf),
      .s_axil_wvalid        (wvalid),
      .s_axil_wready        (wready),
      .s_axil_bresp         (bresp),
      .s_axil_bvalid        (bvalid),
      .s_axil_bready        (1'b1),
      .s_axil_araddr        (araddr),
      .s_axil_arprot        (3'd0),
      .s_axil_arvalid       (arvalid),
      .s_axil_arready       (arready),
      .s_axil_rdata         (rdata),
      .s_axil_rresp         (rresp),
      .s_axil_rvalid        (rvalid),
      .s_axil_rready        (1'b1),
      .s_axis_a_tdata       (a),
      .s_axis_a_tvalid      (a_valid),
      .s_axis_a_tready      (a_ready),
      .s_axis_a_tlast       (1'b1),
      .s_axis_b_tdata       (b),
      .s_axis_b_tvalid      (b_valid),
      .s_axis_b_tready      (b_ready),
      .s_axis_b_tlast       (1'b1),
      .s_axis_preload_tdata ({PRELOAD_WIDTH{1'b0}}),
      .s_axis_preload_tvalid(1'b0),
      .s_axis_preload_tready(preload_ready),
      .s_axis_preload_tlast (1'b0),
      .s_axis_seed_tdata    ({COLS * 32{1'b0}}),
      .s_axis_seed_tvalid   (1'b1),
      .s_axis_seed_tready   (seed_ready),
      .m_axis_result_tdata  (result),
      .m_axis_result_tvalid (result_valid),
      .m_axis_result_tready (1'b1),
      .m_axis_result_tlast  (result_last)
  );

  integer failures = 0;

  task write(input [11:0] address, input [31:0] data);
    begin
      awaddr = address;
      wdata = data;
      awvalid = 1'b1;
      wvalid = 1'b1;
      @(posedge clk);
      while (!(awready && wready)) @(posedge clk);
      #1 awvalid = 1'b0;
      wvalid = 1'b0;
      while (!bvalid) @(posedge clk);
      if (bresp != 2'b00) begin
        $display("FAIL: write of 0x%h answers %b", address, bresp);
        failures = failures + 1;
      end
      @(posedge clk);
      #1 ;
    end
  endtask

  task check(input [11:0] address, input [31:0] expected);
    begin
      araddr = address;
      arvalid = 1'b1;
      @(posedge clk);
      while (!arready) @(posedge clk);
      #1 arvalid = 1'b0;
      while (!rvalid) @(posedge clk);
      if (rresp != 2'b00 || rdata != expected) begin
        $display("FAIL: register 0x%h: expected %h, found %h", address, expected, rdata);
        failures = failures + 1;
      end
      @(posedge clk);
      #1 ;
    end
  endtask

  // operands of 1 in the first K lanes
  integer row, col, lane;
  initial begin
    a = 0;
    b = 0;
    for (lane = 0; lane < K; lane = lane + 1) begin
      for (row = 0; row < ROWS; row = row + 1) a[(row * LANES + lane) * CHUNK] = 1'b1;
      for (col = 0; col < COLS; col = col + 1) b[(col * LANES + lane) * CHUNK] = 1'b1;
    end
  end

  initial begin
    repeat (4) @(posedge clk);
    #1 rst_n = 1'b1;
    check(12'h000, 32'h464d4143);
    write(12'h0c0, K);
    write(12'h0c4, {COLS[15:0], ROWS[15:0]});
    write(12'h0c8, 32'h00100202);  // 16 bits out, 2 x 2 bits in
    write(12'h0cc, {8'd0, ROUND, 16'd0});
    write(12'h0d0, 32'h00000100);  // from zero, emit
    a_valid = 1'b1;
    b_valid = 1'b1;
  end

  always @(posedge clk) begin
    if (a_valid && a_ready) #1 a_valid = 1'b0;
  end

  always @(posedge clk) begin
    if (b_valid && b_ready) #1 b_valid = 1'b0;
  end

  integer beats = 0;
  integer c;

  always @(posedge clk) begin
    if (rst_n && result_valid) begin
      for (c = 0; c < COLS; c = c + 1) begin
        if (result[c*32 +: 32] != K) begin
          $display("FAIL: row %0d column %0d: expected %0d, found %0d", beats, c, K,
                   result[c*32 +: 32]);
          failures = failures + 1;
        end
      end
      if (result_last != (beats == ROWS - 1)) begin
        $display("FAIL: TLAST %b on row %0d of %0d", result_last, beats, ROWS);
        failures = failures + 1;
      end
      beats = beats + 1;
    end
  end

  initial begin
    wait (beats == ROWS);
    repeat (20) @(posedge clk);
    check(12'h088, 32'd0);
    check(12'h0a0, 32'd1);
    if (beats != ROWS) begin
      $display("FAIL: %0d result beats, expected %0d", beats, ROWS);
      failures = failures + 1;
    end
    if (failures == 0) $display("PASS: %0d results of one tile", ROWS * COLS);
    $finish;
  end

  initial begin
    repeat (10000) @(posedge clk);
    $display("FAIL: %0d of %0d result beats after 10,000 cycles", beats, ROWS);
    $finish;
  end

endmodule

`default_nettype wire
