// Writes a binary32 number as a product with one, in the format of flexmac_fp32_add's product.
//
//   value_i     binary32
//   product_o   as flexmac_fp32_mul gives it: exponent 127 above the number's, significand 23
//               places up
//
// Parameters: none. Latency: 0.
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

`ifdef FORMAL
  // Rules; the number is (-1)^sign * significand * 2^(exponent - 149 - 1), exponent 1 or more.
  // 1. The product holds the same number, with 2^-300 as its unit and its exponent's: significand *
  //    2^23 at an exponent 127 higher. NaN and infinity are told by their flags, and the sign kept.
  wire [9:0] f_exponent = value_i[30:23] == 8'd0 ? 10'd1 : value_i[30:23];
  wire [23:0] f_significand = value_i[22:0] + (value_i[30:23] == 8'd0 ? 24'd0 : 24'h800000);
  wire f_special = value_i[30:23] == 8'd255;

  always @* begin
    assert (product_o[57:48] == f_exponent + 127 && product_o[47:0] == f_significand * 48'h800000);
    assert (product_o[58] == value_i[31] && product_o[59] == f_special);
    assert (product_o[60] == (f_special && value_i[22:0] != 0));
    cover (product_o[60] && product_o[58]);
    cover (f_exponent == 1 && f_significand == 24'd1);
  end
`endif

endmodule

`default_nettype wire
