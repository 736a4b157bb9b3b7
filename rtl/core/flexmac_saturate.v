// Saturates a rounded value to the result width and reports overflow.
//
//   value_i   s33.0, undefined where out_of_window_i says that the sum had more than 33 bits
//   limit_i   mask of the bits that must equal the sign (flexmac_mode)
//   result_o  s31.0, within the result width: it never wraps
//
// Overflow is reported for a value at or beyond a limit, before saturation: low_o at or below
// -2^(bits-1), high_o at or above 2^(bits-1)-1.
//
// Parameters: none. Latency: 0.
`default_nettype none

module flexmac_saturate (
    // data
    input  wire signed [33:0] value_i,
    input  wire               out_of_window_i,
    input  wire               sign_i,  // of the sum, where out_of_window_i
    input  wire        [33:0] limit_i,
    output wire        [31:0] result_o,
    // status
    output wire               low_o,
    output wire               high_o
);

  wire negative = out_of_window_i ? sign_i : value_i[33];
  wire [33:0] magnitude = value_i ^ {34{value_i[33]}};  // complement below zero
  wire outside = out_of_window_i || (magnitude & limit_i) != 34'd0;
  wire at_limit = (magnitude | limit_i) == {34{1'b1}};
  wire [31:0] max = ~limit_i[31:0];

  assign low_o = negative && (outside || at_limit);
  assign high_o = !negative && (outside || at_limit);
  assign result_o = !outside ? value_i[31:0] : negative ? ~max : max;

`ifdef FORMAL
  // Rules, for any width of 2..32 bits
  // 1. The result is the value brought between -2^(bits-1) and 2^(bits-1)-1.
  // 2. low_o, high_o: the value is at or beyond the low, the high limit.
  reg signed [40:0] low, high;
  // what lies beyond 33 bits is as good as this far out
  wire signed [40:0] far = sign_i ? -(41'sd1 <<< 39) : 41'sd1 <<< 39;
  wire signed [40:0] value = out_of_window_i ? far : {{7{value_i[33]}}, value_i};
  integer bits;

  always @* begin
    for (bits = 2; bits <= 32; bits = bits + 1) begin
      low = -(41'sd1 <<< (bits - 1));
      high = (41'sd1 <<< (bits - 1)) - 41'sd1;
      if (limit_i == {34{1'b1}} << (bits - 1)) begin
        assert ($signed(result_o) == (value < low ? low : value > high ? high : value));
        assert (low_o == (value <= low));
        assert (high_o == (value >= high));
      end
    end
    if (limit_i == 34'h3_ffff_ff80) begin  // 8 bits
      cover (low_o && value_i == -34'sd128);
      cover (high_o && value_i == 34'sd127);
      cover (!high_o && value_i == 34'sd126);
      cover (out_of_window_i && sign_i && value_i > 0);
      cover (out_of_window_i && !sign_i && value_i < 0);
    end
  end
`endif

endmodule

`default_nettype wire
