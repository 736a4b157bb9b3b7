// flexmac_dot against products of integers: every pair of digits of lane 0, signed or not, or random
// ones and extremes in all lanes. Prints "ok" and how many, or the first that is wrong.
`default_nettype none

module products_tb;

  parameter P = 8;
  parameter V = 1;
  parameter RANDOM = 0;  // how many; 0: all of lane 0

  localparam S = 2 * P + 1 + $clog2(V);

  reg sign_a = 1'b0, sign_b = 1'b0;
  reg [V*P-1:0] a = 0, b = 0;
  wire [S-1:0] sum, carry;
  reg signed [79:0] want, x, y;
  integer i, lane, count;

  flexmac_dot #(.P(P), .V(V), .S(S), .CUT(0)) u_dot (
      .clk_i(1'b0), .cut_en_i(1'b0), .a_signed_i(sign_a), .b_signed_i(sign_b),
      .a_i(a), .b_i(b), .sum_o(sum), .carry_o(carry)
  );

  task check;
    begin
      #1 want = 80'sd1 <<< (S - 1);
      for (lane = 0; lane < V; lane = lane + 1) begin
        x = {80'd0, a[lane*P +: P]};
        y = {80'd0, b[lane*P +: P]};
        if (sign_a && a[lane*P+P-1]) x = x - (80'sd1 <<< P);
        if (sign_b && b[lane*P+P-1]) y = y - (80'sd1 <<< P);
        want = want + x * y;
      end
      if ({80'd0, sum} + {80'd0, carry} !== want || (sum[S-1] && carry[S-1])) begin
        $display("a %h signed %b b %h signed %b: %h + %h, expected %h", a, sign_a, b, sign_b, sum,
                 carry, want);
        $finish;
      end
      count = count + 1;
    end
  endtask

  function [P-1:0] digit(input integer kind);
    case (kind & 7)
      0: digit = {1'b1, {(P - 1) {1'b0}}};
      1: digit = {P{1'b1}};
      2: digit = {1'b0, {(P - 1) {1'b1}}};
      default: digit = $random;
    endcase
  endfunction

  initial begin
    count = 0;
    if (RANDOM == 0) begin
      for (i = 0; i < 1 << (2 * P + 2); i = i + 1) begin
        {sign_a, sign_b, a[P-1:0], b[P-1:0]} = i;
        check;
      end
    end else begin
      for (i = 0; i < RANDOM; i = i + 1) begin
        for (lane = 0; lane < V; lane = lane + 1) begin
          a[lane*P +: P] = digit($random);
          b[lane*P +: P] = digit($random);
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
