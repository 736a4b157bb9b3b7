// Sequencer of the float array: turns one command into operand reads, and the end of a tile into
// the departure of its results.
//
// A command is one piece of K of one tile. Each of its words takes RESULTS slots, one for each
// result that a PE works on: A is read again, B at the next address. In the slot after the last
// word of a tile (cmd_emit_i) the results begin to leave the PEs, one block of columns per slot;
// the same slot may issue the first word of the next command. They wait until the chains have
// drained the tile before (one row of one block per slot); everything behind them waits too. Sums
// stay in the PEs between the commands of a tile, so only its last command makes results leave.
//
// Outputs titled "operand stage" are registered: they are valid together with the operands that a
// read returns one cycle later.
//
// Parameters:
//   RESULTS      results that a PE works on in turn, 1..16
//   COLS         columns of the array
//   ADDR_WIDTH   bits of an operand address, at least 1
//   WORDS_WIDTH  bits of a count of words, at least ADDR_WIDTH
//   ROWS_WIDTH   bits of a count of rows
//   TILE_WIDTH   bits of a count of columns of a tile, up to RESULTS * COLS
//
// Throughput: one word in RESULTS slots; commands follow each other without a gap.
// Not handled: counts of zero, words beyond a bank; the host excludes them.
`default_nettype none

module flexmac_float_seq #(
    parameter RESULTS     = 1,
    parameter COLS        = 2,
    parameter ADDR_WIDTH  = 10,
    parameter WORDS_WIDTH = 11,
    parameter ROWS_WIDTH  = 4,
    parameter TILE_WIDTH  = 2
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
    input  wire [ TILE_WIDTH-1:0] cmd_cols_i,
    input  wire [            1:0] cmd_base_i,
    input  wire                   cmd_emit_i,
    input  wire                   cmd_bank_i,
    // operand read
    output wire                   op_ren_o,
    output wire                   op_bank_o,
    output wire [ ADDR_WIDTH-1:0] op_addr_a_o,
    output wire [ ADDR_WIDTH-1:0] op_addr_b_o,
    // operand stage: a word
    output reg                    op_valid_o,
    output reg                    op_dead_o,    // what leaves the loops is of an earlier tile
    // operand stage: a block of results leaves, and what the drain must know of its tile
    output reg                    cap_valid_o,
    output reg                    cap_first_o,  // the tile's first block
    output reg  [            1:0] cap_base_o,   // what is added: 1 the preload
    output reg  [ ROWS_WIDTH-1:0] cap_rows_o,
    output reg  [ TILE_WIDTH-1:0] cap_cols_o,
    // status
    output wire                   busy_o,
    output wire                   issue_o,      // a word is issued in this slot
    output wire                   wait_o        // results wait for the chains in this slot
);

  localparam [1:0] BASE_MEMORY = 2'd2;  // a later command of a tile
  localparam SLOT_WIDTH = RESULTS > 1 ? $clog2(RESULTS) : 1;
  localparam [31:0] LAST_NUMBER = RESULTS - 1;
  localparam [SLOT_WIDTH-1:0] LAST_SLOT = LAST_NUMBER[SLOT_WIDTH-1:0];
  localparam [SLOT_WIDTH-1:0] FIRST_SLOT = 0;
  localparam [SLOT_WIDTH-1:0] ONE_SLOT = 1;
  localparam [WORDS_WIDTH-1:0] ONE_WORD = 1;
  localparam [ADDR_WIDTH-1:0] ONE_ADDR = 1;
  localparam [ROWS_WIDTH-1:0] ONE_ROW = 1;

  generate
    if (WORDS_WIDTH < ADDR_WIDTH || ADDR_WIDTH < 1) begin : gen_bad_words_width
      flexmac_float_seq_WORDS_WIDTH_must_hold_a_bank u_illegal ();
    end
    if (RESULTS < 1 || RESULTS > 16) begin : gen_bad_results
      flexmac_float_seq_RESULTS_must_be_1_to_16 u_illegal ();
    end
    if ((1 << TILE_WIDTH) <= RESULTS * COLS) begin : gen_bad_tile_width
      flexmac_float_seq_TILE_WIDTH_must_hold_the_columns u_illegal ();
    end
  endgenerate

  // the command being run
  reg active_q;
  reg [WORDS_WIDTH-1:0] words_q;
  reg [ROWS_WIDTH-1:0] rows_q;
  reg [TILE_WIDTH-1:0] cols_q;
  reg [1:0] base_q;  // of the tile: its first command's
  reg first_q;       // it is the tile's first
  reg emit_q, bank_q;

  // where in it
  reg [WORDS_WIDTH-1:0] k_q;
  reg [SLOT_WIDTH-1:0] slot_q;
  reg [ADDR_WIDTH-1:0] addr_b_q;

  // the results that are due
  reg due_q;
  reg [1:0] due_base_q;
  reg [ROWS_WIDTH-1:0] due_rows_q;
  reg [TILE_WIDTH-1:0] due_cols_q;
  reg [SLOT_WIDTH-1:0] burst_q;   // blocks of the last tile that have not left yet
  // until the chains are free: slots of this block, blocks after it
  reg [ROWS_WIDTH-1:0] drain_q;
  reg [ROWS_WIDTH-1:0] drain_rows_q;
  reg [SLOT_WIDTH-1:0] drain_blocks_q;

  wire chains_free = drain_q == {ROWS_WIDTH{1'b0}} && drain_blocks_q == FIRST_SLOT;
  wire capture = due_q && chains_free;
  wire bursting = burst_q != FIRST_SLOT;
  wire issue = active_q && !(due_q && !chains_free);
  wire ends_word = issue && slot_q == LAST_SLOT;
  wire ends_command = ends_word && k_q == words_q - ONE_WORD;
  wire ends_tile = ends_command && emit_q;
  wire accept = cmd_valid_i && cmd_ready_o;
  wire later = cmd_base_i == BASE_MEMORY;

  // blocks of columns after the first
  reg [SLOT_WIDTH-1:0] more_blocks;
  integer i;

  always @* begin
    more_blocks = FIRST_SLOT;
    for (i = 1; i < RESULTS; i = i + 1) begin
      if ({{(32 - TILE_WIDTH) {1'b0}}, due_cols_q} > i * COLS) more_blocks = more_blocks + ONE_SLOT;
    end
  end

  assign cmd_ready_o = en_i && (!active_q || ends_command);
  assign op_ren_o = en_i && issue;
  assign op_bank_o = bank_q;
  assign op_addr_a_o = k_q[ADDR_WIDTH-1:0];
  assign op_addr_b_o = addr_b_q;
  assign busy_o = active_q || due_q || bursting;
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
      first_q <= !later;
      emit_q <= cmd_emit_i;
      bank_q <= cmd_bank_i;
    end
  end

  // the walk
  always @(posedge clk_i) begin
    if (accept) begin
      k_q <= {WORDS_WIDTH{1'b0}};
      slot_q <= FIRST_SLOT;
      addr_b_q <= {ADDR_WIDTH{1'b0}};
    end else if (en_i && issue) begin
      if (ends_word) k_q <= k_q + ONE_WORD;
      slot_q <= ends_word ? FIRST_SLOT : slot_q + ONE_SLOT;
      addr_b_q <= addr_b_q + ONE_ADDR;
    end
  end

  // the results that are due, and the chains they must wait for
  always @(posedge clk_i) begin
    if (!rst_ni) begin
      due_q <= 1'b0;
      burst_q <= FIRST_SLOT;
      drain_q <= {ROWS_WIDTH{1'b0}};
      drain_blocks_q <= FIRST_SLOT;
    end else if (en_i) begin
      if (ends_tile) due_q <= 1'b1;
      else if (capture) due_q <= 1'b0;
      if (capture) begin
        burst_q <= more_blocks;
        drain_q <= due_rows_q - ONE_ROW;
        drain_blocks_q <= more_blocks;
      end else begin
        if (bursting) burst_q <= burst_q - ONE_SLOT;
        if (drain_q != {ROWS_WIDTH{1'b0}}) begin
          drain_q <= drain_q - ONE_ROW;
        end else if (drain_blocks_q != FIRST_SLOT) begin
          drain_q <= drain_rows_q - ONE_ROW;
          drain_blocks_q <= drain_blocks_q - ONE_SLOT;
        end
      end
    end
  end

  always @(posedge clk_i) begin
    if (en_i && ends_tile) begin
      due_base_q <= base_q;
      due_rows_q <= rows_q;
      due_cols_q <= cols_q;
    end
    if (en_i && capture) drain_rows_q <= due_rows_q;
  end

  // operand stage
  always @(posedge clk_i) begin
    if (!rst_ni) begin
      op_valid_o <= 1'b0;
      cap_valid_o <= 1'b0;
    end else if (en_i) begin
      op_valid_o <= issue;
      cap_valid_o <= capture || bursting;
    end
  end

  always @(posedge clk_i) begin
    if (en_i) begin
      op_dead_o <= first_q && k_q == {WORDS_WIDTH{1'b0}};
      cap_first_o <= capture;
    end
    if (en_i && capture) begin
      cap_base_o <= due_base_q;
      cap_rows_o <= due_rows_q;
      cap_cols_o <= due_cols_q;
    end
  end

`ifdef FORMAL
  // Rules; a slot is a cycle with en_i. Given: counts above 0, words within a bank, commands that
  // wait unchanged.
  // 1. A command issues each of its words RESULTS times in a row: A from address 0 up, one address
  //    a word, B one address a slot. The first word of a tile's first command, and no other, is
  //    dead.
  // 2. The results of a tile leave once, in a burst of one slot per live block of columns, with the
  //    tile's record.
  // 3. A tile of r rows and b blocks keeps the next burst away for b * r slots: the chains are
  //    empty then.
  // 4. Bounded: while a command runs every slot issues a word or waits for the chains.
  localparam COUNT_WIDTH = ROWS_WIDTH + SLOT_WIDTH + 1;
  reg [WORDS_WIDTH-1:0] f_word;
  reg [ADDR_WIDTH-1:0] f_addr_b;
  reg [SLOT_WIDTH:0] f_slot;
  reg f_due, f_later;
  reg [ROWS_WIDTH-1:0] f_rows, f_due_rows;
  reg [TILE_WIDTH-1:0] f_cols, f_due_cols;
  reg [COUNT_WIDTH-1:0] f_chain;  // rows in the chains and queues after this slot
  reg [SLOT_WIDTH:0] f_burst;
  wire [SLOT_WIDTH:0] f_blocks = (f_due_cols + COLS - 1) / COLS;
  reg past_valid = 1'b0;
  initial assume (!rst_ni);

  always @(posedge clk_i) begin
    past_valid <= 1'b1;
    if (!rst_ni) begin
      f_due <= 1'b0;
      f_chain <= 0;
      f_burst <= 0;
    end else if (en_i) begin
      if (accept) begin
        f_word <= 0;
        f_slot <= 0;
        f_addr_b <= 0;
        f_rows <= cmd_rows_i;
        f_cols <= cmd_cols_i;
        f_later <= cmd_base_i == 2;
      end else if (op_ren_o) begin
        f_slot <= f_slot + 1 == RESULTS ? 0 : f_slot + 1;
        if (f_slot + 1 == RESULTS) f_word <= f_word + 1;
        f_addr_b <= f_addr_b + 1;
      end
      if (f_chain != 0) f_chain <= f_chain - 1;
      if (f_burst != 0) f_burst <= f_burst - 1;
      if (capture) begin
        f_chain <= f_due_rows * f_blocks - 1;
        f_burst <= f_blocks - 1;
      end
      if (ends_tile) begin
        f_due <= 1'b1;
        f_due_rows <= f_rows;
        f_due_cols <= f_cols;
      end else if (capture) f_due <= 1'b0;
    end
  end

  always @* begin
    assume (cmd_words_i != 0 && cmd_rows_i != 0 && cmd_words_i <= (1 << ADDR_WIDTH) / RESULTS);
    assume (cmd_cols_i != 0 && cmd_cols_i <= RESULTS * COLS);
    if (past_valid) begin
      if (active_q) begin
        assert (words_q != 0 && words_q <= (1 << ADDR_WIDTH) / RESULTS);
        assert (rows_q == f_rows && f_rows != 0 && first_q == !f_later);
        assert (cols_q == f_cols && f_cols != 0 && f_cols <= RESULTS * COLS);
        assert (k_q == f_word && f_word < words_q && f_slot < RESULTS && slot_q == f_slot);
        assert (op_addr_a_o == f_word && op_addr_b_o == f_addr_b && op_bank_o == bank_q);
        assert (f_addr_b == f_word * RESULTS + f_slot);
        assert (issue_o || wait_o);
      end
      if (ends_command) assert (f_word + 1 == words_q && f_slot + 1 == RESULTS);
      if (ends_tile) assert (emit_q);
      assert (due_q == f_due && (!f_due || due_rows_q == f_due_rows && due_cols_q == f_due_cols));
      assert (burst_q == f_burst);
      if (f_due) assert (f_due_rows != 0 && f_due_cols != 0 && f_due_cols <= RESULTS * COLS);
      if (f_chain != 0) assert (drain_rows_q != 0 && drain_q < drain_rows_q);
      assert (f_chain == drain_q + drain_blocks_q * drain_rows_q || f_chain == 0);
      assert ((f_chain == 0) == chains_free);
      assert (f_burst <= f_chain && f_burst < RESULTS);
      if (capture) assert (f_due && f_chain == 0 && f_burst == 0);
      if (en_i && ends_tile) assert (!f_due || capture);
      assert (busy_o == (active_q || f_due || f_burst != 0));
      if (en_i && !active_q) assert (cmd_ready_o);
      cover (capture && accept);
      cover (wait_o && active_q);
      cover (active_q && f_word == 2 && words_q == 3 && emit_q);
      cover (f_burst != 0 && issue || RESULTS == 1);
    end
  end

  always @(posedge clk_i) begin
    if (past_valid && $past(past_valid) && $past(rst_ni) && $past(en_i)) begin
      assert (op_valid_o == $past(issue) && cap_valid_o == $past(capture || f_burst != 0));
      if (op_valid_o) assert (op_dead_o == $past(!f_later && f_word == 0));
      if (cap_valid_o) assert (cap_first_o == $past(capture));
      if ($past(capture)) assert (cap_rows_o == $past(f_due_rows)
          && cap_cols_o == $past(f_due_cols) && cap_base_o == $past(due_base_q));
    end
    if (past_valid && $past(past_valid) && $past(rst_ni) && !$past(en_i && capture))
      assert (cap_rows_o == $past(cap_rows_o) && cap_cols_o == $past(cap_cols_o));
    if (past_valid && $past(past_valid) && $past(rst_ni) && !$past(en_i))
      assert (op_valid_o == $past(op_valid_o) && cap_valid_o == $past(cap_valid_o));
  end
`endif

endmodule

`default_nettype wire
