// One segment of flexmac_adder, with its carry on top of the sum.
//
// Parameters: S: bits.
// Latency 0.
`default_nettype none

(* keep_hierarchy *)
module flexmac_adder_segment #(
    parameter S = 12
) (
    // data
    input  wire [S-1:0] a_i,
    input  wire [S-1:0] b_i,
    input  wire         carry_i,
    output wire [  S:0] sum_o
);

  generate
    if (S < 1) begin : gen_bad_s
      flexmac_adder_segment_S_must_be_at_least_1 u_illegal ();
    end
  endgenerate

  assign sum_o = {1'b0, a_i} + {1'b0, b_i} + {{S{1'b0}}, carry_i};

`ifdef FORMAL
  // Rules.
  // 1. The sum with its carry is a_i + b_i + carry_i as integers.
  integer f_total;

  always @* begin
    f_total = a_i;
    f_total = f_total + b_i;
    if (carry_i) f_total = f_total + 1;
    assert (sum_o == f_total);
    cover (sum_o == {(S + 1) {1'b1}});
  end
`endif

endmodule

`default_nettype wire
