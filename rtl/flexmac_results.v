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

endmodule

`default_nettype wire
