// Counters of what the requantizers emit, for the precision policy on the host.
//
// A result beat brings COLS values, of which the first cols_i count. Their flags and errors are
// added up across the columns, registered, and then accumulated. Errors are wide: they are added up
// in groups of 4 columns first, and the groups a cycle later.
//
//   magnitude_o   OR of y for y >= 0 and of ~y for y < 0: its highest set bit is the width used
//   error_o       sum of |rounding error| in units of 2^-8 of the result's last place
//
// Parameters:
//   COLS           columns, 1..128
//   COLS_WIDTH     bits of a count of columns, large enough for COLS
//   COUNTER_WIDTH  bits of the counters, above COLS_WIDTH + 9
//
// Latency: 3 cycles from a beat for error_o, 2 for the others; busy_o is high until then.
// Throughput: one beat per cycle.
// Not handled: counter overflow; counters wrap.
`default_nettype none

module flexmac_stats #(
    parameter COLS          = 8,
    parameter COLS_WIDTH    = 4,
    parameter COUNTER_WIDTH = 48
) (
    input  wire                     clk_i,
    input  wire                     rst_ni,
    // control
    input  wire                     clear_i,
    input  wire                     valid_i,
    input  wire [   COLS_WIDTH-1:0] cols_i,
    // data
    input  wire [      COLS*32-1:0] result_i,
    input  wire [         COLS-1:0] low_i,
    input  wire [         COLS-1:0] high_i,
    input  wire [       COLS*9-1:0] error_i,
    // status
    output wire                     busy_o,
    output wire [COUNTER_WIDTH-1:0] emitted_o,
    output wire [COUNTER_WIDTH-1:0] low_o,
    output wire [COUNTER_WIDTH-1:0] high_o,
    output reg  [             31:0] magnitude_o,
    output wire [COUNTER_WIDTH-1:0] error_o
);

  generate
    if (COLS < 1 || COLS > 128) begin : gen_bad_cols
      flexmac_stats_COLS_must_be_1_to_128 u_illegal ();
    end
    if (COLS >= (1 << COLS_WIDTH)) begin : gen_bad_cols_width
      flexmac_stats_COLS_WIDTH_must_hold_COLS u_illegal ();
    end
    if (COUNTER_WIDTH <= COLS_WIDTH + 9) begin : gen_bad_counter_width
      flexmac_stats_COUNTER_WIDTH_must_exceed_COLS_WIDTH_plus_9 u_illegal ();
    end
  endgenerate

  localparam ERROR_WIDTH = COLS_WIDTH + 9;  // sum of COLS errors
  localparam GROUPS = (COLS + 3) / 4;
  // sum of 4 errors, each at most 256, or of fewer columns
  localparam GROUP_WIDTH = ERROR_WIDTH < 11 ? ERROR_WIDTH : 11;

  reg [COLS_WIDTH-1:0] low_sum, high_sum;
  reg [GROUPS*GROUP_WIDTH-1:0] error_groups;
  reg [31:0] magnitude_or;
  reg live;
  integer c;

  always @* begin
    low_sum = {COLS_WIDTH{1'b0}};
    high_sum = {COLS_WIDTH{1'b0}};
    error_groups = {GROUPS * GROUP_WIDTH{1'b0}};
    magnitude_or = 32'd0;
    live = 1'b0;
    for (c = 0; c < COLS; c = c + 1) begin
      live = c < {{(32 - COLS_WIDTH) {1'b0}}, cols_i};
      low_sum = low_sum + {{(COLS_WIDTH - 1) {1'b0}}, live & low_i[c]};
      high_sum = high_sum + {{(COLS_WIDTH - 1) {1'b0}}, live & high_i[c]};
      error_groups[(c/4)*GROUP_WIDTH +: GROUP_WIDTH] =
          error_groups[(c/4)*GROUP_WIDTH +: GROUP_WIDTH]
          + {{(GROUP_WIDTH - 9) {1'b0}}, {9{live}} & error_i[c*9 +: 9]};
      magnitude_or = magnitude_or
          | ({32{live}} & (result_i[c*32 +: 32] ^ {32{result_i[c*32+31]}}));
    end
  end

  reg valid_q, valid_q2;
  reg [COLS_WIDTH-1:0] cols_q, low_q, high_q;
  reg [GROUPS*GROUP_WIDTH-1:0] groups_q;
  reg [ERROR_WIDTH-1:0] group, error_sum, error_q2;
  reg [31:0] magnitude_q;
  integer g;

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q <= 1'b0;
      valid_q2 <= 1'b0;
    end else begin
      valid_q <= valid_i;
      valid_q2 <= valid_q;
    end
  end

  always @* begin
    error_sum = {ERROR_WIDTH{1'b0}};
    group = {ERROR_WIDTH{1'b0}};
    for (g = 0; g < GROUPS; g = g + 1) begin
      group = {ERROR_WIDTH{1'b0}};
      group[GROUP_WIDTH-1:0] = groups_q[g*GROUP_WIDTH +: GROUP_WIDTH];
      error_sum = error_sum + group;
    end
  end

  always @(posedge clk_i) begin
    if (valid_i) begin
      cols_q <= cols_i;
      low_q <= low_sum;
      high_q <= high_sum;
      groups_q <= error_groups;
      magnitude_q <= magnitude_or;
    end
    if (valid_q) error_q2 <= error_sum;
  end

  always @(posedge clk_i) begin
    if (!rst_ni || clear_i) magnitude_o <= 32'd0;
    else if (valid_q) magnitude_o <= magnitude_o | magnitude_q;
  end

  flexmac_counter #(.WIDTH(COUNTER_WIDTH), .ADD_WIDTH(COLS_WIDTH)) u_emitted (
      .clk_i(clk_i), .rst_ni(rst_ni), .clear_i(clear_i), .en_i(valid_q), .add_i(cols_q),
      .count_o(emitted_o)
  );
  flexmac_counter #(.WIDTH(COUNTER_WIDTH), .ADD_WIDTH(COLS_WIDTH)) u_low (
      .clk_i(clk_i), .rst_ni(rst_ni), .clear_i(clear_i), .en_i(valid_q), .add_i(low_q),
      .count_o(low_o)
  );
  flexmac_counter #(.WIDTH(COUNTER_WIDTH), .ADD_WIDTH(COLS_WIDTH)) u_high (
      .clk_i(clk_i), .rst_ni(rst_ni), .clear_i(clear_i), .en_i(valid_q), .add_i(high_q),
      .count_o(high_o)
  );
  flexmac_counter #(.WIDTH(COUNTER_WIDTH), .ADD_WIDTH(ERROR_WIDTH)) u_error (
      .clk_i(clk_i), .rst_ni(rst_ni), .clear_i(clear_i), .en_i(valid_q2), .add_i(error_q2),
      .count_o(error_o)
  );

  assign busy_o = valid_q || valid_q2;

`ifdef FORMAL
  // Rules
  // 1. Two cycles after a beat, three for errors, each counter has grown by that of the beat's first
  //    cols_i columns: their number, their low and high flags, their errors; magnitude_o has OR-ed
  //    in each y, complemented below zero.
  // 2. A clear forgets what was counted, and what would have been counted in that cycle.
  reg past_valid = 1'b0;
  reg beat_q = 1'b0;
  reg beat_q2 = 1'b0;
  reg [COUNTER_WIDTH-1:0] emitted, low, high, error;
  reg [31:0] magnitude;
  reg [COUNTER_WIDTH-1:0] beat_emitted, beat_low, beat_high, beat_error;
  reg [31:0] beat_magnitude;
  reg [COUNTER_WIDTH-1:0] error_before;  // of the beat before the one before
  integer f;
  initial assume (!rst_ni);

  always @(posedge clk_i) begin
    past_valid <= 1'b1;
    beat_q <= rst_ni && valid_i;
    beat_q2 <= rst_ni && beat_q;
    if (beat_q) error_before <= now_error;
    if (valid_i) begin
      beat_emitted = 0;
      beat_low = 0;
      beat_high = 0;
      beat_error = 0;
      beat_magnitude = 0;
      for (f = 0; f < COLS; f = f + 1) begin
        if (f < cols_i) begin
          beat_emitted = beat_emitted + 1;
          if (low_i[f]) beat_low = beat_low + 1;
          if (high_i[f]) beat_high = beat_high + 1;
          beat_error = beat_error + error_i[f*9 +: 9];
          if (result_i[f*32+31]) beat_magnitude = beat_magnitude | ~result_i[f*32 +: 32];
          else beat_magnitude = beat_magnitude | result_i[f*32 +: 32];
        end
      end
    end
  end

  // what is counted now is the beat before, as it was
  reg [COUNTER_WIDTH-1:0] now_emitted, now_low, now_high, now_error;
  reg [31:0] now_magnitude;
  always @* begin
    now_emitted = beat_emitted;
    now_low = beat_low;
    now_high = beat_high;
    now_error = beat_error;
    now_magnitude = beat_magnitude;
  end

  always @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      emitted <= 0;
      low <= 0;
      high <= 0;
      error <= 0;
      magnitude <= 0;
    end else if (beat_q) begin
      emitted <= emitted + now_emitted;
      low <= low + now_low;
      high <= high + now_high;
      magnitude <= magnitude | now_magnitude;
    end
    if (rst_ni && !clear_i && beat_q2) error <= error + error_before;
  end

  always @* begin
    assume (cols_i <= COLS && cols_i != 0);
    if (past_valid) begin
      assert (valid_q == beat_q && valid_q2 == beat_q2 && busy_o == (beat_q || beat_q2));
      if (beat_q) begin
        assert (cols_q == beat_emitted && low_q == beat_low && high_q == beat_high);
        assert (error_sum == beat_error && magnitude_q == beat_magnitude);
      end
      if (beat_q2) assert (error_q2 == error_before);
      assert (emitted_o == emitted && low_o == low && high_o == high);
      assert (error_o == error && magnitude_o == magnitude);
      cover (low == COLS && high == 1);
      cover (magnitude == 32'h80000000 - 1 && emitted == 1);
      cover (error == COLS * 256);
    end
  end
`endif

endmodule

`default_nettype wire
