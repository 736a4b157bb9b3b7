// One column of the array: ROWS processing elements (PEs) and the chain that drains them.
//
// All PEs of the column share the column's B operands; the PE of row r gets A operands r. A capture
// copies every PE's result into the chain; the chain then shifts towards row 0 and leaves the
// column there, row 0's value first.
//
// B and the enables pass one register in front of each block of BLOCK_ROWS rows. They start at the
// last row and travel towards row 0, as the chain does. A block therefore acts one cycle later than
// the block below it, and a chain value that crosses into a block waits one cycle in a register:
//
//      chain_o            ^ enables and B
//         ^               |
//      block 1  <------ register
//         ^               |
//      register           |
//         ^               |
//      block 0  <------ register
//                         |
//                         b_i and the enables
//
//   a_i            ROWS words, row 0 lowest, each valid in its block's cycle
//   b_i            one word
//                  word, flexible PE: {signed, LANES slices of CHUNK bits}, lane 0 lowest; `signed`
//                  says that the slices are the top plane. Fixed PE: LANES x s(CHUNK-1).0
//   chain_o        s(ACC_WIDTH-1).0: result digits (zero-extended) or accumulators
//   chain_valid_o  chain_o leaves the column in this cycle
//
// Parameters:
//   ROWS        rows, 1..128
//   CHUNK       bits of a slice; of a whole operand with FIXED_PE
//   LANES       products of a PE per cycle, 1..16
//   ACC_WIDTH   bits of a PE's accumulator (docs/arithmetic.md)
//   REGISTERS   pipeline registers of a PE (flexmac_pe)
//   BLOCK_ROWS  rows per block, 1..ROWS
//   FIXED_PE    1: flexmac_fixed_pe instead of flexmac_pe
//
// Latency: 1 cycle to block 0 and 1 more per further block; then that of the PE. Throughput: one
// word per row and cycle.
// Not handled: there is no stall; a PE holds its state while its enables are low.
`default_nettype none

module flexmac_column #(
    parameter       ROWS       = 2,
    parameter       CHUNK      = 8,
    parameter       LANES      = 1,
    parameter       ACC_WIDTH  = 24,
    parameter [3:0] REGISTERS  = 4'b0100,
    parameter       BLOCK_ROWS = 2,
    parameter       FIXED_PE   = 0,
    // derived from those above: leave it as it is
    parameter       WORD_WIDTH = LANES * CHUNK + (FIXED_PE == 0 ? 1 : 0)
) (
    input  wire clk_i,
    input  wire rst_ni,
    // control: enables of this cycle
    input  wire [3:0] pipe_en_i,
    input  wire acc_en_i,
    input  wire acc_clear_i,
    input  wire acc_shift_i,
    input  wire cap_i,
    input  wire cap_last_i,
    input  wire drain_i,
    // data
    input  wire [ROWS*WORD_WIDTH-1:0] a_i,
    input  wire [WORD_WIDTH-1:0] b_i,
    output wire signed [ACC_WIDTH-1:0] chain_o,
    // status
    output wire chain_valid_o
);

  generate
    if (BLOCK_ROWS < 1 || BLOCK_ROWS > ROWS) begin : gen_bad_block_rows
      flexmac_column_BLOCK_ROWS_must_be_1_to_ROWS u_illegal ();
    end
  endgenerate

  localparam ROW_BLOCKS = (ROWS + BLOCK_ROWS - 1) / BLOCK_ROWS;
  localparam CONTROL_WIDTH = 10;  // enables of the PEs

  genvar block, row;
  generate
    // what enters the column, and what leaves the register of each block
    for (block = 0; block <= ROW_BLOCKS; block = block + 1) begin : gen_hop
      wire [3:0] pipe_en;
      wire acc_en, acc_clear, acc_shift;
      wire cap, cap_last, drain;
      wire [WORD_WIDTH-1:0] b;
    end

    assign gen_hop[0].pipe_en = pipe_en_i;
    assign gen_hop[0].acc_en = acc_en_i;
    assign gen_hop[0].acc_clear = acc_clear_i;
    assign gen_hop[0].acc_shift = acc_shift_i;
    assign gen_hop[0].cap = cap_i;
    assign gen_hop[0].cap_last = cap_last_i;
    assign gen_hop[0].drain = drain_i;
    assign gen_hop[0].b = b_i;

    // block 0 holds the last rows
    for (block = 0; block < ROW_BLOCKS; block = block + 1) begin : gen_block
      flexmac_delay #(.WIDTH(CONTROL_WIDTH), .CYCLES(1)) u_control (
          .clk_i(clk_i), .rst_ni(rst_ni), .en_i(1'b1),
          .d_i({
              gen_hop[block].pipe_en, gen_hop[block].acc_en, gen_hop[block].acc_clear,
              gen_hop[block].acc_shift, gen_hop[block].cap, gen_hop[block].cap_last,
              gen_hop[block].drain
          }),
          .q_o({
              gen_hop[block+1].pipe_en, gen_hop[block+1].acc_en, gen_hop[block+1].acc_clear,
              gen_hop[block+1].acc_shift, gen_hop[block+1].cap, gen_hop[block+1].cap_last,
              gen_hop[block+1].drain
          })
      );
      flexmac_skew #(.WIDTH(WORD_WIDTH), .CYCLES(1)) u_b (
          .clk_i(clk_i), .d_i(gen_hop[block].b), .q_o(gen_hop[block+1].b)
      );
    end

    // what each row passes up the chain; nothing comes from below the last row
    for (row = 0; row <= ROWS; row = row + 1) begin : gen_chain
      wire signed [ACC_WIDTH-1:0] data;
    end

    assign gen_chain[ROWS].data = {ACC_WIDTH{1'b0}};

    for (row = 0; row < ROWS; row = row + 1) begin : gen_row
      localparam BLOCK = (ROWS - 1 - row) / BLOCK_ROWS;
      localparam BLOCK_BELOW = row == ROWS - 1 ? BLOCK : (ROWS - 2 - row) / BLOCK_ROWS;
      wire [WORD_WIDTH-1:0] a = a_i[row*WORD_WIDTH +: WORD_WIDTH];
      wire signed [ACC_WIDTH-1:0] from_below;

      if (BLOCK_BELOW != BLOCK) begin : gen_crossing
        flexmac_skew #(.WIDTH(ACC_WIDTH), .CYCLES(1)) u_chain (
            .clk_i(clk_i), .d_i(gen_chain[row+1].data), .q_o(from_below)
        );
      end else begin : gen_no_crossing
        assign from_below = gen_chain[row+1].data;
      end

      if (FIXED_PE != 0) begin : gen_fixed
        flexmac_fixed_pe #(
            .CHUNK(CHUNK), .LANES(LANES), .ACC_WIDTH(ACC_WIDTH), .REGISTERS(REGISTERS)
        ) u_pe (
            .clk_i      (clk_i),
            .pipe_en_i  (gen_hop[BLOCK+1].pipe_en),
            .acc_en_i   (gen_hop[BLOCK+1].acc_en),
            .acc_clear_i(gen_hop[BLOCK+1].acc_clear),
            .acc_shift_i(gen_hop[BLOCK+1].acc_shift),
            .cap_i      (gen_hop[BLOCK+1].cap),
            .cap_last_i (gen_hop[BLOCK+1].cap_last),
            .drain_i    (gen_hop[BLOCK+1].drain),
            .a_i        (a),
            .b_i        (gen_hop[BLOCK+1].b),
            .chain_i    (from_below),
            .chain_o    (gen_chain[row].data)
        );
      end else begin : gen_flexible
        flexmac_pe #(
            .CHUNK(CHUNK), .LANES(LANES), .ACC_WIDTH(ACC_WIDTH), .REGISTERS(REGISTERS)
        ) u_pe (
            .clk_i      (clk_i),
            .pipe_en_i  (gen_hop[BLOCK+1].pipe_en),
            .acc_en_i   (gen_hop[BLOCK+1].acc_en),
            .acc_clear_i(gen_hop[BLOCK+1].acc_clear),
            .acc_shift_i(gen_hop[BLOCK+1].acc_shift),
            .cap_i      (gen_hop[BLOCK+1].cap),
            .cap_last_i (gen_hop[BLOCK+1].cap_last),
            .drain_i    (gen_hop[BLOCK+1].drain),
            .a_i        (a),
            .b_i        (gen_hop[BLOCK+1].b),
            .chain_i    (from_below),
            .chain_o    (gen_chain[row].data)
        );
      end
    end
  endgenerate

  assign chain_o = gen_chain[0].data;
  assign chain_valid_o = gen_hop[ROW_BLOCKS].drain;

endmodule

`default_nettype wire
