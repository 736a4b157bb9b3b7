// Flexible processing element (PE): LANES products of operand slices per cycle into one
// accumulator.
//
// An operand of many bits is cut into planes: plane i is the slice of CHUNK bits from bit i*CHUNK.
// The product of two planes i and j has the significance i + j. A tile is computed significance by
// significance: the PE adds up all products of significance s. Then the low CHUNK bits of the
// accumulator are final; they leave as result digit s. The accumulator is shifted right by CHUNK
// and the products of significance s + 1 are added to it:
//
//        ACC_WIDTH-1           CHUNK CHUNK-1  0
//       +---------------------------+----------+
//   acc | kept: acc >>> CHUNK       | digit s  |     last significance: all of it leaves
//       +---------------------------+----------+
//
// A result digit is captured into chain_q. It shifts along the column towards row 0 while the next
// significance computes.
//
// There is no stall signal: the PE holds its state while the enables pipe_en_i, acc_en_i, cap_i and
// drain_i are low. acc_clear_i and acc_shift_i qualify acc_en_i; cap_last_i qualifies cap_i.
//
// s<i>.<f> is a signed number of 1 + i + f bits, f of them behind the binary point:
//
//   a_i, b_i          {signed, LANES slices of CHUNK bits}, lane 0 lowest; `signed` is high for the
//                     top plane: its slices are s(CHUNK-1).0, those of other planes are unsigned
//   chain_i, chain_o  s(ACC_WIDTH-1).0: a result digit, zero-extended, or (captured with
//                     cap_last_i) the accumulator
//
// Parameters:
//   CHUNK      bits of a slice, 2|4|8|16
//   LANES      products per cycle, 1..16; area grows with LANES * CHUNK^2
//   ACC_WIDTH  bits of the accumulator, above 2*CHUNK + 1 + log2(LANES); the bound that excludes
//              overflow is in docs/arithmetic.md
//   REGISTERS  pipeline registers, a bit each: [0] operands, [1] inside the adder tree, [2] behind
//              the tree, [3] sum of the tree's two words
//
// Latency: one cycle per register and one for the accumulator. Throughput: LANES products per
// cycle.
// Not handled: overflow; ACC_WIDTH excludes it for every legal K.
`default_nettype none

module flexmac_pe #(
    parameter       CHUNK     = 8,
    parameter       LANES     = 1,
    parameter       ACC_WIDTH = 24,
    parameter [3:0] REGISTERS = 4'b0000
) (
    input  wire                        clk_i,
    // control: enables of this cycle
    input  wire        [          3:0] pipe_en_i,    // registers of REGISTERS
    input  wire                        acc_en_i,     // add a sum
    input  wire                        acc_clear_i,  // ... to zero
    // ... to the accumulator shifted right by CHUNK
    input  wire                        acc_shift_i,
    input  wire                        cap_i,        // capture a digit into the chain
    input  wire                        cap_last_i,   // ... or the whole accumulator
    input  wire                        drain_i,      // shift the chain towards row 0
    // data
    input  wire        [LANES*CHUNK:0] a_i,
    input  wire        [LANES*CHUNK:0] b_i,
    input  wire signed [ACC_WIDTH-1:0] chain_i,
    output wire signed [ACC_WIDTH-1:0] chain_o
);

  generate
    if (CHUNK != 2 && CHUNK != 4 && CHUNK != 8 && CHUNK != 16) begin : gen_bad_chunk
      flexmac_pe_CHUNK_must_be_2_4_8_or_16 u_illegal ();
    end
    if (LANES < 1 || LANES > 16) begin : gen_bad_lanes
      flexmac_pe_LANES_must_be_1_to_16 u_illegal ();
    end
    if (ACC_WIDTH <= 2 * CHUNK + 1 + $clog2(LANES)) begin : gen_bad_acc_width
      flexmac_pe_ACC_WIDTH_must_exceed_the_lanes_sum u_illegal ();
    end
  endgenerate

  localparam PAIR_WIDTH = 2 * CHUNK + 1 + $clog2(LANES);  // the lanes' sum
  localparam CUT = 4;                    // tree levels in front of a register, about half of them

  wire [LANES*CHUNK:0] a;
  wire [LANES*CHUNK:0] b;
  wire [PAIR_WIDTH-1:0] sum_d, carry_d;
  wire [PAIR_WIDTH-1:0] sum, carry;

  flexmac_pipe #(.WIDTH(2 * (LANES * CHUNK + 1)), .REGISTER(REGISTERS[0])) u_operands (
      .clk_i(clk_i), .en_i(pipe_en_i[0]), .d_i({a_i, b_i}), .q_o({a, b})
  );

  flexmac_dot #(
      .CHUNK(CHUNK), .LANES(LANES), .PAIR_WIDTH(PAIR_WIDTH), .CUT(REGISTERS[1] ? CUT : 0)
  ) u_dot (
      .clk_i     (clk_i),
      .cut_en_i  (pipe_en_i[1]),
      .a_signed_i(a[LANES*CHUNK]),
      .b_signed_i(b[LANES*CHUNK]),
      .a_i       (a[LANES*CHUNK-1:0]),
      .b_i       (b[LANES*CHUNK-1:0]),
      .sum_o     (sum_d),
      .carry_o   (carry_d)
  );

  flexmac_pipe #(.WIDTH(2 * PAIR_WIDTH), .REGISTER(REGISTERS[2])) u_pair (
      .clk_i(clk_i), .en_i(pipe_en_i[2]), .d_i({carry_d, sum_d}), .q_o({carry, sum})
  );

  reg signed [ACC_WIDTH-1:0] acc_q;
  reg signed [ACC_WIDTH-1:0] chain_q;
  reg signed [ACC_WIDTH-1:0] base;
  wire [ACC_WIDTH-1:0] acc_d;

  always @* begin
    base = acc_q;
    if (acc_shift_i) base = acc_q >>> CHUNK;
    if (acc_clear_i) base = {ACC_WIDTH{1'b0}};
  end

  flexmac_accumulate #(
      .PAIR_WIDTH(PAIR_WIDTH), .ACC_WIDTH(ACC_WIDTH), .SUM_REGISTER(REGISTERS[3])
  ) u_accumulate (
      .clk_i(clk_i), .sum_en_i(pipe_en_i[3]),
      .sum_i(sum), .carry_i(carry), .base_i(base), .acc_o(acc_d)
  );

  always @(posedge clk_i) begin
    if (acc_en_i) acc_q <= acc_d;
  end

  always @(posedge clk_i) begin
    if (cap_i) chain_q <= cap_last_i ? acc_q : {{(ACC_WIDTH - CHUNK) {1'b0}}, acc_q[CHUNK-1:0]};
    else if (drain_i) chain_q <= chain_i;
  end

  assign chain_o = chain_q;

`ifdef FORMAL
  // Rules (REGISTERS[3] = 0). Given: the pair is the sum of the lanes' products with its offset
  // (flexmac_dot), within an interval [f_word_lo, f_word_hi] around 0 that the kinds of its planes
  // set; the intervals' sums, shifted as the accumulator is, fit ACC_WIDTH bits
  // (docs/arithmetic.md; proofs/bound.py shows that they do).
  // 1. The accumulator never overflows: it is the exact integer, within its interval.
  // 2. Digits retired at their places, and the accumulator above them, are the exact sum of all
  //    products at their places: nothing is lost, over any number of words and significances.
  // 3. A capture takes the low digit, zero-extended, or the whole accumulator; a drain shifts.
  // no interval of ACC_WIDTH bits, shifted and added once, leaves it
  localparam F_WIDTH = ACC_WIDTH + 4;
  // places the proof carries digits for; any multiple of CHUNK will do
  localparam PLACES = 3 * CHUNK;
  localparam TOTAL_WIDTH = F_WIDTH + PLACES;
  (* anyseq *) wire signed [F_WIDTH-1:0] f_word_lo;
  (* anyseq *) wire signed [F_WIDTH-1:0] f_word_hi;
  wire [PAIR_WIDTH:0] f_pair = {1'b0, sum} + {1'b0, carry};
  wire signed [F_WIDTH-1:0] f_word =
      {{(F_WIDTH - PAIR_WIDTH) {1'b0}}, f_pair[PAIR_WIDTH-1:0]} - (1 <<< (PAIR_WIDTH - 1));
  reg signed [F_WIDTH-1:0] f_exact, f_lo, f_hi;
  wire signed [F_WIDTH-1:0] f_exact_base = acc_clear_i ? 0 : acc_shift_i ? f_exact >>> CHUNK
      : f_exact;
  wire signed [F_WIDTH-1:0] f_lo_d =
      (acc_clear_i ? 0 : acc_shift_i ? f_lo >>> CHUNK : f_lo) + f_word_lo;
  wire signed [F_WIDTH-1:0] f_hi_d =
      (acc_clear_i ? 0 : acc_shift_i ? f_hi >>> CHUNK : f_hi) + f_word_hi;
  localparam signed [F_WIDTH-1:0] FITS = 1 <<< (ACC_WIDTH - 1);
  reg signed [TOTAL_WIDTH-1:0] f_total;  // all products at their places
  reg signed [TOTAL_WIDTH-1:0] f_retired;  // digits retired so far at their places
  reg [7:0] f_place;  // bits retired
  wire [7:0] f_place_d = acc_clear_i ? 0 : acc_shift_i ? f_place + CHUNK : f_place;
  wire signed [TOTAL_WIDTH-1:0] f_digit = {{(TOTAL_WIDTH - CHUNK) {1'b0}}, acc_q[CHUNK-1:0]};
  reg f_begun = 1'b0;
  reg past_valid = 1'b0;

  always @(posedge clk_i) begin
    past_valid <= 1'b1;
    if (acc_en_i) begin
      f_begun <= 1'b1;
      f_exact <= f_exact_base + f_word;
      f_lo <= f_lo_d;
      f_hi <= f_hi_d;
      f_place <= f_place_d;
      f_total <= (acc_clear_i ? 0 : f_total)
          + ({{(TOTAL_WIDTH - F_WIDTH) {f_word[F_WIDTH-1]}}, f_word} <<< f_place_d);
      if (acc_clear_i) f_retired <= 0;
      else if (acc_shift_i) f_retired <= f_retired + (f_digit <<< f_place);
    end
  end

  always @* begin
    assume (f_word_lo <= 0 && f_word_hi >= 0 && f_word_lo >= -FITS && f_word_hi < FITS);
    assume (!f_pair[PAIR_WIDTH]);
    assume (f_word_lo <= f_word && f_word <= f_word_hi);
    if (acc_en_i) begin
      assume (f_begun || acc_clear_i);
      assume (f_place_d <= PLACES);
      assume (f_lo_d >= -FITS && f_hi_d < FITS);
    end
    if (f_begun) begin
      assert (f_lo <= f_exact && f_exact <= f_hi && f_lo <= 0 && f_hi >= 0);
      assert (f_lo >= -FITS && f_hi < FITS);
      assert ($signed(acc_q) == f_exact);
      assert (f_place <= PLACES && f_place % CHUNK == 0);
      assert (f_total == f_retired
          + ({{(TOTAL_WIDTH - F_WIDTH) {f_exact[F_WIDTH-1]}}, f_exact} <<< f_place));
      assert (f_retired >= 0 && (f_retired >>> f_place) == 0);
      cover (f_place == 2 * CHUNK && f_exact < 0 && f_retired == (1 << (2 * CHUNK)) - 1);
      cover (f_place == PLACES && f_exact > (1 << CHUNK));
      cover (f_exact == f_hi && f_hi == f_word_hi && f_lo < 0);
    end
  end

  always @(posedge clk_i) begin
    if (past_valid) begin
      if ($past(cap_i) && $past(cap_last_i)) assert (chain_o == $past(acc_q));
      else if ($past(cap_i)) assert ({1'b0, chain_o} == {1'b0, $past(acc_q[CHUNK-1:0])});
      else if ($past(drain_i)) assert (chain_o == $past(chain_i));
      else assert (chain_o == $past(chain_o));
      cover ($past(cap_i) && !$past(cap_last_i) && $past(acc_q) < 0 && acc_en_i);
    end
  end
`endif

endmodule

`default_nettype wire
