// The array: ROWS x COLS processing elements (PEs) of LANES products per cycle each.
//
// A operands go to rows, B operands to columns. The enables of a PE travel beside its operands
// through registers of their own. From the accumulators on nothing stalls: while the core is frozen
// (en_i low), the columns get enables that are low.
//
// Blocks of BLOCK_ROWS x BLOCK_COLS PEs share the registers of the operands and enables that pass
// them. Block column j, and in it block row i counted from the last row up, acts 1 + i + j cycles
// after the operands arrive:
//
//   op_a, a row of block row i        --> 1 + i registers --> block column 0 --> register --> 1 ...
//   op_b, a column of block column j  --> j registers --> column, last row first
//   enables                           --> block column 0 --> register --> 1 ...
//                                         each column registers its own copy
//
//   op_a_i         ROWS x LANES x CHUNK bits: slices of one plane, LANES consecutive k, row 0
//                  lowest
//   op_b_i         COLS x LANES x CHUNK bits, column 0 lowest
//                  (with FIXED_PE a slice is a whole operand, s(CHUNK-1).0)
//   chain_o        COLS x s(ACC_WIDTH-1).0: what leaves each column's chain
//   chain_valid_o  a bit per column: its part of chain_o leaves in this cycle
//
// Parameters:
//   ROWS, COLS              1..128 each
//   CHUNK, LANES            bits of a slice; products of a PE per cycle, 1..16
//   ACC_WIDTH               bits of a PE's accumulator (docs/arithmetic.md)
//   STAGES                  cycles from operands to accumulator: 1 + the bits set in REGISTERS
//   REGISTERS               pipeline registers of a PE (flexmac_pe)
//   BLOCK_ROWS, BLOCK_COLS  size of a block, 1..ROWS and 1..COLS
//   FIXED_PE                1: flexmac_fixed_pe instead of flexmac_pe
//
// Latency: STAGES cycles from operands to accumulator, and those of the block. Throughput: one word
// per row and column and cycle.
// Not handled: overflow; ACC_WIDTH excludes it.
`default_nettype none

module flexmac_array #(
    parameter       ROWS       = 2,
    parameter       COLS       = 2,
    parameter       CHUNK      = 8,
    parameter       LANES      = 1,
    parameter       ACC_WIDTH  = 24,
    parameter       STAGES     = 2,
    parameter [3:0] REGISTERS  = 4'b0100,
    parameter       BLOCK_ROWS = 2,
    parameter       BLOCK_COLS = 2,
    parameter       FIXED_PE   = 0
) (
    input  wire clk_i,
    input  wire rst_ni,
    // control
    input  wire en_i,
    input  wire op_valid_i,
    input  wire op_clear_i,
    input  wire op_shift_i,
    input  wire op_a_signed_i,
    input  wire op_b_signed_i,
    input  wire cap_i,        // in step with the accumulators
    input  wire cap_last_i,
    input  wire drain_i,
    // data
    input  wire [ROWS*LANES*CHUNK-1:0] op_a_i,
    input  wire [COLS*LANES*CHUNK-1:0] op_b_i,
    output wire [COLS*ACC_WIDTH-1:0] chain_o,
    // status
    output wire [COLS-1:0] chain_valid_o,
    output wire busy_o
);

  localparam OPERAND_WIDTH = LANES * CHUNK;  // operands of one row or column
  localparam WORD_WIDTH = OPERAND_WIDTH + (FIXED_PE == 0 ? 1 : 0);  // ... and their sign flag
  localparam COL_BLOCKS = (COLS + BLOCK_COLS - 1) / BLOCK_COLS;
  localparam CONTROL_WIDTH = 10;  // enables of the PEs

  // registers of a PE in front of places 1, 2, 3 and the accumulator
  localparam BEFORE_1 = REGISTERS[0] ? 1 : 0;
  localparam BEFORE_2 = BEFORE_1 + (REGISTERS[1] ? 1 : 0);
  localparam BEFORE_3 = BEFORE_2 + (REGISTERS[2] ? 1 : 0);
  localparam BEFORE_ACC = BEFORE_3 + (REGISTERS[3] ? 1 : 0);

  generate
    if (STAGES != BEFORE_ACC + 1) begin : gen_bad_stages
      flexmac_array_STAGES_must_be_1_and_the_bits_of_REGISTERS u_illegal ();
    end
    if (BLOCK_ROWS < 1 || BLOCK_ROWS > ROWS) begin : gen_bad_block_rows
      flexmac_array_BLOCK_ROWS_must_be_1_to_ROWS u_illegal ();
    end
    if (BLOCK_COLS < 1 || BLOCK_COLS > COLS) begin : gen_bad_block_cols
      flexmac_array_BLOCK_COLS_must_be_1_to_COLS u_illegal ();
    end
    if (FIXED_PE != 0) begin : gen_whole_operands
      wire unused_signs = &{1'b0, op_a_signed_i, op_b_signed_i};  // operands carry their signs
    end
  endgenerate

  // whether a word is at the operands, and behind each register on the way to the accumulators
  genvar stage, row, block, col;
  wire [STAGES-1:0] valid;
  assign valid[0] = op_valid_i;

  generate
    for (stage = 1; stage < STAGES; stage = stage + 1) begin : gen_valid
      flexmac_delay #(.WIDTH(1), .CYCLES(1)) u_valid (
          .clk_i(clk_i), .rst_ni(rst_ni), .en_i(en_i), .d_i(valid[stage-1]), .q_o(valid[stage])
      );
    end
  endgenerate

  wire acc_clear;
  wire acc_shift;

  flexmac_delay #(.WIDTH(2), .CYCLES(STAGES - 1)) u_acc_mode (
      .clk_i(clk_i), .rst_ni(rst_ni), .en_i(en_i),
      .d_i({op_clear_i, op_shift_i}), .q_o({acc_clear, acc_shift})
  );

  // a PE's register loads when a word is in front of it
  wire [3:0] pipe_en;
  assign pipe_en[0] = REGISTERS[0] ? en_i && valid[0] : 1'b0;  // operands
  assign pipe_en[1] = REGISTERS[1] ? en_i && valid[BEFORE_1] : 1'b0;  // half of the adder tree
  assign pipe_en[2] = REGISTERS[2] ? en_i && valid[BEFORE_2] : 1'b0;  // adder tree
  assign pipe_en[3] = REGISTERS[3] ? en_i && valid[BEFORE_3] : 1'b0;  // sum

  wire acc_en = en_i && valid[STAGES-1];

  // operands A and the enables as they reach each block column
  wire [COL_BLOCKS*ROWS*WORD_WIDTH-1:0] a_line;
  wire [COL_BLOCKS*CONTROL_WIDTH-1:0] control_line;
  assign control_line[0 +: CONTROL_WIDTH] = {
      drain_i, cap_last_i, cap_i, acc_shift, acc_clear, acc_en, pipe_en
  };

  generate
    for (row = 0; row < ROWS; row = row + 1) begin : gen_row
      wire [WORD_WIDTH-1:0] word;

      if (FIXED_PE != 0) begin : gen_operands
        assign word = op_a_i[row*OPERAND_WIDTH +: OPERAND_WIDTH];
      end else begin : gen_slices
        assign word = {op_a_signed_i, op_a_i[row*OPERAND_WIDTH +: OPERAND_WIDTH]};
      end

      flexmac_skew #(.WIDTH(WORD_WIDTH), .CYCLES(1 + (ROWS - 1 - row) / BLOCK_ROWS)) u_a (
          .clk_i(clk_i), .d_i(word), .q_o(a_line[row*WORD_WIDTH +: WORD_WIDTH])
      );
    end

    for (block = 1; block < COL_BLOCKS; block = block + 1) begin : gen_block
      flexmac_skew #(.WIDTH(ROWS * WORD_WIDTH), .CYCLES(1)) u_a (
          .clk_i(clk_i),
          .d_i(a_line[(block-1)*ROWS*WORD_WIDTH +: ROWS*WORD_WIDTH]),
          .q_o(a_line[block*ROWS*WORD_WIDTH +: ROWS*WORD_WIDTH])
      );
      flexmac_delay #(.WIDTH(CONTROL_WIDTH), .CYCLES(1)) u_control (
          .clk_i(clk_i), .rst_ni(rst_ni), .en_i(1'b1),
          .d_i(control_line[(block-1)*CONTROL_WIDTH +: CONTROL_WIDTH]),
          .q_o(control_line[block*CONTROL_WIDTH +: CONTROL_WIDTH])
      );
    end

    for (col = 0; col < COLS; col = col + 1) begin : gen_col
      wire col_drain, col_cap_last, col_cap, col_acc_shift, col_acc_clear, col_acc_en;
      wire [3:0] col_pipe_en;
      wire [WORD_WIDTH-1:0] word;
      wire [WORD_WIDTH-1:0] col_b;

      assign {
          col_drain, col_cap_last, col_cap, col_acc_shift, col_acc_clear, col_acc_en, col_pipe_en
      } = control_line[(col/BLOCK_COLS)*CONTROL_WIDTH +: CONTROL_WIDTH];

      if (FIXED_PE != 0) begin : gen_operands
        assign word = op_b_i[col*OPERAND_WIDTH +: OPERAND_WIDTH];
      end else begin : gen_slices
        assign word = {op_b_signed_i, op_b_i[col*OPERAND_WIDTH +: OPERAND_WIDTH]};
      end

      flexmac_skew #(.WIDTH(WORD_WIDTH), .CYCLES(col / BLOCK_COLS)) u_b (
          .clk_i(clk_i), .d_i(word), .q_o(col_b)
      );

      flexmac_column #(
          .ROWS(ROWS), .CHUNK(CHUNK), .LANES(LANES), .ACC_WIDTH(ACC_WIDTH), .REGISTERS(REGISTERS),
          .BLOCK_ROWS(BLOCK_ROWS), .FIXED_PE(FIXED_PE)
      ) u_column (
          .clk_i        (clk_i),
          .rst_ni       (rst_ni),
          .pipe_en_i    (col_pipe_en),
          .acc_en_i     (col_acc_en),
          .acc_clear_i  (col_acc_clear),
          .acc_shift_i  (col_acc_shift),
          .cap_i        (col_cap),
          .cap_last_i   (col_cap_last),
          .drain_i      (col_drain),
          .a_i          (a_line[(col/BLOCK_COLS)*ROWS*WORD_WIDTH +: ROWS*WORD_WIDTH]),
          .b_i          (col_b),
          .chain_o      (chain_o[col*ACC_WIDTH +: ACC_WIDTH]),
          .chain_valid_o(chain_valid_o[col])
      );
    end
  endgenerate

  assign busy_o = valid != {STAGES{1'b0}};

endmodule

`default_nettype wire
