// A binary32 number as a product with one, for flexmac_fp32_add.
//
//   value_i     binary32
//   product_o   flexmac_fp32_mul's: exponent 127 above the number's, significand 23 places up
//
// Parameters: none. Latency 0.
`default_nettype none

module flexmac_fp32_unit (
    // data
    input  wire [31:0] value_i,
    output wire [60:0] product_o
);

  wire normal = value_i[30:23] != 8'd0;
  wire special = value_i[30:23] == 8'hff;
  wire nan = special && value_i[22:0] != 23'd0;
  wire [9:0] exponent = {2'd0, value_i[30:24], value_i[23] || !normal} + 10'd127;

  assign product_o = {nan, special, value_i[31], exponent, 1'b0, normal, value_i[22:0], 23'd0};

endmodule

`default_nettype wire
