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

  always @(posedge clk_i) begin
    if (step_i) begin
      if (!load_i) state_q <= leap(state_q);
      else if (seed_i == 32'd0) state_q <= 32'd1;
      else state_q <= seed_i;
    end
  end

  assign word_o = state_q[31:8];

endmodule

`default_nettype wire
