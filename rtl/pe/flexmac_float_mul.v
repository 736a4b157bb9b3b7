// Product of two significands, exact. The bits are added in the carry-save tree of flexmac_dot; a
// register can stand between the tree and the addition of its two words.
//
//   a_i, b_i    WIDTH bits, unsigned
//   product_o   2*WIDTH bits, unsigned
//
// Parameters:
//   WIDTH      bits of a significand, 2..24
//   REGISTERS  pipeline registers, a bit each: [0] the tree's two words, [1] the product
//
// Latency: one cycle per register. Throughput: one product per cycle.
// Not handled: signs, exponents; flexmac_float_scale has them.
`default_nettype none

module flexmac_float_mul #(
    parameter       WIDTH     = 24,
    parameter [1:0] REGISTERS = 2'b00
) (
    input  wire               clk_i,
    // control
    input  wire [        1:0] en_i,
    // data
    input  wire [  WIDTH-1:0] a_i,
    input  wire [  WIDTH-1:0] b_i,
    output wire [2*WIDTH-1:0] product_o
);

  localparam PAIR_WIDTH = 2 * WIDTH + 1;  // with the offset of flexmac_dot, in the top bit alone

  wire unused_cut = 1'b0;
  wire [PAIR_WIDTH-1:0] sum_d;
  wire [PAIR_WIDTH-1:0] carry_d;
  wire [2*WIDTH-1:0] sum_q;
  wire [2*WIDTH-1:0] carry_q;
  wire [2*WIDTH-1:0] product_d;
  wire unused_offset = &{1'b0, sum_d[PAIR_WIDTH-1], carry_d[PAIR_WIDTH-1]};

  flexmac_dot #(.CHUNK(WIDTH), .LANES(1), .PAIR_WIDTH(PAIR_WIDTH)) u_tree (
      .clk_i(clk_i), .cut_en_i(unused_cut), .a_signed_i(1'b0), .b_signed_i(1'b0),
      .a_i(a_i), .b_i(b_i), .sum_o(sum_d), .carry_o(carry_d)
  );

  flexmac_pipe #(.WIDTH(4 * WIDTH), .REGISTER(REGISTERS[0])) u_pair (
      .clk_i(clk_i), .en_i(en_i[0]), .d_i({sum_d[2*WIDTH-1:0], carry_d[2*WIDTH-1:0]}),
      .q_o({sum_q, carry_q})
  );

  flexmac_adder #(.WIDTH(2 * WIDTH)) u_add (
      .a_i(sum_q), .b_i(carry_q), .carry_i(1'b0), .sum_o(product_d)
  );

  flexmac_pipe #(.WIDTH(2 * WIDTH), .REGISTER(REGISTERS[1])) u_product (
      .clk_i(clk_i), .en_i(en_i[1]), .d_i(product_d), .q_o(product_o)
  );

`ifdef FORMAL
  // Rules (REGISTERS = 0; with a register, the same a cycle later)
  // 1. The product is a_i * b_i.
  always @* begin
    assert (product_o == {{WIDTH{1'b0}}, a_i} * {{WIDTH{1'b0}}, b_i});
    cover (product_o[2*WIDTH-1] && product_o[0]);
  end
`endif

endmodule

`default_nettype wire
