// flexmac_dot against products of integers: every pair of digits of lane 0, signed or not, or
// random ones and extremes in all lanes. Prints "ok" and how many, or the first that is wrong.
`default_nettype none

module products_tb;

  parameter CHUNK = 8;
  parameter LANES = 1;
  parameter RANDOM = 0;  // how many; 0: all of lane 0

  localparam PAIR_WIDTH = 2 * CHUNK + 1 + $clog2(LANES);

  reg sign_a = 1'b0, sign_b = 1'b0;
  reg [LANES*CHUNK-1:0] a = 0, b = 0;
  wire [PAIR_WIDTH-1:0] sum, carry;
  reg signed [79:0] want, x, y;
  integer i, lane, count;

  flexmac_dot #(.CHUNK(CHUNK), .LANES(LANES), .PAIR_WIDTH(PAIR_WIDTH), .CUT(0)) u_dot (
      .clk_i(1'b0), .cut_en_i(1'b0), .a_signed_i(sign_a), .b_signed_i(sign_b),
      .a_i(a), .b_i(b), .sum_o(sum), .carry_o(carry)
  );

  task check;
    begin
      #1 want = 80'sd1 <<< (PAIR_WIDTH - 1);
      for (lane = 0; lane < LANES; lane = lane + 1) begin
        x = {80'd0, a[lane*CHUNK +: CHUNK]};
        y = {80'd0, b[lane*CHUNK +: CHUNK]};
        if (sign_a && a[lane*CHUNK+CHUNK-1]) x = x - (80'sd1 <<< CHUNK);
        if (sign_b && b[lane*CHUNK+CHUNK-1]) y = y - (80'sd1 <<< CHUNK);
        want = want + x * y;
      end
      if ({80'd0, sum} + {80'd0, carry} !== want || (sum[PAIR_WIDTH-1] && carry[PAIR_WIDTH-1])) begin
        $display("a %h signed %b b %h signed %b: %h + %h, expected %h", a, sign_a, b, sign_b, sum,
                 carry, want);
        $finish;
      end
      count = count + 1;
    end
  endtask

  function [CHUNK-1:0] digit(input integer kind);
    case (kind & 7)
      0: digit = {1'b1, {(CHUNK - 1) {1'b0}}};
      1: digit = {CHUNK{1'b1}};
      2: digit = {1'b0, {(CHUNK - 1) {1'b1}}};
      default: digit = $random;
    endcase
  endfunction

  initial begin
    count = 0;
    if (RANDOM == 0) begin
      for (i = 0; i < 1 << (2 * CHUNK + 2); i = i + 1) begin
        {sign_a, sign_b, a[CHUNK-1:0], b[CHUNK-1:0]} = i;
        check;
      end
    end else begin
      for (i = 0; i < RANDOM; i = i + 1) begin
        for (lane = 0; lane < LANES; lane = lane + 1) begin
          a[lane*CHUNK +: CHUNK] = digit($random);
          b[lane*CHUNK +: CHUNK] = digit($random);
        end
        {sign_a, sign_b} = i;
        check;
      end
    end
    $display("ok %0d", count);
    $finish;
  end

endmodule

`default_nettype wire
