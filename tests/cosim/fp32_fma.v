// One lane of flexmac_fp32_pe without its loop: sum_o = a_i * b_i + c_i, rounded once.
`default_nettype none

module fp32_fma #(
    parameter [2:0] MUL_REGISTERS = 3'b000,
    parameter [3:0] ADD_REGISTERS = 4'b0000
) (
    input  wire        clk_i,
    input  wire [31:0] a_i,
    input  wire [31:0] b_i,
    input  wire [31:0] c_i,
    output wire [31:0] sum_o
);

  wire [60:0] product;

  flexmac_fp32_mul #(.REGISTERS(MUL_REGISTERS)) u_mul (
      .clk_i(clk_i), .en_i(3'b111), .a_i(a_i), .b_i(b_i), .product_o(product)
  );
  flexmac_fp32_add #(.REGISTERS(ADD_REGISTERS)) u_add (
      .clk_i(clk_i), .en_i(5'b11111), .product_i(product), .addend_i(c_i), .sum_o(sum_o)
  );

endmodule

`default_nettype wire
