// Result control: counts results from their launch until they are accepted.
//
// The requantizers cannot stop: their enables are LAG registers away, too far to hold them back.
// Each column therefore has a queue with room for all results that can be on their way. A row
// enters the last stage of the requantizers ("launch") only while the queues have room for it:
//
//   launch --> LAG cycles --> in the last column's queue ("arrived") --> accepted
//   held      |<---------------------- at most DEPTH ---------------------->|
//
// Parameters:
//   LAG         cycles from launch until the last column's queue is written, at least 1
//   DEPTH       words of a queue, at least 2; LAG + 1 sustains one result per cycle
//   COLS_WIDTH  bits of a count of columns
//
// Latency: LAG + 1 cycles from launch to valid. Throughput: one result per cycle.
// Not handled: a launch without room; full_o freezes the control that launches.
`default_nettype none

module flexmac_results #(
    parameter LAG        = 1,
    parameter DEPTH      = 2,
    parameter COLS_WIDTH = 4
) (
    input  wire                  clk_i,
    input  wire                  rst_ni,
    // control
    input  wire                  need_i,    // a row is ready to launch
    input  wire                  launch_i,  // ... and is launched
    input  wire                  last_i,    // ... as the last row of a tile
    input  wire [COLS_WIDTH-1:0] cols_i,    // ... and its live columns
    input  wire                  more_i,    // more rows follow
    // result
    output wire                  res_valid_o,
    input  wire                  res_ready_i,
    output wire                  res_last_o,
    output wire [COLS_WIDTH-1:0] res_cols_o,
    output wire                  accept_o,  // the oldest words of the queues are accepted
    // status
    output wire                  full_o,    // a row is ready to launch and has no room
    // no row follows, and a result waits to be accepted
    output wire                  late_o,
    output wire                  busy_o
);

  generate
    if (LAG < 1) begin : gen_bad_lag
      flexmac_results_LAG_must_be_at_least_1 u_illegal ();
    end
    if (DEPTH < 2) begin : gen_bad_depth
      flexmac_results_DEPTH_must_be_at_least_2 u_illegal ();
    end
  endgenerate

  localparam COUNT_WIDTH = $clog2(DEPTH + 1);  // count of results
  localparam [COUNT_WIDTH-1:0] ALL = DEPTH[COUNT_WIDTH-1:0];
  localparam [COUNT_WIDTH-1:0] ONE = 1;

  reg [COUNT_WIDTH-1:0] held_q, arrived_q;
  reg [COUNT_WIDTH-1:0] held_d, arrived_d;
  reg all_q, valid_q;  // held_q == ALL, arrived_q != 0: the freeze starts from these
  wire arrives;

  flexmac_delay #(.WIDTH(1), .CYCLES(LAG)) u_arrival (
      .clk_i(clk_i), .rst_ni(rst_ni), .en_i(1'b1), .d_i(launch_i), .q_o(arrives)
  );

  flexmac_fifo #(.WIDTH(1 + COLS_WIDTH), .DEPTH(DEPTH)) u_beats (
      .clk_i (clk_i),
      .rst_ni(rst_ni),
      .push_i(launch_i),
      .pop_i (accept_o),
      .d_i   ({last_i, cols_i}),
      .q_o   ({res_last_o, res_cols_o})
  );

  always @* begin
    held_d = held_q;
    arrived_d = arrived_q;
    if (launch_i && !accept_o) held_d = held_q + ONE;
    if (!launch_i && accept_o) held_d = held_q - ONE;
    if (arrives && !accept_o) arrived_d = arrived_q + ONE;
    if (!arrives && accept_o) arrived_d = arrived_q - ONE;
  end

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      held_q <= {COUNT_WIDTH{1'b0}};
      arrived_q <= {COUNT_WIDTH{1'b0}};
      all_q <= 1'b0;
      valid_q <= 1'b0;
    end else begin
      held_q <= held_d;
      arrived_q <= arrived_d;
      all_q <= held_d == ALL;
      valid_q <= arrived_d != {COUNT_WIDTH{1'b0}};
    end
  end

  assign res_valid_o = valid_q;
  assign accept_o = valid_q && res_ready_i;
  assign full_o = need_i && all_q && !accept_o;
  assign late_o = !more_i && valid_q && arrived_q == held_q && !(accept_o && held_q == ONE);
  assign busy_o = held_q != {COUNT_WIDTH{1'b0}};

`ifdef FORMAL
  // Rules; given launches only of rows that are due and have room.
  // 1. Results on their way and waiting never exceed DEPTH; busy_o while there are any.
  // 2. A result is offered once the last column's queue has it, LAG + 1 cycles after its launch at
  //    the earliest: those offered are those launched LAG cycles ago or more and not yet taken.
  // 3. An offer stays until it is taken.
  // 4. With no room a due row waits, unless one is taken in this cycle.
  reg [31:0] f_launched, f_taken;
  reg [LAG*32-1:0] f_before;  // launched up to 1, 2, ... LAG cycles ago
  reg past_valid = 1'b0;
  localparam [31:0] WORDS = DEPTH;
  wire [31:0] f_arrived = f_before[(LAG-1)*32 +: 32] - f_taken;
  wire [31:0] f_held = f_launched - f_taken;
  initial assume (!rst_ni);

  always @(posedge clk_i) begin
    past_valid <= 1'b1;
    if (!rst_ni) begin
      f_launched <= 0;
      f_taken <= 0;
      f_before <= 0;
    end else begin
      f_launched <= f_launched + launch_i;
      f_taken <= f_taken + accept_o;
      f_before <= {f_before, f_launched};
    end
  end

  always @* begin
    if (launch_i) assume (need_i && !full_o && rst_ni);
    if (past_valid) begin
      assert (f_held <= WORDS && held_q == f_held && busy_o == (f_held != 0));
      assert (f_arrived <= f_held && arrived_q == f_arrived);
      assert (res_valid_o == (f_arrived != 0) && accept_o == (res_valid_o && res_ready_i));
      assert (full_o == (need_i && f_held == WORDS && !accept_o));
      assert (all_q == (f_held == WORDS));
      cover (full_o);
      cover (f_held == WORDS && launch_i);
      cover (late_o && f_held == WORDS);
    end
  end

  always @(posedge clk_i) begin
    if (past_valid && $past(rst_ni) && $past(res_valid_o) && !$past(accept_o)) assert (res_valid_o);
  end
`endif

endmodule

`default_nettype wire
