// Exact product of two IEEE-754 binary32 numbers, not rounded.
//
//        60    59    58  57        48 47                    0
//       +-----+-----+-----+----------+-----------------------+
//       | nan | inf |sign | exponent |       significand     |   p = significand * 2^(exponent-300)
//       +-----+-----+-----+----------+-----------------------+
//
// Subnormal factors are used as they are (exponent 1, no hidden one), so the significand may have
// leading zeros. A zero product has exponent 0: it is below every number that it can be added to.
// The significands are multiplied in four partial products of 24 x 6 bits.
//
//   a_i, b_i    binary32
//   product_o   as drawn; sign, exponent and significand are undefined where nan or inf is set
//
// Parameters:
//   REGISTERS  pipeline registers, a bit each: [0] operands, [1] partial products, [2] product
//
// Latency: one cycle per register. Throughput: one product per cycle.
// Not handled: exception flags.
`default_nettype none

module flexmac_fp32_mul #(
    parameter [2:0] REGISTERS = 3'b000
) (
    input  wire        clk_i,
    // control
    input  wire [ 2:0] en_i,
    // data
    input  wire [31:0] a_i,
    input  wire [31:0] b_i,
    output wire [60:0] product_o
);

  localparam SLICE = 6;  // bits of b in a partial product
  localparam PART = 24 + SLICE;

  wire [31:0] a;
  wire [31:0] b;

  flexmac_pipe #(.WIDTH(64), .REGISTER(REGISTERS[0])) u_operands (
      .clk_i(clk_i), .en_i(en_i[0]), .d_i({a_i, b_i}), .q_o({a, b})
  );

  wire a_normal = a[30:23] != 8'd0;
  wire b_normal = b[30:23] != 8'd0;
  wire a_zero = a[30:0] == 31'd0;
  wire b_zero = b[30:0] == 31'd0;
  wire a_special = a[30:23] == 8'hff;
  wire b_special = b[30:23] == 8'hff;
  wire a_nan = a_special && a[22:0] != 23'd0;
  wire b_nan = b_special && b[22:0] != 23'd0;
  wire [9:0] a_exponent = {2'd0, a[30:24], a[23] || !a_normal};
  wire [9:0] b_exponent = {2'd0, b[30:24], b[23] || !b_normal};
  wire [23:0] a_significand = {a_normal, a[22:0]};
  wire [23:0] b_significand = {b_normal, b[22:0]};

  wire nan_d = a_nan || b_nan || (a_special && b_zero) || (b_special && a_zero);
  wire inf_d = a_special || b_special;
  wire [9:0] exponent_d = a_zero || b_zero ? 10'd0 : a_exponent + b_exponent;
  wire nan, inf, sign;
  wire [9:0] exponent;
  wire [4*PART-1:0] part_d;
  wire [4*PART-1:0] part;

  genvar i;
  generate
    for (i = 0; i < 4; i = i + 1) begin : gen_part
      assign part_d[i*PART +: PART] =
          {{SLICE{1'b0}}, a_significand} * {24'd0, b_significand[i*SLICE +: SLICE]};
    end
  endgenerate

  flexmac_pipe #(.WIDTH(13 + 4 * PART), .REGISTER(REGISTERS[1])) u_parts (
      .clk_i(clk_i), .en_i(en_i[1]),
      .d_i({nan_d, inf_d, a[31] ^ b[31], exponent_d, part_d}),
      .q_o({nan, inf, sign, exponent, part})
  );

  wire [47:0] significand = {18'd0, part[0 +: PART]} + {12'd0, part[PART +: PART], 6'd0}
      + {6'd0, part[2*PART +: PART], 12'd0} + {part[3*PART +: PART], 18'd0};

  flexmac_pipe #(.WIDTH(61), .REGISTER(REGISTERS[2])) u_product (
      .clk_i(clk_i), .en_i(en_i[2]), .d_i({nan, inf, sign, exponent, significand}),
      .q_o(product_o)
  );

endmodule

`default_nettype wire
