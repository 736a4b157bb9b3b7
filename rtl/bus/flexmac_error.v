// Keeps the first error since the last clear, and the number of its command.
//
// A refused command comes before packet errors of the same cycle: it does not run, while they
// belong to commands that do.
//
//   code_o     0: no error; else ERROR.code of the register map
//   number_o   number of the command that the error belongs to
//
// Parameters: none.
// Latency: 1 cycle; found_o shows an error in its own cycle.
`default_nettype none

module flexmac_error (
    input  wire        clk_i,
    input  wire        rst_ni,
    // control
    input  wire        clear_i,
    // refused command
    input  wire        refuse_i,
    input  wire [ 7:0] refuse_code_i,
    input  wire [15:0] refuse_number_i,
    // packets of the command being loaded, and of the one whose preload arrives
    input  wire        a_short_i,
    input  wire        a_long_i,
    input  wire        b_short_i,
    input  wire        b_long_i,
    input  wire [15:0] operand_number_i,
    input  wire        preload_short_i,
    input  wire        preload_long_i,
    input  wire [15:0] preload_number_i,
    // status
    output wire        found_o,
    output reg  [ 7:0] code_o,
    output reg  [15:0] number_o
);

  localparam [7:0] NONE = 8'd0;
  localparam [7:0] A_SHORT = 8'd16;
  localparam [7:0] A_LONG = 8'd17;
  localparam [7:0] B_SHORT = 8'd18;
  localparam [7:0] B_LONG = 8'd19;
  localparam [7:0] PRELOAD_SHORT = 8'd20;
  localparam [7:0] PRELOAD_LONG = 8'd21;

  reg [7:0] code_d;
  reg [15:0] number_d;

  always @* begin
    code_d = NONE;
    number_d = operand_number_i;
    if (refuse_i) begin
      code_d = refuse_code_i;
      number_d = refuse_number_i;
    end else if (a_short_i) code_d = A_SHORT;
    else if (a_long_i) code_d = A_LONG;
    else if (b_short_i) code_d = B_SHORT;
    else if (b_long_i) code_d = B_LONG;
    else if (preload_short_i || preload_long_i) begin
      code_d = preload_short_i ? PRELOAD_SHORT : PRELOAD_LONG;
      number_d = preload_number_i;
    end
  end

  assign found_o = code_d != NONE;

  always @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      code_o <= NONE;
      number_o <= 16'd0;
    end else if (code_o == NONE && found_o) begin
      code_o <= code_d;
      number_o <= number_d;
    end
  end

`ifdef FORMAL
  // Rules; given a code above 0 with a refusal.
  // 1. The first error found since the last clear or reset stands, with the number of its command,
  //    until a clear; of several in one cycle the first in the order of the ports.
  // 2. found_o tells of every error, kept or not.
  wire [6:0] f_faults = {refuse_i, a_short_i, a_long_i, b_short_i, b_long_i, preload_short_i,
                         preload_long_i};
  reg [7:0] f_code, f_first;
  reg [15:0] f_number, f_command;
  integer f_n;
  reg past_valid = 1'b0;
  initial assume (!rst_ni);

  // the last one written is the first in order
  always @* begin
    f_code = 8'd0;
    f_number = 16'd0;
    for (f_n = 0; f_n < 7; f_n = f_n + 1) begin
      if (f_faults[f_n]) begin
        f_code = f_n == 6 ? refuse_code_i : 8'd21 - f_n;
        f_number = f_n == 6 ? refuse_number_i : f_n > 1 ? operand_number_i : preload_number_i;
      end
    end
  end

  always @(posedge clk_i) begin
    past_valid <= 1'b1;
    if (!rst_ni || clear_i) f_first <= 8'd0;
    else if (f_first == 8'd0) begin
      f_first <= f_code;
      f_command <= f_number;
    end
  end

  always @* begin
    if (refuse_i) assume (refuse_code_i != 8'd0);
    assert (found_o == (f_faults != 7'd0));
    if (past_valid) begin
      assert (code_o == f_first);
      if (f_first != 8'd0) assert (number_o == f_command);
      else assert (number_o == 16'd0);
      cover (code_o == B_LONG && refuse_i);
      cover (code_o == PRELOAD_SHORT && clear_i);
    end
  end
`endif

endmodule

`default_nettype wire
