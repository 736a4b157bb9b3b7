// Fixed processing element (PE): LANES products of whole operands per cycle into one accumulator.
//
// The integer baseline: it takes the place of flexmac_pe in the same array. An operand of at most
// CHUNK bits arrives sign-extended, as one plane. A tile therefore has one significance, and the
// whole accumulator is captured. There is no stall signal: a PE holds its state while its enables
// are low.
//
//   a_i, b_i          LANES x s(CHUNK-1).0, lane 0 lowest
//   chain_i, chain_o  s(ACC_WIDTH-1).0
//
// Parameters:
//   CHUNK      bits of an operand, 2..32
//   LANES      products per cycle, 1..16; area grows with LANES * CHUNK^2
//   ACC_WIDTH  bits of the accumulator: 2*CHUNK + log2 of the longest dot product, and above
//              2*CHUNK + log2(LANES)
//   REGISTERS  pipeline registers, as in flexmac_pe
//
// Latency: one cycle per register and one for the accumulator. Throughput: LANES products per
// cycle.
// Not handled: overflow; ACC_WIDTH excludes it for every legal K. acc_shift_i and cap_last_i have
// no effect.
`default_nettype none

module flexmac_fixed_pe #(
    parameter       CHUNK     = 32,
    parameter       LANES     = 1,
    parameter       ACC_WIDTH = 76,
    parameter [3:0] REGISTERS = 4'b1000
) (
    input  wire                          clk_i,
    // control: enables of this cycle; one significance a tile, so nothing is ever shifted
    input  wire        [            3:0] pipe_en_i,    // registers of REGISTERS
    input  wire                          acc_en_i,     // add a sum
    input  wire                          acc_clear_i,  // ... to zero
    input  wire                          acc_shift_i,
    input  wire                          cap_i,        // capture the accumulator into the chain
    input  wire                          cap_last_i,
    input  wire                          drain_i,      // shift the chain towards row 0
    // data
    input  wire        [LANES*CHUNK-1:0] a_i,
    input  wire        [LANES*CHUNK-1:0] b_i,
    input  wire signed [  ACC_WIDTH-1:0] chain_i,
    output wire signed [  ACC_WIDTH-1:0] chain_o
);

  generate
    if (CHUNK < 2 || CHUNK > 32) begin : gen_bad_chunk
      flexmac_fixed_pe_CHUNK_must_be_2_to_32 u_illegal ();
    end
    if (LANES < 1 || LANES > 16) begin : gen_bad_lanes
      flexmac_fixed_pe_LANES_must_be_1_to_16 u_illegal ();
    end
    if (ACC_WIDTH <= 2 * CHUNK + $clog2(LANES)) begin : gen_bad_acc_width
      flexmac_fixed_pe_ACC_WIDTH_must_exceed_the_sum_of_a_word u_illegal ();
    end
  endgenerate

  localparam PAIR_WIDTH = 2 * CHUNK + $clog2(LANES);  // the lanes' sum
  localparam CUT = 6;                // tree levels in front of a register, about half of them

  wire [LANES*CHUNK-1:0] a;
  wire [LANES*CHUNK-1:0] b;
  wire [PAIR_WIDTH-1:0] sum_d, carry_d;
  wire [PAIR_WIDTH-1:0] sum, carry;
  wire unused_control = &{1'b0, acc_shift_i, cap_last_i};

  flexmac_pipe #(.WIDTH(2 * LANES * CHUNK), .REGISTER(REGISTERS[0])) u_operands (
      .clk_i(clk_i), .en_i(pipe_en_i[0]), .d_i({a_i, b_i}), .q_o({a, b})
  );

  flexmac_dot #(
      .CHUNK(CHUNK), .LANES(LANES), .PAIR_WIDTH(PAIR_WIDTH), .CUT(REGISTERS[1] ? CUT : 0)
  ) u_dot (
      .clk_i     (clk_i),
      .cut_en_i  (pipe_en_i[1]),
      .a_signed_i(1'b1),
      .b_signed_i(1'b1),
      .a_i       (a),
      .b_i       (b),
      .sum_o     (sum_d),
      .carry_o   (carry_d)
  );

  flexmac_pipe #(.WIDTH(2 * PAIR_WIDTH), .REGISTER(REGISTERS[2])) u_pair (
      .clk_i(clk_i), .en_i(pipe_en_i[2]), .d_i({carry_d, sum_d}), .q_o({carry, sum})
  );

  reg signed [ACC_WIDTH-1:0] acc_q;
  reg signed [ACC_WIDTH-1:0] chain_q;
  wire [ACC_WIDTH-1:0] base = acc_clear_i ? {ACC_WIDTH{1'b0}} : acc_q;
  wire [ACC_WIDTH-1:0] acc_d;

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
    if (cap_i) chain_q <= acc_q;
    else if (drain_i) chain_q <= chain_i;
  end

  assign chain_o = chain_q;

`ifdef FORMAL
  // Rules, for any number of words; given products that the accumulator's width can hold.
  // 1. Each word adds the sum of the lanes' products, as integers, of the operands as they were one
  //    enabled register each ago; a clear starts from 0.
  // 2. A capture takes the accumulator, a drain shifts the chain, a capture goes first.
  // The registers on the way are enabled every cycle here; flexmac_pipe tells of those that are
  // not.
  localparam F_LAG = 0 + REGISTERS[0] + REGISTERS[1] + REGISTERS[2] + REGISTERS[3];
  reg signed [ACC_WIDTH-1:0] f_word, f_sum;
  reg signed [ACC_WIDTH-1:0] f_line [0:4];
  reg [2:0] f_flow = 3'd0;
  reg f_begun = 1'b0;
  integer f_lane, f_stage;

  always @* begin
    f_word = 0;
    for (f_lane = 0; f_lane < LANES; f_lane = f_lane + 1)
      f_word = f_word + $signed(a_i[f_lane*CHUNK +: CHUNK]) * $signed(b_i[f_lane*CHUNK +: CHUNK]);
    f_line[0] = f_word;
  end

  always @(posedge clk_i) begin
    if (f_flow != 3'd7) f_flow <= f_flow + 3'd1;
    for (f_stage = 1; f_stage < 5; f_stage = f_stage + 1) f_line[f_stage] <= f_line[f_stage-1];
    if (acc_en_i) begin
      f_begun <= f_begun || acc_clear_i;
      f_sum <= (acc_clear_i ? 0 : f_sum) + f_line[F_LAG];
    end
  end

  always @* begin
    assume (pipe_en_i == 4'b1111);
    if (acc_en_i) assume (f_flow > F_LAG);
    if (f_begun) assert (acc_q == f_sum);
    cover (f_begun && f_sum < 0 && acc_en_i && !acc_clear_i && f_line[F_LAG] > 0);
  end

  always @(posedge clk_i) begin
    if (f_flow != 0) begin
      if ($past(cap_i)) assert (chain_o == $past(acc_q));
      else if ($past(drain_i)) assert (chain_o == $past(chain_i));
      else assert (chain_o == $past(chain_o));
      cover ($past(cap_i && drain_i) && chain_o != 0);
    end
  end
`endif

endmodule

`default_nettype wire
