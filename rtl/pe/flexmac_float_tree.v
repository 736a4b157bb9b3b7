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
//   normalize  leading zeros are shifted out
//
// With one lane there is nothing to align or to add: WINDOW is 2*S.
//
//   product_i    LANES x PRODUCT_WIDTH bits, lane 0 lowest
//   distance_i, negative_i, largest_i   as flexmac_float_scale gives them
//   exponent_o   weight of the magnitude's top bit: largest_i + OFFSET - leading zeros; 0 if the sum
//                is zero
//   magnitude_o  MAGNITUDE_WIDTH bits: the top one is set unless the sum is zero
//
// Parameters:
//   LANES            1..16
//   PRODUCT_WIDTH    bits of a product, 2*S
//   WINDOW           PRODUCT_WIDTH and more; PRODUCT_WIDTH with one lane
//   DISTANCE_WIDTH   bits of a distance; all ones is at least WINDOW
//   LARGEST_WIDTH    bits of largest_i
//   MAGNITUDE_WIDTH  WINDOW + log2(LANES), rounded up
//   EXPONENT_WIDTH   bits of exponent_o, a signed number
//   OFFSET           what the weight of a top bit is above largest_i
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
    parameter        EXPONENT_WIDTH  = 10,
    parameter signed OFFSET          = -125,
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
    output wire [      MAGNITUDE_WIDTH-1:0] magnitude_o
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
    if (MAGNITUDE_WIDTH > 127) begin : gen_bad_magnitude
      flexmac_float_tree_MAGNITUDE_WIDTH_must_be_at_most_127 u_illegal ();
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

  wire sign_m;
  wire [LARGEST_WIDTH-1:0] largest_m;
  wire [MAGNITUDE_WIDTH-1:0] magnitude_m;
  wire [6:0] zeros;

  flexmac_pipe #(.WIDTH(1 + LARGEST_WIDTH + MAGNITUDE_WIDTH), .REGISTER(REGISTERS[2])) u_magnitude (
      .clk_i(clk_i), .en_i(en_i[2]), .d_i({sign_d, largest_d, magnitude_d}),
      .q_o({sign_m, largest_m, magnitude_m})
  );

  flexmac_lzc u_count (
      .value_i({magnitude_m, {(128 - MAGNITUDE_WIDTH) {1'b1}}}), .zeros_o(zeros)
  );

  localparam signed [31:0] OFFSET_32 = OFFSET;
  localparam [EXPONENT_WIDTH-1:0] OFFSET_BITS = OFFSET_32[EXPONENT_WIDTH-1:0];
  localparam EXTRA_WIDTH = EXPONENT_WIDTH > 7 ? EXPONENT_WIDTH : 7;
  wire [EXTRA_WIDTH-1:0] zeros_extended = {{(EXTRA_WIDTH - 7) {1'b0}}, zeros};
  wire [EXPONENT_WIDTH-1:0] largest_extended =
      {{(EXPONENT_WIDTH - LARGEST_WIDTH) {1'b0}}, largest_m};
  wire none = magnitude_m == {MAGNITUDE_WIDTH{1'b0}};
  wire [EXPONENT_WIDTH-1:0] exponent_d = none ? {EXPONENT_WIDTH{1'b0}}
      : largest_extended + OFFSET_BITS - zeros_extended[EXPONENT_WIDTH-1:0];

  flexmac_pipe #(.WIDTH(1 + EXPONENT_WIDTH + MAGNITUDE_WIDTH), .REGISTER(REGISTERS[3])) u_normal (
      .clk_i(clk_i), .en_i(en_i[3]), .d_i({sign_m, exponent_d, magnitude_m << zeros}),
      .q_o({sign_o, exponent_o, magnitude_o})
  );

`ifdef FORMAL
  // Rules (REGISTERS = 0; with a register, the same a cycle later)
  // 1. Signed, the magnitude at its exponent is the sum of the products, each divided by
  //    2^distance and cut off (toward zero) G = WINDOW - PRODUCT_WIDTH places below its last bit.
  // 2. The magnitude's top bit is set and its exponent largest_i + OFFSET less the places shifted,
  //    or the sum is zero and so are magnitude and exponent.
  localparam WANT_WIDTH = MAGNITUDE_WIDTH + 2;
  reg signed [WANT_WIDTH-1:0] f_sum;
  reg [WANT_WIDTH-1:0] f_term;
  wire [WANT_WIDTH-1:0] f_size = f_sum < 0 ? -f_sum : f_sum;
  wire [EXPONENT_WIDTH-1:0] f_shift = largest_i + OFFSET - exponent_o;
  integer f;

  always @* begin
    f_sum = 0;
    for (f = 0; f < LANES; f = f + 1) begin
      f_term = product_i[f*PRODUCT_WIDTH +: PRODUCT_WIDTH];
      f_term = f_term * (1 << (WINDOW - PRODUCT_WIDTH));
      if (LANES > 1) f_term = f_term / (1 << distance_i[f*DISTANCE_WIDTH +: DISTANCE_WIDTH]);
      f_sum = negative_i[f] ? f_sum - f_term : f_sum + f_term;
    end
    if (f_sum == 0) assert (magnitude_o == 0 && exponent_o == 0);
    else begin
      assert (magnitude_o[MAGNITUDE_WIDTH-1] && sign_o == (f_sum < 0));
      assert (f_shift < MAGNITUDE_WIDTH && f_size * (1 << f_shift) == magnitude_o);
    end
    cover (f_sum < 0 && f_shift == 1);
    cover (f_sum == 0 && product_i[PRODUCT_WIDTH-1] && distance_i[0] == 1'b0 || LANES == 1);
    cover (f_sum == (1 << MAGNITUDE_WIDTH) - (1 << $clog2(LANES)) || WINDOW > PRODUCT_WIDTH
        || LANES == 3);
  end
`endif

endmodule

`default_nettype wire
