// The float array: ROWS x COLS processing elements (PEs) of LANES fused multiply-adds per cycle
// each.
//
// A operands go to rows, B operands to columns; every PE gets them in the same cycle. The enables
// of a PE travel beside its operands through registers of their own.
//
//   op_a_i    ROWS x LANES x binary32: LANES consecutive k, row 0 lowest
//   op_b_i    COLS x LANES x binary32, column 0 lowest
//   chain_o   COLS x binary32: what leaves each column's chain
//
// Parameters:
//   ROWS, COLS     1..128 each
//   LANES          fused multiply-adds of a PE per cycle, 1..16
//   STAGES         cycles from operands to a capture: 1 + the bits set in MUL_REGISTERS
//   MUL_REGISTERS  pipeline registers of a PE's multipliers (flexmac_fp32_mul)
//   ADD_REGISTERS  ... and of its adders (flexmac_fp32_add): one more than its set bits is the
//                  number of partial sums per lane
//
// Latency: STAGES cycles from operands to a capture. Throughput: one word per row and column and
// cycle.
// Not handled: blocks of PEs that share registers (FANOUT of the integer array).
`default_nettype none

module flexmac_array #(
    parameter       ROWS          = 2,
    parameter       COLS          = 2,
    parameter       LANES         = 1,
    parameter       STAGES        = 2,
    parameter [2:0] MUL_REGISTERS = 3'b100,
    parameter [3:0] ADD_REGISTERS = 4'b0000
) (
    input  wire clk_i,
    input  wire rst_ni,
    // control
    input  wire en_i,
    input  wire op_valid_i,
    input  wire op_dead_i,
    input  wire [2:0] op_code_i,
    input  wire cap_i,        // in step with the partial sums
    input  wire drain_i,
    // data
    input  wire [ROWS*LANES*32-1:0] op_a_i,
    input  wire [COLS*LANES*32-1:0] op_b_i,
    output wire [COLS*32-1:0] chain_o,
    // status
    output wire busy_o
);

  // registers of a multiplier in front of places 1 and 2 and the partial sums
  localparam BEFORE_1 = MUL_REGISTERS[0] ? 1 : 0;
  localparam BEFORE_2 = BEFORE_1 + (MUL_REGISTERS[1] ? 1 : 0);
  localparam BEFORE_SUM = BEFORE_2 + (MUL_REGISTERS[2] ? 1 : 0);

  generate
    if (STAGES != BEFORE_SUM + 1) begin : gen_bad_stages
      flexmac_array_STAGES_must_be_1_and_the_bits_of_MUL_REGISTERS u_illegal ();
    end
  endgenerate

  // whether a word is at the operands, and behind each register on the way to the partial sums
  genvar stage, col;
  wire [STAGES-1:0] valid;
  assign valid[0] = op_valid_i;

  generate
    for (stage = 1; stage < STAGES; stage = stage + 1) begin : gen_valid
      flexmac_delay #(.WIDTH(1), .CYCLES(1)) u_valid (
          .clk_i(clk_i), .rst_ni(rst_ni), .en_i(en_i), .d_i(valid[stage-1]), .q_o(valid[stage])
      );
    end
  endgenerate

  wire acc_dead;
  wire [2:0] acc_op;

  flexmac_delay #(.WIDTH(4), .CYCLES(STAGES - 1)) u_acc_mode (
      .clk_i(clk_i), .rst_ni(rst_ni), .en_i(en_i),
      .d_i({op_dead_i, op_code_i}), .q_o({acc_dead, acc_op})
  );

  // a multiplier's register loads when a word is in front of it
  wire [2:0] pipe_en;
  assign pipe_en[0] = MUL_REGISTERS[0] ? en_i && valid[0] : 1'b0;  // operands
  assign pipe_en[1] = MUL_REGISTERS[1] ? en_i && valid[BEFORE_1] : 1'b0;  // partial products
  assign pipe_en[2] = MUL_REGISTERS[2] ? en_i && valid[BEFORE_2] : 1'b0;  // product

  wire acc_en = en_i && valid[STAGES-1];

  generate
    for (col = 0; col < COLS; col = col + 1) begin : gen_col
      flexmac_column #(
          .ROWS(ROWS), .LANES(LANES), .MUL_REGISTERS(MUL_REGISTERS),
          .ADD_REGISTERS(ADD_REGISTERS)
      ) u_column (
          .clk_i     (clk_i),
          .pipe_en_i (pipe_en),
          .acc_en_i  (acc_en),
          .acc_dead_i(acc_dead),
          .acc_op_i  (acc_op),
          .cap_i     (cap_i),
          .drain_i   (drain_i),
          .a_i       (op_a_i),
          .b_i       (op_b_i[col*LANES*32 +: LANES*32]),
          .chain_o   (chain_o[col*32 +: 32])
      );
    end
  endgenerate

  assign busy_o = valid != {STAGES{1'b0}};

endmodule

`default_nettype wire
