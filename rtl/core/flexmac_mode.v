// Decodes the rounding mode of the requantizers once, for all columns.
//
//   shift_i   s7.0: bits dropped, -31 .. SUM_WIDTH+24; a negative shift multiplies
//   bits_i    result width, 2..32
//   amount_o  right shift of {sum, 55 zeros}: shift_i + 31
//
// Two masks, for a sum of SUM_WIDTH bits and a rounded value of 34 bits:
//
//              SUM_WIDTH-1  shift+32          0
//               +------------+----------------+  bits that must equal the sign; if not, the rounded
//  out_of_range |1111 .. 1111|0000    ..      0|  value has more than 33 bits
//               +------------+----------------+
//                33     bits-1              0
//               +------------+----------------+  bits that must equal the sign; if not, the result
//  limit        |1111 .. 1111|0000    ..      0|  does not fit and saturates
//               +------------+----------------+
//
// Parameters:
//   SUM_WIDTH  bits of an exact sum, 48..88
//
// Latency: 0. The inputs are stable while the core is busy.
`default_nettype none

module flexmac_mode #(
    parameter SUM_WIDTH = 48
) (
    // control
    input  wire signed [          7:0] shift_i,
    input  wire        [          5:0] bits_i,
    // data
    output wire        [          7:0] amount_o,  // right shift of {sum, 55 zeros}: shift_i + 31
    output wire        [SUM_WIDTH-1:0] out_of_range_o,
    output wire        [         33:0] limit_o
);

  generate
    if (SUM_WIDTH < 48 || SUM_WIDTH > 88) begin : gen_bad_sum_width
      flexmac_mode_SUM_WIDTH_must_be_48_to_88 u_illegal ();
    end
  endgenerate

  wire [7:0] amount = shift_i + 8'sd31;

  assign amount_o = amount;
  assign out_of_range_o = {SUM_WIDTH{1'b1}} << (amount + 8'd1);
  assign limit_o = {34{1'b1}} << (bits_i - 6'd1);

`ifdef FORMAL
  // Rules
  // 1. amount_o is shift_i + 31, 0 .. SUM_WIDTH+55.
  // 2. out_of_range_o has exactly the bits of the sum that come to lie at bit 32, the sign of a
  //    33-bit value, or above.
  // 3. limit_o has exactly the bits from the sign of a result of bits_i upwards.
  localparam signed [31:0] SIGNED_WIDTH = SUM_WIDTH;
  integer f;

  always @* begin
    assume (shift_i >= -8'sd31 && shift_i <= SIGNED_WIDTH + 24);
    assume (bits_i >= 6'd2 && bits_i <= 6'd32);
    assert ($signed({24'd0, amount_o}) == shift_i + 31);
    for (f = 0; f < SUM_WIDTH; f = f + 1) assert (out_of_range_o[f] == (f - shift_i >= 32));
    for (f = 0; f < 34; f = f + 1) assert (limit_o[f] == (f >= bits_i - 1));
    cover (shift_i == -8'sd31);
    cover (shift_i == SIGNED_WIDTH + 24);
    cover (bits_i == 6'd2);
    cover (bits_i == 6'd32);
  end
`endif

endmodule

`default_nettype wire
