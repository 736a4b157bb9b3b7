// Control of the result beats: counts them from launch to acceptance.
//
// The requantizers round without asking whether a result is wanted: their enables are LAG registers
// away, too far to hold back. So each column has a queue for all results that can be on their way,
// and a row enters its last stage ("launch") only where the queues have room for it:
//
//   launch --> LAG cycles --> last column's queue ("landed") --> accepted
//   held      |<------------------- at most DEPTH ------------------>|
//
// Parameters: LAG >= 1: cycles from launch until the last column's queue is written; DEPTH: words
// of a queue, LAG + 1 for one result a cycle; CW: width of a count of columns.
// Latency LAG + 1 cycles from launch to valid; throughput one result a cycle.
`default_nettype none

module flexmac_results #(
    parameter LAG   = 1,
    parameter DEPTH = 2,
    parameter CW    = 4
) (
    input  wire          clk_i,
    input  wire          rst_ni,
    // control
    input  wire          need_i,     // a row is due for launch
    input  wire          launch_i,   // ... and goes
    input  wire          last_i,     // ... as the last row of a tile
    input  wire [CW-1:0] cols_i,     // ... and its live columns
    input  wire          more_i,     // rows are still to come
    // result
    output wire          res_valid_o,
    input  wire          res_ready_i,
    output wire          res_last_o,
    output wire [CW-1:0] res_cols_o,
    output wire          take_o,     // the queues' oldest words are accepted
    // status
    output wire          full_o,     // a row that is due has no room
    output wire          late_o,     // no row is left, and a result stays longer than it had to
    output wire          busy_o
);

  generate
    if (LAG < 1) begin : gen_bad_lag
      flexmac_results_LAG_must_be_at_least_1 u_illegal ();
    end
    if (DEPTH < 2) begin : gen_bad_depth
      flexmac_results_DEPTH_must_be_at_least_2 u_illegal ();
    end
  endgenerate

  localparam NW = $clog2(DEPTH + 1);  // count of results
  localparam [NW-1:0] ALL = DEPTH[NW-1:0];
  localparam [NW-1:0] ONE = 1;

  reg [NW-1:0] held_q, landed_q;
  reg [NW-1:0] held_d, landed_d;
  reg all_q, valid_q;  // held_q == ALL, landed_q != 0: the freeze starts from these
  wire lands;

  flexmac_delay #(.W(1), .N(LAG)) u_landing (
      .clk_i(clk_i), .rst_ni(rst_ni), .en_i(1'b1), .d_i(launch_i), .q_o(lands)
  );

  flexmac_fifo #(.W(1 + CW), .DEPTH(DEPTH)) u_beats (
      .clk_i (clk_i),
      .rst_ni(rst_ni),
      .push_i(launch_i),
      .pop_i (take_o),
      .d_i   ({last_i, cols_i}),
      .q_o   ({res_last_o, res_cols_o})
  );

  always @* begin
    held_d = held_q;
    landed_d = landed_q;
    if (launch_i && !take_o) held_d = held_q + ONE;
    if (!launch_i && take_o) held_d = held_q - ONE;
    if (lands && !take_o) landed_d = landed_q + ONE;
    if (!lands && take_o) landed_d = landed_q - ONE;
  end

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      held_q <= {NW{1'b0}};
      landed_q <= {NW{1'b0}};
      all_q <= 1'b0;
      valid_q <= 1'b0;
    end else begin
      held_q <= held_d;
      landed_q <= landed_d;
      all_q <= held_d == ALL;
      valid_q <= landed_d != {NW{1'b0}};
    end
  end

  assign res_valid_o = valid_q;
  assign take_o = valid_q && res_ready_i;
  assign full_o = need_i && all_q && !take_o;
  assign late_o = !more_i && valid_q && landed_q == held_q && !(take_o && held_q == ONE);
  assign busy_o = held_q != {NW{1'b0}};

`ifdef FORMAL
  // Rules; given launches only of rows that are due and have room.
  // 1. Results on their way and waiting never exceed DEPTH; busy_o while there are any.
  // 2. A result is offered once the last column's queue has it, LAG + 1 cycles after its launch at
  //    the earliest: those offered are those launched LAG cycles ago or more and not yet taken.
  // 3. An offer stays until it is taken.
  // 4. With no room a due row waits, unless one is taken in this cycle.
  reg  [31:0] f_launched, f_taken;
  reg  [LAG*32-1:0] f_before;        // launched up to 1, 2, ... LAG cycles ago
  reg  past_valid = 1'b0;
  localparam [31:0] WORDS = DEPTH;
  wire [31:0] f_landed = f_before[(LAG-1)*32 +: 32] - f_taken;
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
      f_taken <= f_taken + take_o;
      f_before <= {f_before, f_launched};
    end
  end

  always @* begin
    if (launch_i) assume (need_i && !full_o && rst_ni);
    if (past_valid) begin
      assert (f_held <= WORDS && held_q == f_held && busy_o == (f_held != 0));
      assert (f_landed <= f_held && landed_q == f_landed);
      assert (res_valid_o == (f_landed != 0) && take_o == (res_valid_o && res_ready_i));
      assert (full_o == (need_i && f_held == WORDS && !take_o));
      assert (all_q == (f_held == WORDS));
      cover (full_o);
      cover (f_held == WORDS && launch_i);
      cover (late_o && f_held == WORDS);
    end
  end

  always @(posedge clk_i) begin
    if (past_valid && $past(rst_ni) && $past(res_valid_o) && !$past(take_o)) assert (res_valid_o);
  end
`endif

endmodule

`default_nettype wire
