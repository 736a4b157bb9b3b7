// Drain control: leads the rows of each capture through the requantizers, all columns in step.
//
// A capture puts one value per row into every column's chain. The chains then shift one row per
// cycle, row 0 first, and each row passes the stages of the requantizers:
//
//   chain -> LAG slots -> S0 align -> S1 add -> S2 resolve -> S3 shift -> S4 round -> result
//
// Only complete sums of a tile go beyond S1. A row that needs a preload beat in S0, a seed beat in
// S2, or room for its result in S4 waits for it: en_i is then low, which freezes this control.
//
// The enables pass registers on their way to the columns (docs/hardware.md). The chains are LAG
// registers further away than the requantizers, so a row is aligned LAG enabled cycles after the
// enable that shifts it out of the chain.
//
// Parameters:
//   ROWS_WIDTH          bits of a count of rows, at least ROW_INDEX_WIDTH
//   COLS_WIDTH          bits of a count of columns
//   ROW_INDEX_WIDTH     bits of a row index
//   SIGNIFICANCE_WIDTH  bits of a significance
//   LAG                 slots between the enable that shifts a row out of the drain chain and the
//                       enable that makes its requantizer accept it, at least 0
//
// Latency: 6 + LAG enabled cycles from capture to result. Throughput: one row per cycle.
// Not handled: a capture while rows of the one before are in the chains; flexmac_seq excludes it.
`default_nettype none

module flexmac_drain #(
    parameter ROWS_WIDTH         = 4,
    parameter COLS_WIDTH         = 4,
    parameter ROW_INDEX_WIDTH    = 3,
    parameter SIGNIFICANCE_WIDTH = 3,
    parameter LAG                = 0
) (
    input  wire                          clk_i,
    input  wire                          rst_ni,
    // control
    input  wire                          en_i,
    input  wire                          stochastic_i,   // stable while busy
    // capture, in step with the accumulators
    input  wire                          cap_valid_i,
    input  wire                          cap_last_i,
    input  wire [SIGNIFICANCE_WIDTH-1:0] cap_pos_i,
    input  wire [                   1:0] cap_base_i,
    input  wire                          cap_emit_i,
    input  wire [        ROWS_WIDTH-1:0] cap_rows_i,
    input  wire [        COLS_WIDTH-1:0] cap_cols_i,
    // chains
    output wire                          drain_o,        // the chains shift: a row leaves
    // align stage
    output wire                          align_o,        // a row that has left enters S0
    output wire [SIGNIFICANCE_WIDTH-1:0] align_pos_o,    // its significance
    output wire                          align_last_o,   // it is an accumulator, not a result digit
    // sum stage
    output wire                          sum_o,          // S0 to S1
    output wire [   ROW_INDEX_WIDTH-1:0] sum_row_o,
    // add to: 0 nothing, 1 preload, 2 memory
    output wire [                   1:0] sum_base_o,
    output wire                          sum_keep_o,     // write the memory
    output wire                          need_preload_o,
    // resolve, shift, round and result stages: complete sums only
    output wire                          resolve_o,      // S1 to S2
    output wire                          shift_o,        // S2 to S3
    output wire                          seed_o,         // ... as the first row of a tile
    output wire                          need_seed_o,
    output wire                          round_o,        // S3 to S4
    output wire                          need_result_o,  // S4 has a result
    output wire                          result_o,       // ... and passes it on
    output wire                          result_last_o,  // ... as the last row of a tile
    output wire [        COLS_WIDTH-1:0] result_cols_o,  // ... and its live columns
    // status
    output wire                          busy_o
);

  generate
    if (ROWS_WIDTH < ROW_INDEX_WIDTH) begin : gen_bad_rows_width
      flexmac_drain_ROWS_WIDTH_must_be_at_least_ROW_INDEX_WIDTH u_illegal ();
    end
    if (ROW_INDEX_WIDTH < 1 || SIGNIFICANCE_WIDTH < 1 || COLS_WIDTH < 1) begin : gen_bad_widths
      flexmac_drain_widths_must_be_at_least_1 u_illegal ();
    end
    if (LAG < 0) begin : gen_bad_lag
      flexmac_drain_LAG_must_be_at_least_0 u_illegal ();
    end
  endgenerate

  localparam [1:0] BASE_PRELOAD = 2'd1;
  localparam [1:0] BASE_MEMORY = 2'd2;
  localparam [ROWS_WIDTH-1:0] ONE_ROW = 1;

  // rows that leave the chains
  reg valid_q, last_q, emit_q;
  reg [SIGNIFICANCE_WIDTH-1:0] pos_q;
  reg [1:0] base_q;
  reg [ROWS_WIDTH-1:0] rows_q, row_q;
  reg [COLS_WIDTH-1:0] cols_q;
  wire final_row = row_q == rows_q - ONE_ROW;

  always @(posedge clk_i) begin
    if (!rst_ni) valid_q <= 1'b0;
    else if (en_i) valid_q <= cap_valid_i || (valid_q && !final_row);
  end

  always @(posedge clk_i) begin
    if (en_i && cap_valid_i) begin
      last_q <= cap_last_i;
      emit_q <= cap_emit_i;
      pos_q <= cap_pos_i;
      base_q <= cap_pos_i == {SIGNIFICANCE_WIDTH{1'b0}} ? cap_base_i : BASE_MEMORY;
      rows_q <= cap_rows_i;
      cols_q <= cap_cols_i;
      row_q <= {ROWS_WIDTH{1'b0}};
    end else if (en_i && valid_q) begin
      row_q <= row_q + ONE_ROW;
    end
  end

  assign drain_o = en_i && valid_q;

  // from the control of the chains to that of the requantizers
  wire [LAG:0] sent;  // a row that left 0, 1, ... enabled cycles ago
  wire lagged_last, lagged_emit, lagged_final;
  wire [SIGNIFICANCE_WIDTH-1:0] lagged_pos;
  wire [ROW_INDEX_WIDTH-1:0] lagged_row;
  wire [1:0] lagged_base;
  wire [COLS_WIDTH-1:0] lagged_cols;
  wire lagged_valid = sent[LAG];

  assign sent[0] = valid_q;

  genvar n;
  generate
    for (n = 1; n <= LAG; n = n + 1) begin : gen_sent
      flexmac_delay #(.WIDTH(1), .CYCLES(1)) u_sent (
          .clk_i(clk_i), .rst_ni(rst_ni), .en_i(en_i), .d_i(sent[n-1]), .q_o(sent[n])
      );
    end
  endgenerate

  flexmac_delay #(
      .WIDTH(3 + SIGNIFICANCE_WIDTH + ROW_INDEX_WIDTH + 2 + COLS_WIDTH), .CYCLES(LAG)
  ) u_row (
      .clk_i (clk_i),
      .rst_ni(rst_ni),
      .en_i  (en_i),
      .d_i   ({last_q, emit_q, final_row, pos_q, row_q[ROW_INDEX_WIDTH-1:0], base_q, cols_q}),
      .q_o   ({lagged_last, lagged_emit, lagged_final, lagged_pos, lagged_row, lagged_base,
          lagged_cols})
  );

  assign align_o = en_i && lagged_valid;
  assign align_pos_o = lagged_pos;
  assign align_last_o = lagged_last;

  // stages S0 .. S4
  reg s0_valid_q, s0_emit_q, s0_final_q;
  reg [ROW_INDEX_WIDTH-1:0] s0_row_q;
  reg [1:0] s0_base_q;
  reg [COLS_WIDTH-1:0] s0_cols_q;
  reg s1_valid_q, s1_first_q, s1_final_q;
  reg [COLS_WIDTH-1:0] s1_cols_q;
  reg s2_valid_q, s2_first_q, s2_final_q;
  reg [COLS_WIDTH-1:0] s2_cols_q;
  reg s3_valid_q, s3_final_q;
  reg [COLS_WIDTH-1:0] s3_cols_q;
  reg s4_valid_q, s4_final_q;
  reg [COLS_WIDTH-1:0] s4_cols_q;

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      s0_valid_q <= 1'b0;
      s1_valid_q <= 1'b0;
      s2_valid_q <= 1'b0;
      s3_valid_q <= 1'b0;
      s4_valid_q <= 1'b0;
    end else if (en_i) begin
      s0_valid_q <= lagged_valid;
      s1_valid_q <= s0_valid_q && s0_emit_q;
      s2_valid_q <= s1_valid_q;
      s3_valid_q <= s2_valid_q;
      s4_valid_q <= s3_valid_q;
    end
  end

  always @(posedge clk_i) begin
    if (en_i) begin
      s0_emit_q <= lagged_emit;
      s0_final_q <= lagged_final;
      s0_row_q <= lagged_row;
      s0_base_q <= lagged_base;
      s0_cols_q <= lagged_cols;
      s1_first_q <= s0_row_q == {ROW_INDEX_WIDTH{1'b0}};
      s1_final_q <= s0_final_q;
      s1_cols_q <= s0_cols_q;
      s2_first_q <= s1_first_q;
      s2_final_q <= s1_final_q;
      s2_cols_q <= s1_cols_q;
      s3_final_q <= s2_final_q;
      s3_cols_q <= s2_cols_q;
      s4_final_q <= s3_final_q;
      s4_cols_q <= s3_cols_q;
    end
  end

  assign sum_o = en_i && s0_valid_q;
  assign sum_row_o = s0_row_q;
  assign sum_base_o = s0_base_q;
  assign sum_keep_o = en_i && s0_valid_q && !s0_emit_q;
  assign need_preload_o = s0_valid_q && s0_base_q == BASE_PRELOAD;
  assign resolve_o = en_i && s1_valid_q;
  assign shift_o = en_i && s2_valid_q;
  assign seed_o = s2_first_q;
  assign need_seed_o = s2_valid_q && s2_first_q && stochastic_i;
  assign round_o = en_i && s3_valid_q;
  assign need_result_o = s4_valid_q;
  assign result_o = en_i && s4_valid_q;
  assign result_last_o = s4_final_q;
  assign result_cols_o = s4_cols_q;
  assign busy_o = sent != {(LAG + 1) {1'b0}} || s0_valid_q || s1_valid_q || s2_valid_q || s3_valid_q
      || s4_valid_q;

`ifdef FORMAL
  // Rules; a slot is a cycle with en_i. Given: a capture comes no earlier than in the slot in which
  // the last row of the one before leaves (flexmac_seq keeps to it), with 1 .. 2^ROW_INDEX_WIDTH
  // rows.
  // 1. After a capture of r rows the chains shift in each of the next r slots and in no other; LAG
  //    slots later each row is aligned under the capture's significance and kind.
  // 2. Rows reach the sum stage one slot after that, numbered 0 .. r-1 in order, each once, added
  //    to the capture's base at significance 0 and to the memory above. Rows of a capture that
  //    emits are not kept, the others are.
  // 3. Rows of a capture that emits, and no others, come out 1, 2, 3 and 4 slots later at the
  //    resolve, shift, round and result stages; only the last one as the last, with the capture's
  //    columns.
  // 4. A preload is needed exactly by rows added to one, a seed by row 0 under stochastic rounding.
  // 5. Nothing moves without en_i.
  // 6. Without a new capture it is idle r + LAG + 5 slots after one.
  localparam [ROWS_WIDTH:0] NONE = 0;
  localparam S0 = LAG, S1 = LAG + 1, S2 = LAG + 2, S3 = LAG + 3, S4 = LAG + 4;  // places of f_in
  // rows of the capture still in the chains, and of it in all
  reg [ROWS_WIDTH:0] f_left, f_rows;
  reg [ROWS_WIDTH+5:0] f_since;  // slots since the capture
  reg f_emit, f_last;
  reg [SIGNIFICANCE_WIDTH-1:0] f_pos;
  reg [1:0] f_base;
  reg [COLS_WIDTH-1:0] f_cols;
  wire [ROWS_WIDTH:0] f_row = f_rows - f_left;
  // what is on the way after 1, 2, ... slots, and in the stages
  reg [S4:0] f_in, f_emits, f_first, f_final, f_lasts;
  reg [(S4+1)*(ROWS_WIDTH+1)-1:0] f_row_line;
  reg [(S4+1)*2-1:0] f_base_line;
  reg [(S4+1)*SIGNIFICANCE_WIDTH-1:0] f_pos_line;
  reg [(S4+1)*COLS_WIDTH-1:0] f_cols_line;
  wire [S4+1:0] f_in_d = {f_in, f_left != NONE};
  wire [S4+1:0] f_lasts_d = {f_lasts, f_last};
  wire [(S4+2)*SIGNIFICANCE_WIDTH-1:0] f_pos_d = {f_pos_line, f_pos};
  wire [ROWS_WIDTH:0] f_s0_row = f_row_line[S0*(ROWS_WIDTH+1) +: ROWS_WIDTH+1];
  wire [1:0] f_s0_base = f_base_line[S0*2 +: 2];
  reg past_valid = 1'b0;
  integer f;
  initial assume (!rst_ni);

  always @(posedge clk_i) begin
    past_valid <= 1'b1;
    if (!rst_ni) begin
      f_left <= NONE;
      f_in <= 0;
      f_since <= {(ROWS_WIDTH + 6) {1'b1}};
      f_rows <= NONE;
    end else if (en_i) begin
      if (cap_valid_i) begin
        f_left <= {1'b0, cap_rows_i};
        f_rows <= {1'b0, cap_rows_i};
        f_emit <= cap_emit_i;
        f_last <= cap_last_i;
        f_pos <= cap_pos_i;
        f_base <= cap_pos_i == 0 ? cap_base_i : 2'd2;
        f_cols <= cap_cols_i;
        f_since <= 0;
      end else begin
        if (f_left != NONE) f_left <= f_left - 1;
        if (!(&f_since)) f_since <= f_since + 1;
      end
      f_in <= f_in_d[S4:0];
      f_in[S1] <= f_in[S0] && f_emits[S0];
      f_emits <= {f_emits, f_emit};
      f_lasts <= f_lasts_d[S4:0];
      f_first <= {f_first, f_row == NONE};
      f_final <= {f_final, f_left == 1};
      f_row_line <= {f_row_line, f_row};
      f_base_line <= {f_base_line, f_base};
      f_pos_line <= f_pos_d[(S4+1)*SIGNIFICANCE_WIDTH-1:0];
      f_cols_line <= {f_cols_line, f_cols};
    end
  end

  always @* begin
    assume (cap_rows_i != 0 && cap_rows_i <= (1 << ROW_INDEX_WIDTH));
    if (cap_valid_i) assume (f_left <= 1);
    if (past_valid) begin
      assert (drain_o == (en_i && f_left != NONE));
      assert (align_o == (en_i && f_in_d[LAG]));
      if (align_o) assert (align_pos_o == f_pos_d[LAG*SIGNIFICANCE_WIDTH +: SIGNIFICANCE_WIDTH]
          && align_last_o == f_lasts_d[LAG]);
      assert (sum_o == (en_i && f_in[S0]));
      if (sum_o) assert (sum_row_o == f_s0_row && f_s0_row < (1 << ROW_INDEX_WIDTH)
          && sum_base_o == f_s0_base);
      assert (sum_keep_o == (sum_o && !f_emits[S0]));
      assert (need_preload_o == (f_in[S0] && f_s0_base == 2'd1));
      assert (resolve_o == (en_i && f_in[S1]));
      assert (shift_o == (en_i && f_in[S2]));
      if (f_in[S2]) assert (seed_o == f_first[S2]);
      assert (need_seed_o == (f_in[S2] && f_first[S2] && stochastic_i));
      assert (round_o == (en_i && f_in[S3]));
      assert (need_result_o == f_in[S4]);
      assert (result_o == (en_i && f_in[S4]));
      if (f_in[S4]) assert (result_last_o == f_final[S4]
          && result_cols_o == f_cols_line[S4*COLS_WIDTH +: COLS_WIDTH]);
      assert (busy_o == (f_left != NONE || f_in != 0));
      if (busy_o) assert (f_since < f_rows + LAG + 5);
      // what makes them inductive (where LAG is 0: the delays' insides do not show here)
      assert (f_left <= f_rows && f_rows <= (1 << ROW_INDEX_WIDTH));
      assert (valid_q == (f_left != NONE));
      if (f_left != NONE) begin
        assert (rows_q == f_rows && row_q == f_row && cols_q == f_cols);
        assert (pos_q == f_pos && last_q == f_last);
        assert (emit_q == f_emit && base_q == f_base && f_since == f_rows - f_left);
      end
      assert (s0_valid_q == f_in[S0] && s1_valid_q == f_in[S1] && s2_valid_q == f_in[S2]);
      assert (s3_valid_q == f_in[S3] && s4_valid_q == f_in[S4]);
      if (f_in[S0]) begin
        assert (s0_row_q == f_s0_row && f_s0_row < (1 << ROW_INDEX_WIDTH)
            && s0_base_q == f_s0_base);
        assert (s0_emit_q == f_emits[S0] && s0_final_q == f_final[S0]);
        assert (s0_cols_q == f_cols_line[S0*COLS_WIDTH +: COLS_WIDTH]
            && f_first[S0] == (f_s0_row == NONE));
      end
      if (f_in[S1]) assert (s1_first_q == f_first[S1] && s1_final_q == f_final[S1]);
      if (f_in[S1]) assert (s1_cols_q == f_cols_line[S1*COLS_WIDTH +: COLS_WIDTH]);
      if (f_in[S2]) assert (s2_first_q == f_first[S2] && s2_final_q == f_final[S2]);
      if (f_in[S2]) assert (s2_cols_q == f_cols_line[S2*COLS_WIDTH +: COLS_WIDTH]);
      if (f_in[S3]) assert (s3_final_q == f_final[S3]
          && s3_cols_q == f_cols_line[S3*COLS_WIDTH +: COLS_WIDTH]);
      if (f_in[S4]) assert (s4_final_q == f_final[S4]);
      for (f = 0; f <= S4; f = f + 1) begin
        if (f_in[f]) assert (f_left == NONE ? f_since <= f_rows + f : 1'b1);
      end
      cover (result_o && result_last_o && !f_first[S4]);
      cover (result_o && result_last_o && f_first[S4] && cap_valid_i);
      cover (need_preload_o && need_seed_o);
      cover (!busy_o && f_since == f_rows + LAG + 5);
    end
  end
`endif

endmodule

`default_nettype wire
