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
//   aligned_i, preload_i, sum_o   s(SUM_WIDTH-1).0
//
// Parameters:
//   SUM_WIDTH        bits of a sum, 48..88
//   ROWS             rows, 1..2^ROW_INDEX_WIDTH
//   ROW_INDEX_WIDTH  bits of a row index
//
// Latency: 2 enabled cycles. Throughput: one row per cycle, also of the same row.
// Not handled: overflow; the sum is modulo 2^SUM_WIDTH, and docs/arithmetic.md bounds it.
`default_nettype none

module flexmac_sum #(
    parameter SUM_WIDTH       = 48,
    parameter ROWS            = 8,
    parameter ROW_INDEX_WIDTH = 3
) (
    input  wire                       clk_i,
    // control
    input  wire                       add_en_i,
    input  wire [ROW_INDEX_WIDTH-1:0] row_i,
    // add to: 0 nothing, 1 the preload, 2 the row's memory
    input  wire [                1:0] base_i,
    input  wire                       keep_i,  // write the row's memory
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
  wire [PADDED_WIDTH-1:0] aligned;
  wire [PADDED_WIDTH-1:0] preload;
  reg [PADDED_WIDTH-1:0] base;
  reg [SEGMENTS-1:0] base_carry;

  generate
    if (PADDED_WIDTH > SUM_WIDTH) begin : gen_extend
      assign aligned = {{(PADDED_WIDTH - SUM_WIDTH) {aligned_i[SUM_WIDTH-1]}}, aligned_i};
      assign preload = {{(PADDED_WIDTH - SUM_WIDTH) {preload_i[SUM_WIDTH-1]}}, preload_i};
    end else begin : gen_whole
      assign aligned = aligned_i;
      assign preload = preload_i;
    end
  endgenerate

  always @* begin
    base = {PADDED_WIDTH{1'b0}};
    base_carry = {SEGMENTS{1'b0}};
    case (base_i)
      BASE_PRELOAD: base = preload;
      BASE_MEMORY: {base_carry, base} = held;
      default: base = {PADDED_WIDTH{1'b0}};
    endcase
  end

  // add: segments side by side; the carry out of segment g waits at the lower end of g+1
  reg [PADDED_WIDTH-1:0] sum_d;
  reg [SEGMENTS-1:0] carry_d;
  reg carry;
  integer i;

  always @* begin
    sum_d = {PADDED_WIDTH{1'b0}};
    carry_d = {SEGMENTS{1'b0}};
    for (i = 0; i < SEGMENTS; i = i + 1) begin
      {carry, sum_d[i*SEGMENT_WIDTH +: SEGMENT_WIDTH]} =
          {1'b0, base[i*SEGMENT_WIDTH +: SEGMENT_WIDTH]}
          + {1'b0, aligned[i*SEGMENT_WIDTH +: SEGMENT_WIDTH]}
          + {{SEGMENT_WIDTH{1'b0}}, base_carry[i]};
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
    if (add_en_i) {carry_q, sum_q} <= {carry_d, sum_d};
    if (keep_i) memory_q[row_i] <= {carry_d, sum_d};
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
  //    being nothing, the preload, or what the row last kept.
  // 2. Carries that wait lose nothing: segments and carries add up to the exact sum, in the
  //    memory and between the stages. (This makes 1 inductive.)
  (* anyconst *) wire [ROW_INDEX_WIDTH-1:0] f_row;
  reg [SUM_WIDTH-1:0] kept, added, resolved_want;
  reg kept_known = 1'b0, added_known = 1'b0, resolved_known = 1'b0;
  wire known = base_i != BASE_MEMORY || (row_i == f_row && kept_known);
  wire [SUM_WIDTH-1:0] from = base_i == BASE_PRELOAD ? preload_i
      : base_i == BASE_MEMORY ? kept : {SUM_WIDTH{1'b0}};
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
    if (keep_i && row_i == f_row) begin
      kept <= from + aligned_i;
      kept_known <= known;
    end
    if (add_en_i) begin
      added <= from + aligned_i;
      added_known <= known;
    end
    if (resolve_en_i) begin
      resolved_want <= added;
      resolved_known <= added_known;
    end
  end

  always @* begin
    assume (f_row < ROWS && row_i < ROWS);
    if (kept_known) assert (value(in_row) == kept);
    if (added_known) assert (value({carry_q, sum_q}) == added);
    if (resolved_known) assert (sum_o == resolved_want);
    cover (resolved_known && sum_o[SUM_WIDTH-1]);
    cover (added_known && carry_q[SEGMENTS-1]);
    cover (kept_known && keep_i && row_i == f_row && base_i == BASE_MEMORY);
  end
`endif

endmodule

`default_nettype wire
