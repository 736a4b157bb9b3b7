// Adder for wide words.
//
// By default it is `+`: FPGAs map that to carry chains, and it simulates fast. With FLEXMAC_CELLS
// defined, for standard cells, it is a carry-select adder: every segment of at most 12 bits is added
// twice, with and without a carry in, and the carry of the segment below selects one of the two. All
// segments have the same width, but the last may be narrower.
//
//      segment 2        segment 1        segment 0
//     +-----------+    +-----------+    +-----------+
//     | +0 and +1 |    | +0 and +1 |    | +carry_i  |
//     +-----------+    +-----------+    +-----------+
//           ^-- selects <----^-- selects <----^
//
// Each segment is an instance of its own module so that synthesis maps it alone. In one module ABC
// finds that the two sums of a segment depend on each other and builds a ripple-carry adder.
//
//   a_i, b_i   WIDTH bits
//   sum_o      WIDTH bits, modulo 2^WIDTH
//
// Parameters:
//   WIDTH  bits, at least 1
//
// Latency: 0.
// Not handled: a carry out.
`default_nettype none

module flexmac_adder #(
    parameter WIDTH = 32
) (
    // data
    input  wire [WIDTH-1:0] a_i,
    input  wire [WIDTH-1:0] b_i,
    input  wire             carry_i,
    output wire [WIDTH-1:0] sum_o
);

  generate
    if (WIDTH < 1) begin : gen_bad_width
      flexmac_adder_WIDTH_must_be_at_least_1 u_illegal ();
    end
  endgenerate

`ifdef FLEXMAC_CELLS
  localparam SEGMENTS = (WIDTH + 11) / 12;  // segments of at most 12 bits
  localparam SEGMENT_WIDTH = (WIDTH + SEGMENTS - 1) / SEGMENTS;
  localparam LAST_WIDTH = WIDTH - (SEGMENTS - 1) * SEGMENT_WIDTH;

  genvar i;
  generate
    for (i = 0; i < SEGMENTS; i = i + 1) begin : gen_segment
      localparam BITS = i == SEGMENTS - 1 ? LAST_WIDTH : SEGMENT_WIDTH;
      wire [BITS:0] plain;  // with the carry on top
      wire carry;  // out of the segment

      flexmac_adder_segment #(.WIDTH(BITS)) u_plain (
          .a_i(a_i[i*SEGMENT_WIDTH +: BITS]), .b_i(b_i[i*SEGMENT_WIDTH +: BITS]),
          .carry_i(i == 0 && carry_i), .sum_o(plain)
      );
      if (i == 0) begin : gen_first
        assign sum_o[BITS-1:0] = plain[BITS-1:0];
        assign carry = plain[BITS];
      end else begin : gen_select
        wire [BITS:0] raised;
        wire enters = gen_segment[i-1].carry;
        flexmac_adder_segment #(.WIDTH(BITS)) u_raised (
            .a_i(a_i[i*SEGMENT_WIDTH +: BITS]), .b_i(b_i[i*SEGMENT_WIDTH +: BITS]),
            .carry_i(1'b1), .sum_o(raised)
        );
        assign sum_o[i*SEGMENT_WIDTH +: BITS] = enters ? raised[BITS-1:0] : plain[BITS-1:0];
        assign carry = plain[BITS] || (raised[BITS] && enters);
      end
    end
  endgenerate

  wire unused_top = &{1'b0, gen_segment[SEGMENTS-1].carry};
`else
  assign sum_o = a_i + b_i + {{(WIDTH - 1) {1'b0}}, carry_i};
`endif

`ifdef FORMAL
  // Rules.
  // 1. The sum is a_i + b_i + carry_i modulo 2^WIDTH.
  always @* begin
    assert (sum_o == a_i + b_i + carry_i);
    cover (a_i == {WIDTH{1'b1}} && b_i == 0 && carry_i && sum_o == 0);
  end
`endif

endmodule

`default_nettype wire
