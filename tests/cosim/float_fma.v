// One lane of flexmac_float_pe in style fp32 without its loop: sum_o = a_i * b_i + c_i, rounded once.
`default_nettype none

module float_fma #(
    parameter [6:0] FRONT_REGISTERS = 7'b0000000,
    parameter [3:0] LOOP_REGISTERS  = 4'b0000
) (
    input  wire        clk_i,
    input  wire [31:0] a_i,
    input  wire [31:0] b_i,
    input  wire [31:0] c_i,
    output wire [31:0] sum_o
);

  wire a_sign, b_sign, a_zero, b_zero, a_inf, b_inf, a_nan, b_nan;
  wire [7:0] a_exponent, b_exponent;
  wire [23:0] a_significand, b_significand;
  wire [47:0] product, magnitude;
  wire [8:0] largest;
  wire [5:0] distance;
  wire [9:0] exponent;
  wire negative, sign;
  wire [2:0] special, special_m, special_n;

  flexmac_float_decode u_a (
      .e5m2_i(1'b0), .value_i(a_i), .sign_o(a_sign), .exponent_o(a_exponent),
      .significand_o(a_significand), .zero_o(a_zero), .inf_o(a_inf), .nan_o(a_nan)
  );
  flexmac_float_decode u_b (
      .e5m2_i(1'b0), .value_i(b_i), .sign_o(b_sign), .exponent_o(b_exponent),
      .significand_o(b_significand), .zero_o(b_zero), .inf_o(b_inf), .nan_o(b_nan)
  );
  flexmac_float_mul #(.WIDTH(24), .REGISTERS(FRONT_REGISTERS[2:1])) u_mul (
      .clk_i(clk_i), .en_i(2'b11), .a_i(a_significand), .b_i(b_significand), .product_o(product)
  );
  flexmac_float_scale #(.LANES(1), .REGISTERS(FRONT_REGISTERS[2:1])) u_scale (
      .clk_i(clk_i), .en_i(2'b11), .a_sign_i(a_sign), .b_sign_i(b_sign),
      .a_exponent_i(a_exponent), .b_exponent_i(b_exponent), .a_zero_i(a_zero), .b_zero_i(b_zero),
      .a_inf_i(a_inf), .b_inf_i(b_inf), .a_nan_i(a_nan), .b_nan_i(b_nan), .largest_o(largest),
      .distance_o(distance), .negative_o(negative), .nan_o(special[2]), .inf_o(special[1]),
      .inf_sign_o(special[0])
  );
  flexmac_float_tree #(
      .LANES(1), .PRODUCT_WIDTH(48), .WINDOW(48), .DISTANCE_WIDTH(6), .MAGNITUDE_WIDTH(48),
      .OUT_WIDTH(48), .BIAS(300), .LIFT(174), .REGISTERS(FRONT_REGISTERS[6:3])
  ) u_tree (
      .clk_i(clk_i), .en_i(4'b1111), .product_i(product), .distance_i(distance),
      .negative_i(negative), .largest_i(largest), .sign_o(sign), .exponent_o(exponent),
      .magnitude_o(magnitude)
  );
  flexmac_pipe #(.WIDTH(3), .REGISTER(FRONT_REGISTERS[5])) u_magnitude (
      .clk_i(clk_i), .en_i(1'b1), .d_i(special), .q_o(special_m)
  );
  flexmac_pipe #(.WIDTH(3), .REGISTER(FRONT_REGISTERS[6])) u_normalized (
      .clk_i(clk_i), .en_i(1'b1), .d_i(special_m), .q_o(special_n)
  );
  flexmac_float_add #(.SUM_WIDTH(48), .REGISTERS(LOOP_REGISTERS)) u_add (
      .clk_i(clk_i), .en_i(5'b11111),
      .sum_i({special_n[2:1], special_n[1] ? special_n[0] : sign, exponent, magnitude}),
      .addend_i(c_i), .sum_o(sum_o)
  );

endmodule

`default_nettype wire
