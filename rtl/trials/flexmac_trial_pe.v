// Trial: flexmac_pe around a multiplier with modes, flexmac_split_dot or flexmac_fused_dot.
//
// Accumulator, capture and chain are those of flexmac_pe for planes of CHUNK bits, and operands of
// more than CHUNK bits take a pass per pair of planes as there. Of narrower operands a word holds
// several, as the multiplier's header says; the mode arrives with the word:
//
//   a_i    {mode, signed, 2*CHUNK bits}: mode is {whole, halves} fused, {unused, split} split
//   b_i    {signed, 2*CHUNK bits}
//   chain_i, chain_o, enables, REGISTERS   as in flexmac_pe
//
// Parameters:
//   FUSED      0: two multipliers of CHUNK bits that split; 1: four of CHUNK/2 bits that combine
//   CHUNK      4|8|16
//   ACC_WIDTH  above 2*CHUNK + 2
//   REGISTERS  as in flexmac_pe
//
// Latency: one cycle per register and one for the accumulator. Throughput: one word per cycle.
// Not handled: overflow; the bound on K excludes it.
`default_nettype none

module flexmac_trial_pe #(
    parameter       FUSED     = 0,
    parameter       CHUNK     = 16,
    parameter       ACC_WIDTH = 50,
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
    input  wire        [  2*CHUNK+2:0] a_i,
    input  wire        [    2*CHUNK:0] b_i,
    input  wire signed [ACC_WIDTH-1:0] chain_i,
    output wire signed [ACC_WIDTH-1:0] chain_o
);

  generate
    if (CHUNK != 4 && CHUNK != 8 && CHUNK != 16) begin : gen_bad_chunk
      flexmac_trial_pe_CHUNK_must_be_4_8_or_16 u_illegal ();
    end
    if (ACC_WIDTH <= 2 * CHUNK + 2) begin : gen_bad_acc_width
      flexmac_trial_pe_ACC_WIDTH_must_exceed_the_lanes_sum u_illegal ();
    end
  endgenerate

  localparam PAIR_WIDTH = 2 * CHUNK + 2;  // the lanes' sum
  localparam CUT = 4;        // tree levels in front of a register, about half of them

  wire [2*CHUNK+2:0] a;
  wire [2*CHUNK:0] b;
  wire [PAIR_WIDTH-1:0] sum_d, carry_d;
  wire [PAIR_WIDTH-1:0] sum, carry;

  flexmac_pipe #(.WIDTH(4 * CHUNK + 4), .REGISTER(REGISTERS[0])) u_operands (
      .clk_i(clk_i), .en_i(pipe_en_i[0]), .d_i({a_i, b_i}), .q_o({a, b})
  );

  generate
    if (FUSED != 0) begin : gen_fused
      flexmac_fused_dot #(.CHUNK(CHUNK), .PAIR_WIDTH(PAIR_WIDTH), .CUT(REGISTERS[1])) u_dot (
          .clk_i     (clk_i),
          .cut_en_i  (pipe_en_i[1]),
          .mode_i    (a[2*CHUNK+2:2*CHUNK+1]),
          .a_signed_i(a[2*CHUNK]),
          .b_signed_i(b[2*CHUNK]),
          .a_i       (a[2*CHUNK-1:0]),
          .b_i       (b[2*CHUNK-1:0]),
          .sum_o     (sum_d),
          .carry_o   (carry_d)
      );
    end else begin : gen_split
      wire unused_mode = a[2*CHUNK+2];
      flexmac_split_dot #(
          .CHUNK(CHUNK), .LANES(2), .PAIR_WIDTH(PAIR_WIDTH), .CUT(REGISTERS[1] ? CUT : 0)
      ) u_dot (
          .clk_i     (clk_i),
          .cut_en_i  (pipe_en_i[1]),
          .split_i   (a[2*CHUNK+1]),
          .a_signed_i(a[2*CHUNK]),
          .b_signed_i(b[2*CHUNK]),
          .a_i       (a[2*CHUNK-1:0]),
          .b_i       (b[2*CHUNK-1:0]),
          .sum_o     (sum_d),
          .carry_o   (carry_d)
      );
    end
  endgenerate

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

endmodule

`default_nettype wire
