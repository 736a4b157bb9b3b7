// Row memory and adder of one requantizer: assembles exact sums, one row per cycle.
//
// A carry chain over the full width would be the longest path of the design. A sum is therefore
// kept in SEGMENTS segments, and the carry out of a segment waits for the next addition:
//
//      last segment          segment 1     segment 0
//     +-----------+   ...   +-----------+-----------+
//     |    s      |         |   s[1]    |   s[0]    |   sum = s + the waiting carries, each at the
//     +-----------+         +-----------+-----------+         lower end of its segment
//                  ^c        ^c[1]       ^c[0]
//
// An addition uses the waiting carry of every segment and leaves a new one. A complete sum passes a
// second stage that adds the last carries: at most 2 enter a segment, its own and one that ripples
// through the segment below.
//
// What an addition starts from is read one cycle or more before it, into a register: nothing, a row
// of the memory, or a preload, which arrives with take_i at the read or later. A row that is read in
// the cycle in which it is written is taken from the adder.
//
//   aligned_i, preload_i, sum_o   s(SUM_WIDTH-1).0
//
// Parameters:
//   SUM_WIDTH        bits of a sum, 48..88
//   ROWS             rows, 1..2^ROW_INDEX_WIDTH
//   ROW_INDEX_WIDTH  bits of a row index
//
// Latency: 3 enabled cycles. Throughput: one row per cycle, also of the same row.
// Not handled: overflow; the sum is modulo 2^SUM_WIDTH, and docs/arithmetic.md bounds it.
`default_nettype none

module flexmac_sum #(
    parameter SUM_WIDTH       = 48,
    parameter ROWS            = 8,
    parameter ROW_INDEX_WIDTH = 3
) (
    input  wire                       clk_i,
    // control
    input  wire                       read_en_i,  // the base of the row that is added next
    input  wire                       take_i,     // the same, when its preload has arrived
    input  wire [ROW_INDEX_WIDTH-1:0] row_i,
    // add to: 0 nothing, 1 the preload, 2 the row's memory
    input  wire [                1:0] base_i,
    input  wire                       add_en_i,
    input  wire                       keep_i,     // write the row's memory
    input  wire                       resolve_en_i,
    // data
    input  wire [      SUM_WIDTH-1:0] aligned_i,
    input  wire [      SUM_WIDTH-1:0] preload_i,
    output reg  [      SUM_WIDTH-1:0] sum_o
);

  generate
    if (SUM_WIDTH < 48 || SUM_WIDTH > 88) begin : gen_bad_sum_width
      flexmac_sum_SUM_WIDTH_must_be_48_to_88 u_illegal ();
    end
    if (ROWS < 1 || ROWS > (1 << ROW_INDEX_WIDTH)) begin : gen_bad_rows
      flexmac_sum_ROWS_must_be_1_to_2_to_the_ROW_INDEX_WIDTH u_illegal ();
    end
  endgenerate

  localparam [1:0] BASE_PRELOAD = 2'd1;
  localparam [1:0] BASE_MEMORY = 2'd2;
  localparam SEGMENTS = (SUM_WIDTH + 23) / 24;      // segments of at most 24 bits
  localparam SEGMENT_WIDTH = (SUM_WIDTH + SEGMENTS - 1) / SEGMENTS;  // bits of a segment
  localparam PADDED_WIDTH = SEGMENTS * SEGMENT_WIDTH;            // sign-extended to whole segments

  reg [PADDED_WIDTH+SEGMENTS-1:0] memory_q [0:ROWS-1];  // carries above segments
  wire [PADDED_WIDTH+SEGMENTS-1:0] held = memory_q[row_i];
  reg [ROW_INDEX_WIDTH-1:0] row_q;  // the row that was read
  wire [PADDED_WIDTH-1:0] aligned;
  wire [PADDED_WIDTH-1:0] preload;
  reg [PADDED_WIDTH-1:0] base_q;
  reg [SEGMENTS-1:0] base_carry_q;
  reg [PADDED_WIDTH+SEGMENTS-1:0] base_d;

  generate
    if (PADDED_WIDTH > SUM_WIDTH) begin : gen_extend
      assign aligned = {{(PADDED_WIDTH - SUM_WIDTH) {aligned_i[SUM_WIDTH-1]}}, aligned_i};
      assign preload = {{(PADDED_WIDTH - SUM_WIDTH) {preload_i[SUM_WIDTH-1]}}, preload_i};
    end else begin : gen_whole
      assign aligned = aligned_i;
      assign preload = preload_i;
    end
  endgenerate

  // add: segments side by side; the carry out of segment g waits at the lower end of g+1
  reg [PADDED_WIDTH-1:0] sum_d;
  reg [SEGMENTS-1:0] carry_d;
  reg carry;
  integer i;

  always @* begin
    case (base_i)
      BASE_PRELOAD: base_d = {{SEGMENTS{1'b0}}, preload};
      BASE_MEMORY: base_d = keep_i && row_q == row_i ? {carry_d, sum_d} : held;
      default: base_d = {(PADDED_WIDTH + SEGMENTS) {1'b0}};
    endcase
  end

  always @* begin
    sum_d = {PADDED_WIDTH{1'b0}};
    carry_d = {SEGMENTS{1'b0}};
    for (i = 0; i < SEGMENTS; i = i + 1) begin
      {carry, sum_d[i*SEGMENT_WIDTH +: SEGMENT_WIDTH]} =
          {1'b0, base_q[i*SEGMENT_WIDTH +: SEGMENT_WIDTH]}
          + {1'b0, aligned[i*SEGMENT_WIDTH +: SEGMENT_WIDTH]}
          + {{SEGMENT_WIDTH{1'b0}}, base_carry_q[i]};
      if (i < SEGMENTS - 1) carry_d[i+1] = carry;
    end
  end

  // resolve: what enters a segment is its waiting carry and what ripples through the one below
  reg [PADDED_WIDTH-1:0] sum_q;
  reg [SEGMENTS-1:0] carry_q;
  reg [PADDED_WIDTH-1:0] resolved;
  reg [SEGMENT_WIDTH-1:0] segment;
  reg [1:0] enter;
  reg ripples;
  integer g;

  always @* begin
    resolved = {PADDED_WIDTH{1'b0}};
    ripples = 1'b0;
    for (g = 0; g < SEGMENTS; g = g + 1) begin
      segment = sum_q[g*SEGMENT_WIDTH +: SEGMENT_WIDTH];
      enter = {1'b0, carry_q[g]} + {1'b0, ripples};
      resolved[g*SEGMENT_WIDTH +: SEGMENT_WIDTH] = segment + {{(SEGMENT_WIDTH - 2) {1'b0}}, enter};
      ripples = (enter == 2'd1 && segment == {SEGMENT_WIDTH{1'b1}})
          || (enter == 2'd2 && segment[SEGMENT_WIDTH-1:1] == {(SEGMENT_WIDTH - 1) {1'b1}});
    end
  end

  always @(posedge clk_i) begin
    if (read_en_i) row_q <= row_i;
    if (read_en_i || take_i) {base_carry_q, base_q} <= base_d;
    if (add_en_i) {carry_q, sum_q} <= {carry_d, sum_d};
    if (keep_i) memory_q[row_q] <= {carry_d, sum_d};
    if (resolve_en_i) sum_o <= resolved[SUM_WIDTH-1:0];
  end

  generate
    if (PADDED_WIDTH > SUM_WIDTH) begin : gen_spare
      wire unused_spare = &{1'b0, resolved[PADDED_WIDTH-1:SUM_WIDTH]};
    end
  endgenerate

`ifdef FORMAL
  // Rules, for any one row f_row
  // 1. sum_o, two enabled stages after an addition, is base + aligned modulo 2^SUM_WIDTH, the base
  //    being nothing, the preload as it was taken last, or what the row had kept at the read.
  // 2. Carries that wait lose nothing: segments and carries add up to the exact sum, in the
  //    memory and between the stages. (This makes 1 inductive.)
  (* anyconst *) wire [ROW_INDEX_WIDTH-1:0] f_row;
  reg [SUM_WIDTH-1:0] kept, base_want, added, resolved_want;
  reg kept_known = 1'b0, base_known = 1'b0, added_known = 1'b0, resolved_known = 1'b0;
  reg f_begun = 1'b0;
  reg [ROW_INDEX_WIDTH-1:0] f_read;  // the row that was read last
  wire keeps = keep_i && f_read == f_row;  // in this cycle
  wire [SUM_WIDTH-1:0] total_want = base_want + aligned_i;
  wire [PADDED_WIDTH+SEGMENTS-1:0] in_row = memory_q[f_row];

  function [SUM_WIDTH-1:0] value(input [PADDED_WIDTH+SEGMENTS-1:0] held_i);
    reg [PADDED_WIDTH-1:0] total;
    integer f;
    begin
      total = held_i[PADDED_WIDTH-1:0];
      for (f = 0; f < SEGMENTS; f = f + 1) total =
          total + ({{(PADDED_WIDTH - 1) {1'b0}}, held_i[PADDED_WIDTH+f]} << (f * SEGMENT_WIDTH));
      value = total[SUM_WIDTH-1:0];
    end
  endfunction

  always @(posedge clk_i) begin
    if (read_en_i) begin
      f_read <= row_i;
      f_begun <= 1'b1;
    end
    if (read_en_i || take_i) begin
      case (base_i)
        2'd1: base_want <= preload_i;
        2'd2: base_want <= keeps ? total_want : kept;
        default: base_want <= {SUM_WIDTH{1'b0}};
      endcase
      base_known <= base_i != 2'd2 || (row_i == f_row && (keeps ? base_known : kept_known));
    end
    if (keeps) begin
      kept <= total_want;
      kept_known <= base_known;
    end
    if (add_en_i) begin
      added <= total_want;
      added_known <= base_known;
    end
    if (resolve_en_i) begin
      resolved_want <= added;
      resolved_known <= added_known;
    end
  end

  always @* begin
    assume (f_row < ROWS && row_i < ROWS);
    if (keep_i) assume (f_begun);
    if (take_i) assume (base_i == 2'd1);
    if (f_begun) assert (row_q == f_read && row_q < ROWS);
    if (base_known) assert (value({base_carry_q, base_q}) == base_want);
    if (kept_known) assert (value(in_row) == kept);
    if (added_known) assert (value({carry_q, sum_q}) == added);
    if (resolved_known) assert (sum_o == resolved_want);
    cover (resolved_known && sum_o[SUM_WIDTH-1]);
    cover (added_known && carry_q[SEGMENTS-1]);
    cover (kept_known && keeps && read_en_i && row_i == f_row && base_i == BASE_MEMORY);
  end
`endif

endmodule

`default_nettype wire
