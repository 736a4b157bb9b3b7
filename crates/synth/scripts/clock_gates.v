// Maps a register with an enable to a clock gate and a register without an enable. One latch replaces a
// multiplexer for each bit. Registers below four bits are left unchanged: a gate would cost more.
// Placeholders: @CELL@ and its pins @CLOCK@, @ENABLE@, @OUT@; @TEST@ ties its test pin, or nothing.
(* techmap_celltype = "$dffe" *)
module clock_gated #(
    parameter WIDTH = 1,
    parameter CLK_POLARITY = 1,
    parameter EN_POLARITY = 1
) (
    input CLK,
    input EN,
    input [WIDTH-1:0] D,
    output [WIDTH-1:0] Q
);

  wire _TECHMAP_FAIL_ = WIDTH < 4 || !CLK_POLARITY;
  wire enable = EN_POLARITY ? EN : !EN;
  wire gated;

  @CELL@ clock_gate (.@CLOCK@(CLK), .@ENABLE@(enable), .@OUT@(gated)@TEST@);
  \$dff #(.WIDTH(WIDTH), .CLK_POLARITY(1)) register (.CLK(gated), .D(D), .Q(Q));

endmodule

// The same for a synchronous reset that does not depend on the enable: either signal opens the gate.
(* techmap_celltype = "$sdffe" *)
module clock_gated_reset #(
    parameter WIDTH = 1,
    parameter CLK_POLARITY = 1,
    parameter EN_POLARITY = 1,
    parameter SRST_POLARITY = 1,
    parameter SRST_VALUE = 0
) (
    input CLK,
    input EN,
    input SRST,
    input [WIDTH-1:0] D,
    output [WIDTH-1:0] Q
);

  wire _TECHMAP_FAIL_ = WIDTH < 4 || !CLK_POLARITY;
  wire reset = SRST_POLARITY ? SRST : !SRST;
  wire enable = (EN_POLARITY ? EN : !EN) || reset;
  wire gated;

  @CELL@ clock_gate (.@CLOCK@(CLK), .@ENABLE@(enable), .@OUT@(gated)@TEST@);
  \$sdff #(
      .WIDTH(WIDTH), .CLK_POLARITY(1), .SRST_POLARITY(1), .SRST_VALUE(SRST_VALUE)
  ) register (.CLK(gated), .SRST(reset), .D(D), .Q(Q));

endmodule

// The same for a synchronous reset that acts only while the register is enabled.
(* techmap_celltype = "$sdffce" *)
module clock_gated_enabled_reset #(
    parameter WIDTH = 1,
    parameter CLK_POLARITY = 1,
    parameter EN_POLARITY = 1,
    parameter SRST_POLARITY = 1,
    parameter SRST_VALUE = 0
) (
    input CLK,
    input EN,
    input SRST,
    input [WIDTH-1:0] D,
    output [WIDTH-1:0] Q
);

  wire _TECHMAP_FAIL_ = WIDTH < 4 || !CLK_POLARITY;
  wire enable = EN_POLARITY ? EN : !EN;
  wire gated;

  @CELL@ clock_gate (.@CLOCK@(CLK), .@ENABLE@(enable), .@OUT@(gated)@TEST@);
  \$sdff #(
      .WIDTH(WIDTH), .CLK_POLARITY(1), .SRST_POLARITY(SRST_POLARITY), .SRST_VALUE(SRST_VALUE)
  ) register (.CLK(gated), .SRST(SRST), .D(D), .Q(Q));

endmodule
