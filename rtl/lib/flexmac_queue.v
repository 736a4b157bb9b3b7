// First-in first-out queue with flags and a count.
//
//   data_o   the oldest word, undefined while empty_o
//
// Parameters:
//   WIDTH       bits of a word, at least 1
//   ADDR_WIDTH  address bits, at least 1: 2^ADDR_WIDTH words
//
// Latency: 1 cycle. Throughput: one push and one pop per cycle. A pop frees a place for the next
// cycle.
// Not handled: a push when full, a pop when empty.
`default_nettype none

module flexmac_queue #(
    parameter WIDTH      = 32,
    parameter ADDR_WIDTH = 2
) (
    input  wire                clk_i,
    input  wire                rst_ni,
    // in
    input  wire                push_i,
    input  wire [   WIDTH-1:0] data_i,
    // out
    input  wire                pop_i,
    output wire [   WIDTH-1:0] data_o,
    // status
    output wire                empty_o,
    output wire                full_o,
    output wire [ADDR_WIDTH:0] count_o
);

  generate
    if (WIDTH < 1) begin : gen_bad_width
      flexmac_queue_WIDTH_must_be_at_least_1 u_illegal ();
    end
    if (ADDR_WIDTH < 1) begin : gen_bad_addr_width
      flexmac_queue_ADDR_WIDTH_must_be_at_least_1 u_illegal ();
    end
  endgenerate

  localparam [ADDR_WIDTH:0] ONE = 1;

  reg [WIDTH-1:0] memory_q [0:(1<<ADDR_WIDTH)-1];
  reg [ADDR_WIDTH:0] head_q, tail_q;  // one bit above an address tells full from empty

  assign count_o = tail_q - head_q;
  assign empty_o = tail_q == head_q;
  assign full_o = count_o[ADDR_WIDTH];
  assign data_o = memory_q[head_q[ADDR_WIDTH-1:0]];

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      head_q <= {(ADDR_WIDTH + 1) {1'b0}};
      tail_q <= {(ADDR_WIDTH + 1) {1'b0}};
    end else begin
      if (push_i) tail_q <= tail_q + ONE;
      if (pop_i) head_q <= head_q + ONE;
    end
  end

  always @(posedge clk_i) begin
    if (push_i) memory_q[tail_q[ADDR_WIDTH-1:0]] <= data_i;
  end

`ifdef FORMAL
  // Rules; given no push while full, no pop while empty.
  // 1. Entries leave in the order they came, unchanged, none lost or doubled: whatever entry is
  //    watched shows once those before it have left.
  // 2. count_o, empty_o and full_o tell how many are inside; a place is free in the cycle after a
  //    pop.
  (* anyseq *) wire f_watch;
  localparam [ADDR_WIDTH:0] ALL = 1 << ADDR_WIDTH;
  reg [ADDR_WIDTH:0] f_inside, f_ahead;  // entries inside; before the watched one
  reg f_watched;
  reg [WIDTH-1:0] f_entry;
  wire [ADDR_WIDTH:0] f_place = head_q + f_ahead;
  reg past_valid = 1'b0;
  initial assume (!rst_ni);

  always @(posedge clk_i) begin
    past_valid <= 1'b1;
    if (!rst_ni) begin
      f_inside <= 0;
      f_watched <= 1'b0;
    end else begin
      f_inside <= f_inside + push_i - pop_i;
      if (f_watch && push_i && !f_watched) begin
        f_watched <= 1'b1;
        f_entry <= data_i;
        f_ahead <= f_inside - pop_i;
      end else if (pop_i) begin
        f_watched <= f_watched && f_ahead != 0;
        f_ahead <= f_ahead - 1;
      end
    end
  end

  always @* begin
    if (rst_ni && f_inside == ALL) assume (!push_i);
    if (rst_ni && f_inside == 0) assume (!pop_i);
    if (past_valid) begin
      assert (count_o == f_inside && f_inside <= ALL);
      assert (empty_o == (f_inside == 0) && full_o == (f_inside == ALL));
      if (f_watched) assert (f_ahead < f_inside && memory_q[f_place[ADDR_WIDTH-1:0]] == f_entry);
      if (f_watched && f_ahead == 0) assert (data_o == f_entry);
      cover (full_o && pop_i && f_watched && f_ahead == ALL - 1);
      cover (push_i && pop_i && f_watched && f_ahead == 0 && f_entry != 0);
    end
  end
`endif

endmodule

`default_nettype wire
