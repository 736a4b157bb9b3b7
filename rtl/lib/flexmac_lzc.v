// Counts the leading zeros of 128 bits, by halves.
//
//   value_i   any word but 0: the caller appends a one
//   zeros_o   0 .. 127
//
// Parameters: none. Latency: 0.
// Not handled: value_i = 0.
`default_nettype none

module flexmac_lzc (
    // data
    input  wire [127:0] value_i,
    output wire [  6:0] zeros_o
);

  wire none64 = value_i[127:64] == 64'd0;
  wire [63:0] half64 = none64 ? value_i[63:0] : value_i[127:64];
  wire none32 = half64[63:32] == 32'd0;
  wire [31:0] half32 = none32 ? half64[31:0] : half64[63:32];
  wire none16 = half32[31:16] == 16'd0;
  wire [15:0] half16 = none16 ? half32[15:0] : half32[31:16];
  wire none8 = half16[15:8] == 8'd0;
  wire [7:0] half8 = none8 ? half16[7:0] : half16[15:8];
  wire none4 = half8[7:4] == 4'd0;
  wire [3:0] half4 = none4 ? half8[3:0] : half8[7:4];
  wire none2 = half4[3:2] == 2'd0;
  wire [1:0] half2 = none2 ? half4[1:0] : half4[3:2];
  wire unused_last = half2[0];

  assign zeros_o = {none64, none32, none16, none8, none4, none2, !half2[1]};

`ifdef FORMAL
  // Rules; the value is not 0.
  // 1. As many zeros as zeros_o says lead the value, and then comes a one.
  integer f_bit;

  always @* begin
    assume (value_i != 128'd0);
    assert (value_i[127-zeros_o]);
    for (f_bit = 0; f_bit < 128; f_bit = f_bit + 1)
      if (127 - f_bit < zeros_o) assert (!value_i[f_bit]);
    cover (zeros_o == 7'd127);
    cover (zeros_o == 7'd0);
    cover (zeros_o == 7'd85);
  end
`endif

endmodule

`default_nettype wire
