// Sum of LANES products of CHUNK-bit slices, signed or not, as a carry-save pair with an offset.
//
//      sum_o + carry_o  =  a[0] b[0] + ... + a[LANES-1] b[LANES-1] + 2^(PAIR_WIDTH-1)
//
// as unsigned integers. The offset keeps the sum within 0 .. 2^PAIR_WIDTH-1, so the adder behind
// this module extends the pair with zeros. The top bits of the two words are never both set.
//
// A slice belongs to one plane of an operand: slices of the top plane are signed, all others are
// not. All lanes have slices of the same plane. The module has two bodies, proven equal
// (docs/proofs.md):
//
// - By default the products are `*`, sum_o is their sum and carry_o is zero. This simulates fast,
//   and synthesis may use multiplier blocks.
// - With FLEXMAC_CELLS defined, for standard cells, all bits are added in one carry-save tree; no
//   product is added up alone. Up to CHUNK = 8 the words of the tree are filled place by place from
//   the first on, so that full adders find three bits; bits that may have to be inverted are late
//   and take every third word, the fast input of an adder. Of wider products each row of bits is a
//   word, because Icarus would read the places for minutes. Bits of negative weight, those of
//   exactly one sign bit, are inverted:
//
//        -x 2^n  =  ~x 2^n - 2^n          (x one bit)
//
//   The constants that remain are one more row of the tree (Baugh and Wooley, 1973). They depend
//   only on which operands are signed.
//
//   a_i, b_i   LANES slices of CHUNK bits, lane 0 lowest
//
// Parameters:
//   CHUNK       bits of a slice, 2..32
//   LANES       1..16
//   PAIR_WIDTH  2*CHUNK + 1 + log2(LANES); one less if both operands are always signed
//   CUT         levels of the tree in front of its pipeline register; 0: no register
//
// Latency: 0, or 1 cycle with the register. Throughput: one sum per cycle. Area grows with
// LANES * CHUNK^2.
// Not handled: lanes of different planes.
`default_nettype none

module flexmac_dot #(
    parameter CHUNK      = 8,
    parameter LANES      = 1,
    parameter PAIR_WIDTH = 17,
    parameter CUT        = 0
) (
    input  wire                   clk_i,
    // control
    input  wire                   cut_en_i,
    input  wire                   a_signed_i,  // with the digits
    input  wire                   b_signed_i,
    // data
    input  wire [LANES*CHUNK-1:0] a_i,
    input  wire [LANES*CHUNK-1:0] b_i,
    output wire [ PAIR_WIDTH-1:0] sum_o,
    output wire [ PAIR_WIDTH-1:0] carry_o
);

  generate
    if (CHUNK < 2 || CHUNK > 32) begin : gen_bad_chunk
      flexmac_dot_CHUNK_must_be_2_to_32 u_illegal ();
    end
    if (LANES < 1 || LANES > 16) begin : gen_bad_lanes
      flexmac_dot_LANES_must_be_1_to_16 u_illegal ();
    end
    if (PAIR_WIDTH != 2 * CHUNK + $clog2(LANES)
        && PAIR_WIDTH != 2 * CHUNK + 1 + $clog2(LANES)) begin : gen_bad_pair_width
      flexmac_dot_PAIR_WIDTH_must_hold_the_lanes_sum u_illegal ();
    end
  endgenerate

  localparam [PAIR_WIDTH-1:0] OFFSET = {1'b1, {(PAIR_WIDTH - 1) {1'b0}}};

`ifdef FLEXMAC_CELLS
  localparam BIT_ROWS = LANES * CHUNK + 1;  // rows, and the constant
  localparam [PAIR_WIDTH-1:0] LANE_COUNT = LANES;
  localparam [PAIR_WIDTH-1:0] ONE_SIGNED =
      OFFSET + (LANE_COUNT << (CHUNK - 1)) - (LANE_COUNT << (2 * CHUNK - 1));
  localparam [PAIR_WIDTH-1:0] BOTH_SIGNED =
      OFFSET + (LANE_COUNT << CHUNK) - (LANE_COUNT << (2 * CHUNK - 1));

  wire [BIT_ROWS*PAIR_WIDTH-1:0] tree_words;
  wire [PAIR_WIDTH-1:0] constant = a_signed_i && b_signed_i ? BOTH_SIGNED
      : a_signed_i || b_signed_i ? ONE_SIGNED : OFFSET;

  // bits of a lane at a place: all, and those that may be inverted
  function integer bits_at(input integer place);
    bits_at = place < CHUNK ? place + 1 : place < 2 * CHUNK - 1 ? 2 * CHUNK - 1 - place : 0;
  endfunction

  function integer late_at(input integer place);
    late_at = place < CHUNK - 1 ? 0 : bits_at(place) < 2 ? bits_at(place) : 2;
  endfunction

  // the word of a place's early bit, counted over all lanes, and of its late bit
  function integer word_of(input integer place, input integer is_late, input integer rank);
    integer early, late, thirds;
    begin
      late = LANES * late_at(place);
      early = LANES * bits_at(place) - late + 1;
      thirds = early / 2 < late ? early / 2 : late;
      if (is_late != 0) word_of = rank < thirds ? 3 * rank + 2 : early + rank;
      else word_of = rank < 2 * thirds ? 3 * (rank / 2) + rank % 2 : rank + thirds;
    end
  endfunction

  // Flat loops without conditions: what Icarus needs for scopes in scopes grows with their square.
  genvar index;
  generate
    if (CHUNK <= 8) begin : gen_by_place
      for (index = 0; index < LANES * CHUNK * CHUNK; index = index + 1) begin : gen_bit
        localparam LANE = index / (CHUNK * CHUNK);
        localparam BIT_B = index / CHUNK % CHUNK;
        localparam BIT_A = index % CHUNK;
        localparam PLACE = BIT_A + BIT_B;
        localparam PART = PLACE < CHUNK ? BIT_B : CHUNK - 1 - BIT_A;  // among the lane's bits there
        localparam LATE = late_at(PLACE);
        localparam [0:0] TOP_A = BIT_A == CHUNK - 1;
        localparam [0:0] TOP_B = BIT_B == CHUNK - 1;
        localparam WORD = TOP_A || TOP_B
            ? word_of(PLACE, 1, LANE * LATE + (PART == 0 ? 0 : 1))
            : word_of(PLACE, 0, LANE * (bits_at(PLACE) - LATE) + PART - (LATE == 0 ? 0 : 1));

        assign tree_words[WORD*PAIR_WIDTH+PLACE] = (a_i[LANE*CHUNK+BIT_A] & b_i[LANE*CHUNK+BIT_B])
            ^ (TOP_A & a_signed_i) ^ (TOP_B & b_signed_i);
      end

      for (index = 0; index < PAIR_WIDTH; index = index + 1) begin : gen_constant
        // the last early bit
        localparam WORD = word_of(index, 0, LANES * (bits_at(index) - late_at(index)));
        assign tree_words[WORD*PAIR_WIDTH+index] = constant[index];
      end

      // Word `index` has bits where a lane has MOST of them. The first word is full.
      for (index = 1; index < BIT_ROWS; index = index + 1) begin : gen_zeros
        localparam MOST = (index + LANES - 1) / LANES;
        localparam NEXT = index == LANES * CHUNK ? 0 : index / LANES;
        localparam FROM = index * PAIR_WIDTH + 2 * CHUNK - MOST;
        localparam TO = (index + 1) * PAIR_WIDTH + NEXT;
        assign tree_words[TO-1:FROM] = {(TO - FROM) {1'b0}};
      end
    end else begin : gen_by_row
      reg [BIT_ROWS*PAIR_WIDTH-1:0] filled;
      reg [CHUNK-1:0] row;
      integer v, bit_b;

      always @* begin
        row = {CHUNK{1'b0}};
        for (v = 0; v < LANES; v = v + 1) begin
          for (bit_b = 0; bit_b < CHUNK; bit_b = bit_b + 1) begin
            row = a_i[v*CHUNK +: CHUNK] & {CHUNK{b_i[v*CHUNK+bit_b]}};
            if (bit_b == CHUNK - 1) row = row ^ {a_signed_i, {(CHUNK - 1) {b_signed_i}}};
            if (bit_b == CHUNK - 1) row[CHUNK-1] = row[CHUNK-1] ^ b_signed_i;
            else row[CHUNK-1] = row[CHUNK-1] ^ a_signed_i;
            filled[(v*CHUNK+bit_b)*PAIR_WIDTH +: PAIR_WIDTH] =
                {{(PAIR_WIDTH - CHUNK) {1'b0}}, row} << bit_b;
          end
        end
        filled[LANES*CHUNK*PAIR_WIDTH +: PAIR_WIDTH] = constant;
      end

      assign tree_words = filled;
    end
  endgenerate

  flexmac_csa #(.WORDS(BIT_ROWS), .WIDTH(PAIR_WIDTH), .CUT(CUT)) u_tree (
      .clk_i(clk_i), .cut_en_i(cut_en_i), .words_i(tree_words), .sum_o(sum_o), .carry_o(carry_o)
  );
`else
  reg signed [CHUNK:0] a, b;
  reg signed [PAIR_WIDTH-1:0] total;
  integer lane;

  always @* begin
    total = OFFSET;
    for (lane = 0; lane < LANES; lane = lane + 1) begin
      a = {a_signed_i & a_i[lane*CHUNK+CHUNK-1], a_i[lane*CHUNK +: CHUNK]};
      b = {b_signed_i & b_i[lane*CHUNK+CHUNK-1], b_i[lane*CHUNK +: CHUNK]};
      total = total + a * b;
    end
  end

  flexmac_pipe #(.WIDTH(PAIR_WIDTH), .REGISTER(CUT != 0)) u_cut (
      .clk_i(clk_i), .en_i(cut_en_i), .d_i(total), .q_o(sum_o)
  );
  assign carry_o = {PAIR_WIDTH{1'b0}};
`endif

`ifdef FORMAL
  // Rules, CUT = 0 (64 bits hold any sum)
  // 1. The pair is the sum of all lanes' products as integers, plus the offset, for every kind of
  //    planes; where PAIR_WIDTH is one less, for two signed ones.
  // 2. Nothing is lost at the top: the pair's sum as unsigned integers is below 2^PAIR_WIDTH.
  // 3. Signed digits are -2^(CHUNK-1) .. 2^(CHUNK-1)-1, the others 0 .. 2^CHUNK-1: what an
  //    operand's plane is.
  reg signed [63:0] total_want;
  reg signed [63:0] a_want;
  reg signed [63:0] b_want;
  wire [63:0] pair = {{(64 - PAIR_WIDTH) {1'b0}}, sum_o} + {{(64 - PAIR_WIDTH) {1'b0}}, carry_o};
  integer f;

  always @* begin
    total_want = 64'sd1 <<< (PAIR_WIDTH - 1);
    for (f = 0; f < LANES; f = f + 1) begin
      a_want = {{(64 - CHUNK) {1'b0}}, a_i[f*CHUNK +: CHUNK]};
      b_want = {{(64 - CHUNK) {1'b0}}, b_i[f*CHUNK +: CHUNK]};
      if (a_signed_i && a_i[f*CHUNK+CHUNK-1]) a_want = a_want - (64'sd1 <<< CHUNK);
      if (b_signed_i && b_i[f*CHUNK+CHUNK-1]) b_want = b_want - (64'sd1 <<< CHUNK);
      total_want = total_want + a_want * b_want;
    end
    if (PAIR_WIDTH == 2 * CHUNK + $clog2(LANES)) assume (a_signed_i && b_signed_i);
    assert (pair == total_want);
    assert (pair < 64'd1 << PAIR_WIDTH);
    assert (!(sum_o[PAIR_WIDTH-1] && carry_o[PAIR_WIDTH-1]));
    cover (a_want == -(64'sd1 <<< (CHUNK - 1)) && b_want == a_want);
    cover (a_want > 0 && b_want < 0);
    cover (PAIR_WIDTH == 2 * CHUNK + $clog2(LANES)
        || (!a_signed_i && a_want == (64'sd1 <<< CHUNK) - 1
        && b_want == a_want));
  end
`endif

endmodule

`default_nettype wire
