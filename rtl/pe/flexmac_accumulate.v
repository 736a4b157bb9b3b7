// Adds the carry-save pair of flexmac_dot to the accumulator and removes the pair's offset.
//
// The pair is two words whose sum is the lanes' sum plus an offset of 2^LOW_WIDTH, half the pair's
// range, which has to be subtracted. Only the low bits are added in full:
//
//              ACC_WIDTH-1      LOW_WIDTH  LOW_WIDTH-1   0
//              +------------------------+ +--------------+
//       base   |          high          | |     low      |
//              +------------------------+ +--------------+
//                                      s  |     sum      |    s: top bit of sum or of carry, which
//                                         +--------------+       are never both set
//                                         |    carry     |
//                                         +--------------+
//       high + (-1, 0 or +1)              low + sum + carry
//
// What enters the high bits is s, the carries out of the low bits, and -1 for the offset. s and one
// of the carries are known early. The sum is below 2^PAIR_WIDTH, so all three together are at most
// 2: the high bits stay, or those flip that an increment or a decrement flips.
//
// With SUM_REGISTER the pair is added and registered first: one more adder of PAIR_WIDTH bits, and
// no full adders in the accumulation loop. Without FLEXMAC_CELLS the pair is also added first, but
// not registered, and everything is a plain addition: flexmac_dot's carry is 0 then, and plain
// additions simulate faster.
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

  wire [PAIR_WIDTH-1:0] total;  // the pair's sum, if it is added first

  generate
    if (SUM_REGISTER != 0) begin : gen_sum
      wire [PAIR_WIDTH-1:0] total_d;
      flexmac_adder #(.WIDTH(PAIR_WIDTH)) u_sum (
          .a_i(sum_i), .b_i(carry_i), .carry_i(1'b0), .sum_o(total_d)
      );
      flexmac_pipe #(.WIDTH(PAIR_WIDTH), .REGISTER(1)) u_total (
          .clk_i(clk_i), .en_i(sum_en_i), .d_i(total_d), .q_o(total)
      );
    end else begin : gen_pair
      wire unused_enable = &{1'b0, clk_i, sum_en_i};
      assign total = sum_i + carry_i;
    end
  endgenerate

`ifdef FLEXMAC_CELLS
  localparam LOW_WIDTH = PAIR_WIDTH - 1;
  localparam HIGH_WIDTH = ACC_WIDTH > LOW_WIDTH ? ACC_WIDTH - LOW_WIDTH : 1;  // never negative

  wire [LOW_WIDTH-1:0] x;
  wire [LOW_WIDTH-1:0] y;
  wire one, two;  // what enters the high bits early
  wire [LOW_WIDTH:0] low;  // with the carry on top
  wire [HIGH_WIDTH-1:0] high = base_i[ACC_WIDTH-1:LOW_WIDTH];
  reg [HIGH_WIDTH-1:0] raised, lowered;  // bits that an increment, a decrement flips
  integer i;

  generate
    if (SUM_REGISTER != 0) begin : gen_add_sum
      assign x = base_i[LOW_WIDTH-1:0];
      assign y = total[LOW_WIDTH-1:0];
      assign one = total[LOW_WIDTH];
      assign two = 1'b0;
    end else begin : gen_add_pair
      wire [LOW_WIDTH-1:0] base = base_i[LOW_WIDTH-1:0];
      wire [LOW_WIDTH-1:0] sum = sum_i[LOW_WIDTH-1:0];
      wire [LOW_WIDTH-1:0] carry = carry_i[LOW_WIDTH-1:0];
      wire [LOW_WIDTH-1:0] up = (base & sum) | (carry & (base ^ sum));
      wire top = sum_i[LOW_WIDTH] | carry_i[LOW_WIDTH];
      wire unused_total = &{1'b0, total};
      assign x = base ^ sum ^ carry;
      assign y = {up[LOW_WIDTH-2:0], 1'b0};
      assign one = top ^ up[LOW_WIDTH-1];
      assign two = top & up[LOW_WIDTH-1];
    end
  endgenerate

  flexmac_adder #(.WIDTH(LOW_WIDTH), .CARRY(1)) u_acc (
      .a_i(x), .b_i(y), .carry_i(1'b0), .sum_o(low)
  );

  always @* begin
    raised[0] = 1'b1;
    lowered[0] = 1'b1;
    for (i = 1; i < HIGH_WIDTH; i = i + 1) begin
      raised[i] = raised[i-1] & high[i-1];
      lowered[i] = lowered[i-1] & !high[i-1];
    end
  end

  wire raise = two || (one && low[LOW_WIDTH]);
  wire lower = !two && !one && !low[LOW_WIDTH];

  assign acc_o = {
      high ^ ({HIGH_WIDTH{raise}} & raised) ^ ({HIGH_WIDTH{lower}} & lowered), low[LOW_WIDTH-1:0]
  };
`else
  wire [ACC_WIDTH-1:0] word =
      {{(ACC_WIDTH - PAIR_WIDTH + 1) {!total[PAIR_WIDTH-1]}}, total[PAIR_WIDTH-2:0]};
  flexmac_adder #(.WIDTH(ACC_WIDTH)) u_acc (
      .a_i(base_i), .b_i(word), .carry_i(1'b0), .sum_o(acc_o)
  );
`endif

`ifdef FORMAL
  // Rules (SUM_REGISTER = 0), given a pair that loses nothing at the top
  // 1. acc_o is base + sum + carry - 2^(PAIR_WIDTH-1), modulo 2^ACC_WIDTH.
  wire [PAIR_WIDTH:0] pair = {1'b0, sum_i} + {1'b0, carry_i};
  wire [ACC_WIDTH-1:0] f_word =
      {{(ACC_WIDTH - PAIR_WIDTH) {1'b0}}, pair[PAIR_WIDTH-1:0]}
      - ({{(ACC_WIDTH - 1) {1'b0}}, 1'b1} << (PAIR_WIDTH - 1));

  always @* begin
    assume (!pair[PAIR_WIDTH]);
    assert (acc_o == base_i + f_word);
    cover (f_word[ACC_WIDTH-1] && carry_i != 0 && !base_i[ACC_WIDTH-1]);
    cover (!f_word[ACC_WIDTH-1] && sum_i[PAIR_WIDTH-1] && base_i[ACC_WIDTH-1]);
  end
`endif

endmodule

`default_nettype wire
