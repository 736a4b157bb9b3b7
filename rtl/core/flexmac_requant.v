// Requantizer of one column: assembles exact sums from result digits, adds, and rounds once.
//
// The result digits of a sum arrive lowest first, at most one per cycle. Each is added at its place
// to the row's sum in memory. The last arrival is the rest of the accumulator, signed. A complete
// sum is shifted, rounded and saturated:
//
//            SUM_WIDTH-1                  0 -1               -55
//             +---------------------------+-------------------+
//             |            sum            |         0         |   >>> amount (= shift + 31)
//             +---------------------------+-------------------+
//                             56         24 23       0
//                            +-------------+----------+
//   window                   |    floor    | dropped  |  + addend: nearest 2^23, truncate 0,
//                            +-------------+----------+            stochastic the random word
//
// One addition of 24 bits serves all modes: its carry rounds up. Bits of the random word below the
// dropped field are added to zeros and produce no carry.
//
//   chain_i            s(ACC_WIDTH-1).0: a result digit, zero-extended, or the accumulator
//   preload_i, sum_o   s(SUM_WIDTH-1).0
//   result_o           s31.0, within the mode's result width
//   error_o            |rounding error|, 0 .. 256 in units of 2^-8 of the result's last place
//
// Parameters:
//   CHUNK               bits of a result digit, 2..32; a power of two if SIGNIFICANCE_WIDTH > 1
//   ACC_WIDTH           bits of chain_i
//   SUM_WIDTH           bits of a sum, 48..88, above ACC_WIDTH
//   ROWS                rows of the array, each with a sum in memory
//   ROW_INDEX_WIDTH     bits of a row index
//   SIGNIFICANCE_WIDTH  bits of a significance
//   RESULTS             words of the result queue, at least 2
//   STOCHASTIC          1: builds the random stream
//
// Latency: 5 stages and the result queue. Throughput: one row per cycle.
// Not handled: the order of stages and queue; flexmac_drain and flexmac_results control them.
`default_nettype none

module flexmac_requant #(
    parameter CHUNK              = 8,
    parameter ACC_WIDTH          = 24,
    parameter SUM_WIDTH          = 48,
    parameter ROWS               = 8,
    parameter ROW_INDEX_WIDTH    = 3,
    parameter SIGNIFICANCE_WIDTH = 3,
    parameter RESULTS            = 2,
    parameter STOCHASTIC         = 1
) (
    input  wire                                 clk_i,
    input  wire                                 rst_ni,
    // mode, stable while busy; amount, out_of_range and limit come from flexmac_mode
    // round_mode: 0 nearest, 1 truncate, 2 stochastic
    input  wire        [                   1:0] round_mode_i,
    input  wire        [                   7:0] amount_i,
    input  wire        [         SUM_WIDTH-1:0] out_of_range_i,
    input  wire        [                  33:0] limit_i,
    // control: an enable for each of the stages S0 to S4, and what qualifies it
    input  wire                                 align_en_i,
    input  wire        [SIGNIFICANCE_WIDTH-1:0] align_pos_i,
    input  wire                                 align_last_i,
    // the row and what its sum starts from: from align_en_i on, until the next row's
    input  wire        [   ROW_INDEX_WIDTH-1:0] sum_row_i,
    input  wire        [                   1:0] sum_base_i,
    input  wire                                 sum_take_i,    // its preload has arrived
    input  wire                                 sum_en_i,
    input  wire                                 sum_keep_i,
    input  wire                                 resolve_en_i,
    input  wire                                 shift_en_i,
    input  wire                                 seed_en_i,
    input  wire                                 round_en_i,
    input  wire                                 result_en_i,   // a result enters the queue
    input  wire                                 result_pop_i,  // ... its oldest leaves
    // data
    input  wire signed [         ACC_WIDTH-1:0] chain_i,
    input  wire        [         SUM_WIDTH-1:0] preload_i,
    input  wire        [                  31:0] seed_i,
    output wire        [         SUM_WIDTH-1:0] sum_o,
    output wire        [                  31:0] result_o,
    // status, with result_o
    output wire                                 low_o,
    output wire                                 high_o,
    output wire        [                   8:0] error_o
);

  generate
    if (CHUNK < 2 || CHUNK > 32) begin : gen_bad_chunk
      flexmac_requant_CHUNK_must_be_2_to_32 u_illegal ();
    end
    if (SIGNIFICANCE_WIDTH > 1 && (CHUNK & (CHUNK - 1)) != 0) begin : gen_bad_places
      flexmac_requant_CHUNK_must_be_a_power_of_two_where_SIGNIFICANCE_WIDTH_exceeds_1 u_illegal ();
    end
    if (SUM_WIDTH < 48 || SUM_WIDTH > 88) begin : gen_bad_sum_width
      flexmac_requant_SUM_WIDTH_must_be_48_to_88 u_illegal ();
    end
    if (SUM_WIDTH <= ACC_WIDTH) begin : gen_bad_acc_width
      flexmac_requant_SUM_WIDTH_must_exceed_ACC_WIDTH u_illegal ();
    end
    if (RESULTS < 2) begin : gen_bad_results
      flexmac_requant_RESULTS_must_be_at_least_2 u_illegal ();
    end
  endgenerate

  localparam [1:0] ROUND_NEAREST = 2'd0;
  localparam [1:0] ROUND_STOCHASTIC = 2'd2;
  // bits of significance * CHUNK: CHUNK is a power of two, or the significance is always 0
  localparam PLACES = SIGNIFICANCE_WIDTH + $clog2(CHUNK);

  // S0: the result digit at its place
  wire sign = align_last_i && chain_i[ACC_WIDTH-1];
  wire [SUM_WIDTH-1:0] extended = {{(SUM_WIDTH - ACC_WIDTH) {sign}}, chain_i};
  wire [PLACES-1:0] places = {align_pos_i, {$clog2(CHUNK) {1'b0}}};
  reg [SUM_WIDTH-1:0] aligned_q;

  always @(posedge clk_i) begin
    if (align_en_i) aligned_q <= extended << places;
  end

  // S1, S2: the sum
  wire [SUM_WIDTH-1:0] sum;

  flexmac_sum #(.SUM_WIDTH(SUM_WIDTH), .ROWS(ROWS), .ROW_INDEX_WIDTH(ROW_INDEX_WIDTH)) u_sum (
      .clk_i       (clk_i),
      .read_en_i   (align_en_i),
      .take_i      (sum_take_i),
      .row_i       (sum_row_i),
      .base_i      (sum_base_i),
      .add_en_i    (sum_en_i),
      .keep_i      (sum_keep_i),
      .resolve_en_i(resolve_en_i),
      .aligned_i   (aligned_q),
      .preload_i   (preload_i),
      .sum_o       (sum)
  );

  assign sum_o = sum;

  // S3: floor and dropped bits; whether the sum exceeds the window
  wire [SUM_WIDTH+54:0] shifted = $signed({sum, 55'd0}) >>> amount_i;
  wire unused_shifted = &{1'b0, shifted[SUM_WIDTH+54:57]};
  reg [56:0] window_q;
  reg out_of_window_q, sign_q;

  always @(posedge clk_i) begin
    if (shift_en_i) begin
      window_q <= shifted[56:0];
      out_of_window_q <=
          ((sum ^ {SUM_WIDTH{sum[SUM_WIDTH-1]}}) & out_of_range_i) != {SUM_WIDTH{1'b0}};
      sign_q <= sum[SUM_WIDTH-1];
    end
  end

  wire [23:0] word;

  generate
    if (STOCHASTIC != 0) begin : gen_stream
      flexmac_lfsr u_lfsr (
          .clk_i(clk_i), .step_i(shift_en_i), .load_i(seed_en_i), .seed_i(seed_i), .word_o(word)
      );
    end else begin : gen_no_stream
      wire unused_stream = &{1'b0, seed_en_i, seed_i};
      assign word = 24'd0;
    end
  endgenerate

  // S4: rounded
  reg [23:0] addend;
  reg signed [33:0] rounded_q;
  reg rounded_out_of_window_q, rounded_sign_q;
  reg [8:0] rounded_error_q;

  always @* begin
    case (round_mode_i)
      ROUND_NEAREST: addend = 24'h800000;
      ROUND_STOCHASTIC: addend = word;
      default: addend = 24'd0;
    endcase
  end

  wire [24:0] carry = {1'b0, window_q[23:0]} + {1'b0, addend};
  wire unused_carry = &{1'b0, carry[23:0]};
  wire up = carry[24];
  wire [8:0] fraction = {1'b0, window_q[23:16]};

  always @(posedge clk_i) begin
    if (round_en_i) begin
      rounded_q <= {window_q[56], window_q[56:24]} + {33'd0, up};
      rounded_out_of_window_q <= out_of_window_q;
      rounded_sign_q <= sign_q;
      rounded_error_q <= up ? 9'd256 - fraction : fraction;
    end
  end

  // result
  wire [31:0] result_d;
  wire low_d, high_d;

  flexmac_saturate u_saturate (
      .value_i        (rounded_q),
      .out_of_window_i(rounded_out_of_window_q),
      .sign_i         (rounded_sign_q),
      .limit_i        (limit_i),
      .result_o       (result_d),
      .low_o          (low_d),
      .high_o         (high_d)
  );

  flexmac_fifo #(.WIDTH(43), .DEPTH(RESULTS)) u_results (
      .clk_i (clk_i),
      .rst_ni(rst_ni),
      .push_i(result_en_i),
      .pop_i (result_pop_i),
      .d_i   ({rounded_error_q, high_d, low_d, result_d}),
      .q_o   ({error_o, high_o, low_o, result_o})
  );

`ifdef FORMAL
  // Rules. Given: the masks are those of f_shift and f_bits (flexmac_mode); stages are enabled
  // every cycle, as they hold still otherwise, and results are taken as they come.
  // 1. The sum that reaches rounding is what it is added to, plus the digit (or, signed, the rest
  //    of the accumulator) at its place, modulo 2^SUM_WIDTH. (Proven with flexmac_sum in place; for
  //    2 and 3 the sum is any at all, F_FREE_SUM.)
  // 2. The result is docs/arithmetic.md word by word: y = floor((sum + R) / 2^s), exact for s <= 0,
  //    R a half, nothing, or the top min(s, 24) bits of the random word at the top of the dropped
  //    field; brought between the limits of f_bits.
  // 3. low_o, high_o: y is at or beyond a limit. error_o: the top 8 dropped bits f where y is the
  //    floor, 256 - f where it is one above.
  localparam F_WIDTH = SUM_WIDTH + 60;
  (* anyconst *) wire signed [7:0] f_shift;
  (* anyconst *) wire [5:0] f_bits;
  localparam signed [31:0] SIGNED_WIDTH = SUM_WIDTH;
  localparam signed [F_WIDTH-1:0] ONE = 1;
  reg [3:0] f_flow = 4'd0;  // cycles since the start, up to 8
  reg [SUM_WIDTH-1:0] f_aligned, f_base, f_added, f_sum;
  reg signed [F_WIDTH-1:0] f_wide, f_noise, f_y, f_floor, f_low, f_high;
  reg signed [F_WIDTH-1:0] f_y_q;
  reg [F_WIDTH+7:0] f_rest;
  reg [8:0] f_error, f_error_q, f_error_q2;
  integer s;

  // the definition
  always @* begin
    s = f_shift;
    f_wide = {{(F_WIDTH - SUM_WIDTH) {f_sum[SUM_WIDTH-1]}}, f_sum};
    f_noise = 0;
    if (s > 0) begin
      if (round_mode_i == 2'd0) f_noise = ONE <<< (s - 1);
      if (round_mode_i == 2'd2) f_noise = s < 24 ? word >> (24 - s) : word << (s - 24);
    end
    f_floor = s > 0 ? f_wide >>> s : f_wide <<< -s;
    f_y = s > 0 ? (f_wide + f_noise) >>> s : f_floor;
    f_rest = s > 0 ? ((f_wide - (f_floor <<< s)) << 8) >> s : 0;
    f_error = f_y == f_floor ? f_rest[8:0] : 9'd256 - f_rest[8:0];
    f_low = -(ONE <<< (f_bits - 1));
    f_high = (ONE <<< (f_bits - 1)) - 1;
  end

  always @(posedge clk_i) begin
    if (f_flow != 4'd8) f_flow <= f_flow + 4'd1;
    f_aligned <= (align_last_i ? {{(SUM_WIDTH - ACC_WIDTH) {chain_i[ACC_WIDTH-1]}}, chain_i}
        : {{(SUM_WIDTH - ACC_WIDTH) {1'b0}}, chain_i}) << (align_pos_i * CHUNK);
    f_base <= sum_base_i == 2'd1 ? preload_i : 0;
    f_added <= f_aligned + f_base;
    f_sum <= sum;
    f_y_q <= f_y;
    f_error_q <= f_error;
    f_error_q2 <= f_error_q;
  end

  always @* begin
    assume (f_shift >= -31 && f_shift <= SIGNED_WIDTH + 24 && f_bits >= 6'd2 && f_bits <= 6'd32);
    assume (amount_i == f_shift + 31);
    assume (out_of_range_i == (f_shift + 32 >= SIGNED_WIDTH ? {SUM_WIDTH{1'b0}}
        : {SUM_WIDTH{1'b1}} << (f_shift + 32)));
    assume (limit_i == {34{1'b1}} << (f_bits - 1));
    assume (align_en_i && sum_en_i && resolve_en_i && shift_en_i && round_en_i);
    // one result a cycle through the queue, from the second cycle on
    assume (rst_ni == (f_flow != 4'd0));
    assume (result_en_i == rst_ni && result_pop_i == (f_flow >= 4'd2));
    assume (sum_base_i != 2'd2 && round_mode_i != 2'd3);
    if (sum_take_i) assume (sum_base_i == 2'd1);
  end

  reg [SUM_WIDTH-1:0] f_added_q;
  reg signed [F_WIDTH-1:0] f_y_q2, f_floor_q, f_floor_q2;
  always @(posedge clk_i) begin
    f_added_q <= f_added;
    f_y_q2 <= f_y_q;
    f_floor_q <= f_floor;
    f_floor_q2 <= f_floor_q;
  end

  always @* begin
`ifndef F_FREE_SUM
    if (f_flow >= 3) assert (sum == f_added_q);
`endif
    if (f_flow >= 6) begin
      assert ($signed(result_o) == (f_y_q2 < f_low ? f_low : f_y_q2 > f_high ? f_high : f_y_q2));
      assert (low_o == (f_y_q2 <= f_low));
      assert (high_o == (f_y_q2 >= f_high));
      assert (error_o == f_error_q2);
      cover (f_y_q2 != f_floor_q2 && f_error_q2 != 0);
      cover (f_y_q2 == f_floor_q2 && !low_o && !high_o);
    end
  end
`endif

endmodule

`default_nettype wire
