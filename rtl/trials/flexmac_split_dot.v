// Trial: sum of LANES products of CHUNK bits, or of 2*LANES products of CHUNK/2 bits, as a
// carry-save pair with an offset. The flexmac_dot of a multiplier that splits.
//
// The halves of a lane's operands divide its rows of bits into four quadrants. In mode whole all
// four form the product of CHUNK bits. In mode split the two quadrants of weight 2^(CHUNK/2) are
// two products of signed halves, which the tree adds up in place; the other two are held at zero:
//
//                a high             a low
//            +----------------+----------------+
//     b low  | ah bl  2^HALF  | al bl       1  |     HALF = CHUNK/2
//            +----------------+----------------+
//     b high | ah bh  2^CHUNK | al bh  2^HALF  |
//            +----------------+----------------+
//
//     whole   sum_o + carry_o  =  sum of a b  +  2^(PAIR_WIDTH-1)
//     split   sum_o + carry_o  =  sum of (ah bl + al bh) 2^HALF  +  2^(PAIR_WIDTH-1)
//
// A product of halves thus pairs the high half of a with the low half of b; the operand memory lays
// them out so. A product of CHUNK/2 by CHUNK bits is a whole one whose low half of a is 0, times
// 2^HALF; half of the rows' bits do not toggle then. Bits of negative weight are inverted as in
// flexmac_dot; the constant that remains depends on the mode.
//
//   a_i, b_i   LANES words of CHUNK bits, lane 0 lowest
//
// Parameters:
//   CHUNK       even, 4..32
//   LANES       1..16
//   PAIR_WIDTH  2*CHUNK + 1 + log2(LANES)
//   CUT         as in flexmac_csa
//
// Latency: 0, or 1 cycle with the register. Throughput: one sum per cycle. Area grows with
// LANES * CHUNK^2.
// Not handled: unsigned halves in mode split; a_signed_i and b_signed_i must be set then.
`default_nettype none

module flexmac_split_dot #(
    parameter CHUNK      = 16,
    parameter LANES      = 1,
    parameter PAIR_WIDTH = 33,
    parameter CUT        = 0
) (
    input  wire                   clk_i,
    // control
    input  wire                   cut_en_i,
    input  wire                   split_i,  // with the words
    input  wire                   a_signed_i,
    input  wire                   b_signed_i,
    // data
    input  wire [LANES*CHUNK-1:0] a_i,
    input  wire [LANES*CHUNK-1:0] b_i,
    output wire [ PAIR_WIDTH-1:0] sum_o,
    output wire [ PAIR_WIDTH-1:0] carry_o
);

  generate
    if (CHUNK < 4 || CHUNK > 32 || CHUNK % 2 != 0) begin : gen_bad_chunk
      flexmac_split_dot_CHUNK_must_be_even_and_4_to_32 u_illegal ();
    end
    if (LANES < 1 || LANES > 16) begin : gen_bad_lanes
      flexmac_split_dot_LANES_must_be_1_to_16 u_illegal ();
    end
    if (PAIR_WIDTH != 2 * CHUNK + 1 + $clog2(LANES)) begin : gen_bad_pair_width
      flexmac_split_dot_PAIR_WIDTH_must_hold_the_lanes_sum u_illegal ();
    end
  endgenerate

  localparam HALF = CHUNK / 2;
  localparam BIT_ROWS = LANES * CHUNK + 1;  // rows, and the constant
  localparam [PAIR_WIDTH-1:0] LANE_COUNT = LANES;
  localparam [PAIR_WIDTH-1:0] OFFSET = {1'b1, {(PAIR_WIDTH - 1) {1'b0}}};
  localparam [PAIR_WIDTH-1:0] ONE_SIGNED =
      OFFSET + (LANE_COUNT << (CHUNK - 1)) - (LANE_COUNT << (2 * CHUNK - 1));
  localparam [PAIR_WIDTH-1:0] BOTH_SIGNED =
      OFFSET + (LANE_COUNT << CHUNK) - (LANE_COUNT << (2 * CHUNK - 1));
  localparam [PAIR_WIDTH-1:0] SPLIT =
      OFFSET + (LANE_COUNT << (CHUNK + 1)) - (LANE_COUNT << (2 * CHUNK - 1));

  reg [BIT_ROWS*PAIR_WIDTH-1:0] words;
  reg [CHUNK-1:0] a_low_row;  // what rows of b's low half take: split, without a's low half
  reg [CHUNK-1:0] a_high_row;  // ... of b's high half: split, without a's high half
  reg [CHUNK-1:0] row;
  reg b_sign_row, half_sign_row;
  integer lane, bit_b;

  always @* begin
    row = {CHUNK{1'b0}};
    a_low_row = {CHUNK{1'b0}};
    a_high_row = {CHUNK{1'b0}};
    b_sign_row = 1'b0;
    half_sign_row = 1'b0;
    for (lane = 0; lane < LANES; lane = lane + 1) begin
      a_low_row = a_i[lane*CHUNK +: CHUNK] & {{HALF{1'b1}}, {HALF{!split_i}}};
      a_high_row = a_i[lane*CHUNK +: CHUNK] & {{HALF{!split_i}}, {HALF{1'b1}}};
      for (bit_b = 0; bit_b < CHUNK; bit_b = bit_b + 1) begin
        row = (bit_b < HALF ? a_low_row : a_high_row) & {CHUNK{b_i[lane*CHUNK+bit_b]}};
        // whole: a's sign, in the row of b's sign all but that bit
        b_sign_row = bit_b == CHUNK - 1;
        row[CHUNK-1] = row[CHUNK-1] ^ a_signed_i;
        if (b_sign_row) row = row ^ {CHUNK{b_signed_i}};
        // split, the sign of al where b is high, and of bl where it is low
        half_sign_row = bit_b == HALF - 1;
        if (half_sign_row) row[CHUNK-1:HALF] = row[CHUNK-1:HALF] ^ {HALF{split_i}};
        if (bit_b >= HALF) row[HALF-1] = row[HALF-1] ^ split_i;
        words[(lane*CHUNK+bit_b)*PAIR_WIDTH +: PAIR_WIDTH] =
            {{(PAIR_WIDTH - CHUNK) {1'b0}}, row} << bit_b;
      end
    end
    words[LANES*CHUNK*PAIR_WIDTH +: PAIR_WIDTH] = split_i ? SPLIT : a_signed_i && b_signed_i
        ? BOTH_SIGNED
        : a_signed_i || b_signed_i ? ONE_SIGNED : OFFSET;
  end

  flexmac_csa #(.WORDS(BIT_ROWS), .WIDTH(PAIR_WIDTH), .CUT(CUT)) u_tree (
      .clk_i(clk_i), .cut_en_i(cut_en_i), .words_i(words), .sum_o(sum_o), .carry_o(carry_o)
  );

`ifdef FORMAL
  // Rules, CUT = 0 (64 bits hold any sum)
  // 1. Whole, the pair is the sum of all lanes' products as integers, plus the offset, for every
  //    kind of planes. Split, it is the sum of both products of signed halves at 2^HALF, plus the
  //    offset.
  // 2. Nothing is lost at the top: the pair's sum as unsigned integers is below 2^PAIR_WIDTH, and
  //    its two top bits are never both set.
  reg signed [63:0] total_want;
  reg signed [63:0] a_want, b_want, ah_want, al_want, bh_want, bl_want;
  wire [63:0] pair = {{(64 - PAIR_WIDTH) {1'b0}}, sum_o} + {{(64 - PAIR_WIDTH) {1'b0}}, carry_o};
  integer f;

  always @* begin
    total_want = 64'sd1 <<< (PAIR_WIDTH - 1);
    for (f = 0; f < LANES; f = f + 1) begin
      a_want = {{(64 - CHUNK) {1'b0}}, a_i[f*CHUNK +: CHUNK]};
      b_want = {{(64 - CHUNK) {1'b0}}, b_i[f*CHUNK +: CHUNK]};
      if (a_signed_i && a_i[f*CHUNK+CHUNK-1]) a_want = a_want - (64'sd1 <<< CHUNK);
      if (b_signed_i && b_i[f*CHUNK+CHUNK-1]) b_want = b_want - (64'sd1 <<< CHUNK);
      al_want = {{(64 - HALF) {a_i[f*CHUNK+HALF-1]}}, a_i[f*CHUNK +: HALF]};
      bl_want = {{(64 - HALF) {b_i[f*CHUNK+HALF-1]}}, b_i[f*CHUNK +: HALF]};
      ah_want = {{(64 - HALF) {a_i[f*CHUNK+CHUNK-1]}}, a_i[f*CHUNK+HALF +: HALF]};
      bh_want = {{(64 - HALF) {b_i[f*CHUNK+CHUNK-1]}}, b_i[f*CHUNK+HALF +: HALF]};
      if (split_i) total_want = total_want + ((ah_want * bl_want + al_want * bh_want) <<< HALF);
      else total_want = total_want + a_want * b_want;
    end
    if (split_i) assume (a_signed_i && b_signed_i);
    assert (pair == total_want);
    assert (pair < 64'd1 << PAIR_WIDTH);
    assert (!(sum_o[PAIR_WIDTH-1] && carry_o[PAIR_WIDTH-1]));
    cover (!split_i && a_signed_i && a_want == -(64'sd1 <<< (CHUNK - 1)) && b_want == a_want);
    cover (!split_i && !a_signed_i && a_want == (64'sd1 <<< CHUNK) - 1 && b_want < 0);
    cover (split_i && ah_want == -(64'sd1 <<< (HALF - 1)) && bl_want == ah_want
        && al_want == ah_want
        && bh_want > 0);
  end
`endif

endmodule

`default_nettype wire
