// One-pass integer processing element: V products of whole operands a cycle into one accumulator.
//
// The baseline of flexmac_pe, in the same array: an operand of any width up to W comes sign-extended
// in one plane, so a tile is one significance, captured whole.
//
//   a_i, b_i    V x s(W-1).0, lane 0 lowest
//   chain_i/_o  s(ACC-1).0
//
// Parameters: W 2..32; V 1..16; ACC: 2W + log2 of the longest dot product, above 2W + log2(V);
// REGS, 4 bits: registers behind [0] the operands, [1] some levels of the adder tree, [2] the tree,
// [3] its sum.
// Latency: one cycle per register and one for the accumulator; throughput V products a cycle.
// Not handled: overflow; the bound on K excludes it.
`default_nettype none

module flexmac_fixed_pe #(
    parameter       W    = 32,
    parameter       V    = 1,
    parameter       ACC  = 76,
    parameter [3:0] REGS = 4'b1000
) (
    input  wire                  clk_i,
    // control: enables of this cycle; one significance a tile, so nothing is ever shifted
    input  wire [           3:0] pipe_en_i,   // registers of REGS
    input  wire                  acc_en_i,    // add a sum
    input  wire                  acc_clear_i, // ... to zero
    input  wire                  acc_shift_i,
    input  wire                  cap_i,       // capture the accumulator into the chain
    input  wire                  cap_last_i,
    input  wire                  drain_i,     // shift the chain towards row 0
    // data
    input  wire [       V*W-1:0] a_i,
    input  wire [       V*W-1:0] b_i,
    input  wire signed [ACC-1:0] chain_i,
    output wire signed [ACC-1:0] chain_o
);

  localparam S = 2 * W + $clog2(V);  // the lanes' sum
  localparam CUT = 6;                // tree levels in front of a register, about half of them

  wire [V*W-1:0] a;
  wire [V*W-1:0] b;
  wire [S-1:0] sum_d, carry_d;
  wire [S-1:0] sum, carry;
  wire unused_control = &{1'b0, acc_shift_i, cap_last_i};

  flexmac_pipe #(.W(2 * V * W), .ON(REGS[0])) u_operands (
      .clk_i(clk_i), .en_i(pipe_en_i[0]), .d_i({a_i, b_i}), .q_o({a, b})
  );

  flexmac_dot #(.P(W), .V(V), .S(S), .CUT(REGS[1] ? CUT : 0)) u_dot (
      .clk_i     (clk_i),
      .cut_en_i  (pipe_en_i[1]),
      .a_signed_i(1'b1),
      .b_signed_i(1'b1),
      .a_i       (a),
      .b_i       (b),
      .sum_o     (sum_d),
      .carry_o   (carry_d)
  );

  flexmac_pipe #(.W(2 * S), .ON(REGS[2])) u_pair (
      .clk_i(clk_i), .en_i(pipe_en_i[2]), .d_i({carry_d, sum_d}), .q_o({carry, sum})
  );

  reg signed [ACC-1:0] acc_q;
  reg signed [ACC-1:0] chain_q;
  wire [ACC-1:0] base = acc_clear_i ? {ACC{1'b0}} : acc_q;
  wire [ACC-1:0] acc_d;

  flexmac_accumulate #(.S(S), .ACC(ACC), .SUM_REG(REGS[3])) u_accumulate (
      .clk_i(clk_i), .sum_en_i(pipe_en_i[3]),
      .sum_i(sum), .carry_i(carry), .base_i(base), .acc_o(acc_d)
  );

  always @(posedge clk_i) begin
    if (acc_en_i) acc_q <= acc_d;
  end

  always @(posedge clk_i) begin
    if (cap_i) chain_q <= acc_q;
    else if (drain_i) chain_q <= chain_i;
  end

  assign chain_o = chain_q;

endmodule

`default_nettype wire
