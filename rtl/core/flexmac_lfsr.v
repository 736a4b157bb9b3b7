// Random stream of one column: a 32-bit maximal LFSR that makes 32 steps per word.
//
// The polynomial is x^32 + x^22 + x^2 + x + 1, in right-shifting (Galois) form. After 32 steps no
// bit of a word appears in the next word. 32 and 2^32-1 have no common factor, so the period is
// 2^32-1 words.
//
//   seed_i   any word; 0 counts as 1
//   word_o   0.24 unsigned: the upper 24 bits of the register
//
// Parameters:
//   TAPS  feedback mask, with bit 31 set
//
// Latency: 1 cycle; a step or a load shows in the next cycle. Throughput: one word per cycle.
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

  generate
    if (TAPS[31] == 1'b0) begin : gen_bad_taps
      flexmac_lfsr_TAPS_must_hold_bit_31 u_illegal ();
    end
  endgenerate

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

  function [31:0] word_after(input [31:0] state);
    integer bit_index;
    for (bit_index = 0; bit_index < 32; bit_index = bit_index + 1)
      word_after[bit_index] = ^(state & PARITIES[bit_index*32 +: 32]);
  endfunction

  always @(posedge clk_i) begin
    if (step_i) begin
      if (!load_i) state_q <= word_after(state_q);
      else if (seed_i == 32'd0) state_q <= 32'd1;
      else state_q <= seed_i;
    end
  end

  assign word_o = state_q[31:8];

`ifdef FORMAL
  // Rules
  // 1. A word is 32 bit-steps; one divides by x modulo x^32 + x^22 + x^2 + x + 1: bit i takes bit
  //    i+1, and the bit that leaves is added back at 31, 21, 1 and 0. (For states of one bit;
  //    by rule 2 for all.)
  // 2. A word is linear: its logic is made of XORs alone (proofs/lfsr_period.py looks).
  // 3. After a seed the state is never 0: a seed of 0 counts as 1, and by rule 2 and the period
  //    (proofs/lfsr_period.py) only 0 leads to 0.
  // 4. Without step_i it stands still; word_o is its upper 24 bits.
  reg past_valid = 1'b0;
  reg [31:0] stepped;
  integer f, h;

  always @* begin
    for (f = 0; f < 32; f = f + 1) begin
      stepped = 32'd1 << f;
      for (h = 0; h < 32; h = h + 1) begin
        stepped = {stepped[0], stepped[31:23], stepped[22] ^ stepped[0], stepped[21:3],
            stepped[2] ^ stepped[0], stepped[1] ^ stepped[0]};
      end
      assert (word_after(32'd1 << f) == stepped);
    end
    assert (word_after(32'd0) == 32'd0);
    assert (word_o == state_q[31:8]);
  end

  always @(posedge clk_i) begin
    past_valid <= 1'b1;
    if (past_valid) begin
      if (!$past(step_i)) assert (state_q == $past(state_q));
      else if (!$past(load_i)) assert (state_q == word_after($past(state_q)));
      else assert (state_q == ($past(seed_i) == 32'd0 ? 32'd1 : $past(seed_i)));
      cover (!$past(load_i) && $past(step_i) && state_q[31]);
      cover ($past(load_i) && $past(step_i) && $past(seed_i) == 32'd0);
    end
  end
`endif

endmodule

`default_nettype wire
