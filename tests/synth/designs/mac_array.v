// ROWS x COLS array of mac_pe with registered, broadcast operands: the shape flexmac generates,
// small enough to synthesise in a test.
//
// Formats: a_i packs ROWS, b_i packs COLS signed integers of WIDTH bits, element 0 lowest;
// acc_o packs ROWS * COLS signed integers of ACC_WIDTH bits, row-major.
// Parameters: see mac_pe; ROWS, COLS >= 1.
// Latency: 3 cycles. Not handled: accumulator overflow wraps.
`default_nettype none

module mac_array #(
  parameter ROWS = 2,
  parameter COLS = 2,
  parameter WIDTH = 4,
  parameter ACC_WIDTH = 12
) (
  input  wire                           clk_i,
  input  wire                           rst_ni,
  input  wire                           clear_i,
  input  wire                           valid_i,
  input  wire [ROWS*WIDTH-1:0]          a_i,
  input  wire [COLS*WIDTH-1:0]          b_i,
  output wire [ROWS*COLS*ACC_WIDTH-1:0] acc_o
);
  reg [ROWS*WIDTH-1:0] a_q;
  reg [COLS*WIDTH-1:0] b_q;
  reg                  clear_q;
  reg                  valid_q;

  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      clear_q <= 1'b0;
      valid_q <= 1'b0;
    end else begin
      clear_q <= clear_i;
      valid_q <= valid_i;
    end
  end

  always @(posedge clk_i) begin
    a_q <= a_i;
    b_q <= b_i;
  end

  genvar row, col;
  generate
    for (row = 0; row < ROWS; row = row + 1) begin : gen_row
      for (col = 0; col < COLS; col = col + 1) begin : gen_col
        mac_pe #(
          .WIDTH    (WIDTH),
          .ACC_WIDTH(ACC_WIDTH)
        ) u_pe (
          .clk_i  (clk_i),
          .rst_ni (rst_ni),
          .clear_i(clear_q),
          .valid_i(valid_q),
          .a_i    (a_q[row*WIDTH +: WIDTH]),
          .b_i    (b_q[col*WIDTH +: WIDTH]),
          .acc_o  (acc_o[(row*COLS+col)*ACC_WIDTH +: ACC_WIDTH])
        );
      end
    end
  endgenerate
endmodule

`default_nettype wire
