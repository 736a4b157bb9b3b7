// One column of the float array: ROWS processing elements (PEs) and the chain that drains them.
//
// All PEs of the column share the column's B operands; the PE of row r gets A operands r. Each PE
// puts its results one after the other into its place of the chain; the chain shifts towards row 0
// and leaves the column there, row 0's result first.
//
//   a_i       ROWS x LANES x OPERAND_WIDTH bits, row 0 and lane 0 lowest
//   b_i       LANES x OPERAND_WIDTH bits
//   chain_o   binary32
//
// Parameters:
//   ROWS             rows, 1..128
//   OPERAND_WIDTH    bits of an operand, 32, 16 or 8
//   LANES            products of a PE per cycle, 1..16
//   FRONT_REGISTERS  pipeline registers of a PE in front of its loop (flexmac_float_pe)
//   LOOP_REGISTERS   ... and in the loop
//   RESULTS          results that a PE works on in turn
//
// Latency: that of the PE. Throughput: one word per row and cycle.
// Not handled: there is no stall; a PE holds its state while its enables are low.
`default_nettype none

module flexmac_column #(
    parameter       ROWS            = 2,
    parameter       OPERAND_WIDTH   = 16,
    parameter       LANES           = 1,
    parameter [6:0] FRONT_REGISTERS = 7'b0000000,
    parameter [3:0] LOOP_REGISTERS  = 4'b0000,
    parameter       RESULTS         = 1
) (
    input  wire clk_i,
    // mode: stable while busy
    input  wire [1:0] mode_format_i,
    // control: enables of this cycle
    input  wire [6:0] front_en_i,
    input  wire acc_en_i,
    input  wire acc_dead_i,
    input  wire load_i,
    input  wire load_queued_i,
    input  wire [RESULTS-1:0] put_i,
    input  wire [RESULTS-1:0] move_i,
    input  wire drain_i,
    // data
    input  wire [ROWS*LANES*OPERAND_WIDTH-1:0] a_i,
    input  wire [LANES*OPERAND_WIDTH-1:0] b_i,
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
      flexmac_float_pe #(
          .OPERAND_WIDTH(OPERAND_WIDTH), .LANES(LANES), .FRONT_REGISTERS(FRONT_REGISTERS),
          .LOOP_REGISTERS(LOOP_REGISTERS), .RESULTS(RESULTS)
      ) u_pe (
          .clk_i        (clk_i),
          .mode_format_i(mode_format_i),
          .front_en_i   (front_en_i),
          .acc_en_i     (acc_en_i),
          .acc_dead_i   (acc_dead_i),
          .load_i       (load_i),
          .load_queued_i(load_queued_i),
          .put_i        (put_i),
          .move_i       (move_i),
          .drain_i      (drain_i),
          .a_i          (a_i[row*LANES*OPERAND_WIDTH +: LANES*OPERAND_WIDTH]),
          .b_i          (b_i),
          .chain_i      (gen_chain[row+1].data),
          .chain_o      (gen_chain[row].data)
      );
    end
  endgenerate

  assign chain_o = gen_chain[0].data;

endmodule

`default_nettype wire
