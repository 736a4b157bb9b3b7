// Control of the operand banks: fills one bank while the core reads the other.
//
// A bank goes free -> filling -> full -> being read -> free. The two banks alternate. A command
// keeps its bank from the start of its fill to its last read.
//
//   commands --> fill bank 0 | fill bank 1 | fill bank 0 | ...
//                            +> run bank 0 +> run bank 1 +> ...
//
// Every hand-over takes effect in the cycle of its cause: when a fill ends, its command is offered
// to the core and the next fill begins in the same cycle. Equal commands therefore follow each
// other every max(fill, run) cycles.
//
// Parameters:
//   COMMAND_WIDTH  bits of what the core must know of a command, at least 1
//
// Throughput: one command at a time is filled and one is run.
`default_nettype none

module flexmac_load #(
    parameter COMMAND_WIDTH = 32
) (
    input  wire                     clk_i,
    input  wire                     rst_ni,
    // command
    input  wire                     cmd_valid_i,
    output wire                     cmd_ready_o,  // in this cycle the fill of cmd_bank_o begins
    input  wire [COMMAND_WIDTH-1:0] cmd_i,
    output wire                     cmd_bank_o,
    // fill: done in the last cycle of each operand
    input  wire                     done_a_i,
    input  wire                     done_b_i,
    output wire                     fill_bank_o,
    output wire                     filling_o,
    // run
    output wire                     run_valid_o,
    input  wire                     run_ready_i,
    output wire [COMMAND_WIDTH-1:0] run_o,
    output wire                     run_bank_o,
    // release: the core reads this bank no more
    input  wire                     release_i,
    input  wire                     release_bank_i,
    // status
    output wire                     busy_o        // a bank is in use
);

  generate
    if (COMMAND_WIDTH < 1) begin : gen_bad_command_width
      flexmac_load_COMMAND_WIDTH_must_be_at_least_1 u_illegal ();
    end
  endgenerate

  reg filling_q, fill_bank_q, run_bank_q;
  reg done_a_q, done_b_q;
  reg [1:0] used_q, full_q;
  reg [COMMAND_WIDTH-1:0] cmd_0_q, cmd_1_q;

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

`ifdef FORMAL
  // Rules; any stalls. Given: each operand is done once per fill, and the core releases a bank that
  // it reads.
  // 1. A bank goes free -> filling -> full -> being read -> free: no fill begins in a bank that
  //    holds operands still to be read, none is read before both its operands are there.
  // 2. Every command is run once, in the order they came, with the bank its fill was in.
  // 3. An offer stays, unchanged, until it is taken.
  // 4. Bounded: a free bank is offered to the next command as soon as no fill goes on, and a full
  //    one to the core as soon as those before it have been taken, in the same cycle.
  localparam [1:0] FREE = 2'd0, FILLING = 2'd1, FULL = 2'd2, READ = 2'd3;
  reg [1:0] f_bank0, f_bank1;  // what the banks are
  reg [COMMAND_WIDTH-1:0] f_cmd0, f_cmd1;
  reg [1:0] f_done;  // operands there
  reg [31:0] f_takes, f_runs;
  wire f_fills = f_takes[0] ? f_bank0 == FILLING : f_bank1 == FILLING;
  wire [1:0] f_done_d = f_done | {done_a_i, done_b_i};
  wire f_filled = f_fills && f_done_d == 2'b11;
  wire [1:0] f_next = f_takes[0] ? f_bank1 : f_bank0;
  wire [1:0] f_oldest = f_runs[0] ? f_bank1 : f_bank0;
  wire f_last = !f_takes[0];  // bank of the newest command
  reg past_valid = 1'b0;
  initial assume (!rst_ni);

  always @(posedge clk_i) begin
    past_valid <= 1'b1;
    if (!rst_ni) begin
      f_bank0 <= FREE;
      f_bank1 <= FREE;
      f_takes <= 0;
      f_runs <= 0;
    end else begin
      if (release_i && !release_bank_i) f_bank0 <= FREE;
      if (release_i && release_bank_i) f_bank1 <= FREE;
      if (f_filled && !f_last) f_bank0 <= FULL;
      if (f_filled && f_last) f_bank1 <= FULL;
      if (run && !run_bank_o) f_bank0 <= READ;
      if (run && run_bank_o) f_bank1 <= READ;
      if (take && !cmd_bank_o) f_bank0 <= FILLING;
      if (take && cmd_bank_o) f_bank1 <= FILLING;
      if (take && !cmd_bank_o) f_cmd0 <= cmd_i;
      if (take && cmd_bank_o) f_cmd1 <= cmd_i;
      f_done <= take ? 2'b00 : f_done_d;
      f_takes <= f_takes + take;
      f_runs <= f_runs + run;
    end
  end

  always @* begin
    if (rst_ni && done_a_i) assume (f_fills && !f_done[1]);
    if (rst_ni && done_b_i) assume (f_fills && !f_done[0]);
    if (rst_ni && release_i) assume ((release_bank_i ? f_bank1 : f_bank0) == READ);
    if (past_valid) begin
      // 1, 4
      assert (cmd_ready_o == ((!f_fills || f_filled)
          && (f_next == FREE || (release_i && release_bank_i == cmd_bank_o))));
      assert (run_valid_o == (f_oldest == FULL || (f_oldest == FILLING && f_filled)));
      assert (filling_o == f_fills && (!f_fills || fill_bank_o == f_last));
      assert (busy_o == (f_bank0 != FREE || f_bank1 != FREE));
      // 2
      if (take) assert (cmd_bank_o == f_takes[0]);
      if (run) assert (run_bank_o == f_runs[0] && run_o == (run_bank_o ? f_cmd1 : f_cmd0));
      assert (f_takes - f_runs <= 2);
      // what the registers hold
      assert (run_bank_q == f_runs[0] && next_bank == (f_fills && !f_filled ? f_last : f_takes[0]));
      assert (used_q == {f_bank1 != FREE, f_bank0 != FREE});
      assert (full_q == {f_bank1 == FULL, f_bank0 == FULL});
      if (f_fills) assert (f_done == {done_a_q, done_b_q} && f_done != 2'b11);
      else assert (!done_a_q && !done_b_q);
      if (f_bank0 != FREE) assert (cmd_0_q == f_cmd0);
      if (f_bank1 != FREE) assert (cmd_1_q == f_cmd1);
      assert (!(f_bank0 == FILLING && (f_bank1 == FILLING || f_last)));
      assert (!(f_bank1 == FILLING && !f_last));
      // commands not yet run are those that fill or are full
      assert (f_takes - f_runs == (f_bank0 == FILLING || f_bank0 == FULL)
          + (f_bank1 == FILLING || f_bank1 == FULL));
      if (f_takes != f_runs) assert (f_oldest == FILLING || f_oldest == FULL);
      cover (take && run && f_runs == 1 && f_filled);
      cover (f_bank0 == FULL && f_bank1 == FULL);
      cover (f_bank0 == READ && f_bank1 == FULL && release_i && take);
    end
  end

  always @(posedge clk_i) begin
    if (past_valid && $past(rst_ni) && $past(run_valid_o && !run_ready_i))
      assert (run_valid_o && run_o == $past(run_o) && run_bank_o == $past(run_bank_o));
  end
`endif

endmodule

`default_nettype wire
