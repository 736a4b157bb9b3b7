// Row memory and adder of one requantizer: assembles exact sums, one row a cycle.
//
// A full-width carry chain would be the slowest path of the design, so a sum is kept in N segments
// whose carries wait for the next addition:
//
//      segment N-1           segment 1     segment 0
//     +-----------+   ...   +-----------+-----------+
//     |   s[N-1]  |         |   s[1]    |   s[0]    |   sum = s + carries at their segments'
//     +-----------+         +-----------+-----------+         lower ends
//                  ^c[N-2]   ^c[1]       ^c[0]
//
// An addition takes every segment's waiting carry in and leaves a new one. Complete sums pass
// through a second stage that adds the last carries: at most 2 enter a segment, its own and one
// that ripples through the segment below.
//
//   aligned_i, preload_i, sum_o   s(SUM-1).0
//
// Parameters: SUM: width of a sum; ROWS, IW: rows and the width of a row index.
// Latency 2; throughput one row a cycle, also of the same row.
`default_nettype none

module flexmac_sum #(
    parameter SUM  = 48,
    parameter ROWS = 8,
    parameter IW   = 3
) (
    input  wire           clk_i,
    // control
    input  wire           add_en_i,
    input  wire [ IW-1:0] row_i,
    input  wire [    1:0] base_i,       // add to: 0 nothing, 1 the preload, 2 the row's memory
    input  wire           keep_i,       // write the row's memory
    input  wire           resolve_en_i,
    // data
    input  wire [SUM-1:0] aligned_i,
    input  wire [SUM-1:0] preload_i,
    output reg  [SUM-1:0] sum_o
);

  generate
    if (SUM < 48 || SUM > 88) begin : gen_bad_sum
      flexmac_sum_SUM_must_be_48_to_88 u_illegal ();
    end
    if (ROWS < 1 || ROWS > (1 << IW)) begin : gen_bad_rows
      flexmac_sum_ROWS_must_be_1_to_2_to_the_IW u_illegal ();
    end
  endgenerate

  localparam [1:0] BASE_PRELOAD = 2'd1;
  localparam [1:0] BASE_MEMORY = 2'd2;
  localparam N = (SUM + 23) / 24;      // segments of at most 24 bits
  localparam SEG = (SUM + N - 1) / N;  // bits of a segment
  localparam ALL = N * SEG;            // sign-extended to whole segments

  reg  [ALL+N-1:0] memory_q [0:ROWS-1];  // carries above segments
  wire [ALL+N-1:0] held = memory_q[row_i];
  wire [ALL-1:0] aligned;
  wire [ALL-1:0] preload;
  reg  [ALL-1:0] base;
  reg  [N-1:0] base_carry;

  generate
    if (ALL > SUM) begin : gen_extend
      assign aligned = {{(ALL - SUM) {aligned_i[SUM-1]}}, aligned_i};
      assign preload = {{(ALL - SUM) {preload_i[SUM-1]}}, preload_i};
    end else begin : gen_whole
      assign aligned = aligned_i;
      assign preload = preload_i;
    end
  endgenerate

  always @* begin
    base = {ALL{1'b0}};
    base_carry = {N{1'b0}};
    case (base_i)
      BASE_PRELOAD: base = preload;
      BASE_MEMORY: {base_carry, base} = held;
      default: base = {ALL{1'b0}};
    endcase
  end

  // add: segments side by side; the carry out of segment g waits at the lower end of g+1
  reg  [ALL-1:0] sum_d;
  reg  [N-1:0] carry_d;
  reg  carry;
  integer i;

  always @* begin
    sum_d = {ALL{1'b0}};
    carry_d = {N{1'b0}};
    for (i = 0; i < N; i = i + 1) begin
      {carry, sum_d[i*SEG +: SEG]} = {1'b0, base[i*SEG +: SEG]} + {1'b0, aligned[i*SEG +: SEG]}
          + {{SEG{1'b0}}, base_carry[i]};
      if (i < N - 1) carry_d[i+1] = carry;
    end
  end

  // resolve: what enters a segment is its waiting carry and what ripples through the one below
  reg  [ALL-1:0] sum_q;
  reg  [N-1:0] carry_q;
  reg  [ALL-1:0] resolved;
  reg  [SEG-1:0] segment;
  reg  [1:0] enter;
  reg  ripples;
  integer g;

  always @* begin
    resolved = {ALL{1'b0}};
    ripples = 1'b0;
    for (g = 0; g < N; g = g + 1) begin
      segment = sum_q[g*SEG +: SEG];
      enter = {1'b0, carry_q[g]} + {1'b0, ripples};
      resolved[g*SEG +: SEG] = segment + {{(SEG - 2) {1'b0}}, enter};
      ripples = (enter == 2'd1 && segment == {SEG{1'b1}})
          || (enter == 2'd2 && segment[SEG-1:1] == {(SEG - 1) {1'b1}});
    end
  end

  always @(posedge clk_i) begin
    if (add_en_i) {carry_q, sum_q} <= {carry_d, sum_d};
    if (keep_i) memory_q[row_i] <= {carry_d, sum_d};
    if (resolve_en_i) sum_o <= resolved[SUM-1:0];
  end

  generate
    if (ALL > SUM) begin : gen_spare
      wire unused_spare = &{1'b0, resolved[ALL-1:SUM]};
    end
  endgenerate

`ifdef FORMAL
  // Rules, for any one row f_row
  // 1. sum_o, two enabled stages after an addition, is base + aligned modulo 2^SUM, the base being
  //    nothing, the preload, or what the row last kept.
  // 2. Carries that wait lose nothing: segments and carries add up to the exact sum, in the
  //    memory and between the stages. (This makes 1 inductive.)
  (* anyconst *) wire [IW-1:0] f_row;
  reg  [SUM-1:0] kept, added, resolved_want;
  reg  kept_known = 1'b0, added_known = 1'b0, resolved_known = 1'b0;
  wire known = base_i != BASE_MEMORY || (row_i == f_row && kept_known);
  wire [SUM-1:0] from = base_i == BASE_PRELOAD ? preload_i
      : base_i == BASE_MEMORY ? kept : {SUM{1'b0}};
  wire [ALL+N-1:0] in_row = memory_q[f_row];

  function [SUM-1:0] value(input [ALL+N-1:0] held_i);
    reg [ALL-1:0] total;
    integer f;
    begin
      total = held_i[ALL-1:0];
      for (f = 0; f < N; f = f + 1) total = total + ({{(ALL - 1) {1'b0}}, held_i[ALL+f]} << (f * SEG));
      value = total[SUM-1:0];
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
    cover (resolved_known && sum_o[SUM-1]);
    cover (added_known && carry_q[N-1]);
    cover (kept_known && keep_i && row_i == f_row && base_i == BASE_MEMORY);
  end
`endif

endmodule

`default_nettype wire
