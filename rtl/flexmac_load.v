// Control of the operand banks: fills one while the core reads the other.
//
// A bank goes free -> filling -> full -> being read -> free, and the two take turns in both
// places. A command keeps its bank from the start of its fill to its last read.
//
//   commands --> fill bank 0 | fill bank 1 | fill bank 0 | ...
//                            +> run bank 0 +> run bank 1 +> ...
//
// Every hand-over takes effect in the cycle of its cause: a fill ends, the command is offered and
// the next fill begins at once. So equal commands follow each other every max(fill, run) cycles.
//
// Parameters: W: width of what the core must know of a command.
// Throughput one command at a time in each of the two places.
`default_nettype none

module flexmac_load #(
    parameter W = 32
) (
    input  wire         clk_i,
    input  wire         rst_ni,
    // command
    input  wire         cmd_valid_i,
    output wire         cmd_ready_o,  // in this cycle the fill of cmd_bank_o begins
    input  wire [W-1:0] cmd_i,
    output wire         cmd_bank_o,
    // fill: done in the last cycle of each operand
    input  wire         done_a_i,
    input  wire         done_b_i,
    output wire         fill_bank_o,
    output wire         filling_o,
    // run
    output wire         run_valid_o,
    input  wire         run_ready_i,
    output wire [W-1:0] run_o,
    output wire         run_bank_o,
    // release: the core reads this bank no more
    input  wire         release_i,
    input  wire         release_bank_i,
    // status
    output wire         busy_o        // a bank is in use
);

  reg filling_q, fill_bank_q, run_bank_q;
  reg done_a_q, done_b_q;
  reg [1:0] used_q, full_q;
  reg [W-1:0] cmd_0_q, cmd_1_q;

  wire filled = filling_q && (done_a_q || done_a_i) && (done_b_q || done_b_i);
  wire next_bank = filled ? !fill_bank_q : fill_bank_q;
  wire [1:0] released = {release_i && release_bank_i, release_i && !release_bank_i};
  wire [1:0] used = used_q & ~released;
  wire take = cmd_valid_i && cmd_ready_o;
  wire run = run_valid_o && run_ready_i;

  assign cmd_ready_o = (!filling_q || filled) && !used[next_bank];
  assign cmd_bank_o = next_bank;
  assign fill_bank_o = fill_bank_q;
  assign filling_o = filling_q;
  assign run_valid_o = full_q[run_bank_q] || (filled && fill_bank_q == run_bank_q);
  assign run_o = run_bank_q ? cmd_1_q : cmd_0_q;
  assign run_bank_o = run_bank_q;
  assign busy_o = used_q != 2'b00;

  wire [1:0] takes = {take && next_bank, take && !next_bank};
  wire [1:0] fills = {filled && fill_bank_q, filled && !fill_bank_q};
  wire [1:0] runs = {run && run_bank_q, run && !run_bank_q};

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      filling_q <= 1'b0;
      fill_bank_q <= 1'b0;
      run_bank_q <= 1'b0;
      done_a_q <= 1'b0;
      done_b_q <= 1'b0;
      used_q <= 2'b00;
      full_q <= 2'b00;
    end else begin
      filling_q <= take || (filling_q && !filled);
      fill_bank_q <= next_bank;
      run_bank_q <= run_bank_q ^ run;
      done_a_q <= filling_q && !filled && (done_a_q || done_a_i);
      done_b_q <= filling_q && !filled && (done_b_q || done_b_i);
      used_q <= used | takes;
      full_q <= (full_q | fills) & ~runs;
    end
  end

  always @(posedge clk_i) begin
    if (takes[0]) cmd_0_q <= cmd_i;
    if (takes[1]) cmd_1_q <= cmd_i;
  end

endmodule

`default_nettype wire
