// First-in first-out queue without flags: memory and pointers only.
//
// The queues of all columns are filled and emptied by the same control, which counts for all of
// them; a queue needs no full and empty flags of its own.
//
//   q_o   the oldest word, undefined while the queue is empty
//
// Parameters:
//   WIDTH  bits of a word, at least 1
//   DEPTH  words, at least 2
//
// Latency: 1 cycle; a word shows in the cycle after its push. Throughput: one push and one pop per
// cycle, also in the same cycle.
// Not handled: a push when full without a pop, a pop when empty; the control excludes them.
`default_nettype none

module flexmac_fifo #(
    parameter WIDTH = 1,
    parameter DEPTH = 2
) (
    input  wire             clk_i,
    input  wire             rst_ni,
    // control
    input  wire             push_i,
    input  wire             pop_i,
    // data
    input  wire [WIDTH-1:0] d_i,
    output wire [WIDTH-1:0] q_o
);

  generate
    if (WIDTH < 1) begin : gen_bad_width
      flexmac_fifo_WIDTH_must_be_at_least_1 u_illegal ();
    end
    if (DEPTH < 2) begin : gen_bad_depth
      flexmac_fifo_DEPTH_must_be_at_least_2 u_illegal ();
    end
  endgenerate

  localparam POINTER_WIDTH = $clog2(DEPTH);  // pointer
  localparam LAST_INDEX = DEPTH - 1;
  localparam [POINTER_WIDTH-1:0] LAST = LAST_INDEX[POINTER_WIDTH-1:0];
  localparam [POINTER_WIDTH-1:0] ONE = 1;

  reg [WIDTH-1:0] memory_q [0:DEPTH-1];
  reg [POINTER_WIDTH-1:0] push_q, pop_q;

  always @(posedge clk_i) begin
    if (push_i) memory_q[push_q] <= d_i;
  end

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      push_q <= {POINTER_WIDTH{1'b0}};
      pop_q <= {POINTER_WIDTH{1'b0}};
    end else begin
      if (push_i) push_q <= push_q == LAST ? {POINTER_WIDTH{1'b0}} : push_q + ONE;
      if (pop_i) pop_q <= pop_q == LAST ? {POINTER_WIDTH{1'b0}} : pop_q + ONE;
    end
  end

  assign q_o = memory_q[pop_q];

`ifdef FORMAL
  // Rules; given no push when full without a pop, no pop when empty.
  // 1. Words leave in the order they came, unchanged, none lost or doubled: whatever word is pushed
  //    and watched is the oldest once those before it have left.
  (* anyseq *) wire f_watch;
  reg [31:0] f_count;  // words inside
  reg f_watched;  // one of them is watched
  reg [31:0] f_ahead;  // ... and this many are before it
  reg [WIDTH-1:0] f_word;
  wire [31:0] f_place = pop_q + f_ahead;
  localparam [31:0] WORDS = DEPTH;
  reg past_valid = 1'b0;
  initial assume (!rst_ni);

  always @(posedge clk_i) begin
    past_valid <= 1'b1;
    if (!rst_ni) begin
      f_count <= 0;
      f_watched <= 1'b0;
    end else begin
      f_count <= f_count + push_i - pop_i;
      if (f_watch && push_i && !f_watched) begin
        f_watched <= 1'b1;
        f_word <= d_i;
        f_ahead <= f_count - pop_i;
      end else if (pop_i) begin
        if (f_ahead == 0) f_watched <= 1'b0;
        f_ahead <= f_ahead - 1;
      end
    end
  end

  always @* begin
    if (f_count == 0) assume (!pop_i);
    if (f_count == WORDS && !pop_i) assume (!push_i);
    if (past_valid) begin
      if (f_watched && f_ahead == 0) assert (q_o == f_word);
      assert (f_count <= WORDS);
      assert (pop_q < WORDS && push_q < WORDS);
      assert (push_q == (pop_q + f_count) % WORDS);
      if (f_watched) assert (f_ahead < f_count && memory_q[f_place % WORDS] == f_word);
      cover (f_count == WORDS && push_i && pop_i);
      cover (f_watched && f_ahead == 0 && pop_i && f_word != 0);
    end
  end
`endif

endmodule

`default_nettype wire
