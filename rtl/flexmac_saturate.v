// Saturates a rounded value to a result width, and says what that cost.
//
//   value_i   s33.0, unless beyond_i says that the sum passed 33 bits
//   limit_i   mask of the bits that must equal the sign (flexmac_mode)
//   result_o  s31.0, within bits: never wraps
//
// An overflow is a value at or beyond a limit before saturation: low_o at or below -2^(bits-1),
// high_o at or above 2^(bits-1)-1.
//
// Parameters: none. Latency 0.
`default_nettype none

module flexmac_saturate (
    // data
    input  wire signed [33:0] value_i,
    input  wire               beyond_i,
    input  wire               sign_i,    // of the sum, where beyond_i
    input  wire        [33:0] limit_i,
    output wire        [31:0] result_o,
    // status
    output wire               low_o,
    output wire               high_o
);

  wire negative = beyond_i ? sign_i : value_i[33];
  wire [33:0] magnitude = value_i ^ {34{value_i[33]}};  // complement below zero
  wire outside = beyond_i || (magnitude & limit_i) != 34'd0;
  wire at_limit = (magnitude | limit_i) == {34{1'b1}};
  wire [31:0] max = ~limit_i[31:0];

  assign low_o = negative && (outside || at_limit);
  assign high_o = !negative && (outside || at_limit);
  assign result_o = !outside ? value_i[31:0] : negative ? ~max : max;

endmodule

`default_nettype wire
