// Adds a float and the sum of a word and rounds once: the accumulation loop of a float PE.
//
//   align      the number with the larger exponent, or of two equal ones the larger significand,
//              stays; the other moves right:
//
//         N + 1         2   1   0
//        +---------------+---+---+---+
//        | larger        | 0 | 0 | 0 |                     N = SUM_WIDTH, at least that of the
//        +---------------+---+---+---+                         addend
//        | smaller, shifted  | . | s |  bits that leave set s
//        +---------------+---+---+---+
//
//              That suffices: where the shift is 2 or more a difference loses at most one place.
//   sum        sum or difference; never negative
//   count      leading zeros, at most as many as the exponent allows (else the result is subnormal)
//   normalize  shift them out
//   round      to nearest, ties to even; a zero is +0
//
//   sum_i       {nan, inf, sign, exponent, magnitude}: (-1)^sign * magnitude with its top bit at
//               the weight of a float's hidden one with this exponent, EXPONENT_WIDTH + 2 bits. The
//               top bit is set, or the exponent is 1, or exponent and magnitude are zero: as a
//               float's, but with more bits
//   addend_i    float: sign, EXPONENT_WIDTH and FRACTION_WIDTH bits; binary32 by default
//   sum_o       float; every NaN is the one NaN, 7fc00000
//
// Parameters:
//   SUM_WIDTH       bits of the magnitude, 2..120
//   EXPONENT_WIDTH  bits of a float's exponent
//   FRACTION_WIDTH  bits of a float's fraction
//   REGISTERS       pipeline registers, a bit each: [0] align, [1] sum, [2] count, [3] normalize;
//                   the register behind round is always there
//
// Latency: one cycle per register. Throughput: one sum per cycle.
// Not handled: exception flags, other rounding modes.
`default_nettype none

module flexmac_float_add #(
    parameter       SUM_WIDTH      = 29,
    parameter       EXPONENT_WIDTH = 8,
    parameter       FRACTION_WIDTH = 23,
    parameter [3:0] REGISTERS      = 4'b0000
) (
    input  wire                                   clk_i,
    // control
    input  wire [                            4:0] en_i,  // align .. normalize, round
    // data
    input  wire [EXPONENT_WIDTH+SUM_WIDTH+5-1:0]  sum_i,
    input  wire [EXPONENT_WIDTH+FRACTION_WIDTH:0] addend_i,
    output reg  [EXPONENT_WIDTH+FRACTION_WIDTH:0] sum_o
);

  localparam SIGNIFICAND = FRACTION_WIDTH + 1;
  localparam N = SUM_WIDTH > SIGNIFICAND ? SUM_WIDTH : SIGNIFICAND;
  localparam FRAME = N + 3;
  localparam EXTENDED = EXPONENT_WIDTH + 2;  // of exponents and their difference
  localparam AMOUNT = $clog2(N + 3);         // of a shift; larger ones leave nothing
  localparam [31:0] TOP = FRAME;

  generate
    if (SUM_WIDTH < 2 || N > 120) begin : gen_bad_sum_width
      flexmac_float_add_SUM_WIDTH_must_be_2_to_120 u_illegal ();
    end
  endgenerate

  // align
  wire s_nan, s_inf, s_sign;
  wire [EXTENDED-1:0] s_exponent;
  wire [SUM_WIDTH-1:0] s_magnitude;
  assign {s_nan, s_inf, s_sign, s_exponent, s_magnitude} = sum_i;

  wire c_sign = addend_i[EXPONENT_WIDTH+FRACTION_WIDTH];
  wire [EXPONENT_WIDTH-1:0] c_field = addend_i[FRACTION_WIDTH +: EXPONENT_WIDTH];
  wire [FRACTION_WIDTH-1:0] c_fraction = addend_i[FRACTION_WIDTH-1:0];
  wire c_normal = c_field != {EXPONENT_WIDTH{1'b0}};
  wire c_special = c_field == {EXPONENT_WIDTH{1'b1}};
  wire c_nan = c_special && c_fraction != {FRACTION_WIDTH{1'b0}};
  wire [EXTENDED-1:0] c_exponent = {2'd0, c_field[EXPONENT_WIDTH-1:1], c_field[0] || !c_normal};

  wire nan_d = s_nan || c_nan || (s_inf && c_special && s_sign != c_sign);
  wire inf_d = s_inf || c_special;
  wire inf_sign_d = s_inf ? s_sign : c_sign;

  // both on top of N bits
  wire [N-1:0] s_top;
  wire [N-1:0] c_top;
  generate
    if (SUM_WIDTH < N) begin : gen_short_sum
      assign s_top = {s_magnitude, {(N - SUM_WIDTH) {1'b0}}};
    end else begin : gen_long_sum
      assign s_top = s_magnitude;
    end
    if (SIGNIFICAND < N) begin : gen_short_addend
      assign c_top = {c_normal, c_fraction, {(N - SIGNIFICAND) {1'b0}}};
    end else begin : gen_long_addend
      assign c_top = {c_normal, c_fraction};
    end
  endgenerate

  wire subtract_d = s_sign != c_sign;
  wire [EXTENDED-1:0] ahead = s_exponent - c_exponent;
  wire [EXTENDED-1:0] behind = c_exponent - s_exponent;
  // the addend has no bits below the significand's
  wire s_less = s_top[N-1 -: SIGNIFICAND] < c_top[N-1 -: SIGNIFICAND];
  wire swap = ahead[EXTENDED-1] || (ahead == {EXTENDED{1'b0}} && s_less);  // the addend stays
  wire [EXTENDED-1:0] distance = ahead[EXTENDED-1] ? behind : ahead;
  wire far = distance[EXTENDED-1:AMOUNT] != {(EXTENDED - AMOUNT) {1'b0}};
  wire [AMOUNT-1:0] amount = distance[AMOUNT-1:0];
  wire [N-1:0] larger_d = swap ? c_top : s_top;
  wire [N-1:0] smaller = swap ? s_top : c_top;
  wire [N+1:0] lost_ones = {(N + 2) {1'b1}} << amount;
  wire [N+1:0] placed = {smaller, 2'd0} >> amount;
  wire lost = ({smaller, 2'd0} & (~lost_ones | {(N + 2) {far}})) != {(N + 2) {1'b0}};
  // inverted for a difference
  wire [FRAME-1:0] smaller_d =
      {placed & ~{(N + 2) {far}}, lost} ^ {FRAME{subtract_d}};
  wire [EXTENDED-1:0] top_d = ahead[EXTENDED-1] ? c_exponent : s_exponent;
  wire sign_d = swap ? c_sign : s_sign;

  wire nan_a, inf_a, sign_a, subtract_a;
  wire [EXTENDED-1:0] top_a;
  wire [N-1:0] larger_a;
  wire [FRAME-1:0] smaller_a;

  flexmac_pipe #(.WIDTH(4 + EXTENDED + N + FRAME), .REGISTER(REGISTERS[0])) u_align (
      .clk_i(clk_i), .en_i(en_i[0]),
      .d_i({nan_d, inf_d, inf_d ? inf_sign_d : sign_d, subtract_d, top_d, larger_d, smaller_d}),
      .q_o({nan_a, inf_a, sign_a, subtract_a, top_a, larger_a, smaller_a})
  );

  // sum; its top bit has the exponent top + 1
  wire [FRAME:0] total_d;

  flexmac_adder #(.WIDTH(FRAME + 1)) u_sum (
      .a_i({1'b0, larger_a, 3'd0}), .b_i({subtract_a, smaller_a}),
      .carry_i(subtract_a), .sum_o(total_d)
  );
  // leading zeros end where the exponent does: it is at least 1
  wire [31:0] room = {{(32 - EXTENDED) {1'b0}}, top_a};
  wire [FRAME:0] limit_d = room > TOP ? {(FRAME + 1) {1'b0}}
      : {1'b1, {FRAME{1'b0}}} >> room[6:0];

  wire nan_b, inf_b, sign_b;
  wire [EXTENDED-1:0] top_b;
  wire [FRAME:0] total_b;
  wire [FRAME:0] limit_b;

  flexmac_pipe #(.WIDTH(3 + EXTENDED + 2 * (FRAME + 1)), .REGISTER(REGISTERS[1])) u_total (
      .clk_i(clk_i), .en_i(en_i[1]),
      .d_i({nan_a, inf_a, sign_a, top_a, total_d, limit_d}),
      .q_o({nan_b, inf_b, sign_b, top_b, total_b, limit_b})
  );

  // count
  wire [6:0] zeros_d;

  flexmac_lzc u_count (
      .value_i({total_b | limit_b, {(127 - FRAME) {1'b1}}}), .zeros_o(zeros_d)
  );

  wire nan_c, inf_c, sign_c;
  wire [EXTENDED-1:0] top_c;
  wire [FRAME:0] total_c;
  wire [6:0] zeros_c;

  flexmac_pipe #(.WIDTH(10 + EXTENDED + FRAME + 1), .REGISTER(REGISTERS[2])) u_count_register (
      .clk_i(clk_i), .en_i(en_i[2]),
      .d_i({nan_b, inf_b, sign_b, top_b, total_b, zeros_d}),
      .q_o({nan_c, inf_c, sign_c, top_c, total_c, zeros_c})
  );

  // normalize
  wire [FRAME:0] normal = total_c << zeros_c;
  wire [31:0] below = {{(32 - EXTENDED) {1'b0}}, top_c} + 32'd1 - {25'd0, zeros_c};
  wire [EXTENDED-1:0] exponent_d = normal[FRAME] ? below[EXTENDED-1:0] : {EXTENDED{1'b0}};
  wire unused_below = &{1'b0, below[31:EXTENDED]};

  wire nan_e, inf_e, sign_e, guard, sticky;
  wire [EXTENDED-1:0] exponent_e;
  wire [FRACTION_WIDTH-1:0] fraction_e;

  flexmac_pipe #(.WIDTH(5 + EXTENDED + FRACTION_WIDTH), .REGISTER(REGISTERS[3])) u_normalize (
      .clk_i(clk_i), .en_i(en_i[3]),
      .d_i({nan_c, inf_c, sign_c, exponent_d, normal[FRAME-1 -: SIGNIFICAND],
          normal[FRAME-1-SIGNIFICAND:0] != {(FRAME - SIGNIFICAND) {1'b0}}}),
      .q_o({nan_e, inf_e, sign_e, exponent_e, fraction_e, guard, sticky})
  );

  // round: a carry out of the fraction raises the exponent, from 0 to 1 as well
  wire up = guard && (sticky || fraction_e[0]);
  wire [EXTENDED+FRACTION_WIDTH-1:0] rounded =
      {exponent_e, fraction_e} + {{(EXTENDED + FRACTION_WIDTH - 1) {1'b0}}, up};
  // beside the carry: too large before, or all ones in exponent and fraction but for the last
  localparam [EXTENDED-1:0] SPECIAL = {2'd0, {EXPONENT_WIDTH{1'b1}}};
  wire overflow = exponent_e >= SPECIAL
      || (up && exponent_e == SPECIAL - 1'b1 && fraction_e == {FRACTION_WIDTH{1'b1}});
  wire unused_rounded = &{1'b0, rounded[EXTENDED+FRACTION_WIDTH-1:EXPONENT_WIDTH+FRACTION_WIDTH]};
  wire zero = exponent_e == {EXTENDED{1'b0}} && fraction_e == {FRACTION_WIDTH{1'b0}} && !up;

  always @(posedge clk_i) begin
    if (en_i[4]) begin
      if (nan_e) sum_o <= {1'b0, {EXPONENT_WIDTH{1'b1}}, 1'b1, {(FRACTION_WIDTH - 1) {1'b0}}};
      else if (inf_e || overflow)
        sum_o <= {sign_e, {EXPONENT_WIDTH{1'b1}}, {FRACTION_WIDTH{1'b0}}};
      else sum_o <= {sign_e && !zero, rounded[EXPONENT_WIDTH+FRACTION_WIDTH-1:0]};
    end
  end

`ifdef FORMAL
  // Rules (REGISTERS = 0; with a register, the same a cycle later). Given: a sum in the form above,
  // with an exponent up to 2^EXPONENT_WIDTH + 1.
  // 1. The result is the float nearest to the exact sum: no more than half of its last place away,
  //    of a power of two a quarter downwards, and where two are as near the even one. A zero is +0.
  // 2. Infinity exactly from half a last place beyond the largest float on.
  // 3. A NaN, or infinities of both signs, give the one NaN; else an infinity gives itself.
  localparam UNIT = N - 1;  // places below the hidden one of exponent 1
  localparam F_WIDTH = UNIT + (1 << EXPONENT_WIDTH) + 6;
  localparam F_FLOAT = EXPONENT_WIDTH + FRACTION_WIDTH + 1;
  localparam [EXPONENT_WIDTH-1:0] F_SPECIAL = {EXPONENT_WIDTH{1'b1}};

  reg [EXPONENT_WIDTH+SUM_WIDTH+5-1:0] f_sum;
  reg [F_FLOAT-1:0] f_addend;
  reg f_past = 1'b0;
  wire f_nan, f_inf, f_sign;
  wire [EXTENDED-1:0] f_exponent;
  wire [SUM_WIDTH-1:0] f_magnitude;
  assign {f_nan, f_inf, f_sign, f_exponent, f_magnitude} = f_sum;
  wire f_c_sign = f_addend[F_FLOAT-1];
  wire f_c_nan = f_addend[F_FLOAT-2:FRACTION_WIDTH] == F_SPECIAL
      && f_addend[FRACTION_WIDTH-1:0] != 0;
  wire f_c_inf = f_addend[F_FLOAT-2:FRACTION_WIDTH] == F_SPECIAL && !f_c_nan;
  wire [EXPONENT_WIDTH-1:0] f_r_field = sum_o[F_FLOAT-2:FRACTION_WIDTH];
  wire [F_FLOAT-1:0] f_one_nan = {1'b0, F_SPECIAL, 1'b1, {(FRACTION_WIDTH - 1) {1'b0}}};

  // a float's magnitude, and that of its last place
  function [F_WIDTH-1:0] f_place(input [EXPONENT_WIDTH-1:0] field);
    f_place = {{(F_WIDTH - 1) {1'b0}}, 1'b1}
        << (UNIT - FRACTION_WIDTH + (field == 0 ? 0 : field - 1));
  endfunction
  function [F_WIDTH-1:0] f_value(input [F_FLOAT-1:0] float);
    f_value = {{(F_WIDTH - SIGNIFICAND) {1'b0}}, float[F_FLOAT-2:FRACTION_WIDTH] != 0,
        float[FRACTION_WIDTH-1:0]} << (UNIT - FRACTION_WIDTH
        + (float[F_FLOAT-2:FRACTION_WIDTH] == 0 ? 0 : float[F_FLOAT-2:FRACTION_WIDTH] - 1));
  endfunction

  wire [F_WIDTH-1:0] f_s_value = f_exponent == 0 ? 0
      : {{(F_WIDTH - SUM_WIDTH) {1'b0}}, f_magnitude} << (UNIT - SUM_WIDTH + f_exponent);
  wire [F_WIDTH-1:0] f_c_value = f_value(f_addend);
  wire signed [F_WIDTH-1:0] f_exact =
      (f_sign ? -f_s_value : f_s_value) + (f_c_sign ? -f_c_value : f_c_value);
  wire [F_WIDTH-1:0] f_size = f_exact < 0 ? -f_exact : f_exact;
  wire [F_WIDTH-1:0] f_last = f_place(f_r_field);
  wire [F_WIDTH-1:0] f_result = f_value(sum_o);
  wire [F_WIDTH-1:0] f_distance = f_size > f_result ? f_size - f_result : f_result - f_size;
  wire f_power = f_r_field > 1 && sum_o[FRACTION_WIDTH-1:0] == 0 && f_size < f_result;
  wire [F_FLOAT-1:0] f_largest = {1'b0, F_SPECIAL, {FRACTION_WIDTH{1'b0}}} - 1;
  wire f_over = 2 * f_size >= 2 * f_value(f_largest) + f_place(F_SPECIAL - 1'b1);

  always @(posedge clk_i) begin
    f_past <= 1'b1;
    f_sum <= sum_i;
    f_addend <= addend_i;
  end

  always @* begin
    assume (en_i == 5'b11111 && !(s_nan && s_inf));
    assume (s_exponent == 0 ? s_magnitude == 0 : s_magnitude[SUM_WIDTH-1] || s_exponent == 1);
    assume (s_exponent <= (1 << EXPONENT_WIDTH) + 1);
    if (f_past) begin
      if (f_nan || f_c_nan || (f_inf && f_c_inf && f_sign != f_c_sign))
        assert (sum_o == f_one_nan);
      else if (f_inf) assert (sum_o == {f_sign, F_SPECIAL, {FRACTION_WIDTH{1'b0}}});
      else if (f_c_inf) assert (sum_o == f_addend);
      else if (f_over) assert (sum_o == {f_exact < 0, F_SPECIAL, {FRACTION_WIDTH{1'b0}}});
      else begin
        assert (f_r_field != F_SPECIAL);
        assert (sum_o[F_FLOAT-1] == (f_exact < 0 && f_result != 0));
        if (f_power) assert (4 * f_distance <= f_last);
        else assert (2 * f_distance < f_last || (2 * f_distance == f_last && !sum_o[0]));
      end
      cover (!f_nan && !f_inf && !f_c_nan && !f_c_inf && f_over && f_s_value < f_c_value);
      cover (f_r_field == 0 && f_result != 0 && f_size != f_result || SUM_WIDTH < SIGNIFICAND + 1);
      cover (f_exact == 0 && f_c_value != 0);
      cover (f_power && 4 * f_distance == f_last);
      cover (f_exact < 0 && f_result == 0 || SUM_WIDTH < SIGNIFICAND + 1);
    end
  end
`endif

endmodule

`default_nettype wire
