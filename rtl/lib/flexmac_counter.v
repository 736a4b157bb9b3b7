// Counter that software clears and reads.
//
// Parameters:
//   WIDTH      bits of the counter, above ADD_WIDTH; it wraps at 2^WIDTH
//   ADD_WIDTH  bits of the number that is added
//
// Latency: 1 cycle.
`default_nettype none

module flexmac_counter #(
    parameter WIDTH     = 48,
    parameter ADD_WIDTH = 1
) (
    input  wire                 clk_i,
    input  wire                 rst_ni,
    // control
    input  wire                 clear_i,
    input  wire                 en_i,
    // data
    input  wire [ADD_WIDTH-1:0] add_i,
    output reg  [    WIDTH-1:0] count_o
);

  generate
    if (WIDTH <= ADD_WIDTH) begin : gen_bad_width
      flexmac_counter_WIDTH_must_exceed_ADD_WIDTH u_illegal ();
    end
  endgenerate

  always @(posedge clk_i) begin
    if (!rst_ni || clear_i) count_o <= {WIDTH{1'b0}};
    else if (en_i) count_o <= count_o + {{(WIDTH - ADD_WIDTH) {1'b0}}, add_i};
  end

`ifdef FORMAL
  // Rules
  // 1. Cleared, it is 0; enabled, it grows by add_i; otherwise it stays.
  reg past_valid = 1'b0;
  always @(posedge clk_i) past_valid <= 1'b1;

  always @(posedge clk_i) begin
    if (past_valid) begin
      if (!$past(rst_ni) || $past(clear_i)) assert (count_o == 0);
      else if ($past(en_i)) assert (count_o == $past(count_o) + $past(add_i));
      else assert (count_o == $past(count_o));
      cover (count_o == 2 && $past(count_o) == 1);
      cover (count_o == 0 && $past(count_o) == 1);
    end
  end
`endif

endmodule

`default_nettype wire
