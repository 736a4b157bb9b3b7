// Sequencer: turns one command into operand reads, accumulator control and captures.
//
// A command is one piece of K of one tile. For each significance s the sequencer visits the plane
// pairs (i, j) with i + j = s, i rising. For each pair it issues the command's words, one per
// cycle:
//
//   s = 0: (0,0)   s = 1: (0,1) (1,0)   ...   s = na+nb-2: (na-1,nb-1)
//
// A bank holds plane 0's words, then plane 1's, and so on. The base address of a plane therefore
// moves by `words`, and no multiplier is needed. The cycle after the last word of a significance
// captures its result digits into the drain chains; the same cycle may issue the first word of the
// next significance or command. A capture waits until the chains have drained the one before (one
// row per cycle); everything behind it waits too.
//
// A slot is a cycle with en_i high; in all others everything here holds its state.
//
// Outputs titled "operand stage" are registered: they are valid together with the operands that a
// read returns one cycle later.
//
// Parameters: bits of
//   ADDR_WIDTH          an operand address
//   WORDS_WIDTH         a count of words, at least ADDR_WIDTH
//   PLANES_WIDTH        a count of planes
//   ROWS_WIDTH          a count of rows
//   COLS_WIDTH          a count of columns
//   SIGNIFICANCE_WIDTH  a significance
//
// Throughput: one word per cycle; commands follow each other without a gap.
// Not handled: counts of zero, planes * words beyond a bank; the host excludes them.
`default_nettype none

module flexmac_seq #(
    parameter ADDR_WIDTH         = 10,
    parameter WORDS_WIDTH        = 11,
    parameter PLANES_WIDTH       = 3,
    parameter ROWS_WIDTH         = 4,
    parameter COLS_WIDTH         = 4,
    parameter SIGNIFICANCE_WIDTH = 3
) (
    input  wire                          clk_i,
    input  wire                          rst_ni,
    // control
    input  wire                          en_i,
    input  wire                          cmd_valid_i,
    output wire                          cmd_ready_o,
    // command
    input  wire [      PLANES_WIDTH-1:0] cmd_planes_a_i,
    input  wire [      PLANES_WIDTH-1:0] cmd_planes_b_i,
    input  wire [       WORDS_WIDTH-1:0] cmd_words_i,
    input  wire [        ROWS_WIDTH-1:0] cmd_rows_i,
    input  wire [        COLS_WIDTH-1:0] cmd_cols_i,
    // sums start from: 0 zero, 1 preload, 2 the sums so far
    input  wire [                   1:0] cmd_base_i,
    input  wire                          cmd_emit_i,  // last piece of K: the sums are complete
    input  wire                          cmd_bank_i,
    // operand read
    output wire                          op_ren_o,
    output wire                          op_bank_o,
    output wire [        ADDR_WIDTH-1:0] op_addr_a_o,
    output wire [        ADDR_WIDTH-1:0] op_addr_b_o,
    // operand stage: a word for the accumulators
    output reg                           op_valid_o,
    output reg                           op_clear_o,  // first word of a command
    output reg                           op_shift_o,  // first word of a later significance
    output reg                           op_a_signed_o,  // plane i is the top one
    output reg                           op_b_signed_o,  // plane j is the top one
    // operand stage: a capture, and what the drain must know of it
    output reg                           cap_valid_o,
    output reg                           cap_last_o,  // last significance: the whole accumulator
    output reg  [SIGNIFICANCE_WIDTH-1:0] cap_pos_o,  // significance
    output reg  [                   1:0] cap_base_o,  // what the sums start from, at significance 0
    output reg                           cap_emit_o,  // the sums are complete after this capture
    output reg  [        ROWS_WIDTH-1:0] cap_rows_o,
    output reg  [        COLS_WIDTH-1:0] cap_cols_o,
    // status
    output wire                          busy_o,
    output wire                          issue_o,  // a word is issued in this slot
    output wire                          wait_o  // a capture waits for the chains in this slot
);

  generate
    if (WORDS_WIDTH < ADDR_WIDTH) begin : gen_bad_words_width
      flexmac_seq_WORDS_WIDTH_must_be_at_least_ADDR_WIDTH u_illegal ();
    end
    if (PLANES_WIDTH < 1 || SIGNIFICANCE_WIDTH < 1 || ROWS_WIDTH < 1
        || COLS_WIDTH < 1) begin : gen_bad_widths
      flexmac_seq_widths_must_be_at_least_1 u_illegal ();
    end
  endgenerate

  localparam [PLANES_WIDTH-1:0] ONE_PLANE = 1;
  localparam [WORDS_WIDTH-1:0] ONE_WORD = 1;
  localparam [ADDR_WIDTH-1:0] ONE_ADDR = 1;
  localparam [SIGNIFICANCE_WIDTH-1:0] ONE_SIGNIFICANCE = 1;
  localparam [ROWS_WIDTH-1:0] ONE_ROW = 1;

  // the command being run
  reg active_q;
  reg [PLANES_WIDTH-1:0] planes_a_q, planes_b_q;
  reg [WORDS_WIDTH-1:0] words_q;
  reg [ROWS_WIDTH-1:0] rows_q;
  reg [COLS_WIDTH-1:0] cols_q;
  reg [1:0] base_q;
  reg emit_q, bank_q;

  // where in it: word k of pair (i, j); the significance began at pair (i0, j0)
  reg [WORDS_WIDTH-1:0] k_q;
  reg [PLANES_WIDTH-1:0] i_q, j_q, i0_q, j0_q;
  reg [ADDR_WIDTH-1:0] plane_a_q, plane_b_q;  // base addresses of planes i and j
  reg [ADDR_WIDTH-1:0] plane_a0_q, plane_b0_q;  // ... of planes i0 and j0
  reg [ADDR_WIDTH-1:0] addr_a_q, addr_b_q;
  reg [SIGNIFICANCE_WIDTH-1:0] pos_q;  // significance: i + j
  reg fresh_q;  // no word of the command is out yet
  reg start_q;  // no word of the significance is out yet

  // the capture that is due
  reg due_q, due_last_q, due_emit_q;
  reg [SIGNIFICANCE_WIDTH-1:0] due_pos_q;
  reg [1:0] due_base_q;
  reg [ROWS_WIDTH-1:0] due_rows_q;
  reg [COLS_WIDTH-1:0] due_cols_q;
  reg [ROWS_WIDTH-1:0] drain_q;  // slots until the chains are free

  wire chains_free = drain_q == {ROWS_WIDTH{1'b0}};
  wire capture = due_q && chains_free;
  wire issue = active_q && !(due_q && !chains_free);

  wire last_word = k_q == words_q - ONE_WORD;
  wire top_a = i_q == planes_a_q - ONE_PLANE;
  wire top_b = j_q == planes_b_q - ONE_PLANE;
  wire last_pair = top_a || j_q == {PLANES_WIDTH{1'b0}};
  wire ends_pair = issue && last_word;
  wire ends_significance = ends_pair && last_pair;
  wire ends_command = ends_pair && top_a && top_b;
  wire accept = cmd_valid_i && cmd_ready_o;

  wire [ADDR_WIDTH-1:0] words_a = words_q[ADDR_WIDTH-1:0];
  wire raise_b = j0_q != planes_b_q - ONE_PLANE;  // next significance starts at (i0, j0+1)

  assign cmd_ready_o = en_i && (!active_q || ends_command);
  assign op_ren_o = en_i && issue;
  assign op_bank_o = bank_q;
  assign op_addr_a_o = addr_a_q;
  assign op_addr_b_o = addr_b_q;
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

  // the command
  always @(posedge clk_i) begin
    if (accept) begin
      planes_a_q <= cmd_planes_a_i;
      planes_b_q <= cmd_planes_b_i;
      words_q <= cmd_words_i;
      rows_q <= cmd_rows_i;
      cols_q <= cmd_cols_i;
      base_q <= cmd_base_i;
      emit_q <= cmd_emit_i;
      bank_q <= cmd_bank_i;
    end
  end

  // the walk through words and pairs
  always @(posedge clk_i) begin
    if (accept) begin
      k_q <= {WORDS_WIDTH{1'b0}};
      i_q <= {PLANES_WIDTH{1'b0}};
      j_q <= {PLANES_WIDTH{1'b0}};
      i0_q <= {PLANES_WIDTH{1'b0}};
      j0_q <= {PLANES_WIDTH{1'b0}};
      plane_a_q <= {ADDR_WIDTH{1'b0}};
      plane_b_q <= {ADDR_WIDTH{1'b0}};
      plane_a0_q <= {ADDR_WIDTH{1'b0}};
      plane_b0_q <= {ADDR_WIDTH{1'b0}};
      addr_a_q <= {ADDR_WIDTH{1'b0}};
      addr_b_q <= {ADDR_WIDTH{1'b0}};
      pos_q <= {SIGNIFICANCE_WIDTH{1'b0}};
      fresh_q <= 1'b1;
      start_q <= 1'b1;
    end else if (en_i && ends_significance) begin
      k_q <= {WORDS_WIDTH{1'b0}};
      pos_q <= pos_q + ONE_SIGNIFICANCE;
      start_q <= 1'b1;
      fresh_q <= 1'b0;
      if (raise_b) begin
        j0_q <= j0_q + ONE_PLANE;
        j_q <= j0_q + ONE_PLANE;
        i_q <= i0_q;
        plane_b0_q <= plane_b0_q + words_a;
        plane_b_q <= plane_b0_q + words_a;
        addr_b_q <= plane_b0_q + words_a;
        plane_a_q <= plane_a0_q;
        addr_a_q <= plane_a0_q;
      end else begin
        i0_q <= i0_q + ONE_PLANE;
        i_q <= i0_q + ONE_PLANE;
        j_q <= j0_q;
        plane_a0_q <= plane_a0_q + words_a;
        plane_a_q <= plane_a0_q + words_a;
        addr_a_q <= plane_a0_q + words_a;
        plane_b_q <= plane_b0_q;
        addr_b_q <= plane_b0_q;
      end
    end else if (en_i && ends_pair) begin
      k_q <= {WORDS_WIDTH{1'b0}};
      i_q <= i_q + ONE_PLANE;
      j_q <= j_q - ONE_PLANE;
      plane_a_q <= plane_a_q + words_a;
      plane_b_q <= plane_b_q - words_a;
      addr_a_q <= plane_a_q + words_a;
      addr_b_q <= plane_b_q - words_a;
      start_q <= 1'b0;
      fresh_q <= 1'b0;
    end else if (en_i && issue) begin
      k_q <= k_q + ONE_WORD;
      addr_a_q <= addr_a_q + ONE_ADDR;
      addr_b_q <= addr_b_q + ONE_ADDR;
      start_q <= 1'b0;
      fresh_q <= 1'b0;
    end
  end

  // the capture that is due, and the chains it must wait for
  always @(posedge clk_i) begin
    if (!rst_ni) begin
      due_q <= 1'b0;
      drain_q <= {ROWS_WIDTH{1'b0}};
    end else if (en_i) begin
      if (ends_significance) due_q <= 1'b1;
      else if (capture) due_q <= 1'b0;
      if (capture) drain_q <= due_rows_q - ONE_ROW;
      else if (!chains_free) drain_q <= drain_q - ONE_ROW;
    end
  end

  always @(posedge clk_i) begin
    if (en_i && ends_significance) begin
      due_last_q <= top_a && top_b;
      due_pos_q <= pos_q;
      due_base_q <= base_q;
      due_emit_q <= emit_q && top_a && top_b;
      due_rows_q <= rows_q;
      due_cols_q <= cols_q;
    end
  end

  // operand stage
  always @(posedge clk_i) begin
    if (!rst_ni) begin
      op_valid_o <= 1'b0;
      cap_valid_o <= 1'b0;
    end else if (en_i) begin
      op_valid_o <= issue;
      cap_valid_o <= capture;
    end
  end

  always @(posedge clk_i) begin
    if (en_i) begin
      op_clear_o <= fresh_q;
      op_shift_o <= start_q && !fresh_q;
      op_a_signed_o <= top_a;
      op_b_signed_o <= top_b;
      cap_last_o <= due_last_q;
      cap_pos_o <= due_pos_q;
      cap_base_o <= due_base_q;
      cap_emit_o <= due_emit_q;
      cap_rows_o <= due_rows_q;
      cap_cols_o <= due_cols_q;
    end
  end

`ifdef FORMAL
  // Rules; a slot is a cycle with en_i. Given: legal commands, planes * words within a bank, and
  // valid commands that wait unchanged.
  // 1. Every pair (i, j) of a command is visited once, by rising i + j, then by rising i: f_order
  //    counts the pairs that come before, and goes up by one from pair to pair.
  // 2. Each visit reads words i*words + k of A and j*words + k of B, k = 0 .. words-1, and no
  //    counter leaves its range: no read beyond the command's planes.
  // 3. The first word of a command clears, the first of each later significance shifts; planes are
  //    signed where they are top ones.
  // 4. Every significance is captured once, with its own command's record.
  // 5. After a capture of r rows the next comes r slots later at the earliest: the chains are
  //    empty then.
  // 6. Bounded: a command takes exactly planes_a * planes_b * words slots that issue, and at most
  //    RMAX-1 slots of waiting per capture; while active, every slot does one or the other.
  localparam NMAX = 1 << PLANES_WIDTH;
  localparam [ROWS_WIDTH:0] RMAX = (1 << ROWS_WIDTH) - 1;
  reg past_valid = 1'b0;
  initial assume (!rst_ni);

  // pairs of an na x nb command that come before (i, j)
  function [2*PLANES_WIDTH:0] before(input [PLANES_WIDTH-1:0] na, input [PLANES_WIDTH-1:0] nb,
      input [PLANES_WIDTH-1:0] i, input [PLANES_WIDTH-1:0] j);
    integer x, y;
    begin
      before = 0;
      for (x = 0; x < NMAX; x = x + 1) begin
        for (y = 0; y < NMAX; y = y + 1) begin
          if (x < na && y < nb && (x + y < i + j || (x + y == i + j && x < i)))
            before = before + 1;
        end
      end
    end
  endfunction

  // n * words, without a multiplier
  function [ADDR_WIDTH+PLANES_WIDTH:0] times(input [PLANES_WIDTH-1:0] n,
      input [WORDS_WIDTH-1:0] words);
    integer x;
    begin
      times = 0;
      for (x = 0; x < PLANES_WIDTH; x = x + 1) if (n[x]) times = times + (words << x);
    end
  endfunction

  reg [2*PLANES_WIDTH:0] f_pairs;  // pairs ended in this command
  // slots until the chains of the last capture are free
  reg [ROWS_WIDTH:0] f_chain;
  reg [ROWS_WIDTH:0] f_waited;  // slots waited in a row
  reg f_due;  // a significance ended and is not yet captured
  reg f_due_last, f_due_emit;
  reg [SIGNIFICANCE_WIDTH-1:0] f_due_pos;
  reg [1:0] f_due_base;
  reg [ROWS_WIDTH-1:0] f_due_rows;
  reg [COLS_WIDTH-1:0] f_due_cols;
  wire [PLANES_WIDTH:0] f_pos = i_q + j_q;
  wire [ADDR_WIDTH+PLANES_WIDTH:0] f_a = times(i_q, words_q);
  wire [ADDR_WIDTH+PLANES_WIDTH:0] f_b = times(j_q, words_q);
  wire [ADDR_WIDTH+PLANES_WIDTH:0] f_a0 = times(i0_q, words_q);
  wire [ADDR_WIDTH+PLANES_WIDTH:0] f_b0 = times(j0_q, words_q);
  wire [ADDR_WIDTH+PLANES_WIDTH:0] f_all_a = times(planes_a_q, words_q);
  wire [ADDR_WIDTH+PLANES_WIDTH:0] f_all_b = times(planes_b_q, words_q);

  always @(posedge clk_i) begin
    past_valid <= 1'b1;
    if (!rst_ni) begin
      f_chain <= 0;
      f_waited <= 0;
      f_due <= 1'b0;
    end else if (en_i) begin
      if (accept) f_pairs <= 0;
      else if (ends_pair) f_pairs <= f_pairs + 1;
      if (capture) f_chain <= f_due_rows - 1;
      else if (f_chain != 0) f_chain <= f_chain - 1;
      f_waited <= wait_o ? f_waited + 1 : 0;
      if (ends_significance) begin
        f_due <= 1'b1;
        f_due_pos <= f_pos;
        f_due_last <= f_pos == planes_a_q + planes_b_q - 2;
        f_due_emit <= emit_q && f_pos == planes_a_q + planes_b_q - 2;
        f_due_base <= base_q;
        f_due_rows <= rows_q;
        f_due_cols <= cols_q;
      end else if (capture) f_due <= 1'b0;
    end
  end

  always @* begin
    assume (cmd_planes_a_i != 0 && cmd_planes_b_i != 0 && cmd_words_i != 0 && cmd_rows_i != 0);
    assume (times(cmd_planes_a_i, cmd_words_i) <= (1 << ADDR_WIDTH));
    assume (times(cmd_planes_b_i, cmd_words_i) <= (1 << ADDR_WIDTH));
    assume (cmd_planes_a_i + cmd_planes_b_i - 1 <= (1 << SIGNIFICANCE_WIDTH));
    if (past_valid) begin
      if (active_q) begin
        assert (words_q != 0 && f_all_a <= (1 << ADDR_WIDTH) && f_all_b <= (1 << ADDR_WIDTH));
        assert (planes_a_q + planes_b_q - 1 <= (1 << SIGNIFICANCE_WIDTH));
        assert (i_q < planes_a_q && j_q < planes_b_q && k_q < words_q);
        assert (i0_q < planes_a_q && j0_q < planes_b_q);
        assert (i0_q <= i_q && i0_q + j0_q == f_pos && pos_q == f_pos);
        assert (i0_q == 0 || j0_q == planes_b_q - 1);
        assert (plane_a_q == f_a && plane_b_q == f_b && plane_a0_q == f_a0 && plane_b0_q == f_b0);
        assert (addr_a_q == f_a + k_q && f_a + k_q < f_all_a);
        assert (addr_b_q == f_b + k_q && f_b + k_q < f_all_b);
        assert (fresh_q == (f_pos == 0 && k_q == 0));
        assert (start_q == (i_q == i0_q && k_q == 0));
        assert (f_pairs == before(planes_a_q, planes_b_q, i_q, j_q));
        assert (rows_q != 0);
        assert (issue_o || wait_o);
      end
      assert (due_q == f_due && drain_q == f_chain);
      if (f_due) begin
        assert (due_rows_q == f_due_rows && f_due_rows != 0 && due_pos_q == f_due_pos);
        assert (due_last_q == f_due_last && due_emit_q == f_due_emit && due_base_q == f_due_base);
        assert (due_cols_q == f_due_cols);
      end
      assert (!(capture && f_chain != 0));
      assert (!(ends_significance && f_due && !capture));
      assert (f_waited + (f_due ? f_chain : 0) <= RMAX - 1);
      assert (!(cmd_ready_o && !en_i) && !(op_ren_o && !en_i));
      if (en_i && ends_command) assert (f_pairs + 1 == times(planes_a_q, planes_b_q));
      if (en_i && !active_q) assert (cmd_ready_o);
      assert (busy_o == (active_q || f_due));
      cover (accept && active_q && f_due);
      cover (active_q && i_q == 1 && j_q == 1 && k_q == 1);
      cover (wait_o && f_waited == RMAX - 2);
      cover (ends_command && planes_a_q == 1 && planes_b_q == 2 && words_q == 2);
    end
  end

  always @(posedge clk_i) begin
    if (past_valid && $past(past_valid) && $past(rst_ni)) begin
      if ($past(en_i)) begin
        assert (op_valid_o == $past(op_ren_o));
        if (op_valid_o) begin
          assert (op_clear_o == $past(f_pairs == 0 && k_q == 0));
          assert (op_shift_o == $past(f_pairs != 0 && k_q == 0
              && (i_q == 0 || j_q == planes_b_q - 1)));
          assert (op_a_signed_o == $past(i_q + 1 == planes_a_q));
          assert (op_b_signed_o == $past(j_q + 1 == planes_b_q));
        end
        assert (cap_valid_o == $past(capture));
        if (cap_valid_o) begin
          assert (cap_last_o == $past(f_due_last) && cap_pos_o == $past(f_due_pos));
          assert (cap_base_o == $past(f_due_base) && cap_emit_o == $past(f_due_emit));
          assert (cap_rows_o == $past(f_due_rows) && cap_cols_o == $past(f_due_cols));
        end
      end else begin
        assert (op_valid_o == $past(op_valid_o) && cap_valid_o == $past(cap_valid_o));
      end
    end
  end
`endif

endmodule

`default_nettype wire
