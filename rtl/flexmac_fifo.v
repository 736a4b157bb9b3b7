// Memory and pointers of a queue; whoever uses it knows when it is full or empty.
//
// One column's queue is filled and emptied by control that is common to all columns and was counted
// once, so no column needs flags of its own.
//
//   q_o   the oldest word, meaningless while the queue is empty
//
// Parameters: W >= 1: width; DEPTH >= 2: words.
// Latency 1: a word shows in the cycle after its push. Push and pop may meet in one cycle.
// Not handled: push when full without a pop, pop when empty; the control excludes them.
`default_nettype none

module flexmac_fifo #(
    parameter W     = 1,
    parameter DEPTH = 2
) (
    input  wire         clk_i,
    input  wire         rst_ni,
    // control
    input  wire         push_i,
    input  wire         pop_i,
    // data
    input  wire [W-1:0] d_i,
    output wire [W-1:0] q_o
);

  localparam PW = $clog2(DEPTH);  // pointer
  localparam LAST_INDEX = DEPTH - 1;
  localparam [PW-1:0] LAST = LAST_INDEX[PW-1:0];
  localparam [PW-1:0] ONE = 1;

  reg [W-1:0] memory_q [0:DEPTH-1];
  reg [PW-1:0] push_q, pop_q;

  always @(posedge clk_i) begin
    if (push_i) memory_q[push_q] <= d_i;
  end

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      push_q <= {PW{1'b0}};
      pop_q <= {PW{1'b0}};
    end else begin
      if (push_i) push_q <= push_q == LAST ? {PW{1'b0}} : push_q + ONE;
      if (pop_i) pop_q <= pop_q == LAST ? {PW{1'b0}} : pop_q + ONE;
    end
  end

  assign q_o = memory_q[pop_q];

endmodule

`default_nettype wire
