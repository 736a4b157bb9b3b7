// Wide adder. As it stands, `+`, which has carry chains where there are any and simulates fast. With
// FLEXMAC_CELLS defined, for standard cells, carry select: segments of 12 bits are added with and
// without a carry, side by side.
//
//      segment 2        segment 1        segment 0
//     +-----------+    +-----------+    +-----------+
//     | +0 and +1 |    | +0 and +1 |    | +carry_i  |
//     +-----------+    +-----------+    +-----------+
//           ^-- selects <----^-- selects <----^
//
// Segments are modules of their own on purpose: in one module ABC sees that both sums of a segment
// follow from each other and makes a ripple-carry adder of them.
//
//   a_i, b_i, sum_o   W bits
//
// Parameters: W >= 1.
// Latency 0.
`default_nettype none

module flexmac_adder #(
    parameter W = 32
) (
    // data
    input  wire [W-1:0] a_i,
    input  wire [W-1:0] b_i,
    input  wire         carry_i,
    output wire [W-1:0] sum_o
);

  generate
    if (W < 1) begin : gen_bad_w
      flexmac_adder_W_must_be_at_least_1 u_illegal ();
    end
  endgenerate

`ifdef FLEXMAC_CELLS
  localparam S = 12;
  localparam N = (W + S - 1) / S;
  localparam ALL = N * S + 1;  // whole segments, and never no extension

  wire [ALL-1:0] a = {{(ALL - W) {1'b0}}, a_i};
  wire [ALL-1:0] b = {{(ALL - W) {1'b0}}, b_i};
  wire [N*(S+1)-1:0] plain;    // each with its carry on top
  wire [N*(S+1)-1:0] raised;
  reg  [N*S-1:0] sum;
  reg  carry;
  integer g;

  genvar i;
  generate
    for (i = 0; i < N; i = i + 1) begin : gen_segment
      flexmac_adder_segment #(.S(S)) u_plain (
          .a_i(a[i*S +: S]), .b_i(b[i*S +: S]), .carry_i(i == 0 && carry_i),
          .sum_o(plain[i*(S+1) +: S+1])
      );
      if (i == 0) begin : gen_first
        assign raised[S:0] = {(S + 1) {1'b0}};
      end else begin : gen_select
        flexmac_adder_segment #(.S(S)) u_raised (
            .a_i(a[i*S +: S]), .b_i(b[i*S +: S]), .carry_i(1'b1),
            .sum_o(raised[i*(S+1) +: S+1])
        );
      end
    end
  endgenerate

  always @* begin
    sum = {N * S{1'b0}};
    carry = 1'b0;
    for (g = 0; g < N; g = g + 1) begin
      sum[g*S +: S] = carry ? raised[g*(S+1) +: S] : plain[g*(S+1) +: S];
      carry = plain[g*(S+1)+S] || (raised[g*(S+1)+S] && carry);
    end
  end

  wire unused_top = &{1'b0, a[ALL-1], b[ALL-1], sum};

  assign sum_o = sum[W-1:0];
`else
  assign sum_o = a_i + b_i + {{(W - 1) {1'b0}}, carry_i};
`endif

`ifdef FORMAL
  // Rules.
  // 1. The sum is a_i + b_i + carry_i modulo 2^W.
  always @* begin
    assert (sum_o == a_i + b_i + carry_i);
    cover (a_i == {W{1'b1}} && b_i == 0 && carry_i && sum_o == 0);
  end
`endif

endmodule

`default_nettype wire
