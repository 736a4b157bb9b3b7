// One segment of flexmac_adder: adds two words and a carry.
//
//   a_i, b_i   WIDTH bits
//   sum_o      WIDTH + 1 bits: the sum with its carry on top
//
// Parameters:
//   WIDTH  bits, at least 1
//
// Latency: 0.
`default_nettype none

(* keep_hierarchy *)
module flexmac_adder_segment #(
    parameter WIDTH = 12
) (
    // data
    input  wire [WIDTH-1:0] a_i,
    input  wire [WIDTH-1:0] b_i,
    input  wire             carry_i,
    output wire [  WIDTH:0] sum_o
);

  generate
    if (WIDTH < 1) begin : gen_bad_width
      flexmac_adder_segment_WIDTH_must_be_at_least_1 u_illegal ();
    end
  endgenerate

  assign sum_o = {1'b0, a_i} + {1'b0, b_i} + {{WIDTH{1'b0}}, carry_i};

`ifdef FORMAL
  // Rules.
  // 1. The sum with its carry is a_i + b_i + carry_i as integers.
  integer f_total;

  always @* begin
    f_total = a_i;
    f_total = f_total + b_i;
    if (carry_i) f_total = f_total + 1;
    assert (sum_o == f_total);
    cover (sum_o == {(WIDTH + 1) {1'b1}});
  end
`endif

endmodule

`default_nettype wire
