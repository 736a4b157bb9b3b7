// Random stream of one column: 32-bit maximal LFSR, 32 bit-steps per word.
//
// x^32 + x^22 + x^2 + x + 1 in right-shifting (Galois) form. 32 bit-steps a word leave no bit of
// one word in the next; 32 and 2^32-1 share no factor, so the period stays 2^32-1 words.
//
//   word_o   0.24 unsigned: the register's upper 24 bits
//
// Parameters: TAPS: feedback mask.
// Latency 1: a step or a load shows in the next cycle. A seed of 0 is replaced by 1.
`default_nettype none

module flexmac_lfsr #(
    parameter [31:0] TAPS = 32'h80200003
) (
    input  wire        clk_i,
    // control
    input  wire        step_i,
    input  wire        load_i,  // with step_i: take the seed instead
    // data
    input  wire [31:0] seed_i,
    output wire [23:0] word_o
);

  reg [31:0] state_q;

  function [31:0] leap(input [31:0] state);
    integer i;
    begin
      leap = state;
      for (i = 0; i < 32; i = i + 1) leap = {1'b0, leap[31:1]} ^ ({32{leap[0]}} & TAPS);
    end
  endfunction

  // A leap is linear: bit i of the next state is the parity of the bits of this one whose own leap
  // sets bit i. Written so, a leap is one level of parity trees and not 32 steps in a row.
  function [1023:0] parities(input unused_zero);
    reg [31:0] image;
    integer from, to;
    begin
      parities = {1023'd0, unused_zero};
      for (from = 0; from < 32; from = from + 1) begin
        image = leap(32'd1 << from);
        for (to = 0; to < 32; to = to + 1) parities[to*32 + from] = image[to];
      end
    end
  endfunction

  localparam [1023:0] PARITIES = parities(1'b0);
  wire [31:0] next;

  genvar bit_index;
  generate
    for (bit_index = 0; bit_index < 32; bit_index = bit_index + 1) begin : gen_bit
      assign next[bit_index] = ^(state_q & PARITIES[bit_index*32 +: 32]);
    end
  endgenerate

  always @(posedge clk_i) begin
    if (step_i) begin
      if (!load_i) state_q <= next;
      else if (seed_i == 32'd0) state_q <= 32'd1;
      else state_q <= seed_i;
    end
  end

  assign word_o = state_q[31:8];

endmodule

`default_nettype wire
