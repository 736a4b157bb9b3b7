// One tile through wishbone_system, word by word, as firmware would send it.
//
// C = A B for 2 x 2 results, K = 8 at 8 x 8 bits: A[r][k] = 3k - 7r, B[k][c] = k - 5c. Prints PASS
// or FAIL and why.
`default_nettype none

module wishbone_tb;

  reg clk = 1'b0;
  reg rst = 1'b1;
  reg stb = 1'b0;
  reg we = 1'b0;
  reg [14:0] adr = 15'd0;
  reg [31:0] dat = 32'd0;
  wire [31:0] read_dat;
  wire ack, err, irq;
  always #5 clk = !clk;

  wishbone_system u_system (
      .clk_i(clk), .rst_i(rst), .cyc_i(stb), .stb_i(stb), .we_i(we), .adr_i(adr), .dat_i(dat),
      .dat_o(read_dat), .ack_o(ack), .err_o(err), .irq_o(irq)
  );

  integer failures = 0;
  reg [31:0] got;

  task access(input write, input [14:0] address, input [31:0] data);
    begin
      stb = 1'b1;
      we = write;
      adr = address;
      dat = data;
      @(posedge clk);
      while (!ack && !err) @(posedge clk);
      got = read_dat;
      if (err) begin
        $display("FAIL: error at 0x%h", address);
        failures = failures + 1;
      end
      #1 stb = 1'b0;
      @(posedge clk);
      #1 ;
    end
  endtask

  function [7:0] a(input integer r, input integer k);
    a = 3 * k - 7 * r;
  endfunction

  function [7:0] b(input integer k, input integer c);
    b = k - 5 * c;
  endfunction

  integer r, c, k, w, sum;

  initial begin
    repeat (4) @(posedge clk);
    #1 rst = 1'b0;
    access(1'b0, 15'h0000, 0);
    if (got != 32'h464d4143) begin
      $display("FAIL: identification %h", got);
      failures = failures + 1;
    end
    access(1'b1, 15'h00c0, 8);                   // K
    access(1'b1, 15'h00c4, {16'd2, 16'd2});      // 2 x 2
    access(1'b1, 15'h00c8, 32'h00200808);        // 8 x 8 bits, 32 out
    access(1'b1, 15'h00cc, 0);                   // nearest, nothing dropped
    access(1'b1, 15'h0094, 1);                   // interrupt when the results have left
    access(1'b1, 15'h00d0, 32'h100);             // start: from zero, emit
    // word w of a beat is row (column) w: lanes 0 .. 3 of it; beat n holds k = 4n .. 4n + 3
    for (k = 0; k < 8; k = k + 4) begin
      for (w = 0; w < 2; w = w + 1) begin
        access(1'b1, k == 4 ? 15'h1004 : 15'h1000, {a(w, k + 3), a(w, k + 2), a(w, k + 1), a(w, k)});
        access(1'b1, k == 4 ? 15'h2004 : 15'h2000, {b(k + 3, w), b(k + 2, w), b(k + 1, w), b(k, w)});
      end
    end
    for (r = 0; r < 2; r = r + 1) begin
      for (c = 0; c < 2; c = c + 1) begin
        sum = 0;
        for (k = 0; k < 8; k = k + 1) sum = sum + (3 * k - 7 * r) * (k - 5 * c);
        access(1'b0, 15'h5000, 0);
        if (got != sum) begin
          $display("FAIL: C[%0d][%0d]: expected %0d, found %0d", r, c, sum, $signed(got));
          failures = failures + 1;
        end
      end
    end
    repeat (4) @(posedge clk);
    if (!irq) begin
      $display("FAIL: no interrupt");
      failures = failures + 1;
    end
    if (failures == 0) $display("PASS: 4 results over Wishbone");
    $finish;
  end

  initial begin
    repeat (5000) @(posedge clk);
    $display("FAIL: hangs at 0x%h", adr);
    $finish;
  end

endmodule

`default_nettype wire
