// A counter that software clears and reads.
//
// Parameters: W: width, wraps at 2^W; A: width of what is added.
// Latency 1.
`default_nettype none

module flexmac_counter #(
    parameter W = 48,
    parameter A = 1
) (
    input  wire         clk_i,
    input  wire         rst_ni,
    // control
    input  wire         clear_i,
    input  wire         en_i,
    // data
    input  wire [A-1:0] add_i,
    output reg  [W-1:0] count_o
);

  generate
    if (W <= A) begin : gen_bad_w
      flexmac_counter_W_must_exceed_A u_illegal ();
    end
  endgenerate

  always @(posedge clk_i) begin
    if (!rst_ni || clear_i) count_o <= {W{1'b0}};
    else if (en_i) count_o <= count_o + {{(W - A) {1'b0}}, add_i};
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
