// Registered signed multiply-accumulate: acc <= acc + a * b, one product per cycle.
//
// Formats: a_i, b_i signed integers of WIDTH bits; acc_o signed integer of ACC_WIDTH bits.
// Parameters: WIDTH 2..=16 sets the multiplier, ACC_WIDTH >= 2 * WIDTH the accumulator.
// Latency: 2 cycles from operand to accumulator; one operand pair per cycle.
// Not handled: accumulator overflow wraps.
`default_nettype none

module mac_pe #(
  parameter WIDTH = 4,
  parameter ACC_WIDTH = 12
) (
  input  wire                        clk_i,
  input  wire                        rst_ni,
  input  wire                        clear_i,
  input  wire                        valid_i,
  input  wire signed [WIDTH-1:0]     a_i,
  input  wire signed [WIDTH-1:0]     b_i,
  output wire signed [ACC_WIDTH-1:0] acc_o
);
  reg signed [2*WIDTH-1:0]   product_q;
  reg                        valid_q;
  reg signed [ACC_WIDTH-1:0] acc_q;

  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) valid_q <= 1'b0;
    else         valid_q <= valid_i;
  end

  always @(posedge clk_i) begin
    if (valid_i) product_q <= a_i * b_i;
    if (clear_i)      acc_q <= {ACC_WIDTH{1'b0}};
    else if (valid_q) acc_q <= acc_q + {{(ACC_WIDTH - 2*WIDTH){product_q[2*WIDTH-1]}}, product_q};
  end

  assign acc_o = acc_q;
endmodule

`default_nettype wire
