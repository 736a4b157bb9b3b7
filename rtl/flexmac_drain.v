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

  generate
    if (RW < IW) begin : gen_bad_rw
      flexmac_drain_RW_must_be_at_least_IW u_illegal ();
    end
    if (IW < 1 || SW < 1 || CW < 1) begin : gen_bad_widths
      flexmac_drain_widths_must_be_at_least_1 u_illegal ();
    end
    if (LAG < 0) begin : gen_bad_lag
      flexmac_drain_LAG_must_be_at_least_0 u_illegal ();
    end
  endgenerate

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

`ifdef FORMAL
  // Rules; a slot is a cycle with en_i. Given: a capture comes no earlier than in the slot in which
  // the last row of the one before leaves (flexmac_seq keeps to it), with 1 .. 2^IW rows.
  // 1. After a capture of r rows the chains shift in each of the next r slots and in no other; LAG
  //    slots later each row is aligned under the capture's significance and kind.
  // 2. Rows reach the sum stage one slot after that, numbered 0 .. r-1 in order, each once, added to
  //    the capture's base at significance 0 and to the memory above. Rows of a capture that emits
  //    are not kept, the others are.
  // 3. Rows of a capture that emits, and no others, come out 1, 2, 3 and 4 slots later at the
  //    resolve, shift, round and result stages; only the last one as the last, with the capture's
  //    columns.
  // 4. A preload is needed exactly by rows added to one, a seed by row 0 under stochastic rounding.
  // 5. Nothing moves without en_i.
  // 6. Without a new capture it is idle r + LAG + 5 slots after one.
  localparam [RW:0] NONE = 0;
  localparam A = LAG, B = LAG + 1, R = LAG + 2, C = LAG + 3, D = LAG + 4;  // places of f_in
  reg  [RW:0] f_left, f_rows;        // rows of the capture still in the chains, and of it in all
  reg  [RW+5:0] f_since;             // slots since the capture
  reg  f_emit, f_last;
  reg  [SW-1:0] f_pos;
  reg  [1:0] f_base;
  reg  [CW-1:0] f_cols;
  wire [RW:0] f_row = f_rows - f_left;
  // what is on the way after 1, 2, ... slots, and in the stages
  reg  [D:0] f_in, f_emits, f_first, f_final, f_lasts;
  reg  [(D+1)*(RW+1)-1:0] f_row_line;
  reg  [(D+1)*2-1:0] f_base_line;
  reg  [(D+1)*SW-1:0] f_pos_line;
  reg  [(D+1)*CW-1:0] f_cols_line;
  wire [D+1:0] f_in_d = {f_in, f_left != NONE};
  wire [D+1:0] f_lasts_d = {f_lasts, f_last};
  wire [(D+2)*SW-1:0] f_pos_d = {f_pos_line, f_pos};
  wire [RW:0] f_a_row = f_row_line[A*(RW+1) +: RW+1];
  wire [1:0] f_a_base = f_base_line[A*2 +: 2];
  reg  past_valid = 1'b0;
  integer f;
  initial assume (!rst_ni);

  always @(posedge clk_i) begin
    past_valid <= 1'b1;
    if (!rst_ni) begin
      f_left <= NONE;
      f_in <= 0;
      f_since <= {(RW + 6) {1'b1}};
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
      f_in <= f_in_d[D:0];
      f_in[B] <= f_in[A] && f_emits[A];
      f_emits <= {f_emits, f_emit};
      f_lasts <= f_lasts_d[D:0];
      f_first <= {f_first, f_row == NONE};
      f_final <= {f_final, f_left == 1};
      f_row_line <= {f_row_line, f_row};
      f_base_line <= {f_base_line, f_base};
      f_pos_line <= f_pos_d[(D+1)*SW-1:0];
      f_cols_line <= {f_cols_line, f_cols};
    end
  end

  always @* begin
    assume (cap_rows_i != 0 && cap_rows_i <= (1 << IW));
    if (cap_valid_i) assume (f_left <= 1);
    if (past_valid) begin
      assert (drain_o == (en_i && f_left != NONE));
      assert (align_o == (en_i && f_in_d[LAG]));
      if (align_o) assert (align_pos_o == f_pos_d[LAG*SW +: SW] && align_last_o == f_lasts_d[LAG]);
      assert (sum_o == (en_i && f_in[A]));
      if (sum_o) assert (sum_row_o == f_a_row && f_a_row < (1 << IW) && sum_base_o == f_a_base);
      assert (sum_keep_o == (sum_o && !f_emits[A]));
      assert (need_preload_o == (f_in[A] && f_a_base == 2'd1));
      assert (resolve_o == (en_i && f_in[B]));
      assert (shift_o == (en_i && f_in[R]));
      if (f_in[R]) assert (seed_o == f_first[R]);
      assert (need_seed_o == (f_in[R] && f_first[R] && stochastic_i));
      assert (round_o == (en_i && f_in[C]));
      assert (need_result_o == f_in[D]);
      assert (result_o == (en_i && f_in[D]));
      if (f_in[D]) assert (result_last_o == f_final[D] && result_cols_o == f_cols_line[D*CW +: CW]);
      assert (busy_o == (f_left != NONE || f_in != 0));
      if (busy_o) assert (f_since < f_rows + LAG + 5);
      // what makes them inductive (where LAG is 0: the delays' insides do not show here)
      assert (f_left <= f_rows && f_rows <= (1 << IW));
      assert (valid_q == (f_left != NONE));
      if (f_left != NONE) begin
        assert (rows_q == f_rows && row_q == f_row && cols_q == f_cols);
        assert (pos_q == f_pos && last_q == f_last);
        assert (emit_q == f_emit && base_q == f_base && f_since == f_rows - f_left);
      end
      assert (a_valid_q == f_in[A] && b_valid_q == f_in[B] && r_valid_q == f_in[R]);
      assert (c_valid_q == f_in[C] && d_valid_q == f_in[D]);
      if (f_in[A]) begin
        assert (a_row_q == f_a_row && f_a_row < (1 << IW) && a_base_q == f_a_base);
        assert (a_emit_q == f_emits[A] && a_final_q == f_final[A]);
        assert (a_cols_q == f_cols_line[A*CW +: CW] && f_first[A] == (f_a_row == NONE));
      end
      if (f_in[B]) assert (b_first_q == f_first[B] && b_final_q == f_final[B]);
      if (f_in[B]) assert (b_cols_q == f_cols_line[B*CW +: CW]);
      if (f_in[R]) assert (r_first_q == f_first[R] && r_final_q == f_final[R]);
      if (f_in[R]) assert (r_cols_q == f_cols_line[R*CW +: CW]);
      if (f_in[C]) assert (c_final_q == f_final[C] && c_cols_q == f_cols_line[C*CW +: CW]);
      if (f_in[D]) assert (d_final_q == f_final[D]);
      for (f = 0; f <= D; f = f + 1) begin
        if (f_in[f]) assert (f_left == NONE ? f_since <= f_rows + f : 1'b1);
      end
      cover (result_o && result_last_o && !f_first[D]);
      cover (result_o && result_last_o && f_first[D] && cap_valid_i);
      cover (need_preload_o && need_seed_o);
      cover (!busy_o && f_since == f_rows + LAG + 5);
    end
  end
`endif

endmodule

`default_nettype wire
