// Control of the way out: walks the rows of each capture through the requantizers.
//
// A capture puts one value per row into every column's chain; rows 0, 1, ... then pass one a cycle
// through the requantizers' stages, all columns in step:
//
//   chain -> (LAG) -> align (A) -> add (B) -> resolve (R) -> shift (C) -> round (D) -> result
//
// Only a tile's complete sums go beyond B. A row that needs a preload beat in A, a seed beat in R
// or room for its result in D waits for it by freezing the control (en_i low).
//
// The enables go through registers to the columns (docs/hardware.md); chains reach LAG registers
// further than requantizers, so a row is aligned LAG enabled cycles after it was sent off.
//
// Parameters: RW, CW: widths of a count of rows and of columns; IW: of a row index;
// SW: of a significance; LAG >= 0.
// Latency 6 + LAG enabled cycles from capture to result; throughput one row a cycle.
`default_nettype none

module flexmac_drain #(
    parameter RW  = 4,
    parameter CW  = 4,
    parameter IW  = 3,
    parameter SW  = 3,
    parameter LAG = 0
) (
    input  wire          clk_i,
    input  wire          rst_ni,
    // control
    input  wire          en_i,
    input  wire          stochastic_i,   // stable while busy
    // capture, in step with the accumulators
    input  wire          cap_valid_i,
    input  wire          cap_last_i,
    input  wire [SW-1:0] cap_pos_i,
    input  wire [   1:0] cap_base_i,
    input  wire          cap_emit_i,
    input  wire [RW-1:0] cap_rows_i,
    input  wire [CW-1:0] cap_cols_i,
    // chains
    output wire          drain_o,        // they shift: a row leaves
    // align stage
    output wire          align_o,        // a row that left enters A
    output wire [SW-1:0] align_pos_o,    // its significance
    output wire          align_last_o,   // it is an accumulator, not a digit
    // sum stage
    output wire          sum_o,          // A enters B
    output wire [IW-1:0] sum_row_o,
    output wire [   1:0] sum_base_o,     // what is added to: 0 nothing, 1 preload, 2 memory
    output wire          sum_keep_o,     // write the memory
    output wire          need_preload_o,
    // resolve, shift, round and result stages: complete sums only
    output wire          resolve_o,      // B enters R
    output wire          shift_o,        // R enters C
    output wire          seed_o,         // ... as the first row of a tile
    output wire          need_seed_o,
    output wire          round_o,        // C enters D
    output wire          need_result_o,  // D has a result
    output wire          result_o,       // ... and hands it over
    output wire          result_last_o,  // ... as the last row of a tile
    output wire [CW-1:0] result_cols_o,  // ... and its live columns
    // status
    output wire          busy_o
);

  localparam [1:0] BASE_PRELOAD = 2'd1;
  localparam [1:0] BASE_MEMORY = 2'd2;
  localparam [RW-1:0] ONE_R = 1;

  // rows leaving the chains
  reg           valid_q, last_q, emit_q;
  reg  [SW-1:0] pos_q;
  reg  [   1:0] base_q;
  reg  [RW-1:0] rows_q, row_q;
  reg  [CW-1:0] cols_q;
  wire          final_row = row_q == rows_q - ONE_R;

  always @(posedge clk_i) begin
    if (!rst_ni) valid_q <= 1'b0;
    else if (en_i) valid_q <= cap_valid_i || (valid_q && !final_row);
  end

  always @(posedge clk_i) begin
    if (en_i && cap_valid_i) begin
      last_q <= cap_last_i;
      emit_q <= cap_emit_i;
      pos_q <= cap_pos_i;
      base_q <= cap_pos_i == {SW{1'b0}} ? cap_base_i : BASE_MEMORY;
      rows_q <= cap_rows_i;
      cols_q <= cap_cols_i;
      row_q <= {RW{1'b0}};
    end else if (en_i && valid_q) begin
      row_q <= row_q + ONE_R;
    end
  end

  assign drain_o = en_i && valid_q;

  // from the chains' control to the requantizers'
  wire [LAG:0] sent;  // a row, 0, 1, ... enabled cycles after it was sent off
  wire          s_last, s_emit, s_final;
  wire [SW-1:0] s_pos;
  wire [IW-1:0] s_row;
  wire [   1:0] s_base;
  wire [CW-1:0] s_cols;
  wire          s_valid = sent[LAG];

  assign sent[0] = valid_q;

  genvar n;
  generate
    for (n = 1; n <= LAG; n = n + 1) begin : gen_sent
      flexmac_delay #(.W(1), .N(1)) u_sent (
          .clk_i(clk_i), .rst_ni(rst_ni), .en_i(en_i), .d_i(sent[n-1]), .q_o(sent[n])
      );
    end
  endgenerate

  flexmac_delay #(.W(3 + SW + IW + 2 + CW), .N(LAG)) u_row (
      .clk_i (clk_i),
      .rst_ni(rst_ni),
      .en_i  (en_i),
      .d_i   ({last_q, emit_q, final_row, pos_q, row_q[IW-1:0], base_q, cols_q}),
      .q_o   ({s_last, s_emit, s_final, s_pos, s_row, s_base, s_cols})
  );

  assign align_o = en_i && s_valid;
  assign align_pos_o = s_pos;
  assign align_last_o = s_last;

  // A, B, R, C, D
  reg           a_valid_q, a_emit_q, a_final_q;
  reg  [IW-1:0] a_row_q;
  reg  [   1:0] a_base_q;
  reg  [CW-1:0] a_cols_q;
  reg           b_valid_q, b_first_q, b_final_q;
  reg  [CW-1:0] b_cols_q;
  reg           r_valid_q, r_first_q, r_final_q;
  reg  [CW-1:0] r_cols_q;
  reg           c_valid_q, c_final_q;
  reg  [CW-1:0] c_cols_q;
  reg           d_valid_q, d_final_q;
  reg  [CW-1:0] d_cols_q;

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      a_valid_q <= 1'b0;
      b_valid_q <= 1'b0;
      r_valid_q <= 1'b0;
      c_valid_q <= 1'b0;
      d_valid_q <= 1'b0;
    end else if (en_i) begin
      a_valid_q <= s_valid;
      b_valid_q <= a_valid_q && a_emit_q;
      r_valid_q <= b_valid_q;
      c_valid_q <= r_valid_q;
      d_valid_q <= c_valid_q;
    end
  end

  always @(posedge clk_i) begin
    if (en_i) begin
      a_emit_q <= s_emit;
      a_final_q <= s_final;
      a_row_q <= s_row;
      a_base_q <= s_base;
      a_cols_q <= s_cols;
      b_first_q <= a_row_q == {IW{1'b0}};
      b_final_q <= a_final_q;
      b_cols_q <= a_cols_q;
      r_first_q <= b_first_q;
      r_final_q <= b_final_q;
      r_cols_q <= b_cols_q;
      c_final_q <= r_final_q;
      c_cols_q <= r_cols_q;
      d_final_q <= c_final_q;
      d_cols_q <= c_cols_q;
    end
  end

  assign sum_o = en_i && a_valid_q;
  assign sum_row_o = a_row_q;
  assign sum_base_o = a_base_q;
  assign sum_keep_o = en_i && a_valid_q && !a_emit_q;
  assign need_preload_o = a_valid_q && a_base_q == BASE_PRELOAD;
  assign resolve_o = en_i && b_valid_q;
  assign shift_o = en_i && r_valid_q;
  assign seed_o = r_first_q;
  assign need_seed_o = r_valid_q && r_first_q && stochastic_i;
  assign round_o = en_i && c_valid_q;
  assign need_result_o = d_valid_q;
  assign result_o = en_i && d_valid_q;
  assign result_last_o = d_final_q;
  assign result_cols_o = d_cols_q;
  assign busy_o = sent != {(LAG + 1) {1'b0}} || a_valid_q || b_valid_q || r_valid_q || c_valid_q
      || d_valid_q;

endmodule

`default_nettype wire
