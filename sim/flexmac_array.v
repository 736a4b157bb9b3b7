// The array for simulation: flexmac_array of the flexible PE, with the same ports and the same
// state, written as loops over the PEs of a block.
//
// Generated designs do not contain this file. A model of flexmac_core is built with it in place of
// rtl/core/flexmac_array.v and what that instantiates, if those files are exactly the ones that
// this was proven equal to (docs/cosim.md, proofs/loops.py). A simulator that translates instances
// writes the code of every PE; it translates a loop to a loop, which a compiler turns into vector
// instructions, and whose size does not depend on the number of PEs.
//
// A block acts one cycle later than the block below it, and one later than the block left of it. So
// operands and enables pass one line of registers, and block (i, j), counted from the last row up,
// uses what is at place i + j:
//
//   op_a, op_b, enables --> place 0 --> place 1 --> ...     PLACES = row blocks + column blocks - 1
//
// All registers of PEs belong to one process, which updates each from the old value of the one
// before it: chain, accumulator, pipeline from its end to its start. Therefore blocking assignments
// do, and no copy of the state is needed. Outputs follow registers with nonblocking assignments.
//
// Ports and parameters: rtl/core/flexmac_array.v. FIXED_PE must be 0.
// Not handled: the power-up state of the registers that flexmac_dot's second word passes through;
// they hold 0 from the first word on, and are left out.
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

  generate
    if (FIXED_PE != 0) begin : gen_bad_pe
      flexmac_array_FIXED_PE_must_be_0_in_this_form u_illegal ();
    end
  endgenerate

  localparam OPERAND_WIDTH = LANES * CHUNK;  // operands of one row or column
  localparam ROW_BLOCKS = (ROWS + BLOCK_ROWS - 1) / BLOCK_ROWS;
  localparam COL_BLOCKS = (COLS + BLOCK_COLS - 1) / BLOCK_COLS;
  localparam PLACES = ROW_BLOCKS + COL_BLOCKS - 1;
  localparam CONTROL_WIDTH = 10;  // enables of the PEs
  localparam DRAIN_BIT = 9;
  localparam PAIR_WIDTH = 2 * CHUNK + 1 + $clog2(LANES);  // the lanes' sum with its offset
  // Sums of products are kept in words of 32 bits, which need no masks. Where they do not fit, b is
  // cut: a times its low half, and a times the rest. Vectors have no fast products of 64 bits.
  localparam CUT_B = PAIR_WIDTH > 32 ? 1 : 0;
  localparam LOW_WIDTH = CUT_B != 0 ? CHUNK / 2 : CHUNK;
  localparam [PAIR_WIDTH-1:0] OFFSET = {1'b1, {(PAIR_WIDTH - 1) {1'b0}}};
  localparam HIGH_BITS = PAIR_WIDTH > 32 ? PAIR_WIDTH - 32 : 1;
  localparam KEPT = PAIR_WIDTH > 32 ? 32 : PAIR_WIDTH;
  localparam signed [31:0] START = CUT_B != 0 ? 0 : 1 << (KEPT - 1);
  localparam [ACC_WIDTH-1:0] WIDE_OFFSET = {{(ACC_WIDTH - PAIR_WIDTH) {1'b0}}, OFFSET};

  // registers of a PE in front of places 1, 2, 3 of its pipeline
  localparam BEFORE_1 = REGISTERS[0] ? 1 : 0;
  localparam BEFORE_2 = BEFORE_1 + (REGISTERS[1] ? 1 : 0);
  localparam BEFORE_3 = BEFORE_2 + (REGISTERS[2] ? 1 : 0);

  // enables: as in the array of instances
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

  wire acc_clear;
  wire acc_shift;

  flexmac_delay #(.WIDTH(2), .CYCLES(STAGES - 1)) u_acc_mode (
      .clk_i(clk_i), .rst_ni(rst_ni), .en_i(en_i),
      .d_i({op_clear_i, op_shift_i}), .q_o({acc_clear, acc_shift})
  );

  wire [3:0] pipe_en;
  assign pipe_en[0] = REGISTERS[0] ? en_i && valid[0] : 1'b0;
  assign pipe_en[1] = REGISTERS[1] ? en_i && valid[BEFORE_1] : 1'b0;
  assign pipe_en[2] = REGISTERS[2] ? en_i && valid[BEFORE_2] : 1'b0;
  assign pipe_en[3] = REGISTERS[3] ? en_i && valid[BEFORE_3] : 1'b0;

  wire acc_en = en_i && valid[STAGES-1];

  // the lines, place 0 lowest
  reg [PLACES*CONTROL_WIDTH-1:0] control_q;
  reg [PLACES-1:0] a_signed_q;
  reg [PLACES-1:0] b_signed_q;
  reg [PLACES*ROWS*OPERAND_WIDTH-1:0] a_q;
  reg [PLACES*COLS*OPERAND_WIDTH-1:0] b_q;

  wire [(PLACES+1)*CONTROL_WIDTH-1:0] control_d = {
      control_q, drain_i, cap_last_i, cap_i, acc_shift, acc_clear, acc_en, pipe_en
  };
  wire [PLACES:0] a_signed_d = {a_signed_q, op_a_signed_i};
  wire [PLACES:0] b_signed_d = {b_signed_q, op_b_signed_i};
  wire [(PLACES+1)*ROWS*OPERAND_WIDTH-1:0] a_d = {a_q, op_a_i};
  wire [(PLACES+1)*COLS*OPERAND_WIDTH-1:0] b_d = {b_q, op_b_i};

  always @(posedge clk_i) begin
    if (!rst_ni) control_q <= {PLACES * CONTROL_WIDTH{1'b0}};
    else control_q <= control_d[PLACES*CONTROL_WIDTH-1:0];
    a_signed_q <= a_signed_d[PLACES-1:0];
    b_signed_q <= b_signed_d[PLACES-1:0];
    a_q <= a_d[PLACES*ROWS*OPERAND_WIDTH-1:0];
    b_q <= b_d[PLACES*COLS*OPERAND_WIDTH-1:0];
  end

  // registers of the PEs, by column and row
  reg [ACC_WIDTH-1:0] chain[0:COLS-1][0:ROWS-1];
  reg [ACC_WIDTH-1:0] acc[0:COLS-1][0:ROWS-1];
  reg [PAIR_WIDTH-1:0] cut[0:COLS-1][0:ROWS-1];  // REGISTERS[1], and so on
  reg [PAIR_WIDTH-1:0] pair[0:COLS-1][0:ROWS-1];
  reg [PAIR_WIDTH-1:0] total[0:COLS-1][0:ROWS-1];
  // ... of a row or column within a block, and between the blocks of a chain
  reg [OPERAND_WIDTH:0] a_op[0:COL_BLOCKS-1][0:ROWS-1];
  reg [OPERAND_WIDTH:0] b_op[0:COLS-1][0:ROW_BLOCKS-1];
  reg [ACC_WIDTH-1:0] crossing[0:COLS-1][0:ROW_BLOCKS-1];

  // variables of a cycle
  reg signed [31:0] a_lane[0:LANES-1][0:ROWS-1];
  reg signed [31:0] b_lane, b_high;
  reg signed [31:0] low[0:ROWS-1];
  reg signed [31:0] high[0:ROWS-1];
  reg [HIGH_BITS+31:0] sums;
  reg [PAIR_WIDTH-1:0] dot[0:ROWS-1];
  reg [PAIR_WIDTH-1:0] sum[0:ROWS-1];  // what is in front of a register
  reg [OPERAND_WIDTH:0] word;
  reg [ACC_WIDTH-1:0] from_below;
  reg [3:0] en_pipe;
  reg en_acc, clear, shift, cap, cap_last, drain, multiply;
  // Unsigned, and loops over rows and columns start from a variable: Verilator 5.006 writes loops
  // with constant limits out, and signed comparisons in a way that g++ 12 does not vectorize.
  reg [31:0] row, column, top, bottom, left, right, place;
  integer i, j, v;

  // the rows of every column's chain that leave it
  reg [COLS*ACC_WIDTH-1:0] chain_d, chain_q;

  always @(posedge clk_i) begin
    chain_d = chain_q;
    row = 0;
    column = 0;
    word = {(OPERAND_WIDTH + 1) {1'b0}};
    from_below = {ACC_WIDTH{1'b0}};
    b_lane = 0;
    b_high = 0;
    sums = {(HIGH_BITS + 32) {1'b0}};

    for (j = 0; j < COL_BLOCKS; j = j + 1) begin
      left = j * BLOCK_COLS;
      right = (j + 1) * BLOCK_COLS > COLS ? COLS - 1 : (j + 1) * BLOCK_COLS - 1;

      // block 0 holds the last rows; the chain's old values are needed from there up
      for (i = ROW_BLOCKS - 1; i >= 0; i = i - 1) begin
        top = (i + 1) * BLOCK_ROWS > ROWS ? 0 : ROWS - (i + 1) * BLOCK_ROWS;
        bottom = ROWS - 1 - i * BLOCK_ROWS;
        place = i + j;
        {drain, cap_last, cap, shift, clear, en_acc, en_pipe} =
            control_q[place*CONTROL_WIDTH +: CONTROL_WIDTH];
        multiply = REGISTERS[1] ? en_pipe[1] : REGISTERS[2] ? en_pipe[2]
            : REGISTERS[3] ? en_pipe[3] : en_acc;

        if (multiply) begin
          for (row = top; row <= bottom; row = row + 1) begin
            if (REGISTERS[0]) word = a_op[j][row];
            else word = {a_signed_q[place], a_q[(place*ROWS+row)*OPERAND_WIDTH +: OPERAND_WIDTH]};
            for (v = 0; v < LANES; v = v + 1) begin
              a_lane[v][row] = {
                  {(32 - CHUNK) {word[OPERAND_WIDTH] && word[v*CHUNK+CHUNK-1]}},
                  word[v*CHUNK +: CHUNK]
              };
            end
          end
        end

        for (column = left; column <= right; column = column + 1) begin
          // the chain
          from_below = i == 0 ? {ACC_WIDTH{1'b0}} : crossing[column][i];
          if (i != 0) crossing[column][i] = chain[column][bottom+1];
          if (cap && cap_last) begin
            for (row = top; row <= bottom; row = row + 1) chain[column][row] = acc[column][row];
          end else if (cap) begin
            for (row = top; row <= bottom; row = row + 1)
              chain[column][row] = {{(ACC_WIDTH - CHUNK) {1'b0}}, acc[column][row][CHUNK-1:0]};
          end else if (drain) begin
            for (row = top; row < bottom; row = row + 1) chain[column][row] = chain[column][row+1];
            chain[column][bottom] = from_below;
          end
          if ((cap || drain) && top == 0)
            chain_d[column*ACC_WIDTH +: ACC_WIDTH] = chain[column][0];

          // the lanes' sum, if a register takes it
          if (multiply) begin
            for (row = top; row <= bottom; row = row + 1) low[row] = START;
            if (CUT_B != 0) for (row = top; row <= bottom; row = row + 1) high[row] = 0;
            if (REGISTERS[0]) word = b_op[column][i];
            else word = {
                b_signed_q[place], b_q[(place*COLS+column)*OPERAND_WIDTH +: OPERAND_WIDTH]
            };
            for (v = 0; v < LANES; v = v + 1) begin
              b_high = {
                  {(32 - CHUNK) {word[OPERAND_WIDTH] && word[v*CHUNK+CHUNK-1]}},
                  word[v*CHUNK +: CHUNK]
              };
              b_lane = b_high;
              if (CUT_B != 0) begin
                b_lane = {{(32 - LOW_WIDTH) {1'b0}}, word[v*CHUNK +: LOW_WIDTH]};
                b_high = b_high >>> LOW_WIDTH;
                for (row = top; row <= bottom; row = row + 1)
                  high[row] = high[row] + a_lane[v][row] * b_high;
              end
              for (row = top; row <= bottom; row = row + 1)
                low[row] = low[row] + a_lane[v][row] * b_lane;
            end
            if (CUT_B != 0) begin
              for (row = top; row <= bottom; row = row + 1) begin
                sums = {{HIGH_BITS{low[row][31]}}, low[row]}
                    + ({{HIGH_BITS{high[row][31]}}, high[row]} << LOW_WIDTH);
                dot[row] = sums[PAIR_WIDTH-1:0] + OFFSET;
              end
            end else begin
              for (row = top; row <= bottom; row = row + 1) begin
                sums = {{HIGH_BITS{1'b0}}, low[row]};
                dot[row] = sums[PAIR_WIDTH-1:0];
              end
            end
          end

          // the accumulator
          if (en_acc) begin
            for (row = top; row <= bottom; row = row + 1) begin
              sum[row] = REGISTERS[3] ? total[column][row] : REGISTERS[2] ? pair[column][row]
                  : REGISTERS[1] ? cut[column][row] : dot[row];
            end
            if (clear) begin
              for (row = top; row <= bottom; row = row + 1)
                acc[column][row] = {{(ACC_WIDTH - PAIR_WIDTH) {1'b0}}, sum[row]} - WIDE_OFFSET;
            end else if (shift) begin
              for (row = top; row <= bottom; row = row + 1)
                acc[column][row] =
                    {{CHUNK{acc[column][row][ACC_WIDTH-1]}}, acc[column][row][ACC_WIDTH-1:CHUNK]}
                    + {{(ACC_WIDTH - PAIR_WIDTH) {1'b0}}, sum[row]} - WIDE_OFFSET;
            end else begin
              for (row = top; row <= bottom; row = row + 1)
                acc[column][row] = acc[column][row]
                    + {{(ACC_WIDTH - PAIR_WIDTH) {1'b0}}, sum[row]} - WIDE_OFFSET;
            end
          end

          // the pipeline
          if (REGISTERS[3] && en_pipe[3]) begin
            for (row = top; row <= bottom; row = row + 1) begin
              total[column][row] = REGISTERS[2] ? pair[column][row]
                  : REGISTERS[1] ? cut[column][row] : dot[row];
            end
          end
          if (REGISTERS[2] && en_pipe[2]) begin
            for (row = top; row <= bottom; row = row + 1)
              pair[column][row] = REGISTERS[1] ? cut[column][row] : dot[row];
          end
          if (REGISTERS[1] && en_pipe[1]) begin
            for (row = top; row <= bottom; row = row + 1) cut[column][row] = dot[row];
          end
          if (REGISTERS[0] && en_pipe[0])
            b_op[column][i] = {
                b_signed_q[place], b_q[(place*COLS+column)*OPERAND_WIDTH +: OPERAND_WIDTH]
            };
        end

        if (REGISTERS[0] && en_pipe[0]) begin
          for (row = top; row <= bottom; row = row + 1)
            a_op[j][row] = {
                a_signed_q[place], a_q[(place*ROWS+row)*OPERAND_WIDTH +: OPERAND_WIDTH]
            };
        end
      end
    end
    chain_q <= chain_d;
  end

  assign chain_o = chain_q;

  wire unused_bits = &{
      1'b0, sums, control_d[PLACES*CONTROL_WIDTH +: CONTROL_WIDTH],
      a_signed_d[PLACES], b_signed_d[PLACES],
      a_d[PLACES*ROWS*OPERAND_WIDTH +: ROWS*OPERAND_WIDTH],
      b_d[PLACES*COLS*OPERAND_WIDTH +: COLS*OPERAND_WIDTH]
  };

  generate
    for (col = 0; col < COLS; col = col + 1) begin : gen_chain_valid
      assign chain_valid_o[col] =
          control_q[(ROW_BLOCKS-1+col/BLOCK_COLS)*CONTROL_WIDTH+DRAIN_BIT];
    end
  endgenerate

  assign busy_o = valid != {STAGES{1'b0}};

endmodule

`default_nettype wire
