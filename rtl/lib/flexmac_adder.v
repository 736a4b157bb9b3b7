// Adder for wide words.
//
// By default it is `+`: FPGAs map that to carry chains, and it simulates fast. With FLEXMAC_CELLS
// defined, for standard cells, it is a carry-select adder: every segment of 12 bits is added twice,
// with and without a carry in, and the carry of the segment below selects one of the two.
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
//   a_i, b_i, sum_o   WIDTH bits, modulo 2^WIDTH
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
  localparam SEGMENT_WIDTH = 12;
  localparam SEGMENTS = (WIDTH + SEGMENT_WIDTH - 1) / SEGMENT_WIDTH;
  localparam PADDED_WIDTH = SEGMENTS * SEGMENT_WIDTH + 1;  // whole segments, and never no extension

  wire [PADDED_WIDTH-1:0] a = {{(PADDED_WIDTH - WIDTH) {1'b0}}, a_i};
  wire [PADDED_WIDTH-1:0] b = {{(PADDED_WIDTH - WIDTH) {1'b0}}, b_i};
  wire [SEGMENTS*(SEGMENT_WIDTH+1)-1:0] plain;  // each with its carry on top
  wire [SEGMENTS*(SEGMENT_WIDTH+1)-1:0] raised;
  reg [SEGMENTS*SEGMENT_WIDTH-1:0] sum;
  reg carry;
  integer g;

  genvar i;
  generate
    for (i = 0; i < SEGMENTS; i = i + 1) begin : gen_segment
      flexmac_adder_segment #(.WIDTH(SEGMENT_WIDTH)) u_plain (
          .a_i(a[i*SEGMENT_WIDTH +: SEGMENT_WIDTH]), .b_i(b[i*SEGMENT_WIDTH +: SEGMENT_WIDTH]),
              .carry_i(i == 0 && carry_i),
          .sum_o(plain[i*(SEGMENT_WIDTH+1) +: SEGMENT_WIDTH+1])
      );
      if (i == 0) begin : gen_first
        assign raised[SEGMENT_WIDTH:0] = {(SEGMENT_WIDTH + 1) {1'b0}};
      end else begin : gen_select
        flexmac_adder_segment #(.WIDTH(SEGMENT_WIDTH)) u_raised (
            .a_i(a[i*SEGMENT_WIDTH +: SEGMENT_WIDTH]), .b_i(b[i*SEGMENT_WIDTH +: SEGMENT_WIDTH]),
                .carry_i(1'b1),
            .sum_o(raised[i*(SEGMENT_WIDTH+1) +: SEGMENT_WIDTH+1])
        );
      end
    end
  endgenerate

  always @* begin
    sum = {SEGMENTS * SEGMENT_WIDTH{1'b0}};
    carry = 1'b0;
    for (g = 0; g < SEGMENTS; g = g + 1) begin
      sum[g*SEGMENT_WIDTH +: SEGMENT_WIDTH] = carry ? raised[g*(SEGMENT_WIDTH+1) +: SEGMENT_WIDTH]
          : plain[g*(SEGMENT_WIDTH+1) +: SEGMENT_WIDTH];
      carry = plain[g*(SEGMENT_WIDTH+1)+SEGMENT_WIDTH]
          || (raised[g*(SEGMENT_WIDTH+1)+SEGMENT_WIDTH] && carry);
    end
  end

  wire unused_top = &{1'b0, a[PADDED_WIDTH-1], b[PADDED_WIDTH-1], sum};

  assign sum_o = sum[WIDTH-1:0];
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
