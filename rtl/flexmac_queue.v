// First-in first-out queue; the oldest entry shows without being asked for.
//
// Parameters: W: width of an entry; AW >= 1: 2^AW entries.
// Latency 1 cycle from push to the output; throughput one push and one pop a cycle.
// Not handled: a push while full and a pop while empty; the caller looks first.
`default_nettype none

module flexmac_queue #(
    parameter W  = 32,
    parameter AW = 2
) (
    input  wire         clk_i,
    input  wire         rst_ni,
    // in
    input  wire         push_i,
    input  wire [W-1:0] data_i,
    // out
    input  wire         pop_i,
    output wire [W-1:0] data_o,
    // status
    output wire         empty_o,
    output wire         full_o,
    output wire [ AW:0] count_o
);

  localparam [AW:0] ONE = 1;

  reg [W-1:0] memory_q [0:(1<<AW)-1];
  reg [ AW:0] head_q, tail_q;  // one bit above an address tells full from empty

  assign count_o = tail_q - head_q;
  assign empty_o = tail_q == head_q;
  assign full_o = count_o[AW];
  assign data_o = memory_q[head_q[AW-1:0]];

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      head_q <= {(AW + 1) {1'b0}};
      tail_q <= {(AW + 1) {1'b0}};
    end else begin
      if (push_i) tail_q <= tail_q + ONE;
      if (pop_i) head_q <= head_q + ONE;
    end
  end

  always @(posedge clk_i) begin
    if (push_i) memory_q[tail_q[AW-1:0]] <= data_i;
  end

endmodule

`default_nettype wire
