// Hands loaded commands to the core and reports when the core has read a bank.
//
// The mode of the core must be stable while the core is busy. A command with another mode therefore
// waits until all commands before it have left; commands with the same mode follow each other
// without a gap. The core accepts a command when it has issued every read of the one before, which
// frees the other bank.
//
// Parameters:
//   MODE_WIDTH  bits of the mode, at least 1
//
// Latency: 0; one cycle more where the mode changes. Throughput: one command per cycle.
`default_nettype none

module flexmac_issue #(
    parameter MODE_WIDTH = 16
) (
    input  wire                  clk_i,
    input  wire                  rst_ni,
    // loaded command
    input  wire                  run_valid_i,
    output wire                  run_ready_o,
    input  wire [MODE_WIDTH-1:0] run_mode_i,
    input  wire                  run_bank_i,
    input  wire                  hold_i,     // a queue beside the core has no place
    // core
    output wire                  cmd_valid_o,
    input  wire                  cmd_ready_i,
    output reg  [MODE_WIDTH-1:0] mode_o,
    input  wire                  core_busy_i,
    // status
    output wire                  release_o,  // every read of release_bank_o is issued
    output wire                  release_bank_o,
    output wire                  running_o   // the core reads a bank
);

  generate
    if (MODE_WIDTH < 1) begin : gen_bad_mode_width
      flexmac_issue_MODE_WIDTH_must_be_at_least_1 u_illegal ();
    end
  endgenerate

  reg running_q, bank_q;

  wire same = run_mode_i == mode_o;
  wire go = same && !hold_i;
  wire run = cmd_valid_o && cmd_ready_i;

  assign cmd_valid_o = run_valid_i && go;
  assign run_ready_o = cmd_ready_i && go;
  assign release_o = running_q && cmd_ready_i;
  assign release_bank_o = bank_q;
  assign running_o = running_q;

  always @(posedge clk_i) begin
    if (!rst_ni) running_q <= 1'b0;
    else running_q <= run || (running_q && !release_o);
  end

  always @(posedge clk_i) begin
    if (run) bank_q <= run_bank_i;
  end

  // reset, because a comparison decides by what it holds
  always @(posedge clk_i) begin
    if (!rst_ni) mode_o <= {MODE_WIDTH{1'b0}};
    else if (run_valid_i && !same && !core_busy_i) mode_o <= run_mode_i;
  end

`ifdef FORMAL
  // Rules; any stalls. Given: a loaded command waits unchanged and is not held once it was not; the
  // core is busy from the cycle after it takes a command until it says otherwise.
  // 1. Every loaded command is taken by the core once, in the same cycle from both sides.
  // 2. It is offered in its own mode, and an offer stays until it is taken.
  // 3. The mode stays as it is while the core is busy and in the cycle of a command.
  // 4. Every command taken releases its own bank once, when the core is ready for the next.
  // 5. Bounded: with the core idle and nothing held a command is offered within one cycle.
  reg [31:0] f_run, f_released;
  reg f_bank;
  reg past_valid = 1'b0;
  initial assume (!rst_ni);

  always @(posedge clk_i) begin
    past_valid <= 1'b1;
    if (!rst_ni) begin
      f_run <= 0;
      f_released <= 0;
    end else begin
      f_run <= f_run + (cmd_valid_o && cmd_ready_i);
      f_released <= f_released + release_o;
    end
    if (run_valid_i && run_ready_o) f_bank <= run_bank_i;
  end

  always @* begin
    if (past_valid) begin
      assert ((run_valid_i && run_ready_o) == (cmd_valid_o && cmd_ready_i));
      if (cmd_valid_o) assert (mode_o == run_mode_i && !hold_i);
      assert (f_run - f_released == running_o);
      assert (release_o == (f_run != f_released && cmd_ready_i));
      if (f_run != f_released) assert (release_bank_o == f_bank);
      cover (release_o && cmd_valid_o && cmd_ready_i && f_run == 2);
      cover (f_run == 2 && f_released == 2 && run_valid_i && run_mode_i != mode_o && core_busy_i);
    end
  end

  always @(posedge clk_i) begin
    if (past_valid && $past(rst_ni)) begin
      if ($past(run_valid_i && !run_ready_o)) begin
        assume (run_valid_i && run_mode_i == $past(run_mode_i) && run_bank_i == $past(run_bank_i));
        assume (!hold_i || $past(hold_i));
      end
      if ($past(cmd_valid_o && cmd_ready_i)) assume (core_busy_i);
      if ($past(cmd_valid_o && !cmd_ready_i)) assert (cmd_valid_o && $past(mode_o) == mode_o);
      if ($past(core_busy_i || (cmd_valid_o && cmd_ready_i))) assert (mode_o == $past(mode_o));
      if ($past(run_valid_i && !core_busy_i && !hold_i && !cmd_valid_o)) assert (cmd_valid_o);
    end
    if (past_valid && !$past(rst_ni)) assert (mode_o == {MODE_WIDTH{1'b0}});
  end
`endif

endmodule

`default_nettype wire
