// Counters of what the requantizers emit: what the precision controller steers by.
//
// One result beat a cycle brings COLS values, of which the first cols_i count. Their flags are
// added up across the columns, registered, then accumulated.
//
//   magnitude_o   OR of y for y >= 0 and of ~y below zero: its highest set bit tells the bits used
//   error_o       sum of |rounding error| in units of 2^-8 of the result's last place
//
// Parameters: COLS 1..128; CW: width of a count of columns; W: width of the counters.
// Latency 2 cycles from a beat; busy_o covers the first.
`default_nettype none

module flexmac_stats #(
    parameter COLS = 8,
    parameter CW   = 4,
    parameter W    = 48
) (
    input  wire               clk_i,
    input  wire               rst_ni,
    // control
    input  wire               clear_i,
    input  wire               valid_i,
    input  wire [     CW-1:0] cols_i,
    // data
    input  wire [COLS*32-1:0] result_i,
    input  wire [   COLS-1:0] low_i,
    input  wire [   COLS-1:0] high_i,
    input  wire [ COLS*9-1:0] error_i,
    // status
    output wire               busy_o,
    output wire [      W-1:0] emitted_o,
    output wire [      W-1:0] low_o,
    output wire [      W-1:0] high_o,
    output reg  [       31:0] magnitude_o,
    output wire [      W-1:0] error_o
);

  localparam EW = CW + 9;  // sum of COLS errors

  reg [CW-1:0] low_sum, high_sum;
  reg [EW-1:0] error_sum;
  reg [31:0] magnitude_or;
  reg live;
  integer c;

  always @* begin
    low_sum = {CW{1'b0}};
    high_sum = {CW{1'b0}};
    error_sum = {EW{1'b0}};
    magnitude_or = 32'd0;
    live = 1'b0;
    for (c = 0; c < COLS; c = c + 1) begin
      live = c < {{(32 - CW) {1'b0}}, cols_i};
      low_sum = low_sum + {{(CW - 1) {1'b0}}, live & low_i[c]};
      high_sum = high_sum + {{(CW - 1) {1'b0}}, live & high_i[c]};
      error_sum = error_sum + {{(EW - 9) {1'b0}}, {9{live}} & error_i[c*9 +: 9]};
      magnitude_or = magnitude_or
          | ({32{live}} & (result_i[c*32 +: 32] ^ {32{result_i[c*32+31]}}));
    end
  end

  reg valid_q;
  reg [CW-1:0] cols_q, low_q, high_q;
  reg [EW-1:0] error_q;
  reg [31:0] magnitude_q;

  always @(posedge clk_i) begin
    if (!rst_ni) valid_q <= 1'b0;
    else valid_q <= valid_i;
  end

  always @(posedge clk_i) begin
    if (valid_i) begin
      cols_q <= cols_i;
      low_q <= low_sum;
      high_q <= high_sum;
      error_q <= error_sum;
      magnitude_q <= magnitude_or;
    end
  end

  always @(posedge clk_i) begin
    if (!rst_ni || clear_i) magnitude_o <= 32'd0;
    else if (valid_q) magnitude_o <= magnitude_o | magnitude_q;
  end

  flexmac_counter #(.W(W), .A(CW)) u_emitted (
      .clk_i(clk_i), .rst_ni(rst_ni), .clear_i(clear_i), .en_i(valid_q), .add_i(cols_q),
      .count_o(emitted_o)
  );
  flexmac_counter #(.W(W), .A(CW)) u_low (
      .clk_i(clk_i), .rst_ni(rst_ni), .clear_i(clear_i), .en_i(valid_q), .add_i(low_q),
      .count_o(low_o)
  );
  flexmac_counter #(.W(W), .A(CW)) u_high (
      .clk_i(clk_i), .rst_ni(rst_ni), .clear_i(clear_i), .en_i(valid_q), .add_i(high_q),
      .count_o(high_o)
  );
  flexmac_counter #(.W(W), .A(EW)) u_error (
      .clk_i(clk_i), .rst_ni(rst_ni), .clear_i(clear_i), .en_i(valid_q), .add_i(error_q),
      .count_o(error_o)
  );

  assign busy_o = valid_q;

endmodule

`default_nettype wire
