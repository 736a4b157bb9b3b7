// Keeps the first error since the last clear, and the number of its command.
//
// A refused command comes before faults of packets found in the same cycle: it stands alone, they
// belong to commands that run. The codes are those of the register map (ERROR.code).
//
// Latency 1.
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

endmodule

`default_nettype wire
