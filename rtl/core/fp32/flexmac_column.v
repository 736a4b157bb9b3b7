// One column of the float array: ROWS processing elements (PEs) and the chain that drains them.
//
// All PEs of the column share the column's B operands; the PE of row r gets A operands r. A capture
// copies every PE's sum into the chain; the chain then shifts towards row 0 and leaves the column
// there, row 0's sum first.
//
//   a_i       ROWS x LANES x binary32, row 0 and lane 0 lowest
//   b_i       LANES x binary32
//   chain_o   binary32
//
// Parameters:
//   ROWS           rows, 1..128
//   LANES          fused multiply-adds of a PE per cycle, 1..16
//   MUL_REGISTERS  pipeline registers of a PE's multipliers (flexmac_fp32_mul)
//   ADD_REGISTERS  ... and of its adders (flexmac_fp32_add)
//
// Latency: that of the PE. Throughput: one word per row and cycle.
// Not handled: there is no stall; a PE holds its state while its enables are low.
`default_nettype none

module flexmac_column #(
    parameter       ROWS          = 2,
    parameter       LANES         = 1,
    parameter [2:0] MUL_REGISTERS = 3'b100,
    parameter [3:0] ADD_REGISTERS = 4'b0000
) (
    input  wire clk_i,
    // control: enables of this cycle
    input  wire [2:0] pipe_en_i,
    input  wire acc_en_i,
    input  wire acc_dead_i,
    input  wire [2:0] acc_op_i,
    input  wire cap_i,
    input  wire drain_i,
    // data
    input  wire [ROWS*LANES*32-1:0] a_i,
    input  wire [LANES*32-1:0] b_i,
    output wire [31:0] chain_o
);

  generate
    if (ROWS < 1) begin : gen_bad_rows
      flexmac_column_ROWS_must_be_at_least_1 u_illegal ();
    end
  endgenerate

  genvar row;
  generate
    // what each row passes up the chain; nothing comes from below the last row
    for (row = 0; row <= ROWS; row = row + 1) begin : gen_chain
      wire [31:0] data;
    end

    assign gen_chain[ROWS].data = 32'd0;

    for (row = 0; row < ROWS; row = row + 1) begin : gen_row
      flexmac_fp32_pe #(
          .LANES(LANES), .MUL_REGISTERS(MUL_REGISTERS), .ADD_REGISTERS(ADD_REGISTERS)
      ) u_pe (
          .clk_i     (clk_i),
          .pipe_en_i (pipe_en_i),
          .acc_en_i  (acc_en_i),
          .acc_dead_i(acc_dead_i),
          .acc_op_i  (acc_op_i),
          .cap_i     (cap_i),
          .drain_i   (drain_i),
          .a_i       (a_i[row*LANES*32 +: LANES*32]),
          .b_i       (b_i),
          .chain_i   (gen_chain[row+1].data),
          .chain_o   (gen_chain[row].data)
      );
    end
  endgenerate

  assign chain_o = gen_chain[0].data;

endmodule

`default_nettype wire
