// Rule of flexmac_dot, which is rendered per number of lanes:
// 1. The sum is that of all V products, each in its lane, as integers; it fits its width.
//
// Parameters: P, V as rendered.
`default_nettype none

module dot #(
    parameter P = 8,
    parameter V = 1
) (
    input wire [V*(2*P+1)-1:0] product
);

  wire signed [2*P+$clog2(V):0] sum;
  reg  signed [63:0] total;
  reg  signed [2*P:0] one;
  integer lane;
  localparam signed [63:0] LANES = V;

  flexmac_dot #(.P(P)) u_dot (.product_i(product), .sum_o(sum));

  always @* begin
    total = 64'sd0;
    for (lane = 0; lane < V; lane = lane + 1) begin
      one = product[lane*(2*P+1) +: 2*P+1];
      total = total + one;
    end
    assert (sum == total);
    cover (sum == -(LANES <<< (2 * P)));
    cover (sum == (LANES <<< (2 * P)) - LANES);
  end

endmodule

`default_nettype wire
