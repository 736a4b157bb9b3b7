// Adds a binary32 number to an exact product and rounds once: the sum half of a fused multiply-add.
//
//   align      the addend against the product, in a frame of 77 bits and a sticky one:
//
//        76        53 52 51 50             3 2    0  -1
//       +------------+-----+----------------+------+------+
//       |   addend   |  0  |        0       |   0  |  0   |  >> distance, lost bits ORed into sticky
//       +------------+-----+----------------+------+------+
//       |        0         |    product     |   0  |  0   |
//       +------------+-----+----------------+------+------+
//
//              An addend that lies higher stays at the top, where the product is below a quarter of
//              its last place and only tells which way it was. Three bits below the product are
//              enough where its leading zeros (a subnormal factor) let the addend reach below it.
//   add        sum or difference, as sign and magnitude
//   count      leading zeros, no more than the exponent allows (the rest is a subnormal result)
//   normalize  shift them out
//   round      to nearest, ties to even; pack
//
//   product_i   flexmac_fp32_mul's
//   addend_i    binary32
//   sum_o       binary32; every NaN is 7fc00000
//
// Full IEEE-754: subnormals in and out, infinities, signed zeros. No flags.
// Parameters: REGS, 4 bits: registers behind [0] align, [1] add, [2] count, [3] normalize; one
// behind round is always there.
// Latency: one cycle per register; throughput one sum a cycle.
`default_nettype none

module flexmac_fp32_add #(
    parameter [3:0] REGS = 4'b0000
) (
    input  wire        clk_i,
    // control
    input  wire [ 4:0] en_i,       // align .. normalize, round
    // data
    input  wire [60:0] product_i,
    input  wire [31:0] addend_i,
    output reg  [31:0] sum_o
);

  localparam F = 77;           // frame
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
  wire [2*F:0] placed = {c_normal, addend_i[22:0], {(2 * F - 23) {1'b0}}} >> amount;
  wire [F:0] addend_d = {placed[2*F:F+1], placed[F:0] != {(F + 1) {1'b0}}};

  wire nan_a, inf_a, inf_sign_a, p_sign_a, c_sign_a;
  wire [9:0] top_a;
  wire [47:0] product_a;
  wire [F:0] addend_a;

  flexmac_pipe #(.W(63 + F + 1), .ON(REGS[0])) u_align (
      .clk_i(clk_i), .en_i(en_i[0]),
      .d_i({nan_d, inf_d, inf_sign_d, p_sign, c_sign, top_d, p_significand, addend_d}),
      .q_o({nan_a, inf_a, inf_sign_a, p_sign_a, c_sign_a, top_a, product_a, addend_a})
  );

  // add: both differences side by side
  wire subtract = p_sign_a != c_sign_a;
  wire [F+1:0] product_s = {27'd0, product_a, 4'd0};
  wire [F+1:0] sum_s;
  wire [F:0] reverse;

  flexmac_adder #(.W(F + 2)) u_sum (
      .a_i(product_s), .b_i({1'b0, addend_a} ^ {(F + 2) {subtract}}), .carry_i(subtract),
      .sum_o(sum_s)
  );
  flexmac_adder #(.W(F + 1)) u_reverse (
      .a_i(addend_a), .b_i(~product_s[F:0]), .carry_i(1'b1), .sum_o(reverse)
  );
  wire negative = subtract && sum_s[F+1];
  wire [F:0] magnitude_d = negative ? reverse : sum_s[F:0];
  wire zero = magnitude_d == {(F + 1) {1'b0}};
  wire sign_d = subtract ? !zero && (negative ? c_sign_a : p_sign_a) : p_sign_a;
  // leading zeros end where the exponent does
  wire [9:0] room = top_a - 10'd1;
  wire [F:0] limit_d = room > 10'd77 ? {(F + 1) {1'b0}} : {1'b1, {F{1'b0}}} >> room[6:0];

  wire nan_b, inf_b, sign_b;
  wire [9:0] top_b;
  wire [F:0] magnitude_b;
  wire [F:0] limit_b;

  flexmac_pipe #(.W(13 + 2 * (F + 1)), .ON(REGS[1])) u_add (
      .clk_i(clk_i), .en_i(en_i[1]),
      .d_i({nan_a, inf_a, inf_a ? inf_sign_a : sign_d, top_a, magnitude_d, limit_d}),
      .q_o({nan_b, inf_b, sign_b, top_b, magnitude_b, limit_b})
  );

  // count
  wire [6:0] zeros_d;

  flexmac_lzc u_count (.value_i({magnitude_b | limit_b, {(127 - F) {1'b1}}}), .zeros_o(zeros_d));

  wire nan_c, inf_c, sign_c;
  wire [9:0] top_c;
  wire [F:0] magnitude_c;
  wire [6:0] zeros_c;

  flexmac_pipe #(.W(20 + F + 1), .ON(REGS[2])) u_count_register (
      .clk_i(clk_i), .en_i(en_i[2]),
      .d_i({nan_b, inf_b, sign_b, top_b, magnitude_b, zeros_d}),
      .q_o({nan_c, inf_c, sign_c, top_c, magnitude_c, zeros_c})
  );

  // normalize
  wire [F:0] normal = magnitude_c << zeros_c;
  wire [9:0] exponent_d = normal[F] ? top_c - {3'd0, zeros_c} : 10'd0;

  wire nan_e, inf_e, sign_e, guard, sticky;
  wire [9:0] exponent_e;
  wire [22:0] fraction_e;

  flexmac_pipe #(.W(38), .ON(REGS[3])) u_normalize (
      .clk_i(clk_i), .en_i(en_i[3]),
      .d_i({nan_c, inf_c, sign_c, exponent_d, normal[F-1:F-24], normal[F-25:0] != {(F - 24) {1'b0}}}),
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
