// Adds a binary32 number to an exact product and rounds once: the second half of a fused
// multiply-add.
//
//   align      shift the addend against the product, in a frame of 77 bits and a sticky bit:
//
//        76        53 52 51 50             3 2    0  -1
//       +------------+-----+----------------+------+------+
//       |   addend   |  0  |        0       |   0  |  0   |  >> distance; lost bits set sticky
//       +------------+-----+----------------+------+------+
//       |        0         |    product     |   0  |  0   |
//       +------------+-----+----------------+------+------+
//
//              An addend that would start above the frame stays at its top: the product is then
//              below a quarter of the addend's last place and only decides the direction of
//              rounding. Three bits below the product suffice for products with leading zeros (a
//              subnormal factor).
//   add        sum or difference, as sign and magnitude
//   count      leading zeros, at most as many as the exponent allows (else the result is subnormal)
//   normalize  shift them out
//   round      to nearest, ties to even; pack
//
//   product_i   as flexmac_fp32_mul gives it
//   addend_i    binary32
//   sum_o       binary32; every NaN is 7fc00000
//
// Subnormals in and out, infinities and signed zeros follow IEEE-754.
//
// Parameters:
//   REGISTERS  pipeline registers, a bit each: [0] align, [1] add, [2] count, [3] normalize; the
//              register behind round is always there
//
// Latency: one cycle per register. Throughput: one sum per cycle.
// Not handled: exception flags, other rounding modes.
`default_nettype none

module flexmac_fp32_add #(
    parameter [3:0] REGISTERS = 4'b0000
) (
    input  wire        clk_i,
    // control
    input  wire [ 4:0] en_i,  // align .. normalize, round
    // data
    input  wire [60:0] product_i,
    input  wire [31:0] addend_i,
    output reg  [31:0] sum_o
);

  localparam FRAME_WIDTH = 77;           // frame
  localparam [9:0] GAP = 10'd100;  // product exponent - addend exponent with the addend at the top

  // align
  wire p_nan, p_inf, p_sign;
  wire [9:0] p_exponent;
  wire [47:0] p_significand;
  assign {p_nan, p_inf, p_sign, p_exponent, p_significand} = product_i;

  wire c_sign = addend_i[31];
  wire c_normal = addend_i[30:23] != 8'd0;
  wire c_special = addend_i[30:23] == 8'hff;
  wire c_nan = c_special && addend_i[22:0] != 23'd0;
  wire [9:0] c_exponent = {2'd0, addend_i[30:24], addend_i[23] || !c_normal};

  wire nan_d = p_nan || c_nan || (p_inf && c_special && p_sign != c_sign);
  wire inf_d = p_inf || c_special;
  wire inf_sign_d = p_inf ? p_sign : c_sign;

  wire [9:0] distance = p_exponent - c_exponent - GAP;
  wire high = distance[9];  // negative: the addend lies higher
  wire far = !high && distance[8:0] > 9'd77;
  wire [9:0] top_d = high ? c_exponent : p_exponent - GAP;  // biased exponent of frame bit 76
  wire [6:0] amount = high ? 7'd0 : far ? 7'd78 : distance[6:0];
  wire [2*FRAME_WIDTH:0] placed =
      {c_normal, addend_i[22:0], {(2 * FRAME_WIDTH - 23) {1'b0}}} >> amount;
  wire [FRAME_WIDTH:0] addend_d =
      {placed[2*FRAME_WIDTH:FRAME_WIDTH+1], placed[FRAME_WIDTH:0] != {(FRAME_WIDTH + 1) {1'b0}}};

  wire nan_a, inf_a, inf_sign_a, p_sign_a, c_sign_a;
  wire [9:0] top_a;
  wire [47:0] product_a;
  wire [FRAME_WIDTH:0] addend_a;

  flexmac_pipe #(.WIDTH(63 + FRAME_WIDTH + 1), .REGISTER(REGISTERS[0])) u_align (
      .clk_i(clk_i), .en_i(en_i[0]),
      .d_i({nan_d, inf_d, inf_sign_d, p_sign, c_sign, top_d, p_significand, addend_d}),
      .q_o({nan_a, inf_a, inf_sign_a, p_sign_a, c_sign_a, top_a, product_a, addend_a})
  );

  // add: both differences side by side
  wire subtract = p_sign_a != c_sign_a;
  wire [FRAME_WIDTH+1:0] product_s = {27'd0, product_a, 4'd0};
  wire [FRAME_WIDTH+1:0] sum_s;
  wire [FRAME_WIDTH:0] reverse;

  flexmac_adder #(.WIDTH(FRAME_WIDTH + 2)) u_sum (
      .a_i(product_s), .b_i({1'b0, addend_a} ^ {(FRAME_WIDTH + 2) {subtract}}), .carry_i(subtract),
      .sum_o(sum_s)
  );
  flexmac_adder #(.WIDTH(FRAME_WIDTH + 1)) u_reverse (
      .a_i(addend_a), .b_i(~product_s[FRAME_WIDTH:0]), .carry_i(1'b1), .sum_o(reverse)
  );
  wire negative = subtract && sum_s[FRAME_WIDTH+1];
  wire [FRAME_WIDTH:0] magnitude_d = negative ? reverse : sum_s[FRAME_WIDTH:0];
  wire zero = magnitude_d == {(FRAME_WIDTH + 1) {1'b0}};
  wire sign_d = subtract ? !zero && (negative ? c_sign_a : p_sign_a) : p_sign_a;
  // leading zeros end where the exponent does
  wire [9:0] room = top_a - 10'd1;
  wire [FRAME_WIDTH:0] limit_d = room > 10'd77 ? {(FRAME_WIDTH + 1) {1'b0}}
      : {1'b1, {FRAME_WIDTH{1'b0}}} >> room[6:0];

  wire nan_b, inf_b, sign_b;
  wire [9:0] top_b;
  wire [FRAME_WIDTH:0] magnitude_b;
  wire [FRAME_WIDTH:0] limit_b;

  flexmac_pipe #(.WIDTH(13 + 2 * (FRAME_WIDTH + 1)), .REGISTER(REGISTERS[1])) u_add (
      .clk_i(clk_i), .en_i(en_i[1]),
      .d_i({nan_a, inf_a, inf_a ? inf_sign_a : sign_d, top_a, magnitude_d, limit_d}),
      .q_o({nan_b, inf_b, sign_b, top_b, magnitude_b, limit_b})
  );

  // count
  wire [6:0] zeros_d;

  flexmac_lzc u_count (.value_i({magnitude_b | limit_b, {(127 - FRAME_WIDTH) {1'b1}}}),
      .zeros_o(zeros_d));

  wire nan_c, inf_c, sign_c;
  wire [9:0] top_c;
  wire [FRAME_WIDTH:0] magnitude_c;
  wire [6:0] zeros_c;

  flexmac_pipe #(.WIDTH(20 + FRAME_WIDTH + 1), .REGISTER(REGISTERS[2])) u_count_register (
      .clk_i(clk_i), .en_i(en_i[2]),
      .d_i({nan_b, inf_b, sign_b, top_b, magnitude_b, zeros_d}),
      .q_o({nan_c, inf_c, sign_c, top_c, magnitude_c, zeros_c})
  );

  // normalize
  wire [FRAME_WIDTH:0] normal = magnitude_c << zeros_c;
  wire [9:0] exponent_d = normal[FRAME_WIDTH] ? top_c - {3'd0, zeros_c} : 10'd0;

  wire nan_e, inf_e, sign_e, guard, sticky;
  wire [9:0] exponent_e;
  wire [22:0] fraction_e;

  flexmac_pipe #(.WIDTH(38), .REGISTER(REGISTERS[3])) u_normalize (
      .clk_i(clk_i), .en_i(en_i[3]),
      .d_i({nan_c, inf_c, sign_c, exponent_d, normal[FRAME_WIDTH-1:FRAME_WIDTH-24],
          normal[FRAME_WIDTH-25:0] != {(FRAME_WIDTH - 24) {1'b0}}}),
      .q_o({nan_e, inf_e, sign_e, exponent_e, fraction_e, guard, sticky})
  );

  // round: a carry out of the fraction raises the exponent, from 0 to 1 as well
  wire up = guard && (sticky || fraction_e[0]);
  wire [32:0] rounded = {exponent_e, fraction_e} + {32'd0, up};
  wire overflow = rounded[32:23] >= 10'd255;

  always @(posedge clk_i) begin
    if (en_i[4]) begin
      if (nan_e) sum_o <= 32'h7fc00000;
      else if (inf_e || overflow) sum_o <= {sign_e, 8'hff, 23'd0};
      else sum_o <= {sign_e, rounded[30:0]};
    end
  end

endmodule

`default_nettype wire
