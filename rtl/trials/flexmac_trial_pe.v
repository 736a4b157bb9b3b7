// Trial: flexmac_pe around a multiplier with modes, flexmac_split_dot or flexmac_fused_dot.
//
// Accumulator, capture and chain are those of flexmac_pe for planes of P bits, and so is what
// happens to operands of more than P bits: a pass for each pair of planes. Of narrower ones a word
// holds several, as the multiplier's header says, and the mode comes with the word:
//
//   a_i    {mode, signed, 2P bits}: mode is {whole, halves} fused, {unused, split} split
//   b_i    {signed, 2P bits}
//   chain_i/_o, controls, REGS   as in flexmac_pe
//
// Parameters: FUSED: 0 two multipliers of P bits that split, 1 four of P/2 bits that join;
// P 4|8|16; ACC above 2P+2.
// Latency one cycle per register and one for the accumulator; throughput a word a cycle.
// Not handled: overflow; the bound on K excludes it.
`default_nettype none

module flexmac_trial_pe #(
    parameter       FUSED = 0,
    parameter       P     = 16,
    parameter       ACC   = 50,
    parameter [3:0] REGS  = 4'b0000
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
    input  wire [       2*P+2:0] a_i,
    input  wire [         2*P:0] b_i,
    input  wire signed [ACC-1:0] chain_i,
    output wire signed [ACC-1:0] chain_o
);

  generate
    if (P != 4 && P != 8 && P != 16) begin : gen_bad_p
      flexmac_trial_pe_P_must_be_4_8_or_16 u_illegal ();
    end
    if (ACC <= 2 * P + 2) begin : gen_bad_acc
      flexmac_trial_pe_ACC_must_exceed_the_lanes_sum u_illegal ();
    end
  endgenerate

  localparam S = 2 * P + 2;  // the lanes' sum
  localparam CUT = 4;        // tree levels in front of a register, about half of them

  wire [2*P+2:0] a;
  wire [2*P:0] b;
  wire [S-1:0] sum_d, carry_d;
  wire [S-1:0] sum, carry;

  flexmac_pipe #(.W(4 * P + 4), .ON(REGS[0])) u_operands (
      .clk_i(clk_i), .en_i(pipe_en_i[0]), .d_i({a_i, b_i}), .q_o({a, b})
  );

  generate
    if (FUSED != 0) begin : gen_fused
      flexmac_fused_dot #(.P(P), .S(S), .CUT(REGS[1])) u_dot (
          .clk_i     (clk_i),
          .cut_en_i  (pipe_en_i[1]),
          .mode_i    (a[2*P+2:2*P+1]),
          .a_signed_i(a[2*P]),
          .b_signed_i(b[2*P]),
          .a_i       (a[2*P-1:0]),
          .b_i       (b[2*P-1:0]),
          .sum_o     (sum_d),
          .carry_o   (carry_d)
      );
    end else begin : gen_split
      wire unused_mode = a[2*P+2];
      flexmac_split_dot #(.P(P), .V(2), .S(S), .CUT(REGS[1] ? CUT : 0)) u_dot (
          .clk_i     (clk_i),
          .cut_en_i  (pipe_en_i[1]),
          .split_i   (a[2*P+1]),
          .a_signed_i(a[2*P]),
          .b_signed_i(b[2*P]),
          .a_i       (a[2*P-1:0]),
          .b_i       (b[2*P-1:0]),
          .sum_o     (sum_d),
          .carry_o   (carry_d)
      );
    end
  endgenerate

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

endmodule

`default_nettype wire
