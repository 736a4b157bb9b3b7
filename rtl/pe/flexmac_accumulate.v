// Adds the carry-save pair of flexmac_dot to the accumulator and removes the pair's offset.
//
// The pair is two words whose sum is the lanes' sum plus an offset of 2^(PAIR_WIDTH-1), which has
// to be subtracted. In two's complement, -2^(PAIR_WIDTH-1) is a word with 1 in bit PAIR_WIDTH-1
// and in all bits above it. The top bits of the pair's words are never both set, so s, their OR,
// stands for both and the place of the other takes that 1:
//
//              ACC_WIDTH-1      PAIR_WIDTH-1 0
//              +---------------+-+-----------+
//       base   |                             |
//              +---------------+-+-----------+
//              | 0             |s|    sum    |    s: top bit of sum or of carry
//              +---------------+-+-----------+
//              | 1 1 1  ...  1 |1|   carry   |
//              +---------------+-+-----------+
//
// Full adders reduce the three words to two, and one adder adds those. With SUM_REGISTER the pair
// is added and registered first: one more adder of PAIR_WIDTH bits, and no full adders in the
// accumulation loop. Without FLEXMAC_CELLS the pair is also added first, but not registered:
// flexmac_dot's carry is 0 then, and plain additions simulate faster.
//
//   sum_i, carry_i   PAIR_WIDTH bits each: as unsigned integers, a sum plus 2^(PAIR_WIDTH-1)
//   base_i, acc_o    s(ACC_WIDTH-1).0
//
// Parameters:
//   PAIR_WIDTH    bits of the pair's words
//   ACC_WIDTH     bits of the accumulator, above PAIR_WIDTH
//   SUM_REGISTER  1: a register behind the sum of the pair
//
// Latency: 0 from base_i, SUM_REGISTER cycles from the pair. Throughput: one sum per cycle.
// Not handled: overflow; ACC_WIDTH excludes it.
`default_nettype none

module flexmac_accumulate #(
    parameter PAIR_WIDTH   = 17,
    parameter ACC_WIDTH    = 24,
    parameter SUM_REGISTER = 0
) (
    input  wire                  clk_i,
    // control
    input  wire                  sum_en_i,  // load the sum's register
    // data
    input  wire [PAIR_WIDTH-1:0] sum_i,
    input  wire [PAIR_WIDTH-1:0] carry_i,
    input  wire [ ACC_WIDTH-1:0] base_i,
    output wire [ ACC_WIDTH-1:0] acc_o
);

  generate
    if (ACC_WIDTH <= PAIR_WIDTH) begin : gen_bad_acc_width
      flexmac_accumulate_ACC_WIDTH_must_exceed_PAIR_WIDTH u_illegal ();
    end
  endgenerate

  wire [ACC_WIDTH-1:0] x;
  wire [ACC_WIDTH-1:0] y;

  generate
    if (SUM_REGISTER != 0) begin : gen_sum
      wire [PAIR_WIDTH-1:0] total_d;
      wire [PAIR_WIDTH-1:0] total;
      flexmac_adder #(.WIDTH(PAIR_WIDTH)) u_sum (
          .a_i(sum_i), .b_i(carry_i), .carry_i(1'b0), .sum_o(total_d)
      );
      flexmac_pipe #(.WIDTH(PAIR_WIDTH), .REGISTER(1)) u_total (
          .clk_i(clk_i), .en_i(sum_en_i), .d_i(total_d), .q_o(total)
      );
      assign x = base_i;
      assign y = {{(ACC_WIDTH - PAIR_WIDTH + 1) {!total[PAIR_WIDTH-1]}}, total[PAIR_WIDTH-2:0]};
    end else begin : gen_pair
`ifdef FLEXMAC_CELLS
      wire [ACC_WIDTH-1:0] sum =
          {{(ACC_WIDTH - PAIR_WIDTH) {1'b0}}, sum_i[PAIR_WIDTH-1] | carry_i[PAIR_WIDTH-1],
          sum_i[PAIR_WIDTH-2:0]};
      wire [ACC_WIDTH-1:0] carry = {{(ACC_WIDTH - PAIR_WIDTH + 1) {1'b1}}, carry_i[PAIR_WIDTH-2:0]};
      wire [ACC_WIDTH-1:0] up = (base_i & sum) | (carry & (base_i ^ sum));
      wire unused_enable = &{1'b0, clk_i, sum_en_i, up[ACC_WIDTH-1]};
      assign x = base_i ^ sum ^ carry;
      assign y = {up[ACC_WIDTH-2:0], 1'b0};
`else
      wire [PAIR_WIDTH-1:0] added = sum_i + carry_i;
      wire unused_enable = &{1'b0, clk_i, sum_en_i};
      assign x = base_i;
      assign y = {{(ACC_WIDTH - PAIR_WIDTH + 1) {!added[PAIR_WIDTH-1]}}, added[PAIR_WIDTH-2:0]};
`endif
    end
  endgenerate

  flexmac_adder #(.WIDTH(ACC_WIDTH)) u_acc (.a_i(x), .b_i(y), .carry_i(1'b0), .sum_o(acc_o));

`ifdef FORMAL
  // Rules (SUM_REGISTER = 0), given a pair that loses nothing at the top
  // 1. acc_o is base + sum + carry - 2^(PAIR_WIDTH-1), modulo 2^ACC_WIDTH.
  wire [PAIR_WIDTH:0] pair = {1'b0, sum_i} + {1'b0, carry_i};
  wire [ACC_WIDTH-1:0] word =
      {{(ACC_WIDTH - PAIR_WIDTH) {1'b0}}, pair[PAIR_WIDTH-1:0]}
      - ({{(ACC_WIDTH - 1) {1'b0}}, 1'b1} << (PAIR_WIDTH - 1));

  always @* begin
    assume (!pair[PAIR_WIDTH]);
    assert (acc_o == base_i + word);
    cover (word[ACC_WIDTH-1] && carry_i != 0 && !base_i[ACC_WIDTH-1]);
    cover (!word[ACC_WIDTH-1] && sum_i[PAIR_WIDTH-1] && base_i[ACC_WIDTH-1]);
  end
`endif

endmodule

`default_nettype wire
