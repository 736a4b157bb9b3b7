// Flexible processing element: V digit products a cycle into one accumulator.
//
// One tile is a series of significances s. During each, the PE adds products of plane pairs (i, j)
// with i + j = s; then the low P bits of the accumulator are final and leave as digit s, and the
// next significance starts from the accumulator shifted right by P:
//
//        ACC-1                 P P-1     0
//       +-----------------------+---------+
//   acc |  goes on (acc >>> P)  | digit s |      last significance: all of it leaves
//       +-----------------------+---------+
//
// What leaves is captured into chain_q and shifted along the column towards row 0, while the next
// significance computes.
//
//   a_i, b_i    {signed, V digits of P bits, lane 0 lowest}: signed where the plane is the top one
//   chain_i/_o  s(ACC-1).0: a digit (zero-extended) or, captured with cap_last_i, the accumulator
//
// Parameters: P 2|4|8|16; V 1..16; ACC: accumulator width from the bound in docs/arithmetic.md,
// above 2P+1+log2(V);
// REGS, 4 bits: registers behind [0] the operands, [1] some levels of the adder tree, [2] the tree,
// [3] its sum.
// Latency one cycle per register and one for the accumulator; throughput V products a cycle.
// Not handled: overflow; the bound on K excludes it.
`default_nettype none

module flexmac_pe #(
    parameter       P    = 8,
    parameter       V    = 1,
    parameter       ACC  = 24,
    parameter [3:0] REGS = 4'b0000
) (
    input  wire                  clk_i,
    // control: enables of this cycle
    input  wire [           3:0] pipe_en_i,   // registers of REGS
    input  wire                  acc_en_i,    // add a sum
    input  wire                  acc_clear_i, // ... to zero
    input  wire                  acc_shift_i, // ... to the accumulator shifted right by P
    input  wire                  cap_i,       // capture a digit into the chain
    input  wire                  cap_last_i,  // ... or the whole accumulator
    input  wire                  drain_i,     // shift the chain towards row 0
    // data
    input  wire [         V*P:0] a_i,
    input  wire [         V*P:0] b_i,
    input  wire signed [ACC-1:0] chain_i,
    output wire signed [ACC-1:0] chain_o
);

  generate
    if (P != 2 && P != 4 && P != 8 && P != 16) begin : gen_bad_p
      flexmac_pe_P_must_be_2_4_8_or_16 u_illegal ();
    end
    if (V < 1 || V > 16) begin : gen_bad_v
      flexmac_pe_V_must_be_1_to_16 u_illegal ();
    end
    if (ACC <= 2 * P + 1 + $clog2(V)) begin : gen_bad_acc
      flexmac_pe_ACC_must_exceed_the_lanes_sum u_illegal ();
    end
  endgenerate

  localparam S = 2 * P + 1 + $clog2(V);  // the lanes' sum
  localparam CUT = 4;                    // tree levels in front of a register, about half of them

  wire [V*P:0] a;
  wire [V*P:0] b;
  wire [S-1:0] sum_d, carry_d;
  wire [S-1:0] sum, carry;

  flexmac_pipe #(.W(2 * (V * P + 1)), .ON(REGS[0])) u_operands (
      .clk_i(clk_i), .en_i(pipe_en_i[0]), .d_i({a_i, b_i}), .q_o({a, b})
  );

  flexmac_dot #(.P(P), .V(V), .S(S), .CUT(REGS[1] ? CUT : 0)) u_dot (
      .clk_i     (clk_i),
      .cut_en_i  (pipe_en_i[1]),
      .a_signed_i(a[V*P]),
      .b_signed_i(b[V*P]),
      .a_i       (a[V*P-1:0]),
      .b_i       (b[V*P-1:0]),
      .sum_o     (sum_d),
      .carry_o   (carry_d)
  );

  flexmac_pipe #(.W(2 * S), .ON(REGS[2])) u_pair (
      .clk_i(clk_i), .en_i(pipe_en_i[2]), .d_i({carry_d, sum_d}), .q_o({carry, sum})
  );

  reg signed [ACC-1:0] acc_q;
  reg signed [ACC-1:0] chain_q;
  reg signed [ACC-1:0] base;
  wire [ACC-1:0] acc_d;

  always @* begin
    base = acc_q;
    if (acc_shift_i) base = acc_q >>> P;
    if (acc_clear_i) base = {ACC{1'b0}};
  end

  flexmac_accumulate #(.S(S), .ACC(ACC), .SUM_REG(REGS[3])) u_accumulate (
      .clk_i(clk_i), .sum_en_i(pipe_en_i[3]),
      .sum_i(sum), .carry_i(carry), .base_i(base), .acc_o(acc_d)
  );

  always @(posedge clk_i) begin
    if (acc_en_i) acc_q <= acc_d;
  end

  always @(posedge clk_i) begin
    if (cap_i) chain_q <= cap_last_i ? acc_q : {{(ACC - P) {1'b0}}, acc_q[P-1:0]};
    else if (drain_i) chain_q <= chain_i;
  end

  assign chain_o = chain_q;

`ifdef FORMAL
  // Rules (REGS[3] = 0). Given: the pair is the sum of the lanes' products with its offset
  // (flexmac_dot), within an interval [f_word_lo, f_word_hi] around 0 that the kinds of its planes
  // set; the intervals' sums, shifted as the accumulator is, fit ACC bits (docs/arithmetic.md;
  // proofs/bound.py shows that they do).
  // 1. The accumulator never overflows: it is the exact integer, within its interval.
  // 2. Digits retired at their places, and the accumulator above them, are the exact sum of all
  //    products at their places: nothing is lost, over any number of words and significances.
  // 3. A capture takes the low digit, zero-extended, or the whole accumulator; a drain shifts.
  localparam W = ACC + 4;         // no interval of ACC bits, shifted and added once, leaves it
  localparam PLACES = 3 * P;      // places the proof carries digits for; any multiple of P will do
  localparam T = W + PLACES;
  (* anyseq *) wire signed [W-1:0] f_word_lo;
  (* anyseq *) wire signed [W-1:0] f_word_hi;
  wire [S:0] f_pair = {1'b0, sum} + {1'b0, carry};
  wire signed [W-1:0] f_word = {{(W - S) {1'b0}}, f_pair[S-1:0]} - (1 <<< (S - 1));
  reg  signed [W-1:0] f_exact, f_lo, f_hi;
  wire signed [W-1:0] f_exact_base = acc_clear_i ? 0 : acc_shift_i ? f_exact >>> P : f_exact;
  wire signed [W-1:0] f_lo_d = (acc_clear_i ? 0 : acc_shift_i ? f_lo >>> P : f_lo) + f_word_lo;
  wire signed [W-1:0] f_hi_d = (acc_clear_i ? 0 : acc_shift_i ? f_hi >>> P : f_hi) + f_word_hi;
  localparam signed [W-1:0] FITS = 1 <<< (ACC - 1);
  reg  signed [T-1:0] f_total;    // all products at their places
  reg  signed [T-1:0] f_retired;  // digits retired so far at their places
  reg  [7:0] f_place;             // bits retired
  wire [7:0] f_place_d = acc_clear_i ? 0 : acc_shift_i ? f_place + P : f_place;
  wire signed [T-1:0] f_digit = {{(T - P) {1'b0}}, acc_q[P-1:0]};
  reg  f_begun = 1'b0;
  reg  past_valid = 1'b0;

  always @(posedge clk_i) begin
    past_valid <= 1'b1;
    if (acc_en_i) begin
      f_begun <= 1'b1;
      f_exact <= f_exact_base + f_word;
      f_lo <= f_lo_d;
      f_hi <= f_hi_d;
      f_place <= f_place_d;
      f_total <= (acc_clear_i ? 0 : f_total) + ({{(T - W) {f_word[W-1]}}, f_word} <<< f_place_d);
      if (acc_clear_i) f_retired <= 0;
      else if (acc_shift_i) f_retired <= f_retired + (f_digit <<< f_place);
    end
  end

  always @* begin
    assume (f_word_lo <= 0 && f_word_hi >= 0 && f_word_lo >= -FITS && f_word_hi < FITS);
    assume (!f_pair[S]);
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
      assert (f_place <= PLACES && f_place % P == 0);
      assert (f_total == f_retired + ({{(T - W) {f_exact[W-1]}}, f_exact} <<< f_place));
      assert (f_retired >= 0 && (f_retired >>> f_place) == 0);
      cover (f_place == 2 * P && f_exact < 0 && f_retired == (1 << (2 * P)) - 1);
      cover (f_place == PLACES && f_exact > (1 << P));
      cover (f_exact == f_hi && f_hi == f_word_hi && f_lo < 0);
    end
  end

  always @(posedge clk_i) begin
    if (past_valid) begin
      if ($past(cap_i) && $past(cap_last_i)) assert (chain_o == $past(acc_q));
      else if ($past(cap_i)) assert ({1'b0, chain_o} == {1'b0, $past(acc_q[P-1:0])});
      else if ($past(drain_i)) assert (chain_o == $past(chain_i));
      else assert (chain_o == $past(chain_o));
      cover ($past(cap_i) && !$past(cap_last_i) && $past(acc_q) < 0 && acc_en_i);
    end
  end
`endif

endmodule

`default_nettype wire
