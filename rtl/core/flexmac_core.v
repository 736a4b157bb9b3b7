// The accelerator core: sequencer, array of processing elements (PEs), a requantizer per column,
// counters. Computes tiles of GEMMs on integers: exact sums, each rounded once.
//
// The host, which may be flexmac_top, holds the operands plane by plane in two banks of DEPTH words
// per operand and answers each read in the next cycle. It sends commands, preload beats and seed
// beats, and accepts result beats.
//
// Handshakes: a beat moves in a cycle in which valid and ready are both high. Once high, valid
// holds, with stable data, until the beat moves. ready may depend on valid; valid never depends on
// ready. A preload or seed beat that is late, or a result beat that is not accepted, freezes the
// control (en low); it costs cycles and changes no result.
//
//   op_a_i, op_b_i  ROWS, COLS x LANES x CHUNK bits, row or column 0 lowest
//   pre_data_i      COLS x s(SUM_WIDTH-1).0
//   res_data_o      COLS x s31.0
//   sum_data_o      COLS x s(SUM_WIDTH-1).0, on their way to rounding
//
// Parameters:
//   ROWS, COLS  size of the array, 1..128 each
//   CHUNK       bits of a slice, 2|4|8|16; with FIXED_PE of a whole operand, 2..32
//   LANES       products of a PE per cycle, 1..16
//   MAX_BITS    widest operand, CHUNK..32
//   DEPTH       words of an operand bank
//   STAGES      cycles from operands to accumulator: 1 + the bits set in REGISTERS
//   REGISTERS   pipeline registers of a PE (flexmac_pe)
//   FANOUT      operands and enables pass a register every FANOUT PEs; 0: none
//   ACC_WIDTH   bits of a PE's accumulator: the longest command cannot overflow it
//   SUM_WIDTH   bits of an exact sum, 48..88: operands of MAX_BITS over 2^24 products, preload
//               included
//   STOCHASTIC  1: builds stochastic rounding
//   FIXED_PE    1: flexmac_fixed_pe instead of flexmac_pe
//
// Throughput: one operand word per row and column and cycle. Latency: docs/hardware.md.
// Not handled: illegal commands; the host excludes them (docs/arithmetic.md).
`default_nettype none

module flexmac_core #(
    parameter       ROWS       = 2,
    parameter       COLS       = 2,
    parameter       CHUNK      = 8,
    parameter       LANES      = 1,
    parameter       MAX_BITS   = 8,
    parameter       DEPTH      = 16,
    parameter       STAGES     = 2,
    parameter [3:0] REGISTERS  = 4'b0100,
    parameter       FANOUT     = 0,
    parameter       ACC_WIDTH  = 24,
    parameter       SUM_WIDTH  = 48,
    parameter       STOCHASTIC = 1,
    parameter       FIXED_PE   = 0,
    // derived from those above: leave them as they are
    parameter       MAX_PLANES   = (MAX_BITS + CHUNK - 1) / CHUNK,
    parameter       ADDR_WIDTH   = DEPTH > 1 ? $clog2(DEPTH) : 1,
    parameter       WORDS_WIDTH  = $clog2(DEPTH + 1),
    parameter       PLANES_WIDTH = $clog2(MAX_PLANES + 1),
    parameter       ROWS_WIDTH   = $clog2(ROWS + 1),
    parameter       COLS_WIDTH   = $clog2(COLS + 1)
) (
    input  wire clk_i,
    input  wire rst_ni,
    // mode: stable while busy_o
    input  wire signed [7:0] mode_shift_i,  // bits dropped, -31 .. SUM_WIDTH + 24
    input  wire [5:0] mode_bits_i,  // result width, 2 .. 32
    input  wire [1:0] mode_round_i,  // 0 nearest, 1 truncate, 2 stochastic
    // command: one piece of K of one tile
    input  wire cmd_valid_i,
    output wire cmd_ready_o,
    input  wire [PLANES_WIDTH-1:0] cmd_planes_a_i,  // 1 .. MAX_PLANES
    input  wire [PLANES_WIDTH-1:0] cmd_planes_b_i,  // 1 .. MAX_PLANES
    input  wire [WORDS_WIDTH-1:0] cmd_words_i,  // ceil(k / LANES); planes * words <= DEPTH
    input  wire [ROWS_WIDTH-1:0] cmd_rows_i,  // live rows, 1 .. ROWS
    input  wire [COLS_WIDTH-1:0] cmd_cols_i,  // live columns, 1 .. COLS
    input  wire [1:0] cmd_base_i,  // sums start from: 0 zero, 1 preload, 2 the sums so far
    input  wire cmd_emit_i,  // sums are complete: round and emit them
    input  wire cmd_bank_i,  // bank that holds the operands
    // operand read: data of a read arrives one cycle later and holds until the next read
    output wire op_ren_o,
    output wire op_bank_o,
    output wire [ADDR_WIDTH-1:0] op_addr_a_o,
    output wire [ADDR_WIDTH-1:0] op_addr_b_o,
    input  wire [ROWS*LANES*CHUNK-1:0] op_a_i,
    input  wire [COLS*LANES*CHUNK-1:0] op_b_i,
    // preload: one beat per live row, row 0 first
    input  wire pre_valid_i,
    output wire pre_ready_o,
    input  wire [COLS*SUM_WIDTH-1:0] pre_data_i,
    // seeds: one beat per emitted tile under stochastic rounding
    input  wire seed_valid_i,
    output wire seed_ready_o,
    input  wire [COLS*32-1:0] seed_data_i,
    // result: one beat per live row of an emitted tile, row 0 first
    output wire res_valid_o,
    input  wire res_ready_i,
    output wire [COLS*32-1:0] res_data_o,
    output wire res_last_o,  // last row of the tile
    // exact sums, each column at its own time: to observe, without a ready
    output wire [COLS-1:0] sum_valid_o,
    output wire [COLS*SUM_WIDTH-1:0] sum_data_o,
    // status
    output wire busy_o,  // a command, a result or its counting is on its way
    input  wire ctr_clear_i,
    output wire [47:0] ctr_busy_o,  // cycles with busy_o
    output wire [47:0] ctr_compute_o,  // ... that issued an operand word
    output wire [47:0] ctr_stall_o,  // ... in which a capture waited for the chains
    output wire [47:0] ctr_load_o,  // ... frozen because a preload or seed beat was late
    output wire [47:0] ctr_blocked_o,  // ... lost because a result beat was not accepted
    output wire [47:0] ctr_emitted_o,  // values emitted
    output wire [47:0] ctr_low_o,  // ... at or below the smallest before saturation
    output wire [47:0] ctr_high_o,  // ... at or above the largest before saturation
    output wire [31:0] ctr_magnitude_o,  // OR of their magnitudes
    output wire [47:0] ctr_error_o  // sum of |rounding error| in 2^-8 of the last place
);

  localparam ROW_INDEX_WIDTH = ROWS > 1 ? $clog2(ROWS) : 1;
  localparam SIGNIFICANCE_WIDTH = MAX_PLANES > 1 ? $clog2(2 * MAX_PLANES - 1) : 1;
  // rows of a block, which shares registers
  localparam BLOCK_ROWS = FANOUT == 0 || FANOUT > ROWS ? ROWS : FANOUT;
  localparam BLOCK_COLS = FANOUT == 0 || FANOUT > COLS ? COLS : FANOUT;  // its columns
  localparam ROW_BLOCKS = (ROWS + BLOCK_ROWS - 1) / BLOCK_ROWS;
  localparam COL_BLOCKS = (COLS + BLOCK_COLS - 1) / BLOCK_COLS;
  // slots between the enable that shifts a row out of the drain chain and the enable that makes its
  // requantizer accept it
  localparam LAG = ROW_BLOCKS == 1 ? 0 : ROW_BLOCKS;
  localparam RESULTS = COL_BLOCKS + 1;  // words of a column's result queue
  localparam COUNTER_WIDTH = 48;
  localparam [1:0] ROUND_STOCHASTIC = 2'd2;

  generate
    if (CHUNK > MAX_BITS) begin : gen_bad_max_bits
      flexmac_core_MAX_BITS_must_be_at_least_CHUNK u_illegal ();
    end
    if (FIXED_PE != 0 && CHUNK != MAX_BITS) begin : gen_bad_fixed_chunk
      flexmac_core_CHUNK_must_be_MAX_BITS_with_FIXED_PE u_illegal ();
    end
  endgenerate

  genvar stage, block, col, hop;

  // one enable freezes the control; the columns never see it, only the enables that the control
  // sends them
  wire need_preload;
  wire need_seed;
  wire full;
  wire late = (need_preload && !pre_valid_i) || (need_seed && !seed_valid_i);
  wire en = !full && !late;

  assign pre_ready_o = need_preload && en;
  assign seed_ready_o = need_seed && en;

  wire op_valid;
  wire op_clear;
  wire op_shift;
  wire op_a_signed;
  wire op_b_signed;
  wire seq_cap_valid;
  wire seq_cap_last;
  wire [SIGNIFICANCE_WIDTH-1:0] seq_cap_pos;
  wire [1:0] seq_cap_base;
  wire seq_cap_emit;
  wire [ROWS_WIDTH-1:0] seq_cap_rows;
  wire [COLS_WIDTH-1:0] seq_cap_cols;
  wire seq_busy;
  wire seq_issue;
  wire seq_wait;

  flexmac_seq #(
      .ADDR_WIDTH(ADDR_WIDTH), .WORDS_WIDTH(WORDS_WIDTH), .PLANES_WIDTH(PLANES_WIDTH),
      .ROWS_WIDTH(ROWS_WIDTH), .COLS_WIDTH(COLS_WIDTH), .SIGNIFICANCE_WIDTH(SIGNIFICANCE_WIDTH)
  ) u_seq (
      .clk_i         (clk_i),
      .rst_ni        (rst_ni),
      .en_i          (en),
      .cmd_valid_i   (cmd_valid_i),
      .cmd_ready_o   (cmd_ready_o),
      .cmd_planes_a_i(cmd_planes_a_i),
      .cmd_planes_b_i(cmd_planes_b_i),
      .cmd_words_i   (cmd_words_i),
      .cmd_rows_i    (cmd_rows_i),
      .cmd_cols_i    (cmd_cols_i),
      .cmd_base_i    (cmd_base_i),
      .cmd_emit_i    (cmd_emit_i),
      .cmd_bank_i    (cmd_bank_i),
      .op_ren_o      (op_ren_o),
      .op_bank_o     (op_bank_o),
      .op_addr_a_o   (op_addr_a_o),
      .op_addr_b_o   (op_addr_b_o),
      .op_valid_o    (op_valid),
      .op_clear_o    (op_clear),
      .op_shift_o    (op_shift),
      .op_a_signed_o (op_a_signed),
      .op_b_signed_o (op_b_signed),
      .cap_valid_o   (seq_cap_valid),
      .cap_last_o    (seq_cap_last),
      .cap_pos_o     (seq_cap_pos),
      .cap_base_o    (seq_cap_base),
      .cap_emit_o    (seq_cap_emit),
      .cap_rows_o    (seq_cap_rows),
      .cap_cols_o    (seq_cap_cols),
      .busy_o        (seq_busy),
      .issue_o       (seq_issue),
      .wait_o        (seq_wait)
  );

  // captures travel beside the operands to the accumulators
  wire cap_valid;
  wire cap_last;
  wire [SIGNIFICANCE_WIDTH-1:0] cap_pos;
  wire [1:0] cap_base;
  wire cap_emit;
  wire [ROWS_WIDTH-1:0] cap_rows;
  wire [COLS_WIDTH-1:0] cap_cols;

  flexmac_delay #(
      .WIDTH(4 + SIGNIFICANCE_WIDTH + ROWS_WIDTH + COLS_WIDTH), .CYCLES(STAGES - 1)
  ) u_capture (
      .clk_i (clk_i),
      .rst_ni(rst_ni),
      .en_i  (en),
      .d_i   ({seq_cap_last, seq_cap_pos, seq_cap_base, seq_cap_emit, seq_cap_rows, seq_cap_cols}),
      .q_o   ({cap_last, cap_pos, cap_base, cap_emit, cap_rows, cap_cols})
  );

  wire [STAGES-1:0] cap_line;
  assign cap_line[0] = seq_cap_valid;

  generate
    for (stage = 1; stage < STAGES; stage = stage + 1) begin : gen_capture
      flexmac_delay #(.WIDTH(1), .CYCLES(1)) u_capture (
          .clk_i(clk_i), .rst_ni(rst_ni), .en_i(en),
          .d_i(cap_line[stage-1]), .q_o(cap_line[stage])
      );
    end
  endgenerate

  assign cap_valid = cap_line[STAGES-1];

  wire drain;
  wire array_busy;
  wire [COLS*ACC_WIDTH-1:0] chain;
  wire [COLS-1:0] chain_valid;

  flexmac_array #(
      .ROWS(ROWS), .COLS(COLS), .CHUNK(CHUNK), .LANES(LANES), .ACC_WIDTH(ACC_WIDTH),
      .STAGES(STAGES), .REGISTERS(REGISTERS), .BLOCK_ROWS(BLOCK_ROWS), .BLOCK_COLS(BLOCK_COLS),
      .FIXED_PE(FIXED_PE)
  ) u_array (
      .clk_i        (clk_i),
      .rst_ni       (rst_ni),
      .en_i         (en),
      .op_valid_i   (op_valid),
      .op_clear_i   (op_clear),
      .op_shift_i   (op_shift),
      .op_a_signed_i(op_a_signed),
      .op_b_signed_i(op_b_signed),
      .cap_i        (en && cap_valid),
      .cap_last_i   (cap_last),
      .drain_i      (drain),
      .op_a_i       (op_a_i),
      .op_b_i       (op_b_i),
      .chain_o      (chain),
      .chain_valid_o(chain_valid),
      .busy_o       (array_busy)
  );

  wire stochastic = mode_round_i == ROUND_STOCHASTIC;
  wire align_en;
  wire [SIGNIFICANCE_WIDTH-1:0] align_pos;
  wire align_last;
  wire sum_en;
  wire [ROW_INDEX_WIDTH-1:0] sum_row;
  wire [1:0] sum_base;
  wire sum_keep;
  wire resolve_en;
  wire shift_en;
  wire seed_en;
  wire round_en;
  wire need_result;
  wire result_en;
  wire result_last;
  wire [COLS_WIDTH-1:0] result_cols;
  wire drain_busy;

  flexmac_drain #(
      .ROWS_WIDTH(ROWS_WIDTH), .COLS_WIDTH(COLS_WIDTH), .ROW_INDEX_WIDTH(ROW_INDEX_WIDTH),
      .SIGNIFICANCE_WIDTH(SIGNIFICANCE_WIDTH), .LAG(LAG)
  ) u_drain (
      .clk_i         (clk_i),
      .rst_ni        (rst_ni),
      .en_i          (en),
      .stochastic_i  (stochastic),
      .cap_valid_i   (cap_valid),
      .cap_last_i    (cap_last),
      .cap_pos_i     (cap_pos),
      .cap_base_i    (cap_base),
      .cap_emit_i    (cap_emit),
      .cap_rows_i    (cap_rows),
      .cap_cols_i    (cap_cols),
      .drain_o       (drain),
      .align_o       (align_en),
      .align_pos_o   (align_pos),
      .align_last_o  (align_last),
      .sum_o         (sum_en),
      .sum_row_o     (sum_row),
      .sum_base_o    (sum_base),
      .sum_keep_o    (sum_keep),
      .need_preload_o(need_preload),
      .resolve_o     (resolve_en),
      .shift_o       (shift_en),
      .seed_o        (seed_en),
      .need_seed_o   (need_seed),
      .round_o       (round_en),
      .need_result_o (need_result),
      .result_o      (result_en),
      .result_last_o (result_last),
      .result_cols_o (result_cols),
      .busy_o        (drain_busy)
  );

  wire rows_to_come = seq_busy || array_busy || cap_line != {STAGES{1'b0}} || drain_busy;
  wire [COLS_WIDTH-1:0] res_cols;
  wire accept;
  wire results_late;
  wire results_busy;

  flexmac_results #(.LAG(COL_BLOCKS), .DEPTH(RESULTS), .COLS_WIDTH(COLS_WIDTH)) u_results (
      .clk_i      (clk_i),
      .rst_ni     (rst_ni),
      .need_i     (need_result),
      .launch_i   (result_en),
      .last_i     (result_last),
      .cols_i     (result_cols),
      .more_i     (rows_to_come),
      .res_valid_o(res_valid_o),
      .res_ready_i(res_ready_i),
      .res_last_o (res_last_o),
      .res_cols_o (res_cols),
      .accept_o   (accept),
      .full_o     (full),
      .late_o     (results_late),
      .busy_o     (results_busy)
  );

  wire [7:0] mode_amount;
  wire [SUM_WIDTH-1:0] mode_out_of_range;
  wire [33:0] mode_limit;

  flexmac_mode #(.SUM_WIDTH(SUM_WIDTH)) u_mode (
      .shift_i       (mode_shift_i),
      .bits_i        (mode_bits_i),
      .amount_o      (mode_amount),
      .out_of_range_o(mode_out_of_range),
      .limit_o       (mode_limit)
  );

  // enables of this cycle, which pass a register from block to block of columns and then each
  // column's own; row and base of a sum do without the latter, since flexmac_drain gives them a slot
  // after the enable that aligns the row, which is when the column gets that enable
  localparam COLUMN_WIDTH = 9 + SIGNIFICANCE_WIDTH;
  localparam ENABLES_WIDTH = COLUMN_WIDTH + ROW_INDEX_WIDTH + 2;
  wire [COL_BLOCKS*ENABLES_WIDTH-1:0] enable_line;
  assign enable_line[0 +: ENABLES_WIDTH] = {
      sum_row, sum_base, align_en, align_pos, align_last, sum_en, sum_keep, resolve_en, shift_en,
      seed_en, round_en, result_en
  };

  wire [COLS-1:0] low;
  wire [COLS-1:0] high;
  wire [COLS*9-1:0] error;

  // bits of the enables, and from them: whether a block of columns accepts a preload or a seed
  localparam SEED_BIT = 2;
  localparam SUM_BIT = 6;
  localparam BASE_BIT = COLUMN_WIDTH;
  localparam ROW_BIT = BASE_BIT + 2;
  wire [COL_BLOCKS-1:0] takes_preload;
  wire [COL_BLOCKS-1:0] takes_seed;

  generate
    for (block = 0; block < COL_BLOCKS; block = block + 1) begin : gen_takes
      assign takes_preload[block] = enable_line[block*ENABLES_WIDTH+SUM_BIT]
          && enable_line[block*ENABLES_WIDTH+BASE_BIT +: 2] == 2'd1;
      assign takes_seed[block] = enable_line[block*ENABLES_WIDTH+SEED_BIT];
    end

    for (block = 1; block < COL_BLOCKS; block = block + 1) begin : gen_block
      flexmac_delay #(.WIDTH(ENABLES_WIDTH), .CYCLES(1)) u_edge (
          .clk_i(clk_i), .rst_ni(rst_ni), .en_i(1'b1),
          .d_i(enable_line[(block-1)*ENABLES_WIDTH +: ENABLES_WIDTH]),
              .q_o(enable_line[block*ENABLES_WIDTH +: ENABLES_WIDTH])
      );
    end

    for (col = 0; col < COLS; col = col + 1) begin : gen_col
      wire col_align_en, col_align_last, col_sum_en, col_sum_keep, col_resolve_en;
      wire col_shift_en, col_seed_en, col_round_en, col_result_en;
      wire [SIGNIFICANCE_WIDTH-1:0] col_align_pos;

      flexmac_delay #(.WIDTH(COLUMN_WIDTH), .CYCLES(1)) u_edge (
          .clk_i (clk_i),
          .rst_ni(rst_ni),
          .en_i  (1'b1),
          .d_i   (enable_line[(col/BLOCK_COLS)*ENABLES_WIDTH +: COLUMN_WIDTH]),
          .q_o   ({
              col_align_en, col_align_pos, col_align_last, col_sum_en, col_sum_keep, col_resolve_en,
              col_shift_en, col_seed_en, col_round_en, col_result_en
          })
      );

      // preloads and seeds pass as many registers as the enables that accept them, and move only
      // with these; the last register of a preload is that of the sum's base
      wire [(1+col/BLOCK_COLS)*SUM_WIDTH-1:0] preload_line;
      wire [(2+col/BLOCK_COLS)*32-1:0] seed_line;
      assign preload_line[0 +: SUM_WIDTH] = pre_data_i[col*SUM_WIDTH +: SUM_WIDTH];
      assign seed_line[0 +: 32] = seed_data_i[col*32 +: 32];

      for (hop = 0; hop < col / BLOCK_COLS; hop = hop + 1) begin : gen_preload_hop
        flexmac_pipe #(.WIDTH(SUM_WIDTH), .REGISTER(1)) u_preload (
            .clk_i(clk_i), .en_i(takes_preload[hop]),
            .d_i(preload_line[hop*SUM_WIDTH +: SUM_WIDTH]),
                .q_o(preload_line[(hop+1)*SUM_WIDTH +: SUM_WIDTH])
        );
      end

      for (hop = 0; hop <= col / BLOCK_COLS; hop = hop + 1) begin : gen_hop
        flexmac_pipe #(.WIDTH(32), .REGISTER(1)) u_seed (
            .clk_i(clk_i), .en_i(takes_seed[hop]),
            .d_i(seed_line[hop*32 +: 32]), .q_o(seed_line[(hop+1)*32 +: 32])
        );
      end

      wire [SUM_WIDTH-1:0] preload = preload_line[(col/BLOCK_COLS)*SUM_WIDTH +: SUM_WIDTH];
      wire [31:0] seed = seed_line[(1+col/BLOCK_COLS)*32 +: 32];

      // the row that leaves the column; rows that are on their way between blocks of the chain when
      // the control freezes wait in a queue
      wire [ACC_WIDTH-1:0] chain_data;

      if (LAG == 0) begin : gen_direct
        assign chain_data = chain[col*ACC_WIDTH +: ACC_WIDTH];
        wire unused_chain_valid = &{1'b0, chain_valid[col]};
      end else begin : gen_queue
        flexmac_fifo #(.WIDTH(ACC_WIDTH), .DEPTH(LAG)) u_chain_data (
            .clk_i(clk_i), .rst_ni(rst_ni), .push_i(chain_valid[col]), .pop_i(col_align_en),
            .d_i(chain[col*ACC_WIDTH +: ACC_WIDTH]), .q_o(chain_data)
        );
      end

      flexmac_requant #(
          .CHUNK(CHUNK), .ACC_WIDTH(ACC_WIDTH), .SUM_WIDTH(SUM_WIDTH), .ROWS(ROWS),
          .ROW_INDEX_WIDTH(ROW_INDEX_WIDTH), .SIGNIFICANCE_WIDTH(SIGNIFICANCE_WIDTH),
          .RESULTS(RESULTS), .STOCHASTIC(STOCHASTIC)
      ) u_requant (
          .clk_i         (clk_i),
          .rst_ni        (rst_ni),
          .round_mode_i  (mode_round_i),
          .amount_i      (mode_amount),
          .out_of_range_i(mode_out_of_range),
          .limit_i       (mode_limit),
          .align_en_i    (col_align_en),
          .align_pos_i   (col_align_pos),
          .align_last_i  (col_align_last),
          .sum_row_i     (
              enable_line[(col/BLOCK_COLS)*ENABLES_WIDTH+ROW_BIT +: ROW_INDEX_WIDTH]
          ),
          .sum_base_i    (enable_line[(col/BLOCK_COLS)*ENABLES_WIDTH+BASE_BIT +: 2]),
          .sum_take_i    (takes_preload[col/BLOCK_COLS]),
          .sum_en_i      (col_sum_en),
          .sum_keep_i    (col_sum_keep),
          .resolve_en_i  (col_resolve_en),
          .shift_en_i    (col_shift_en),
          .seed_en_i     (col_seed_en),
          .round_en_i    (col_round_en),
          .result_en_i   (col_result_en),
          .result_pop_i  (accept),
          .chain_i       (chain_data),
          .preload_i     (preload),
          .seed_i        (seed),
          .sum_o         (sum_data_o[col*SUM_WIDTH +: SUM_WIDTH]),
          .result_o      (res_data_o[col*32 +: 32]),
          .low_o         (low[col]),
          .high_o        (high[col]),
          .error_o       (error[col*9 +: 9])
      );

      assign sum_valid_o[col] = col_shift_en;
    end
  endgenerate

  wire stats_busy;

  flexmac_stats #(.COLS(COLS), .COLS_WIDTH(COLS_WIDTH), .COUNTER_WIDTH(COUNTER_WIDTH)) u_stats (
      .clk_i      (clk_i),
      .rst_ni     (rst_ni),
      .clear_i    (ctr_clear_i),
      .valid_i    (accept),
      .cols_i     (res_cols),
      .result_i   (res_data_o),
      .low_i      (low),
      .high_i     (high),
      .error_i    (error),
      .busy_o     (stats_busy),
      .emitted_o  (ctr_emitted_o),
      .low_o      (ctr_low_o),
      .high_o     (ctr_high_o),
      .magnitude_o(ctr_magnitude_o),
      .error_o    (ctr_error_o)
  );

  assign busy_o = rows_to_come || results_busy || stats_busy;

  flexmac_counter #(.WIDTH(COUNTER_WIDTH), .ADD_WIDTH(1)) u_busy (
      .clk_i(clk_i), .rst_ni(rst_ni), .clear_i(ctr_clear_i),
      .en_i(busy_o), .add_i(1'b1), .count_o(ctr_busy_o)
  );

  flexmac_counter #(.WIDTH(COUNTER_WIDTH), .ADD_WIDTH(1)) u_compute (
      .clk_i(clk_i), .rst_ni(rst_ni), .clear_i(ctr_clear_i),
      .en_i(en && seq_issue), .add_i(1'b1), .count_o(ctr_compute_o)
  );

  flexmac_counter #(.WIDTH(COUNTER_WIDTH), .ADD_WIDTH(1)) u_stall (
      .clk_i(clk_i), .rst_ni(rst_ni), .clear_i(ctr_clear_i),
      .en_i(en && seq_wait), .add_i(1'b1), .count_o(ctr_stall_o)
  );

  flexmac_counter #(.WIDTH(COUNTER_WIDTH), .ADD_WIDTH(1)) u_load (
      .clk_i(clk_i), .rst_ni(rst_ni), .clear_i(ctr_clear_i),
      .en_i(!full && late), .add_i(1'b1), .count_o(ctr_load_o)
  );

  flexmac_counter #(.WIDTH(COUNTER_WIDTH), .ADD_WIDTH(1)) u_blocked (
      .clk_i(clk_i), .rst_ni(rst_ni), .clear_i(ctr_clear_i),
      .en_i(full || results_late), .add_i(1'b1), .count_o(ctr_blocked_o)
  );

endmodule

`default_nettype wire
