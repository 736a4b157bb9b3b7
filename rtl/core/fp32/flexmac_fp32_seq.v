// Sequencer of the float array: turns one command into operand reads, reduction steps and a
// capture.
//
// A command is one piece of K of one tile. Its words are issued one per cycle. The last word of a
// tile (cmd_emit_i) is followed by REDUCTION_STEPS steps, one per cycle, that add up the partial
// sums of every PE (flexmac_fp32_pe). Then the sums are captured into the drain chains; the same
// cycle may issue the first word of the next command. A capture waits until the chains have drained
// the one before (one row per cycle); everything behind it waits too. Partial sums stay in the PEs
// between the commands of a tile, so only its last command captures.
//
// Outputs titled "operand stage" are registered: they are valid together with the operands that a
// read returns one cycle later.
//
// Parameters:
//   ADDR_WIDTH       bits of an operand address, at least 1
//   WORDS_WIDTH      bits of a count of words, at least ADDR_WIDTH
//   ROWS_WIDTH       bits of a count of rows
//   COLS_WIDTH       bits of a count of columns
//   PARTIAL_SUMS     partial sums per lane, at least 1
//   REDUCTION_STEPS  reduction steps, 0..42
//   REDUCTION_CODES  what each step does, 3 bits each, step 0 lowest (acc_op_i of flexmac_fp32_pe)
//
// Throughput: one word per cycle; commands follow each other without a gap.
// Not handled: counts of zero, words beyond a bank; the host excludes them.
`default_nettype none

module flexmac_fp32_seq #(
    parameter         ADDR_WIDTH      = 10,
    parameter         WORDS_WIDTH     = 11,
    parameter         ROWS_WIDTH      = 4,
    parameter         COLS_WIDTH      = 4,
    parameter [  3:0] PARTIAL_SUMS    = 1,
    parameter [  7:0] REDUCTION_STEPS = 0,
    parameter [127:0] REDUCTION_CODES = 128'd0
) (
    input  wire                   clk_i,
    input  wire                   rst_ni,
    // control
    input  wire                   en_i,
    input  wire                   cmd_valid_i,
    output wire                   cmd_ready_o,
    // command
    input  wire [WORDS_WIDTH-1:0] cmd_words_i,
    input  wire [ ROWS_WIDTH-1:0] cmd_rows_i,
    input  wire [ COLS_WIDTH-1:0] cmd_cols_i,
    input  wire [            1:0] cmd_base_i,
    input  wire                   cmd_emit_i,
    input  wire                   cmd_bank_i,
    // operand read
    output wire                   op_ren_o,
    output wire                   op_bank_o,
    output wire [ ADDR_WIDTH-1:0] op_addr_o,
    // operand stage: a word or a step for the queues
    output reg                    op_valid_o,
    output reg                    op_dead_o,   // what is at their heads is of an earlier tile
    output reg  [            2:0] op_code_o,
    // operand stage: a capture, and what the drain must know of it
    output reg                    cap_valid_o,
    output reg  [            1:0] cap_base_o,  // what is added: 1 the preload
    output reg  [ ROWS_WIDTH-1:0] cap_rows_o,
    output reg  [ COLS_WIDTH-1:0] cap_cols_o,
    // status
    output wire                   busy_o,
    output wire                   issue_o,     // a word is issued in this slot
    output wire                   wait_o       // a capture waits for the chains in this slot
);

  generate
    if (WORDS_WIDTH < ADDR_WIDTH || ADDR_WIDTH < 1) begin : gen_bad_words_width
      flexmac_fp32_seq_WORDS_WIDTH_must_hold_a_bank u_illegal ();
    end
    if (PARTIAL_SUMS < 1) begin : gen_bad_partial_sums
      flexmac_fp32_seq_PARTIAL_SUMS_must_be_at_least_1 u_illegal ();
    end
    if (REDUCTION_STEPS > 42) begin : gen_bad_reduction_steps
      flexmac_fp32_seq_REDUCTION_STEPS_must_fit_REDUCTION_CODES u_illegal ();
    end
  endgenerate

  localparam [1:0] BASE_MEMORY = 2'd2;   // a later command of a tile
  localparam [WORDS_WIDTH-1:0] ONE_WORD = 1;
  localparam [ADDR_WIDTH-1:0] ONE_ADDR = 1;
  localparam [ROWS_WIDTH-1:0] ONE_ROW = 1;

  // the command being run
  reg active_q;
  reg [WORDS_WIDTH-1:0] words_q;
  reg [ROWS_WIDTH-1:0] rows_q;
  reg [COLS_WIDTH-1:0] cols_q;
  reg [1:0] base_q;  // of the tile: its first command's
  reg emit_q, bank_q;

  // where in it
  reg [WORDS_WIDTH-1:0] k_q;
  reg [ADDR_WIDTH-1:0] addr_q;
  reg reduce_q;  // the words are out, the steps are not
  reg [7:0] step_q;
  reg [3:0] filled_q;  // slots of the tile so far, at most PARTIAL_SUMS

  // the capture that is due
  reg due_q;
  reg [1:0] due_base_q;
  reg [ROWS_WIDTH-1:0] due_rows_q;
  reg [COLS_WIDTH-1:0] due_cols_q;
  reg [ROWS_WIDTH-1:0] drain_q;  // slots until the chains are free

  wire chains_free = drain_q == {ROWS_WIDTH{1'b0}};
  wire capture = due_q && chains_free;
  wire issue = active_q && !reduce_q && !(due_q && !chains_free);
  wire ends_words = issue && k_q == words_q - ONE_WORD;
  wire ends_steps, starts_steps;
  wire ends_tile = (ends_words && emit_q && !starts_steps) || ends_steps;
  wire ends_command = ends_tile || (ends_words && !emit_q);
  wire accept = cmd_valid_i && cmd_ready_o;
  wire later = cmd_base_i == BASE_MEMORY;

  generate
    if (REDUCTION_STEPS != 8'd0) begin : gen_steps
      assign starts_steps = ends_words && emit_q;
      assign ends_steps = reduce_q && step_q == REDUCTION_STEPS - 8'd1;
    end else begin : gen_no_steps
      assign starts_steps = 1'b0;
      assign ends_steps = 1'b0;
    end
  endgenerate

  assign cmd_ready_o = en_i && (!active_q || ends_command);
  assign op_ren_o = en_i && issue;
  assign op_bank_o = bank_q;
  assign op_addr_o = addr_q;
  assign busy_o = active_q || due_q;
  assign issue_o = issue;
  assign wait_o = due_q && !chains_free;

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      active_q <= 1'b0;
    end else if (en_i) begin
      if (accept) active_q <= 1'b1;
      else if (ends_command) active_q <= 1'b0;
    end
  end

  always @(posedge clk_i) begin
    if (accept) begin
      words_q <= cmd_words_i;
      rows_q <= cmd_rows_i;
      cols_q <= cmd_cols_i;
      if (!later) base_q <= cmd_base_i;
      emit_q <= cmd_emit_i;
      bank_q <= cmd_bank_i;
    end
  end

  // the walk
  always @(posedge clk_i) begin
    if (!rst_ni) reduce_q <= 1'b0;
    else if (en_i) reduce_q <= starts_steps || (reduce_q && !ends_steps);
  end

  always @(posedge clk_i) begin
    if (accept) begin
      k_q <= {WORDS_WIDTH{1'b0}};
      addr_q <= {ADDR_WIDTH{1'b0}};
      step_q <= 8'd0;
    end else if (en_i && issue) begin
      k_q <= k_q + ONE_WORD;
      addr_q <= addr_q + ONE_ADDR;
    end else if (en_i && reduce_q) begin
      step_q <= step_q + 8'd1;
    end
  end

  always @(posedge clk_i) begin
    if (accept && !later) filled_q <= 4'd0;
    else if (en_i && (issue || reduce_q) && filled_q != PARTIAL_SUMS) filled_q <= filled_q + 4'd1;
  end

  // the capture that is due, and the chains it must wait for
  always @(posedge clk_i) begin
    if (!rst_ni) begin
      due_q <= 1'b0;
      drain_q <= {ROWS_WIDTH{1'b0}};
    end else if (en_i) begin
      if (ends_tile) due_q <= 1'b1;
      else if (capture) due_q <= 1'b0;
      if (capture) drain_q <= due_rows_q - ONE_ROW;
      else if (!chains_free) drain_q <= drain_q - ONE_ROW;
    end
  end

  always @(posedge clk_i) begin
    if (en_i && ends_tile) begin
      due_base_q <= base_q;
      due_rows_q <= rows_q;
      due_cols_q <= cols_q;
    end
  end

  // operand stage
  wire [127:0] steps = REDUCTION_CODES >> {step_q, 1'b0} >> step_q;
  wire unused_steps = &{1'b0, steps[127:3]};

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      op_valid_o <= 1'b0;
      cap_valid_o <= 1'b0;
    end else if (en_i) begin
      op_valid_o <= issue || reduce_q;
      cap_valid_o <= capture;
    end
  end

  always @(posedge clk_i) begin
    if (en_i) begin
      op_dead_o <= filled_q != PARTIAL_SUMS;
      op_code_o <= reduce_q ? steps[2:0] : 3'd0;
      cap_base_o <= due_base_q;
      cap_rows_o <= due_rows_q;
      cap_cols_o <= due_cols_q;
    end
  end

`ifdef FORMAL
  // Rules; a slot is a cycle with en_i. Given: counts above 0, words within a bank, commands that
  // wait unchanged.
  // 1. A command issues words 0 .. words-1 of its bank, one a slot, each once.
  // 2. REDUCTION_STEPS reduction steps follow the last word of a tile, and then one capture with
  //    the tile's record.
  // 3. A capture of r rows keeps the next away for r slots: the chains are empty then.
  // 4. Bounded: while a command runs every slot issues a word, does a step or waits for the chains.
  reg [WORDS_WIDTH-1:0] f_word;
  reg [8:0] f_steps;
  reg f_due;
  reg [ROWS_WIDTH-1:0] f_due_rows, f_rows, f_chain;
  reg past_valid = 1'b0;
  initial assume (!rst_ni);

  always @(posedge clk_i) begin
    past_valid <= 1'b1;
    if (!rst_ni) begin
      f_due <= 1'b0;
      f_chain <= 0;
      f_steps <= 0;
    end else if (en_i) begin
      if (accept) begin
        f_word <= 0;
        f_rows <= cmd_rows_i;
      end else if (op_ren_o) f_word <= f_word + 1;
      f_steps <= reduce_q && f_steps + 1 < REDUCTION_STEPS ? f_steps + 1 : 0;
      if (f_chain != 0) f_chain <= f_chain - 1;
      if (capture) f_chain <= f_due_rows - 1;
      if (ends_tile) begin
        f_due <= 1'b1;
        f_due_rows <= f_rows;
      end else if (capture) f_due <= 1'b0;
    end
  end

  always @* begin
    assume (cmd_words_i != 0 && cmd_rows_i != 0 && cmd_words_i <= (1 << ADDR_WIDTH));
    if (past_valid) begin
      if (active_q) begin
        assert (words_q != 0 && words_q <= (1 << ADDR_WIDTH) && rows_q == f_rows && f_rows != 0);
        if (!reduce_q) assert (k_q == f_word && f_word < words_q);
        if (!reduce_q) assert (op_addr_o == f_word && op_bank_o == bank_q);
        if (reduce_q) assert (step_q == f_steps && f_steps < REDUCTION_STEPS && emit_q);
        assert (issue_o || wait_o || reduce_q);
      end else assert (!reduce_q);
      if (!reduce_q) assert (f_steps == 0 && (!active_q || step_q == 8'd0));
      if (reduce_q) assert (!f_due);
      if (ends_tile) assert (emit_q
          && (REDUCTION_STEPS == 0 ? f_word + 1 == words_q : f_steps + 1 == REDUCTION_STEPS));
      if (ends_command && !emit_q) assert (f_word + 1 == words_q);
      assert (due_q == f_due && drain_q == f_chain && (!f_due || due_rows_q == f_due_rows));
      if (f_due) assert (f_due_rows != 0);
      if (capture) assert (f_due && f_chain == 0);
      if (en_i && ends_tile) assert (!f_due || capture);
      assert (busy_o == (active_q || f_due));
      if (en_i && !active_q) assert (cmd_ready_o);
      cover (capture && accept);
      cover (wait_o && active_q || REDUCTION_STEPS > 2);
      cover (active_q && f_word == 2 && words_q == 3 && emit_q);
    end
  end

  always @(posedge clk_i) begin
    if (past_valid && $past(past_valid) && $past(rst_ni) && $past(en_i)) begin
      assert (op_valid_o == $past(issue || reduce_q) && cap_valid_o == $past(capture));
      if (cap_valid_o) assert (cap_rows_o == $past(f_due_rows));
      if (op_valid_o) assert (op_code_o == ($past(reduce_q)
          ? $past((REDUCTION_CODES >> (3 * step_q)) & 7) : 0));
    end
    if (past_valid && $past(past_valid) && $past(rst_ni) && !$past(en_i))
      assert (op_valid_o == $past(op_valid_o) && cap_valid_o == $past(cap_valid_o));
  end
`endif

endmodule

`default_nettype wire
