// Leads the results of a tile, one block of columns after the other, into the chains of the
// columns.
//
// The tile's results leave the loops of the PEs in consecutive slots, block by block. A chain holds
// one result per row, so a block goes into it when the rows of the block before have left; results
// that come earlier wait in the queues of the PEs (flexmac_float_chain). For each block that is
// loaded, flexmac_drain gets a capture.
//
//   slot             0       1       2       3       4       5
//   results          block 0 block 1 block 2
//   chain, 2 rows    load 0          load 1          load 2
//   queue                    put 1   put 2, move
//
// Parameters:
//   COLS        columns of the array
//   RESULTS     results of a PE: blocks of a tile, 1..16
//   ROWS_WIDTH  bits of a count of rows
//   TILE_WIDTH  bits of a count of columns of a tile, up to RESULTS * COLS
//   COLS_WIDTH  bits of a count of columns of the array
//
// Latency: 0 with an empty chain. Throughput: one result per PE and slot into the queues.
// Not handled: results of a tile while blocks of the one before wait; flexmac_float_seq excludes
// it.
`default_nettype none

module flexmac_float_blocks #(
    parameter COLS       = 2,
    parameter RESULTS    = 3,
    parameter ROWS_WIDTH = 2,
    parameter TILE_WIDTH = 3,
    parameter COLS_WIDTH = 2
) (
    input  wire                  clk_i,
    input  wire                  rst_ni,
    // control
    input  wire                  en_i,
    // results, in step with the loops; rows and columns hold until the next tile
    input  wire                  cap_valid_i,
    input  wire                  cap_first_i,   // of the tile's first block
    input  wire [ROWS_WIDTH-1:0] cap_rows_i,
    input  wire [TILE_WIDTH-1:0] cap_cols_i,    // live columns of the tile
    // chains
    output wire                  load_o,
    output wire                  load_queued_o,
    output wire [   RESULTS-1:0] put_o,
    output wire [   RESULTS-1:0] move_o,
    // the block that is loaded in this slot
    output wire                  block_valid_o,
    output wire [COLS_WIDTH-1:0] block_cols_o,
    output wire                  block_last_o,  // it is the tile's last
    // status
    output wire                  busy_o
);

  generate
    if (RESULTS < 1 || RESULTS > 16) begin : gen_bad_results
      flexmac_float_blocks_RESULTS_must_be_1_to_16 u_illegal ();
    end
    if ((1 << TILE_WIDTH) <= RESULTS * COLS || (1 << COLS_WIDTH) <= COLS) begin : gen_bad_widths
      flexmac_float_blocks_widths_must_hold_the_columns u_illegal ();
    end
  endgenerate

  localparam COUNT_WIDTH = $clog2(RESULTS + 1);
  localparam [COUNT_WIDTH-1:0] NONE = 0;
  localparam [COUNT_WIDTH-1:0] ONE = 1;
  localparam [ROWS_WIDTH-1:0] ONE_ROW = 1;
  localparam [31:0] COLUMNS = COLS;
  localparam [TILE_WIDTH-1:0] BLOCK = COLUMNS[TILE_WIDTH-1:0];

  reg [COUNT_WIDTH-1:0] count_q;    // results in the queue
  reg [ROWS_WIDTH-1:0] left_q;      // rows in the chain; one leaves in this slot
  reg [TILE_WIDTH-1:0] columns_q;   // live columns of the tile that no loaded block has

  wire free = left_q == {ROWS_WIDTH{1'b0}} || left_q == ONE_ROW;
  wire queued = count_q != NONE;
  wire load = free && (cap_valid_i || queued);
  wire pop = load && queued;
  wire put = cap_valid_i && (queued || !free);
  wire [COUNT_WIDTH-1:0] place = pop ? count_q - ONE : count_q;
  wire [TILE_WIDTH-1:0] columns = cap_valid_i && cap_first_i ? cap_cols_i : columns_q;

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      count_q <= NONE;
      left_q <= {ROWS_WIDTH{1'b0}};
    end else if (en_i) begin
      count_q <= put ? place + ONE : place;
      if (load) left_q <= cap_rows_i;
      else if (left_q != {ROWS_WIDTH{1'b0}}) left_q <= left_q - ONE_ROW;
    end
  end

  always @(posedge clk_i) begin
    if (en_i && load) columns_q <= columns - BLOCK;
  end

  genvar n;
  generate
    for (n = 0; n < RESULTS; n = n + 1) begin : gen_place
      localparam [31:0] NUMBER = n;
      localparam [COUNT_WIDTH-1:0] PLACE = NUMBER[COUNT_WIDTH-1:0];
      assign put_o[n] = en_i && put && place == PLACE;
      if (n + 1 < RESULTS) begin : gen_move
        assign move_o[n] = en_i && pop && count_q > PLACE + ONE;
      end else begin : gen_top
        assign move_o[n] = 1'b0;
      end
    end
  endgenerate

  assign load_o = en_i && load;
  assign load_queued_o = queued;
  assign block_valid_o = load;
  generate
    if (RESULTS == 1) begin : gen_one_block
      assign block_last_o = 1'b1;
    end else begin : gen_blocks
      assign block_last_o = columns <= BLOCK;
    end
  endgenerate
  assign block_cols_o = block_last_o ? columns[COLS_WIDTH-1:0] : BLOCK[COLS_WIDTH-1:0];
  assign busy_o = queued;

`ifdef FORMAL
  // Rules; a slot is a cycle with en_i. Given: a tile's results come in consecutive slots from its
  // first on, one per live block; a tile comes when the last row of the one before leaves, or
  // later.
  // 1. Each block is loaded once, in order, with its number of live columns; the last one as the
  //    last. A block is loaded in the slot in which the last row of the one before leaves, the
  //    first at once: block b of a tile of r rows in slot b * r after its first.
  // 2. What is loaded is the block's own result: that of this slot, or the one that the puts and
  //    moves have brought to the head of the queue.
  // 3. No result is lost: a place that takes one is empty or moves on.
  // 4. Nothing moves without en_i.
  localparam TAG = 8;
  localparam [TAG-1:0] ALL_BLOCKS = RESULTS;
  reg [TAG-1:0] f_in, f_out, f_blocks;  // blocks of the tile that came, that were loaded, that live
  reg [15:0] f_since;                   // slots since the tile's first
  reg [ROWS_WIDTH-1:0] f_rows;
  reg [TILE_WIDTH-1:0] f_cols;
  reg [TAG-1:0] f_queue [0:RESULTS];    // the block in each place
  wire [TAG-1:0] f_want_blocks = (cap_cols_i + COLS - 1) / COLS;
  wire f_start = cap_valid_i && cap_first_i;
  wire [TAG-1:0] f_now_in = f_start ? 0 : f_in;
  wire [TAG-1:0] f_now_out = f_start ? 0 : f_out;
  wire [TAG-1:0] f_now_blocks = f_start ? f_want_blocks : f_blocks;
  wire [15:0] f_now_since = f_start ? 0 : f_since;
  reg past_valid = 1'b0;
  integer f;
  initial assume (!rst_ni);

  always @(posedge clk_i) begin
    past_valid <= 1'b1;
    if (!rst_ni) begin
      f_in <= 0;
      f_out <= 0;
      f_blocks <= 0;
      f_since <= 0;
    end else if (en_i) begin
      f_blocks <= f_now_blocks;
      if (f_start) f_rows <= cap_rows_i;
      if (f_start) f_cols <= cap_cols_i;
      f_in <= f_now_in + (cap_valid_i ? 1 : 0);
      f_out <= f_now_out + (load ? 1 : 0);
      if (!(&f_since) || f_start) f_since <= f_now_since + 1;
      for (f = 0; f < RESULTS; f = f + 1) begin
        if (put_o[f]) f_queue[f] <= f_now_in;
        else if (move_o[f]) f_queue[f] <= f_queue[f+1];
      end
    end
  end

  always @* begin
    assume (cap_rows_i != 0 && cap_cols_i != 0 && cap_cols_i <= RESULTS * COLS);
    if (past_valid && rst_ni) begin
      // the tile's record holds, its results are consecutive, the next comes when the chain is free
      if (!f_start && f_blocks != 0) assume (cap_rows_i == f_rows && cap_cols_i == f_cols);
      if (f_in != 0 && f_in < f_blocks) assume (cap_valid_i && !cap_first_i);
      else if (cap_valid_i) assume (cap_first_i);
      if (f_start) assume (f_blocks == 0 || f_out == f_blocks && left_q <= 1);
      assert (load_o == (en_i && block_valid_o));
      if (load_o) begin
        assert (f_now_out < f_now_blocks);
        assert (block_last_o == (f_now_out + 1 == f_now_blocks));
        assert (block_cols_o == (block_last_o ? cap_cols_i - f_now_out * COLS : COLS));
        assert ((load_queued_o ? f_queue[0] : f_now_in) == f_now_out);
        assert (f_now_since == f_now_out * cap_rows_i);
      end
      if (f_start) assert (block_valid_o && !load_queued_o);
      assert (f_out <= f_in && f_in <= f_blocks && f_blocks <= ALL_BLOCKS);
      assert (count_q == f_in - f_out);
      assert (busy_o == (f_in != f_out));
      for (f = 0; f < RESULTS; f = f + 1) begin
        if (f < count_q) assert (f_queue[f] == f_out + f);
        assert (!(put_o[f] && f < count_q && !move_o[f] && !(pop && f + 1 == count_q)));
        assert (!(put_o[f] && f + 1 == RESULTS));
      end
      if (cap_valid_i && en_i) assert (put_o != 0 || (load_o && !load_queued_o));
      if (f_out != 0 && f_out < f_blocks) assert (columns_q == f_cols - f_out * COLS);
      if (f_out < f_blocks) begin
        assert (f_out != 0 && left_q != 0 && left_q <= f_rows);
        assert (f_since + left_q == f_out * f_rows + 1);
      end
      if (f_blocks != 0) assert (f_rows != 0 && f_cols != 0 && f_cols <= RESULTS * COLS
          && f_blocks == (f_cols + COLS - 1) / COLS);
      if (!en_i) assert (!load_o && put_o == 0 && move_o == 0);
      cover (load_o && block_last_o && f_now_out + 1 == RESULTS);
      cover (put_o[0] && move_o == 0 && load_o && load_queued_o || RESULTS < 3);
      cover (f_start && f_blocks == 2 || RESULTS < 2);
    end
  end
`endif

endmodule

`default_nettype wire
