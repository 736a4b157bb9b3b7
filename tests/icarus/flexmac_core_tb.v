// Plays the cases of oracle.py on flexmac_core and compares everything that it answers.
//
// Operand banks are memories that answer a read in the next cycle. Data beside a valid that is low
// is X, so whatever the core takes without a handshake shows. Results, last flags and exact sums
// are compared beat by beat, counters at the end of each case. The first mismatch ends the run:
// the last line is `PASS n cases` or `FAIL`.
//
// +stalls=0 never late, 1 random delays on every handshake (every second case keeps its commands
// prompt, so that cycle counters can still be told); +seed=n of the delays.
//
// Cycle rule, with prompt commands: busy = compute + stall + rows of the last capture + load +
// blocked + constant. The constant is learnt from the first such case and printed. A refused result
// need not cost a cycle, so blocked is only bounded on its own, by the cycles that refused one.
//
// Parameters: the design's sizes and port widths; N_*: words of each vector file; CASES.
`default_nettype none

module flexmac_core_tb;

  parameter ROWS = 1;
  parameter COLS = 1;
  parameter P = 8;
  parameter V = 1;
  parameter SUM = 48;
  parameter AW = 1;
  parameter WW = 1;
  parameter NW = 1;
  parameter RW = 1;
  parameter CW = 1;
  parameter N_CASE = 1;
  parameter N_CMD = 1;
  parameter N_BEAT = 1;
  parameter N_OP_A = 1;
  parameter N_OP_B = 1;
  parameter N_PRE = 1;
  parameter N_SEED = 1;
  parameter N_RES = 1;
  parameter N_SUM = 1;
  parameter CASES = 1;

  // records
  localparam CASE_FIELDS = 16;
  localparam CMD_END = 0, PRE_END = 1, SEED_END = 2, RES_END = 3;
  localparam SHIFT = 4, BITS = 5, ROUND = 6;
  localparam EMITTED = 7, LOW = 8, HIGH = 9, MAGNITUDE = 10, ERROR = 11;
  localparam COMPUTE = 12, STALL = 13, ROWS_LAST = 14, CYCLE_LIMIT = 15;
  localparam CMD_FIELDS = 10;
  localparam PLANES_A = 0, PLANES_B = 1, WORDS = 2, LIVE_ROWS = 3, LIVE_COLS = 4;
  localparam BASE = 5, EMIT = 6, BANK = 7, FIRST_A = 8, FIRST_B = 9;
  localparam BEAT_FIELDS = 4;
  localparam TILE = 0, ROW = 1, LAST = 2, COLUMNS = 3;

  reg [        63:0] case_mem [0:N_CASE-1];
  reg [        63:0] cmd_mem  [0:N_CMD-1];
  reg [        63:0] beat_mem [0:N_BEAT-1];
  reg [ROWS*V*P-1:0] op_a_mem [0:N_OP_A-1];
  reg [COLS*V*P-1:0] op_b_mem [0:N_OP_B-1];
  reg [COLS*SUM-1:0] pre_mem  [0:N_PRE-1];
  reg [ COLS*32-1:0] seed_mem [0:N_SEED-1];
  reg [ COLS*32-1:0] res_mem  [0:N_RES-1];
  reg [COLS*SUM-1:0] sum_mem  [0:N_SUM-1];

  // the design
  reg  clk = 1'b0;
  reg  rst_n = 1'b0;
  reg  [7:0] mode_shift;
  reg  [5:0] mode_bits;
  reg  [1:0] mode_round;
  reg  cmd_valid = 1'b0;
  wire cmd_ready;
  reg  [NW-1:0] cmd_planes_a, cmd_planes_b;
  reg  [WW-1:0] cmd_words;
  reg  [RW-1:0] cmd_rows;
  reg  [CW-1:0] cmd_cols;
  reg  [1:0] cmd_base;
  reg  cmd_emit, cmd_bank;
  wire op_ren, op_bank;
  wire [AW-1:0] op_addr_a, op_addr_b;
  reg  [ROWS*V*P-1:0] op_a;
  reg  [COLS*V*P-1:0] op_b;
  reg  pre_valid = 1'b0;
  wire pre_ready;
  reg  [COLS*SUM-1:0] pre_data;
  reg  seed_valid = 1'b0;
  wire seed_ready;
  reg  [COLS*32-1:0] seed_data;
  wire res_valid, res_last;
  reg  res_ready = 1'b0;
  wire [COLS*32-1:0] res_data;
  wire [COLS-1:0] sum_valid;
  wire [COLS*SUM-1:0] sum_data;
  wire busy;
  reg  ctr_clear = 1'b0;
  wire [47:0] ctr_busy, ctr_compute, ctr_stall, ctr_load, ctr_blocked;
  wire [47:0] ctr_emitted, ctr_low, ctr_high, ctr_error;
  wire [31:0] ctr_magnitude;

  flexmac_core u_core (
      .clk_i          (clk),
      .rst_ni         (rst_n),
      .mode_shift_i   (mode_shift),
      .mode_bits_i    (mode_bits),
      .mode_round_i   (mode_round),
      .cmd_valid_i    (cmd_valid),
      .cmd_ready_o    (cmd_ready),
      .cmd_planes_a_i (cmd_planes_a),
      .cmd_planes_b_i (cmd_planes_b),
      .cmd_words_i    (cmd_words),
      .cmd_rows_i     (cmd_rows),
      .cmd_cols_i     (cmd_cols),
      .cmd_base_i     (cmd_base),
      .cmd_emit_i     (cmd_emit),
      .cmd_bank_i     (cmd_bank),
      .op_ren_o       (op_ren),
      .op_bank_o      (op_bank),
      .op_addr_a_o    (op_addr_a),
      .op_addr_b_o    (op_addr_b),
      .op_a_i         (op_a),
      .op_b_i         (op_b),
      .pre_valid_i    (pre_valid),
      .pre_ready_o    (pre_ready),
      .pre_data_i     (pre_data),
      .seed_valid_i   (seed_valid),
      .seed_ready_o   (seed_ready),
      .seed_data_i    (seed_data),
      .res_valid_o    (res_valid),
      .res_ready_i    (res_ready),
      .res_data_o     (res_data),
      .res_last_o     (res_last),
      .sum_valid_o    (sum_valid),
      .sum_data_o     (sum_data),
      .busy_o         (busy),
      .ctr_clear_i    (ctr_clear),
      .ctr_busy_o     (ctr_busy),
      .ctr_compute_o  (ctr_compute),
      .ctr_stall_o    (ctr_stall),
      .ctr_load_o     (ctr_load),
      .ctr_blocked_o  (ctr_blocked),
      .ctr_emitted_o  (ctr_emitted),
      .ctr_low_o      (ctr_low),
      .ctr_high_o     (ctr_high),
      .ctr_magnitude_o(ctr_magnitude),
      .ctr_error_o    (ctr_error)
  );

  always #5 clk = !clk;

  // where the run is
  localparam S_RESET = 0, S_MODE = 1, S_RUN = 2, S_CLEAR = 3, S_DONE = 4;
  integer state = S_RESET;
  integer now = 0;            // case
  integer record = 0;         // ... its record's first word
  integer cycles = 0;         // ... cycles since its start
  integer cmd_next = 0, pre_next = 0, seed_next = 0, res_next = 0;
  integer sum_next [0:COLS-1];  // by column: each shows its sums in its own time
  integer reading = -1;       // command whose words are read, -1 none yet
  integer reads = 0, busy_cycles = 0, refused_cycles = 0;
  integer constant = 0;
  reg     constant_known = 1'b0;
  reg     failed = 1'b0;
  reg     held_q = 1'b0;      // a result was refused in the cycle before
  reg     [COLS*32:0] held_data_q;

  // delays: a beat comes, or is taken, in `pace` of 8 cycles
  integer stalls = 0, seed = 1;
  integer pace_cmd = 8, pace_pre = 8, pace_seed = 8, pace_res = 8;

  function comes(input integer pace);
    integer drawn;
    begin
      comes = 1'b1;
      if (pace < 8) begin
        drawn = $random(seed);
        comes = (drawn & 7) < pace;
      end
    end
  endfunction

  task fail;
    begin
      if (!failed) begin
        failed = 1'b1;
        $display("FAIL");
        $finish;
      end
    end
  endtask

  // message of a mismatch outside a beat
  task complain(input [8*40-1:0] what, input [63:0] expected, input [63:0] found);
    begin
      if (!failed) begin
        $display("case %0d cycle %0d: %0s: expected %0d, found %0d", now, cycles, what, expected,
                 found);
      end
      fail;
    end
  endtask

  task same(input [8*40-1:0] what, input [63:0] expected, input [63:0] found);
    if (expected !== found) complain(what, expected, found);
  endtask

  // one column of a beat: index of the beat, and both values sign-extended
  task same_column(input [8*8-1:0] what, input integer beat, input integer col,
                   input signed [127:0] expected, input signed [127:0] found);
    if (!failed && expected !== found) begin
      $display("case %0d cycle %0d: %0s of tile %0d row %0d col %0d: expected %0d, found %0d",
               now, cycles, what, beat_mem[beat*BEAT_FIELDS+TILE], beat_mem[beat*BEAT_FIELDS+ROW],
               col, expected, found);
      fail;
    end
  endtask

  integer c;
  integer more;

  task check_result;
    reg [31:0] want, got;
    begin
      if (res_next >= case_mem[record+RES_END]) begin
        complain("result beats, one too many", case_mem[record+RES_END], res_next + 1);
      end else begin
        for (c = 0; c < beat_mem[res_next*BEAT_FIELDS+COLUMNS]; c = c + 1) begin
          want = res_mem[res_next][c*32 +: 32];
          got = res_data[c*32 +: 32];
          same_column("result", res_next, c, {{96{want[31]}}, want}, {{96{got[31]}}, got});
        end
        if (res_last !== beat_mem[res_next*BEAT_FIELDS+LAST][0]) begin
          same_column("last", res_next, 0, beat_mem[res_next*BEAT_FIELDS+LAST], {127'd0, res_last});
        end
      end
    end
  endtask

  task check_sum(input integer col);
    reg [SUM-1:0] want, got;
    begin
      if (sum_next[col] >= case_mem[record+RES_END]) begin
        complain("exact sums, one too many", case_mem[record+RES_END], sum_next[col] + 1);
      end else if (col < beat_mem[sum_next[col]*BEAT_FIELDS+COLUMNS]) begin
        want = sum_mem[sum_next[col]][col*SUM +: SUM];
        got = sum_data[col*SUM +: SUM];
        same_column("sum", sum_next[col], col, {{(128 - SUM) {want[SUM-1]}}, want},
                    {{(128 - SUM) {got[SUM-1]}}, got});
      end
    end
  endtask

  task check_read;
    integer words_a, words_b;
    begin
      if (reading < 0) begin
        complain("operand reads before a command", 0, 1);
      end else begin
        words_a = cmd_mem[reading*CMD_FIELDS+PLANES_A] * cmd_mem[reading*CMD_FIELDS+WORDS];
        words_b = cmd_mem[reading*CMD_FIELDS+PLANES_B] * cmd_mem[reading*CMD_FIELDS+WORDS];
        same("bank of an operand read", cmd_mem[reading*CMD_FIELDS+BANK], {63'd0, op_bank});
        if (!(op_addr_a < words_a)) complain("address a (limit expected)", words_a, op_addr_a);
        if (!(op_addr_b < words_b)) complain("address b (limit expected)", words_b, op_addr_b);
        op_a <= op_a_mem[cmd_mem[reading*CMD_FIELDS+FIRST_A]+op_addr_a];
        op_b <= op_b_mem[cmd_mem[reading*CMD_FIELDS+FIRST_B]+op_addr_b];
      end
    end
  endtask

  task check_case;
    integer rest;
    begin
      same("preload beats taken", case_mem[record+PRE_END], pre_next);
      same("seed beats taken", case_mem[record+SEED_END], seed_next);
      same("result beats", case_mem[record+RES_END], res_next);
      for (c = 0; c < COLS; c = c + 1) same("exact sums", case_mem[record+RES_END], sum_next[c]);
      same("operand reads", case_mem[record+COMPUTE], reads);
      same("ctr_emitted_o", case_mem[record+EMITTED], {16'd0, ctr_emitted});
      same("ctr_low_o", case_mem[record+LOW], {16'd0, ctr_low});
      same("ctr_high_o", case_mem[record+HIGH], {16'd0, ctr_high});
      same("ctr_magnitude_o", case_mem[record+MAGNITUDE], {32'd0, ctr_magnitude});
      same("ctr_error_o", case_mem[record+ERROR], {16'd0, ctr_error});
      same("ctr_compute_o", case_mem[record+COMPUTE], {16'd0, ctr_compute});
      same("ctr_busy_o", busy_cycles, {16'd0, ctr_busy});
      if (ctr_blocked > refused_cycles) begin
        complain("ctr_blocked_o (limit expected)", refused_cycles, {16'd0, ctr_blocked});
      end
      if (stalls == 0) same("ctr_load_o", 0, {16'd0, ctr_load});
      if (pace_cmd == 8) begin
        same("ctr_stall_o", case_mem[record+STALL], {16'd0, ctr_stall});
        rest = busy_cycles - case_mem[record+COMPUTE] - case_mem[record+STALL]
            - case_mem[record+ROWS_LAST] - ctr_load - ctr_blocked;
        if (!constant_known) constant = rest;
        constant_known = 1'b1;
        same("constant of ctr_busy_o", constant, rest);
      end
    end
  endtask

  task start_case;
    begin
      mode_shift <= case_mem[record+SHIFT][7:0];
      mode_bits <= case_mem[record+BITS][5:0];
      mode_round <= case_mem[record+ROUND][1:0];
      cycles <= 0;
      reads <= 0;
      busy_cycles <= 0;
      refused_cycles <= 0;
      if (stalls != 0) begin
        pace_cmd = now % 2 != 0 ? 8 : 4;
        case (now % 5)
          0: begin pace_pre = 4; pace_seed = 4; pace_res = 4; end
          1: begin pace_pre = 2; pace_seed = 1; pace_res = 8; end
          2: begin pace_pre = 8; pace_seed = 8; pace_res = 2; end
          3: begin pace_pre = 1; pace_seed = 2; pace_res = 1; end
          default: begin pace_pre = 6; pace_seed = 6; pace_res = 7; end
        endcase
      end
    end
  endtask

  task drive_cmd;
    begin
      more = cmd_next;
      if (cmd_valid && cmd_ready) begin
        reading <= cmd_next;
        more = cmd_next + 1;
      end
      cmd_next <= more;
      if (!cmd_valid || cmd_ready) begin
        if (more < case_mem[record+CMD_END] && comes(pace_cmd)) begin
          cmd_valid <= 1'b1;
          cmd_planes_a <= cmd_mem[more*CMD_FIELDS+PLANES_A][NW-1:0];
          cmd_planes_b <= cmd_mem[more*CMD_FIELDS+PLANES_B][NW-1:0];
          cmd_words <= cmd_mem[more*CMD_FIELDS+WORDS][WW-1:0];
          cmd_rows <= cmd_mem[more*CMD_FIELDS+LIVE_ROWS][RW-1:0];
          cmd_cols <= cmd_mem[more*CMD_FIELDS+LIVE_COLS][CW-1:0];
          cmd_base <= cmd_mem[more*CMD_FIELDS+BASE][1:0];
          cmd_emit <= cmd_mem[more*CMD_FIELDS+EMIT][0];
          cmd_bank <= cmd_mem[more*CMD_FIELDS+BANK][0];
        end else begin
          cmd_valid <= 1'b0;
          cmd_planes_a <= {NW{1'bx}};
          cmd_planes_b <= {NW{1'bx}};
          cmd_words <= {WW{1'bx}};
          cmd_rows <= {RW{1'bx}};
          cmd_cols <= {CW{1'bx}};
          cmd_base <= 2'bxx;
          cmd_emit <= 1'bx;
          cmd_bank <= 1'bx;
        end
      end
    end
  endtask

  task drive_pre;
    begin
      more = pre_valid && pre_ready ? pre_next + 1 : pre_next;
      pre_next <= more;
      if (!pre_valid || pre_ready) begin
        if (more < case_mem[record+PRE_END] && comes(pace_pre)) begin
          pre_valid <= 1'b1;
          pre_data <= pre_mem[more];
        end else begin
          pre_valid <= 1'b0;
          pre_data <= {COLS * SUM{1'bx}};
        end
      end
    end
  endtask

  task drive_seed;
    begin
      more = seed_valid && seed_ready ? seed_next + 1 : seed_next;
      seed_next <= more;
      if (!seed_valid || seed_ready) begin
        if (more < case_mem[record+SEED_END] && comes(pace_seed)) begin
          seed_valid <= 1'b1;
          seed_data <= seed_mem[more];
        end else begin
          seed_valid <= 1'b0;
          seed_data <= {COLS * 32{1'bx}};
        end
      end
    end
  endtask

  task observe;
    begin
      if (op_ren) begin
        check_read;
        reads <= reads + 1;
      end
      for (c = 0; c < COLS; c = c + 1) begin
        if (sum_valid[c]) begin
          check_sum(c);
          sum_next[c] = sum_next[c] + 1;
        end
      end
      if (held_q && !(res_valid && {res_last, res_data} === held_data_q)) begin
        complain("a refused result stays", 1, 0);
      end
      held_q <= res_valid && !res_ready;
      held_data_q <= {res_last, res_data};
      if (res_valid && res_ready) begin
        check_result;
        res_next <= res_next + 1;
      end
      if (res_valid && !res_ready) refused_cycles <= refused_cycles + 1;
      if (busy) busy_cycles <= busy_cycles + 1;
      // a control output that is X would slip through the tests above
      same("X among control outputs", 0,
           {63'd0, (^{cmd_ready, op_ren, pre_ready, seed_ready, res_valid, sum_valid, busy})
            === 1'bx});
      res_ready <= comes(pace_res);
    end
  endtask

  initial begin
    for (c = 0; c < COLS; c = c + 1) sum_next[c] = 0;
    if ($value$plusargs("stalls=%d", stalls)) begin end
    if ($value$plusargs("seed=%d", seed)) begin end
    $readmemh("case.hex", case_mem);
    $readmemh("cmd.hex", cmd_mem);
    $readmemh("beat.hex", beat_mem);
    $readmemh("op_a.hex", op_a_mem);
    $readmemh("op_b.hex", op_b_mem);
    $readmemh("pre.hex", pre_mem);
    $readmemh("seed.hex", seed_mem);
    $readmemh("res.hex", res_mem);
    $readmemh("sum.hex", sum_mem);
  end

  always @(posedge clk) begin
    if (!failed) begin
      cycles <= cycles + 1;
      case (state)
        S_RESET: begin
          rst_n <= cycles >= 3;
          if (cycles >= 5) state <= S_MODE;
        end
        S_MODE: begin
          ctr_clear <= 1'b0;
          res_ready <= 1'b1;
          start_case;
          state <= S_RUN;
        end
        S_RUN: begin
          observe;
          drive_cmd;
          drive_pre;
          drive_seed;
          if (cycles > case_mem[record+CYCLE_LIMIT]) begin
            complain("watchdog, result beats", case_mem[record+RES_END], res_next);
          end
          if (cmd_next == case_mem[record+CMD_END] && !busy && !op_ren) begin
            check_case;
            ctr_clear <= 1'b1;
            state <= S_CLEAR;
          end
        end
        S_CLEAR: begin
          same("busy_o between cases", 0, {63'd0, busy});
          now <= now + 1;
          record <= record + CASE_FIELDS;
          ctr_clear <= 1'b0;
          state <= now == CASES - 1 ? S_DONE : S_MODE;
        end
        default: begin
          if (!failed) $display("constant %0d", constant);
          if (!failed) $display("PASS %0d cases", CASES);
          $finish;
        end
      endcase
    end
  end

endmodule

`default_nettype wire
