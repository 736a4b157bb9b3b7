// Adds what flexmac_dot gives to an accumulator: base plus a carry-save pair, its offset taken off.
//
// The pair's two top bits are never both set, so one of them is free; there, and in all bits above
// the pair, go the ones that take the offset off, -2^(S-1):
//
//              ACC-1            S-1          0
//              +---------------+-+-----------+
//       base   |                             |
//              +---------------+-+-----------+
//              | 0             |s|    sum    |    s: sum's or carry's top bit
//              +---------------+-+-----------+
//              | 1 1 1  ...  1 |1|   carry   |
//              +---------------+-+-----------+
//
// Full adders make two words of the three, one carry chain the result. With SUM_REG, the pair is
// added up and registered first: a chain of S bits more in front, and no full adders in the loop.
// Without FLEXMAC_CELLS the pair is added up too, but not registered: flexmac_dot's carry is 0 then,
// and a simulator adds faster than it makes full adders of words.
//
//   sum_i, carry_i   S bits: a sum plus 2^(S-1) when added as unsigned integers
//   base_i, acc_o    s(ACC-1).0
//
// Parameters: S; ACC > S; SUM_REG: 0 or 1.
// Latency 0 from base_i, SUM_REG from the pair. Not handled: overflow, which ACC excludes.
`default_nettype none

module flexmac_accumulate #(
    parameter S       = 17,
    parameter ACC     = 24,
    parameter SUM_REG = 0
) (
    input  wire           clk_i,
    // control
    input  wire           sum_en_i,  // load the sum's register
    // data
    input  wire [  S-1:0] sum_i,
    input  wire [  S-1:0] carry_i,
    input  wire [ACC-1:0] base_i,
    output wire [ACC-1:0] acc_o
);

  generate
    if (ACC <= S) begin : gen_bad_acc
      flexmac_accumulate_ACC_must_exceed_S u_illegal ();
    end
  endgenerate

  wire [ACC-1:0] x;
  wire [ACC-1:0] y;

  generate
    if (SUM_REG != 0) begin : gen_sum
      wire [S-1:0] total_d;
      wire [S-1:0] total;
      flexmac_adder #(.W(S)) u_sum (
          .a_i(sum_i), .b_i(carry_i), .carry_i(1'b0), .sum_o(total_d)
      );
      flexmac_pipe #(.W(S), .ON(1)) u_total (
          .clk_i(clk_i), .en_i(sum_en_i), .d_i(total_d), .q_o(total)
      );
      assign x = base_i;
      assign y = {{(ACC - S + 1) {!total[S-1]}}, total[S-2:0]};
    end else begin : gen_pair
`ifdef FLEXMAC_CELLS
      wire [ACC-1:0] sum = {{(ACC - S) {1'b0}}, sum_i[S-1] | carry_i[S-1], sum_i[S-2:0]};
      wire [ACC-1:0] carry = {{(ACC - S + 1) {1'b1}}, carry_i[S-2:0]};
      wire [ACC-1:0] up = (base_i & sum) | (carry & (base_i ^ sum));
      wire unused_enable = &{1'b0, clk_i, sum_en_i, up[ACC-1]};
      assign x = base_i ^ sum ^ carry;
      assign y = {up[ACC-2:0], 1'b0};
`else
      wire [S-1:0] added = sum_i + carry_i;
      wire unused_enable = &{1'b0, clk_i, sum_en_i};
      assign x = base_i;
      assign y = {{(ACC - S + 1) {!added[S-1]}}, added[S-2:0]};
`endif
    end
  endgenerate

  flexmac_adder #(.W(ACC)) u_acc (.a_i(x), .b_i(y), .carry_i(1'b0), .sum_o(acc_o));

`ifdef FORMAL
  // Rules (SUM_REG = 0), given a pair that loses nothing at the top
  // 1. acc_o is base + sum + carry - 2^(S-1), modulo 2^ACC.
  wire [S:0] pair = {1'b0, sum_i} + {1'b0, carry_i};
  wire [ACC-1:0] word = {{(ACC - S) {1'b0}}, pair[S-1:0]} - ({{(ACC - 1) {1'b0}}, 1'b1} << (S - 1));

  always @* begin
    assume (!pair[S]);
    assert (acc_o == base_i + word);
    cover (word[ACC-1] && carry_i != 0 && !base_i[ACC-1]);
    cover (!word[ACC-1] && sum_i[S-1] && base_i[ACC-1]);
  end
`endif

endmodule

`default_nettype wire
