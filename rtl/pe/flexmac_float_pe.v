// Float processing element (PE): a sum of LANES exact products is added to a binary32 number, with
// one rounding, per cycle.
//
//   a, b -> decode -+-> multiply ---------+-> align, add up, -> S -> + -> rounded -+-> chain
//                   +-> scale (exponents) +   normalize          acc -^            |
//                                                                +-----------------+
//                                                                L registers in this loop
//
// The loop takes L cycles, so the PE works on L results in turn: word w of A stays for L slots, and
// each slot brings word w of B of another result. A slot's sum meets the number that left the adder
// for the same result L slots before. In the first word of a tile that number is of an earlier
// tile, and +0 takes its place (acc_dead_i). There is no stall signal: a PE holds its state while
// its enables are low.
//
// docs/arithmetic.md defines the numbers: products are exact; with several lanes, those below the
// largest exponent of the word are cut off at a window of max(2 * significand, 24) + 3 bits.
//
//   a_i, b_i          LANES x OPERAND_WIDTH bits, lane 0 lowest
//   chain_i, chain_o  binary32
//
// Parameters:
//   OPERAND_WIDTH    32 binary32, 16 bfloat16, 8 E4M3 or E5M2
//   LANES            1..16
//   FRONT_REGISTERS  pipeline registers in front of the loop, a bit each: [0] operands, [1]
//                    products as carry-save pairs, [2] products, [3] aligned products, [4] sum as a
//                    carry-save pair, [5] magnitude, [6] normalized; with one lane not [3] and [4]
//   LOOP_REGISTERS   ... in the loop (flexmac_float_add)
//   RESULTS          L: one more than the bits set in LOOP_REGISTERS
//
// Latency: the registers in front of the loop, and L cycles. Throughput: LANES products per cycle.
// Not handled: exception flags.
`default_nettype none

module flexmac_float_pe #(
    parameter       OPERAND_WIDTH   = 16,
    parameter       LANES           = 1,
    parameter [6:0] FRONT_REGISTERS = 7'b0000000,
    parameter [3:0] LOOP_REGISTERS  = 4'b0000,
    parameter       RESULTS         = 1
) (
    input  wire                           clk_i,
    // mode: stable while busy
    input  wire [                    1:0] mode_format_i,  // 8 bits: E5M2; [0] A, [1] B
    // control: enables of this cycle
    input  wire [                    6:0] front_en_i,     // registers in front of the loop
    input  wire                           acc_en_i,       // the loop moves on
    input  wire                           acc_dead_i,     // what leaves it is of an earlier tile
    input  wire                           load_i,         // of the chain: flexmac_float_chain
    input  wire                           load_queued_i,
    input  wire [            RESULTS-1:0] put_i,
    input  wire [            RESULTS-1:0] move_i,
    input  wire                           drain_i,
    // data
    input  wire [LANES*OPERAND_WIDTH-1:0] a_i,
    input  wire [LANES*OPERAND_WIDTH-1:0] b_i,
    input  wire [                   31:0] chain_i,
    output wire [                   31:0] chain_o
);

  localparam EXPONENT_WIDTH = OPERAND_WIDTH == 8 ? 5 : 8;
  localparam SIGNIFICAND_WIDTH = OPERAND_WIDTH == 32 ? 24 : OPERAND_WIDTH == 16 ? 8 : 4;
  localparam PRODUCT_WIDTH = 2 * SIGNIFICAND_WIDTH;
  localparam LARGEST_WIDTH = EXPONENT_WIDTH + 1;
  localparam WIDER = PRODUCT_WIDTH > 24 ? PRODUCT_WIDTH : 24;
  localparam WINDOW = LANES == 1 ? PRODUCT_WIDTH : WIDER + 3;
  localparam DISTANCE_WIDTH = OPERAND_WIDTH == 32 ? 6 : 5;
  localparam MAGNITUDE_WIDTH = WINDOW + $clog2(LANES);
  // a sum below the smallest normal number needs a float's bits and two below
  localparam OUT_WIDTH = OPERAND_WIDTH != 8 && MAGNITUDE_WIDTH < 26 ? 26 : MAGNITUDE_WIDTH;
  // twice the bias of a factor's last bit; the binary32 exponent of the magnitude's top bit
  localparam BIAS = 2 * ((OPERAND_WIDTH == 8 ? 15 : 127) + SIGNIFICAND_WIDTH - 1);
  localparam LIFT = 127 + PRODUCT_WIDTH - 1 + $clog2(LANES);

  generate
    if (LANES < 1 || LANES > 16) begin : gen_bad_lanes
      flexmac_float_pe_LANES_must_be_1_to_16 u_illegal ();
    end
    if (LANES == 1 && FRONT_REGISTERS[4:3] != 2'd0) begin : gen_bad_registers
      flexmac_float_pe_FRONT_REGISTERS_must_lack_4_and_3_with_one_lane u_illegal ();
    end
    if (RESULTS != 1 + (LOOP_REGISTERS[0] ? 1 : 0) + (LOOP_REGISTERS[1] ? 1 : 0)
        + (LOOP_REGISTERS[2] ? 1 : 0) + (LOOP_REGISTERS[3] ? 1 : 0)) begin : gen_bad_results
      flexmac_float_pe_RESULTS_must_be_1_and_the_bits_of_LOOP_REGISTERS u_illegal ();
    end
  endgenerate

  wire [LANES*OPERAND_WIDTH-1:0] a;
  wire [LANES*OPERAND_WIDTH-1:0] b;

  flexmac_pipe #(.WIDTH(2 * LANES * OPERAND_WIDTH), .REGISTER(FRONT_REGISTERS[0])) u_operands (
      .clk_i(clk_i), .en_i(front_en_i[0]), .d_i({a_i, b_i}), .q_o({a, b})
  );

  wire [LANES-1:0] a_sign, b_sign, a_zero, b_zero, a_inf, b_inf, a_nan, b_nan;
  wire [LANES*EXPONENT_WIDTH-1:0] a_exponent, b_exponent;
  wire [LANES*PRODUCT_WIDTH-1:0] product;

  genvar v;
  generate
    for (v = 0; v < LANES; v = v + 1) begin : gen_lane
      wire [SIGNIFICAND_WIDTH-1:0] a_significand;
      wire [SIGNIFICAND_WIDTH-1:0] b_significand;

      flexmac_float_decode #(
          .OPERAND_WIDTH(OPERAND_WIDTH), .EXPONENT_WIDTH(EXPONENT_WIDTH),
          .SIGNIFICAND_WIDTH(SIGNIFICAND_WIDTH)
      ) u_a (
          .e5m2_i(mode_format_i[0]), .value_i(a[v*OPERAND_WIDTH +: OPERAND_WIDTH]),
          .sign_o(a_sign[v]), .exponent_o(a_exponent[v*EXPONENT_WIDTH +: EXPONENT_WIDTH]),
          .significand_o(a_significand), .zero_o(a_zero[v]), .inf_o(a_inf[v]), .nan_o(a_nan[v])
      );

      flexmac_float_decode #(
          .OPERAND_WIDTH(OPERAND_WIDTH), .EXPONENT_WIDTH(EXPONENT_WIDTH),
          .SIGNIFICAND_WIDTH(SIGNIFICAND_WIDTH)
      ) u_b (
          .e5m2_i(mode_format_i[1]), .value_i(b[v*OPERAND_WIDTH +: OPERAND_WIDTH]),
          .sign_o(b_sign[v]), .exponent_o(b_exponent[v*EXPONENT_WIDTH +: EXPONENT_WIDTH]),
          .significand_o(b_significand), .zero_o(b_zero[v]), .inf_o(b_inf[v]), .nan_o(b_nan[v])
      );

      flexmac_float_mul #(.WIDTH(SIGNIFICAND_WIDTH), .REGISTERS(FRONT_REGISTERS[2:1])) u_mul (
          .clk_i(clk_i), .en_i(front_en_i[2:1]), .a_i(a_significand), .b_i(b_significand),
          .product_o(product[v*PRODUCT_WIDTH +: PRODUCT_WIDTH])
      );
    end
  endgenerate

  wire [LARGEST_WIDTH-1:0] largest;
  wire [LANES*DISTANCE_WIDTH-1:0] distance;
  wire [LANES-1:0] negative;
  wire nan, inf, inf_sign;

  flexmac_float_scale #(
      .LANES(LANES), .EXPONENT_WIDTH(EXPONENT_WIDTH), .DISTANCE_WIDTH(DISTANCE_WIDTH),
      .REGISTERS(FRONT_REGISTERS[2:1])
  ) u_scale (
      .clk_i(clk_i), .en_i(front_en_i[2:1]),
      .a_sign_i(a_sign), .b_sign_i(b_sign), .a_exponent_i(a_exponent), .b_exponent_i(b_exponent),
      .a_zero_i(a_zero), .b_zero_i(b_zero), .a_inf_i(a_inf), .b_inf_i(b_inf),
      .a_nan_i(a_nan), .b_nan_i(b_nan),
      .largest_o(largest), .distance_o(distance), .negative_o(negative),
      .nan_o(nan), .inf_o(inf), .inf_sign_o(inf_sign)
  );

  wire sign;
  wire [9:0] exponent;
  wire [OUT_WIDTH-1:0] magnitude;

  flexmac_float_tree #(
      .LANES(LANES), .PRODUCT_WIDTH(PRODUCT_WIDTH), .WINDOW(WINDOW),
      .DISTANCE_WIDTH(DISTANCE_WIDTH), .LARGEST_WIDTH(LARGEST_WIDTH),
      .MAGNITUDE_WIDTH(MAGNITUDE_WIDTH), .OUT_WIDTH(OUT_WIDTH), .EXPONENT_WIDTH(10),
      .BIAS(BIAS), .LIFT(LIFT), .REGISTERS(FRONT_REGISTERS[6:3])
  ) u_tree (
      .clk_i(clk_i), .en_i(front_en_i[6:3]), .product_i(product), .distance_i(distance),
      .negative_i(negative), .largest_i(largest), .sign_o(sign), .exponent_o(exponent),
      .magnitude_o(magnitude)
  );

  // NaN and infinity pass beside the tree
  wire [2:0] special [0:4];
  assign special[0] = {nan, inf, inf_sign};

  generate
    for (v = 0; v < 4; v = v + 1) begin : gen_special
      flexmac_pipe #(.WIDTH(3), .REGISTER(FRONT_REGISTERS[3+v])) u_special (
          .clk_i(clk_i), .en_i(front_en_i[3+v]), .d_i(special[v]), .q_o(special[v+1])
      );
    end
  endgenerate

  wire [31:0] result;
  wire [31:0] addend = acc_dead_i ? 32'd0 : result;

  flexmac_float_add #(.SUM_WIDTH(OUT_WIDTH), .REGISTERS(LOOP_REGISTERS)) u_add (
      .clk_i(clk_i), .en_i({5{acc_en_i}}),
      .sum_i({special[4][2:1], special[4][1] ? special[4][0] : sign, exponent, magnitude}),
      .addend_i(addend), .sum_o(result)
  );

  flexmac_float_chain #(.WIDTH(32), .RESULTS(RESULTS)) u_chain (
      .clk_i(clk_i), .load_i(load_i), .load_queued_i(load_queued_i), .put_i(put_i),
      .move_i(move_i), .drain_i(drain_i), .value_i(result), .chain_i(chain_i), .chain_o(chain_o)
  );

endmodule

`default_nettype wire
