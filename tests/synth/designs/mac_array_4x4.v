// 4 x 4 mac_array on 8-bit operands: the sample whose area and clock are quoted in documents.
//
// Formats, latency and limits: see mac_array; WIDTH 8, ACC_WIDTH 24.
`default_nettype none

module mac_array_4x4 (
  input  wire           clk_i,
  input  wire           rst_ni,
  input  wire           clear_i,
  input  wire           valid_i,
  input  wire [31:0]    a_i,
  input  wire [31:0]    b_i,
  output wire [16*24-1:0] acc_o
);
  mac_array #(
    .ROWS     (4),
    .COLS     (4),
    .WIDTH    (8),
    .ACC_WIDTH(24)
  ) u_array (
    .clk_i  (clk_i),
    .rst_ni (rst_ni),
    .clear_i(clear_i),
    .valid_i(valid_i),
    .a_i    (a_i),
    .b_i    (b_i),
    .acc_o  (acc_o)
  );
endmodule

`default_nettype wire
