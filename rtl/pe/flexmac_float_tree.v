// Adds the products of a word up, exactly but for what lies far below the largest.
//
//   align      with several lanes: each product below the largest exponent by its distance, in a
//              window of WINDOW bits; what leaves the window is cut off
//
//        +------------------------+------------+
//        | significand, 2*S bits  | G zeros    |  >> distance       WINDOW = 2*S + G bits
//        +------------------------+------------+
//
//   pair       carry-save tree over the lanes; a negative term is inverted, and one word adds the
//              ones that this lacks, less 1
//   magnitude  both sum and sum + 1: the pair is one below the sum, so a negative sum has the
//              inverse of the first as its magnitude, another the second
//   normalize  leading zeros are shifted out, as far as the exponent stays at least 1: a smaller
//              sum is shifted right instead, and the bits that leave set the last one. So it has
//              the form of a subnormal float, which spares the accumulation loop a comparison.
//
// With one lane there is nothing to align or to add: WINDOW is 2*S.
//
//   product_i    LANES x PRODUCT_WIDTH bits, lane 0 lowest
//   distance_i, negative_i, largest_i   as flexmac_float_scale gives them
//   exponent_o   of the magnitude's top bit: largest_i + LIFT - BIAS - leading zeros, or 1; 0 if
//                the sum is zero
//   magnitude_o  the top bit is set, or the exponent is 1, or the sum is zero
//
// Parameters:
//   LANES            1..16
//   PRODUCT_WIDTH    bits of a product, 2*S
//   WINDOW           PRODUCT_WIDTH and more; PRODUCT_WIDTH with one lane
//   DISTANCE_WIDTH   bits of a distance; all ones is at least WINDOW
//   LARGEST_WIDTH    bits of largest_i
//   MAGNITUDE_WIDTH  bits of the sum: WINDOW + log2(LANES), rounded up
//   OUT_WIDTH        bits of magnitude_o, at least MAGNITUDE_WIDTH
//   EXPONENT_WIDTH   bits of exponent_o, a signed number
//   BIAS             largest_i of a product whose last bit has weight 1
//   LIFT             exponent_o of a magnitude whose top bit is the sum's of such products
//   REGISTERS        pipeline registers, a bit each: [0] aligned, [1] pair, [2] magnitude,
//                    [3] normalized; the first two only with several lanes
//
// Latency: one cycle per register. Throughput: one word per cycle.
// Not handled: NaN and infinity, which take no part in the sum.
`default_nettype none

module flexmac_float_tree #(
    parameter        LANES           = 2,
    parameter        PRODUCT_WIDTH   = 16,
    parameter        WINDOW          = 27,
    parameter        DISTANCE_WIDTH  = 5,
    parameter        LARGEST_WIDTH   = 9,
    parameter        MAGNITUDE_WIDTH = 28,
    parameter        OUT_WIDTH       = 28,
    parameter        EXPONENT_WIDTH  = 10,
    parameter        BIAS            = 268,
    parameter        LIFT            = 143,
    parameter [3:0]  REGISTERS       = 4'b0000
) (
    input  wire                             clk_i,
    // control
    input  wire [                      3:0] en_i,
    // data
    input  wire [  LANES*PRODUCT_WIDTH-1:0] product_i,
    input  wire [ LANES*DISTANCE_WIDTH-1:0] distance_i,
    input  wire [                LANES-1:0] negative_i,
    input  wire [        LARGEST_WIDTH-1:0] largest_i,
    output wire                             sign_o,
    output wire [       EXPONENT_WIDTH-1:0] exponent_o,
    output wire [            OUT_WIDTH-1:0] magnitude_o
);

  generate
    if (LANES < 1 || LANES > 16 || MAGNITUDE_WIDTH != WINDOW + $clog2(LANES)) begin : gen_bad_lanes
      flexmac_float_tree_MAGNITUDE_WIDTH_must_hold_1_to_16_lanes u_illegal ();
    end
    if (WINDOW < PRODUCT_WIDTH || (LANES == 1 && WINDOW != PRODUCT_WIDTH)) begin : gen_bad_window
      flexmac_float_tree_WINDOW_must_hold_a_product u_illegal ();
    end
    if ((1 << DISTANCE_WIDTH) <= WINDOW && LANES > 1) begin : gen_bad_distance
      flexmac_float_tree_DISTANCE_WIDTH_must_reach_over_the_window u_illegal ();
    end
    if (OUT_WIDTH < MAGNITUDE_WIDTH || OUT_WIDTH > 127) begin : gen_bad_out
      flexmac_float_tree_OUT_WIDTH_must_hold_the_magnitude_and_be_at_most_127 u_illegal ();
    end
  endgenerate

  wire sign_d;
  wire [MAGNITUDE_WIDTH-1:0] magnitude_d;
  wire [LARGEST_WIDTH-1:0] largest_d;

  generate
    if (LANES == 1) begin : gen_one_lane
      wire unused_one = &{1'b0, distance_i, en_i[1:0]};
      assign sign_d = negative_i[0];
      assign magnitude_d = product_i;
      assign largest_d = largest_i;
    end else begin : gen_lanes
      localparam SUM_WIDTH = MAGNITUDE_WIDTH + 1;  // two's complement

      wire [LANES*WINDOW-1:0] term_d;
      wire [LANES*WINDOW-1:0] term;
      wire [LANES-1:0] negative;
      wire [LARGEST_WIDTH-1:0] largest_a;
      reg [(LANES+1)*SUM_WIDTH-1:0] words;
      reg [SUM_WIDTH-1:0] missing;
      wire [SUM_WIDTH-1:0] sum_d, carry_d, sum, carry, below, above;
      genvar v;
      integer i;

      for (v = 0; v < LANES; v = v + 1) begin : gen_align
        wire [WINDOW-1:0] top =
            {{(WINDOW - PRODUCT_WIDTH) {1'b0}}, product_i[v*PRODUCT_WIDTH +: PRODUCT_WIDTH]}
            << (WINDOW - PRODUCT_WIDTH);
        assign term_d[v*WINDOW +: WINDOW] = top >> distance_i[v*DISTANCE_WIDTH +: DISTANCE_WIDTH];
      end

      flexmac_pipe #(
          .WIDTH(LANES + LARGEST_WIDTH + LANES * WINDOW), .REGISTER(REGISTERS[0])
      ) u_aligned (
          .clk_i(clk_i), .en_i(en_i[0]), .d_i({negative_i, largest_i, term_d}),
          .q_o({negative, largest_a, term})
      );

      always @* begin
        missing = {SUM_WIDTH{1'b1}};
        for (i = 0; i < LANES; i = i + 1) begin
          missing = missing + {{(SUM_WIDTH - 1) {1'b0}}, negative[i]};
          words[i*SUM_WIDTH +: SUM_WIDTH] =
              {{(SUM_WIDTH - WINDOW) {1'b0}}, term[i*WINDOW +: WINDOW]} ^ {SUM_WIDTH{negative[i]}};
        end
        words[LANES*SUM_WIDTH +: SUM_WIDTH] = missing;
      end

      flexmac_csa #(.WORDS(LANES + 1), .WIDTH(SUM_WIDTH)) u_tree (
          .clk_i(clk_i), .cut_en_i(1'b0), .words_i(words), .sum_o(sum_d), .carry_o(carry_d)
      );

      flexmac_pipe #(.WIDTH(LARGEST_WIDTH + 2 * SUM_WIDTH), .REGISTER(REGISTERS[1])) u_pair (
          .clk_i(clk_i), .en_i(en_i[1]), .d_i({largest_a, sum_d, carry_d}),
          .q_o({largest_d, sum, carry})
      );

      flexmac_adder #(.WIDTH(SUM_WIDTH)) u_below (
          .a_i(sum), .b_i(carry), .carry_i(1'b0), .sum_o(below)
      );
      flexmac_adder #(.WIDTH(SUM_WIDTH)) u_above (
          .a_i(sum), .b_i(carry), .carry_i(1'b1), .sum_o(above)
      );
      wire unused_top = below[SUM_WIDTH-1];

      assign sign_d = above[SUM_WIDTH-1];
      assign magnitude_d = sign_d ? ~below[MAGNITUDE_WIDTH-1:0] : above[MAGNITUDE_WIDTH-1:0];
    end
  endgenerate

  localparam [31:0] OFFSET = LIFT - BIAS;  // from largest_i to an exponent, signed
  localparam [31:0] TOP = OUT_WIDTH - 1;
  // whether a sum that is not zero can have an exponent below 1: two factors' are 2 or more
  localparam CLAMPS = LIFT + 2 < BIAS + MAGNITUDE_WIDTH;
  localparam ROOM_WIDTH = CLAMPS ? 8 + OUT_WIDTH : 1;

  // beside the addition: the top bit's exponent, and how far the magnitude may move left or must
  // move right
  wire [31:0] top_d = {{(32 - LARGEST_WIDTH) {1'b0}}, largest_d} + OFFSET;  // signed
  wire [ROOM_WIDTH-1:0] room_d, room_m;
  wire sign_m;
  wire [EXPONENT_WIDTH-1:0] top_m;
  wire [MAGNITUDE_WIDTH-1:0] magnitude_m;
  wire [6:0] zeros;

  flexmac_pipe #(
      .WIDTH(1 + EXPONENT_WIDTH + ROOM_WIDTH + MAGNITUDE_WIDTH), .REGISTER(REGISTERS[2])
  ) u_magnitude (
      .clk_i(clk_i), .en_i(en_i[2]),
      .d_i({sign_d, top_d[EXPONENT_WIDTH-1:0], room_d, magnitude_d}),
      .q_o({sign_m, top_m, room_m, magnitude_m})
  );

  wire [OUT_WIDTH-1:0] wide =
      {{(OUT_WIDTH - MAGNITUDE_WIDTH) {1'b0}}, magnitude_m} << (OUT_WIDTH - MAGNITUDE_WIDTH);
  wire none = magnitude_m == {MAGNITUDE_WIDTH{1'b0}};
  wire [31:0] left = {{(32 - EXPONENT_WIDTH) {1'b0}}, top_m} - {25'd0, zeros};
  wire unused_left = &{1'b0, left[31:EXPONENT_WIDTH]};
  wire [OUT_WIDTH-1:0] limit;
  wire [EXPONENT_WIDTH-1:0] exponent_d;
  wire [OUT_WIDTH-1:0] normal_d;

  flexmac_lzc u_count (.value_i({wide | limit, {(128 - OUT_WIDTH) {1'b1}}}), .zeros_o(zeros));

  generate
    if (CLAMPS) begin : gen_clamp
      wire low_d = top_d[31] || top_d == 32'd0;
      wire [31:0] room = top_d - 32'd1;
      wire [31:0] right = 32'd1 - top_d;
      wire [6:0] amount_d = right > TOP + 32'd1 ? TOP[6:0] + 7'd1 : right[6:0];
      wire [OUT_WIDTH-1:0] limit_d = room > TOP ? {OUT_WIDTH{1'b0}}
          : {1'b1, {(OUT_WIDTH - 1) {1'b0}}} >> room[6:0];
      assign room_d = {low_d, amount_d, limit_d};

      wire low;
      wire [6:0] amount;
      assign {low, amount, limit} = room_m;
      wire [OUT_WIDTH-1:0] lost_ones = {OUT_WIDTH{1'b1}} << amount;
      wire lost = (wide & ~lost_ones) != {OUT_WIDTH{1'b0}};
      wire [OUT_WIDTH-1:0] shifted = wide >> amount;
      assign exponent_d = none ? {EXPONENT_WIDTH{1'b0}}
          : low ? {{(EXPONENT_WIDTH - 1) {1'b0}}, 1'b1} : left[EXPONENT_WIDTH-1:0];
      assign normal_d = low ? {shifted[OUT_WIDTH-1:1], shifted[0] || lost} : wide << zeros;
    end else begin : gen_no_clamp
      wire unused_room = &{1'b0, room_m, top_d[31:EXPONENT_WIDTH]};
      assign room_d = 1'b0;
      assign limit = {OUT_WIDTH{1'b0}};
      assign exponent_d = none ? {EXPONENT_WIDTH{1'b0}} : left[EXPONENT_WIDTH-1:0];
      assign normal_d = wide << zeros;
    end
  endgenerate

  flexmac_pipe #(.WIDTH(1 + EXPONENT_WIDTH + OUT_WIDTH), .REGISTER(REGISTERS[3])) u_normal (
      .clk_i(clk_i), .en_i(en_i[3]), .d_i({sign_m, exponent_d, normal_d}),
      .q_o({sign_o, exponent_o, magnitude_o})
  );

`ifdef FORMAL
  // Rules (REGISTERS = 0; with a register, the same a cycle later). Given: where the sum is not
  // zero, largest_i is at least 2.
  // 1. Signed, the magnitude at its exponent is the sum of the products, each divided by
  //    2^distance and cut off (toward zero) G = WINDOW - PRODUCT_WIDTH places below its last bit.
  // 2. Its top bit is set and its exponent, largest_i + LIFT - BIAS less the places shifted, 1 or
  //    more. Otherwise the exponent is 1, and the last bit is also set if a bit below it was.
  // 3. A sum of zero has magnitude and exponent zero.
  localparam F_WIDTH = 2 * OUT_WIDTH + 2;
  reg signed [F_WIDTH-1:0] f_sum;
  reg [F_WIDTH-1:0] f_term;
  wire [F_WIDTH-1:0] f_size = (f_sum < 0 ? -f_sum : f_sum) << (OUT_WIDTH - MAGNITUDE_WIDTH);
  integer f_top;
  integer f;

  always @* begin
    f_sum = 0;
    for (f = 0; f < LANES; f = f + 1) begin
      f_term = product_i[f*PRODUCT_WIDTH +: PRODUCT_WIDTH];
      f_term = f_term << (WINDOW - PRODUCT_WIDTH);
      if (LANES > 1) f_term = f_term >> distance_i[f*DISTANCE_WIDTH +: DISTANCE_WIDTH];
      f_sum = negative_i[f] ? f_sum - f_term : f_sum + f_term;
    end
    f_top = largest_i + LIFT - BIAS;
    if (f_sum == 0) assert (magnitude_o == 0 && exponent_o == 0);
    else begin
      assume (largest_i >= 2);
      assert (sign_o == (f_sum < 0) && exponent_o >= 1);
      if (f_top >= 1) begin
        assert (magnitude_o == f_size << (f_top - exponent_o));
        assert (exponent_o <= f_top && (magnitude_o[OUT_WIDTH-1] || exponent_o == 1));
      end else begin
        assert (exponent_o == 1);
        for (f = 1; f < OUT_WIDTH; f = f + 1)
          assert (magnitude_o[f] == (f_size >> (1 - f_top) >> f & 1));
        assert (magnitude_o[0] == ((f_size >> (1 - f_top) & 1) != 0
            || (f_size >> (1 - f_top)) << (1 - f_top) != f_size));
      end
    end
    cover (f_sum < 0 && magnitude_o == 2 * f_size);
    cover (f_sum == 0 && product_i[PRODUCT_WIDTH-1] && distance_i[0] == 1'b0 || LANES == 1);
    cover (f_top < -1 && magnitude_o == 1 || !CLAMPS);
  end
`endif

endmodule

`default_nettype wire
