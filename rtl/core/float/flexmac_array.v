// The float array: ROWS x COLS processing elements (PEs) of LANES products per cycle each.
//
// A operands go to rows, B operands to columns; every PE gets them in the same cycle. The enables
// of a PE travel beside its operands through registers of their own.
//
//   op_a_i    ROWS x LANES x OPERAND_WIDTH bits: LANES consecutive k, row 0 lowest
//   op_b_i    COLS x LANES x OPERAND_WIDTH bits, column 0 lowest
//   chain_o   COLS x binary32: what leaves each column's chain
//
// Parameters:
//   ROWS, COLS       1..128 each
//   OPERAND_WIDTH    bits of an operand: 32 binary32, 16 bfloat16, 8 E4M3 or E5M2
//   LANES            products of a PE per cycle, 1..16
//   STAGES           cycles from operands to a capture: 1 + the bits set in FRONT_REGISTERS
//   FRONT_REGISTERS  pipeline registers of a PE in front of its loop (flexmac_float_pe)
//   LOOP_REGISTERS   ... and in the loop
//   RESULTS          results that a PE works on in turn: 1 + the bits set in LOOP_REGISTERS
//
// Latency: STAGES cycles from operands to a capture. Throughput: one word per row and column and
// cycle.
// Not handled: blocks of PEs that share registers (FANOUT of the integer array).
`default_nettype none

module flexmac_array #(
    parameter       ROWS            = 2,
    parameter       COLS            = 2,
    parameter       OPERAND_WIDTH   = 16,
    parameter       LANES           = 1,
    parameter       STAGES          = 1,
    parameter [6:0] FRONT_REGISTERS = 7'b0000000,
    parameter [3:0] LOOP_REGISTERS  = 4'b0000,
    parameter       RESULTS         = 1
) (
    input  wire clk_i,
    input  wire rst_ni,
    // mode: stable while busy
    input  wire [1:0] mode_format_i,
    // control
    input  wire en_i,
    input  wire op_valid_i,
    input  wire op_dead_i,
    input  wire cap_i,        // in step with the loops: a result leaves them for the chains
    input  wire load_i,       // of the chains: flexmac_float_chain
    input  wire load_queued_i,
    input  wire [RESULTS-1:0] put_i,
    input  wire [RESULTS-1:0] move_i,
    input  wire drain_i,
    // data
    input  wire [ROWS*LANES*OPERAND_WIDTH-1:0] op_a_i,
    input  wire [COLS*LANES*OPERAND_WIDTH-1:0] op_b_i,
    output wire [COLS*32-1:0] chain_o,
    // status
    output wire busy_o
);

  // registers in front of each place
  localparam BEFORE_1 = FRONT_REGISTERS[0] ? 1 : 0;
  localparam BEFORE_2 = BEFORE_1 + (FRONT_REGISTERS[1] ? 1 : 0);
  localparam BEFORE_3 = BEFORE_2 + (FRONT_REGISTERS[2] ? 1 : 0);
  localparam BEFORE_4 = BEFORE_3 + (FRONT_REGISTERS[3] ? 1 : 0);
  localparam BEFORE_5 = BEFORE_4 + (FRONT_REGISTERS[4] ? 1 : 0);
  localparam BEFORE_6 = BEFORE_5 + (FRONT_REGISTERS[5] ? 1 : 0);
  localparam BEFORE_LOOP = BEFORE_6 + (FRONT_REGISTERS[6] ? 1 : 0);

  generate
    if (STAGES != BEFORE_LOOP + 1) begin : gen_bad_stages
      flexmac_array_STAGES_must_be_1_and_the_bits_of_FRONT_REGISTERS u_illegal ();
    end
  endgenerate

  // whether a word is at the operands, and behind each register on the way to the loop
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

  flexmac_delay #(.WIDTH(1), .CYCLES(STAGES - 1)) u_acc_mode (
      .clk_i(clk_i), .rst_ni(rst_ni), .en_i(en_i), .d_i(op_dead_i), .q_o(acc_dead)
  );

  // a register loads when a word is in front of it
  wire [6:0] front_en;
  assign front_en[0] = FRONT_REGISTERS[0] ? en_i && valid[0] : 1'b0;
  assign front_en[1] = FRONT_REGISTERS[1] ? en_i && valid[BEFORE_1] : 1'b0;
  assign front_en[2] = FRONT_REGISTERS[2] ? en_i && valid[BEFORE_2] : 1'b0;
  assign front_en[3] = FRONT_REGISTERS[3] ? en_i && valid[BEFORE_3] : 1'b0;
  assign front_en[4] = FRONT_REGISTERS[4] ? en_i && valid[BEFORE_4] : 1'b0;
  assign front_en[5] = FRONT_REGISTERS[5] ? en_i && valid[BEFORE_5] : 1'b0;
  assign front_en[6] = FRONT_REGISTERS[6] ? en_i && valid[BEFORE_6] : 1'b0;

  // a loop also moves on while results leave it
  wire acc_en = en_i && (valid[STAGES-1] || cap_i);

  generate
    for (col = 0; col < COLS; col = col + 1) begin : gen_col
      flexmac_column #(
          .ROWS(ROWS), .OPERAND_WIDTH(OPERAND_WIDTH), .LANES(LANES),
          .FRONT_REGISTERS(FRONT_REGISTERS), .LOOP_REGISTERS(LOOP_REGISTERS), .RESULTS(RESULTS)
      ) u_column (
          .clk_i        (clk_i),
          .mode_format_i(mode_format_i),
          .front_en_i   (front_en),
          .acc_en_i     (acc_en),
          .acc_dead_i   (acc_dead),
          .load_i       (load_i),
          .load_queued_i(load_queued_i),
          .put_i        (put_i),
          .move_i       (move_i),
          .drain_i      (drain_i),
          .a_i          (op_a_i),
          .b_i          (op_b_i[col*LANES*OPERAND_WIDTH +: LANES*OPERAND_WIDTH]),
          .chain_o      (chain_o[col*32 +: 32])
      );
    end
  endgenerate

  assign busy_o = valid != {STAGES{1'b0}};

endmodule

`default_nettype wire
