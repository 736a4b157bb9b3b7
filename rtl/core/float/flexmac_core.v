// The float core: sequencer, array of float processing elements (PEs), an adder at each column's
// end, counters. Computes tiles of dot products of floats, added up in binary32.
//
// docs/arithmetic.md defines the numbers. A tile has ROWS rows and up to RESULTS * COLS columns, in
// blocks of COLS: each PE works on RESULTS results in turn. The host holds the operands in two
// banks of DEPTH words per operand and answers each read in the next cycle; word w of column block
// i of B is at address w * RESULTS + i, word w of A at w. It sends commands and preload beats, and
// accepts result beats, both block by block and row by row. The ports are those of the integer core
// and mode_format_i; seeds and rounding modes have no effect, exact sums do not exist, and every
// operand has one plane.
//
// Handshakes: a beat moves in a cycle in which valid and ready are both high. valid then holds,
// with stable data, until the beat moves. ready may depend on valid; valid never depends on ready.
// A late beat freezes the whole core (en low); it costs cycles and changes no result.
//
//   op_a_i, op_b_i  ROWS, COLS x LANES x OPERAND_WIDTH bits, row or column 0 lowest
//   pre_data_i      COLS x binary32
//   res_data_o      COLS x binary32
//   sum_data_o      always 0
//
// Parameters:
//   ROWS, COLS       size of the array, 1..128 each
//   OPERAND_WIDTH    bits of an operand: 32 binary32, 16 bfloat16, 8 E4M3 or E5M2
//   LANES            products of a PE per cycle, 1..16
//   DEPTH            words of an operand bank, at least RESULTS
//   STAGES           cycles from operands to a capture: 1 + the bits set in FRONT_REGISTERS
//   FRONT_REGISTERS  pipeline registers of a PE in front of its loop (flexmac_float_pe)
//   LOOP_REGISTERS   ... and in the loop
//   RESULTS          results that a PE works on in turn: 1 + the bits set in LOOP_REGISTERS
//
// Throughput: one operand word per row and column and cycle. Latency: docs/hardware.md.
// Not handled: illegal commands; the host excludes them.
`default_nettype none

module flexmac_core #(
    parameter       ROWS            = 2,
    parameter       COLS            = 2,
    parameter       OPERAND_WIDTH   = 16,
    parameter       LANES           = 1,
    parameter       DEPTH           = 16,
    parameter       STAGES          = 1,
    parameter [6:0] FRONT_REGISTERS = 7'b0000000,
    parameter [3:0] LOOP_REGISTERS  = 4'b0000,
    parameter       RESULTS         = 1,
    // derived from those above: leave them as they are
    parameter       ADDR_WIDTH   = DEPTH > 1 ? $clog2(DEPTH) : 1,
    parameter       WORDS_WIDTH  = $clog2(DEPTH + 1),
    parameter       ROWS_WIDTH   = $clog2(ROWS + 1),
    parameter       TILE_WIDTH   = $clog2(RESULTS * COLS + 1)
) (
    input  wire clk_i,
    input  wire rst_ni,
    // mode: stable while busy_o
    input  wire signed [7:0] mode_shift_i,  // no effect
    input  wire [5:0] mode_bits_i,  // no effect
    input  wire [1:0] mode_round_i,  // no effect
    input  wire [1:0] mode_format_i,  // operands of 8 bits: 0 E4M3, 1 E5M2; [0] A, [1] B
    // command: one piece of K of one tile
    input  wire cmd_valid_i,
    output wire cmd_ready_o,
    input  wire cmd_planes_a_i,  // 1
    input  wire cmd_planes_b_i,  // 1
    input  wire [WORDS_WIDTH-1:0] cmd_words_i,  // ceil(k / LANES); at most DEPTH / RESULTS
    input  wire [ROWS_WIDTH-1:0] cmd_rows_i,  // live rows, 1 .. ROWS
    input  wire [TILE_WIDTH-1:0] cmd_cols_i,  // live columns, 1 .. RESULTS * COLS
    input  wire [1:0] cmd_base_i,  // sums start from: 0 zero, 1 preload, 2 the sums so far
    input  wire cmd_emit_i,  // sums are complete: round and emit them
    input  wire cmd_bank_i,  // bank that holds the operands
    // operand read: data of a read arrives one cycle later and holds until the next read
    output wire op_ren_o,
    output wire op_bank_o,
    output wire [ADDR_WIDTH-1:0] op_addr_a_o,
    output wire [ADDR_WIDTH-1:0] op_addr_b_o,
    input  wire [ROWS*LANES*OPERAND_WIDTH-1:0] op_a_i,
    input  wire [COLS*LANES*OPERAND_WIDTH-1:0] op_b_i,
    // preload: one beat per live row of each live block, row 0 of block 0 first
    input  wire pre_valid_i,
    output wire pre_ready_o,
    input  wire [COLS*32-1:0] pre_data_i,
    // seeds: none is ever accepted
    input  wire seed_valid_i,
    output wire seed_ready_o,
    input  wire [COLS*32-1:0] seed_data_i,
    // result: one beat per live row of each live block of a tile, row 0 of block 0 first
    output wire res_valid_o,
    input  wire res_ready_i,
    output wire [COLS*32-1:0] res_data_o,
    output wire res_last_o,  // last beat of the tile
    // exact sums: there are none
    output wire [COLS-1:0] sum_valid_o,
    output wire [COLS*32-1:0] sum_data_o,
    // status
    output wire busy_o,
    input  wire ctr_clear_i,
    output wire [47:0] ctr_busy_o,  // cycles with busy_o
    output wire [47:0] ctr_compute_o,  // ... that issued an operand word
    output wire [47:0] ctr_stall_o,  // ... in which a capture waited for the chains
    output wire [47:0] ctr_load_o,  // ... frozen because a preload beat was late
    output wire [47:0] ctr_blocked_o,  // ... lost because a result beat was not accepted
    output wire [47:0] ctr_emitted_o,  // values emitted
    output wire [47:0] ctr_low_o,  // ... that are -infinity
    output wire [47:0] ctr_high_o,  // ... that are +infinity
    output wire [31:0] ctr_magnitude_o,  // always 0
    output wire [47:0] ctr_error_o  // always 0
);

  localparam ROW_INDEX_WIDTH = ROWS > 1 ? $clog2(ROWS) : 1;
  localparam COLS_WIDTH = $clog2(COLS + 1);
  localparam COUNTER_WIDTH = 48;

  wire unused_integer = &{1'b0, mode_shift_i, mode_bits_i, mode_round_i, cmd_planes_a_i,
      cmd_planes_b_i, seed_data_i};

  genvar stage, col;

  // one enable freezes the control while a beat is late; the columns never see it: what freezes is
  // the control that sends them enables
  wire need_preload;
  wire need_seed;
  wire full;
  wire late = (need_preload && !pre_valid_i) || (need_seed && !seed_valid_i);
  wire en = !full && !late;

  assign pre_ready_o = need_preload && en;
  assign seed_ready_o = need_seed && en;

  wire op_valid;
  wire op_dead;
  wire seq_cap_valid;
  wire seq_cap_first;
  wire [1:0] seq_cap_base;
  wire [ROWS_WIDTH-1:0] seq_cap_rows;
  wire [TILE_WIDTH-1:0] seq_cap_cols;
  wire seq_busy;
  wire seq_issue;
  wire seq_wait;

  flexmac_float_seq #(
      .RESULTS(RESULTS), .COLS(COLS), .ADDR_WIDTH(ADDR_WIDTH), .WORDS_WIDTH(WORDS_WIDTH),
      .ROWS_WIDTH(ROWS_WIDTH), .TILE_WIDTH(TILE_WIDTH)
  ) u_seq (
      .clk_i      (clk_i),
      .rst_ni     (rst_ni),
      .en_i       (en),
      .cmd_valid_i(cmd_valid_i),
      .cmd_ready_o(cmd_ready_o),
      .cmd_words_i(cmd_words_i),
      .cmd_rows_i (cmd_rows_i),
      .cmd_cols_i (cmd_cols_i),
      .cmd_base_i (cmd_base_i),
      .cmd_emit_i (cmd_emit_i),
      .cmd_bank_i (cmd_bank_i),
      .op_ren_o   (op_ren_o),
      .op_bank_o  (op_bank_o),
      .op_addr_a_o(op_addr_a_o),
      .op_addr_b_o(op_addr_b_o),
      .op_valid_o (op_valid),
      .op_dead_o  (op_dead),
      .cap_valid_o(seq_cap_valid),
      .cap_first_o(seq_cap_first),
      .cap_base_o (seq_cap_base),
      .cap_rows_o (seq_cap_rows),
      .cap_cols_o (seq_cap_cols),
      .busy_o     (seq_busy),
      .issue_o    (seq_issue),
      .wait_o     (seq_wait)
  );

  // captures travel beside the operands to the loops
  wire cap_valid;
  wire cap_first;
  wire [1:0] cap_base;
  wire [ROWS_WIDTH-1:0] cap_rows;
  wire [TILE_WIDTH-1:0] cap_cols;

  flexmac_delay #(.WIDTH(3 + ROWS_WIDTH + TILE_WIDTH), .CYCLES(STAGES - 1)) u_capture (
      .clk_i (clk_i),
      .rst_ni(rst_ni),
      .en_i  (en),
      .d_i   ({seq_cap_first, seq_cap_base, seq_cap_rows, seq_cap_cols}),
      .q_o   ({cap_first, cap_base, cap_rows, cap_cols})
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

  // results go block by block into the chains
  wire load;
  wire load_queued;
  wire [RESULTS-1:0] put;
  wire [RESULTS-1:0] move;
  wire block_valid;
  wire block_last;
  wire [COLS_WIDTH-1:0] block_cols;
  wire blocks_busy;

  flexmac_float_blocks #(
      .COLS(COLS), .RESULTS(RESULTS), .ROWS_WIDTH(ROWS_WIDTH), .TILE_WIDTH(TILE_WIDTH),
      .COLS_WIDTH(COLS_WIDTH)
  ) u_blocks (
      .clk_i        (clk_i),
      .rst_ni       (rst_ni),
      .en_i         (en),
      .cap_valid_i  (cap_valid),
      .cap_first_i  (cap_first),
      .cap_rows_i   (cap_rows),
      .cap_cols_i   (cap_cols),
      .load_o       (load),
      .load_queued_o(load_queued),
      .put_o        (put),
      .move_o       (move),
      .block_valid_o(block_valid),
      .block_cols_o (block_cols),
      .block_last_o (block_last),
      .busy_o       (blocks_busy)
  );

  wire drain;
  wire array_busy;
  wire [COLS*32-1:0] chain;

  flexmac_array #(
      .ROWS(ROWS), .COLS(COLS), .OPERAND_WIDTH(OPERAND_WIDTH), .LANES(LANES), .STAGES(STAGES),
      .FRONT_REGISTERS(FRONT_REGISTERS), .LOOP_REGISTERS(LOOP_REGISTERS), .RESULTS(RESULTS)
  ) u_array (
      .clk_i        (clk_i),
      .rst_ni       (rst_ni),
      .mode_format_i(mode_format_i),
      .en_i         (en),
      .op_valid_i   (op_valid),
      .op_dead_i    (op_dead),
      .cap_i        (cap_valid),
      .load_i       (load),
      .load_queued_i(load_queued),
      .put_i        (put),
      .move_i       (move),
      .drain_i      (drain),
      .op_a_i       (op_a_i),
      .op_b_i       (op_b_i),
      .chain_o      (chain),
      .busy_o       (array_busy)
  );

  wire align_en;
  wire align_pos;
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
  wire result_block_last;
  wire drain_busy;

  flexmac_drain #(
      .ROWS_WIDTH(ROWS_WIDTH), .COLS_WIDTH(1 + COLS_WIDTH), .ROW_INDEX_WIDTH(ROW_INDEX_WIDTH),
      .SIGNIFICANCE_WIDTH(1)
  ) u_drain (
      .clk_i         (clk_i),
      .rst_ni        (rst_ni),
      .en_i          (en),
      .stochastic_i  (1'b0),
      .cap_valid_i   (block_valid),
      .cap_last_i    (1'b1),
      .cap_pos_i     (1'b0),
      .cap_base_i    (cap_base),
      .cap_emit_i    (1'b1),
      .cap_rows_i    (cap_rows),
      .cap_cols_i    ({block_last, block_cols}),
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
      .result_cols_o ({result_block_last, result_cols}),
      .busy_o        (drain_busy)
  );

  wire unused_drain = &{1'b0, align_pos, align_last, sum_row, sum_keep, seed_en, need_result};

  wire [COLS-1:0] low;
  wire [COLS-1:0] high;

  generate
    for (col = 0; col < COLS; col = col + 1) begin : gen_col
      flexmac_float_edge u_edge (
          .clk_i       (clk_i),
          .align_en_i  (align_en),
          .sum_en_i    (sum_en),
          .sum_base_i  (sum_base),
          .resolve_en_i(resolve_en),
          .shift_en_i  (shift_en),
          .round_en_i  (round_en),
          .result_en_i (result_en),
          .chain_i     (chain[col*32 +: 32]),
          .preload_i   (pre_data_i[col*32 +: 32]),
          .result_o    (res_data_o[col*32 +: 32]),
          .low_o       (low[col]),
          .high_o      (high[col])
      );
    end
  endgenerate

  assign sum_valid_o = {COLS{1'b0}};
  assign sum_data_o = {COLS * 32{1'b0}};

  // a result that is not accepted freezes the core
  reg res_valid_q;
  assign full = res_valid_q && !res_ready_i;
  wire results_late = 1'b0;

  reg res_last_q;
  reg [COLS_WIDTH-1:0] res_cols_q;

  always @(posedge clk_i) begin
    if (!rst_ni) res_valid_q <= 1'b0;
    else if (!full) res_valid_q <= result_en;
  end

  always @(posedge clk_i) begin
    if (result_en) begin
      res_last_q <= result_last && result_block_last;
      res_cols_q <= result_cols;
    end
  end

  assign res_valid_o = res_valid_q;
  assign res_last_o = res_last_q;

  wire stats_busy;

  flexmac_stats #(.COLS(COLS), .COLS_WIDTH(COLS_WIDTH), .COUNTER_WIDTH(COUNTER_WIDTH)) u_stats (
      .clk_i      (clk_i),
      .rst_ni     (rst_ni),
      .clear_i    (ctr_clear_i),
      .valid_i    (res_valid_q && res_ready_i),
      .cols_i     (res_cols_q),
      .result_i   ({COLS * 32{1'b0}}),
      .low_i      (low),
      .high_i     (high),
      .error_i    ({COLS * 9{1'b0}}),
      .busy_o     (stats_busy),
      .emitted_o  (ctr_emitted_o),
      .low_o      (ctr_low_o),
      .high_o     (ctr_high_o),
      .magnitude_o(ctr_magnitude_o),
      .error_o    (ctr_error_o)
  );

  assign busy_o = seq_busy || array_busy || cap_line != {STAGES{1'b0}} || blocks_busy || drain_busy
      || res_valid_q || stats_busy;

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
