// Hands loaded commands to the core: sets its mode while it is idle, tells when a bank is read.
//
// The core's mode must be stable while it is busy, so a command of another mode waits until all
// before it have left; commands of one mode follow each other without a gap. The core takes a
// command when it has issued every read of the one before: that frees the other bank.
//
// Parameters: W: width of the mode.
// Latency 0; one cycle more where the mode changes.
`default_nettype none

module flexmac_issue #(
    parameter W = 16
) (
    input  wire         clk_i,
    input  wire         rst_ni,
    // loaded command
    input  wire         run_valid_i,
    output wire         run_ready_o,
    input  wire [W-1:0] run_mode_i,
    input  wire         run_bank_i,
    input  wire         hold_i,          // a queue beside the core has no place
    // core
    output wire         cmd_valid_o,
    input  wire         cmd_ready_i,
    output reg  [W-1:0] mode_o,
    input  wire         core_busy_i,
    // status
    output wire         release_o,       // every read of release_bank_o is issued
    output wire         release_bank_o,
    output wire         running_o        // the core reads a bank
);

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
    if (!rst_ni) mode_o <= {W{1'b0}};
    else if (run_valid_i && !same && !core_busy_i) mode_o <= run_mode_i;
  end

endmodule

`default_nettype wire
