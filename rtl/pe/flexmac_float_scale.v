// Signs and exponents of the products of a word: the largest exponent of those that are not zero,
// how far each product lies below it, and what NaN and infinite factors make of the sum.
//
//   exponent a + exponent b -> maxima, half of a tree -> REGISTERS[0] -> the other half ->
//   distances from the largest, at most all ones -> REGISTERS[1]
//
// It runs beside the multiplication of the significands, with registers at the same places.
//
//   a_*_i, b_*_i   LANES factors as flexmac_float_decode takes them apart, lane 0 lowest
//   largest_o      sum of two exponents; 0 if every product is zero
//   distance_o     LANES x DISTANCE_WIDTH bits
//   negative_o     LANES signs
//   nan_o          a factor is NaN, infinity meets zero, or infinities of both signs are added
//   inf_o          else: a factor is infinite; inf_sign_o is the sign of the sum
//
// Parameters:
//   LANES           1..16
//   EXPONENT_WIDTH  bits of a factor's exponent
//   DISTANCE_WIDTH  bits of a distance, 1..EXPONENT_WIDTH; larger distances are all ones
//   REGISTERS       pipeline registers, a bit each, as drawn
//
// Latency: one cycle per register. Throughput: one word per cycle.
// Not handled: the sign of a zero; the accumulator has none.
`default_nettype none

module flexmac_float_scale #(
    parameter       LANES          = 2,
    parameter       EXPONENT_WIDTH = 8,
    parameter       DISTANCE_WIDTH = 6,
    parameter [1:0] REGISTERS      = 2'b00
) (
    input  wire                            clk_i,
    // control
    input  wire [                     1:0] en_i,
    // data
    input  wire [               LANES-1:0] a_sign_i,
    input  wire [               LANES-1:0] b_sign_i,
    input  wire [LANES*EXPONENT_WIDTH-1:0] a_exponent_i,
    input  wire [LANES*EXPONENT_WIDTH-1:0] b_exponent_i,
    input  wire [               LANES-1:0] a_zero_i,
    input  wire [               LANES-1:0] b_zero_i,
    input  wire [               LANES-1:0] a_inf_i,
    input  wire [               LANES-1:0] b_inf_i,
    input  wire [               LANES-1:0] a_nan_i,
    input  wire [               LANES-1:0] b_nan_i,
    output wire [        EXPONENT_WIDTH:0] largest_o,
    output wire [LANES*DISTANCE_WIDTH-1:0] distance_o,
    output wire [               LANES-1:0] negative_o,
    output wire                            nan_o,
    output wire                            inf_o,
    output wire                            inf_sign_o
);

  generate
    if (LANES < 1 || LANES > 16) begin : gen_bad_lanes
      flexmac_float_scale_LANES_must_be_1_to_16 u_illegal ();
    end
    if (DISTANCE_WIDTH < 1 || DISTANCE_WIDTH > EXPONENT_WIDTH) begin : gen_bad_distance
      flexmac_float_scale_DISTANCE_WIDTH_must_be_1_to_EXPONENT_WIDTH u_illegal ();
    end
  endgenerate

  localparam SUM_WIDTH = EXPONENT_WIDTH + 1;
  localparam LEVELS = $clog2(LANES);  // of the tree that finds the largest
  localparam LEAVES = 1 << LEVELS;
  localparam CUT = LEVELS / 2;  // levels in front of the register

  genvar v, level;

  wire [LANES-1:0] negative_d = a_sign_i ^ b_sign_i;
  wire [LANES-1:0] inf_lanes = a_inf_i | b_inf_i;
  wire [LANES-1:0] nan_lanes = a_nan_i | b_nan_i | (a_inf_i & b_zero_i) | (b_inf_i & a_zero_i);
  wire inf_plus = (inf_lanes & ~negative_d) != {LANES{1'b0}};
  wire inf_minus = (inf_lanes & negative_d) != {LANES{1'b0}};
  wire nan_d = nan_lanes != {LANES{1'b0}} || (inf_plus && inf_minus);

  wire [LANES*SUM_WIDTH-1:0] exponent_d;
  wire [LANES*SUM_WIDTH-1:0] exponent_a;
  wire [LANES-1:0] negative_a;
  wire nan_a, inf_a, inf_sign_a;
  wire [SUM_WIDTH-1:0] largest_a = gen_level[LEVELS].nodes;
  wire [LANES*DISTANCE_WIDTH-1:0] distance_d;

  generate
    for (v = 0; v < LANES; v = v + 1) begin : gen_lane
      assign exponent_d[v*SUM_WIDTH +: SUM_WIDTH] =
          {1'b0, a_exponent_i[v*EXPONENT_WIDTH +: EXPONENT_WIDTH]}
          + {1'b0, b_exponent_i[v*EXPONENT_WIDTH +: EXPONENT_WIDTH]};
    end

    for (level = 0; level <= LEVELS; level = level + 1) begin : gen_level
      localparam NODES = LEAVES >> level;
      wire [NODES*SUM_WIDTH-1:0] found;
      wire [NODES*SUM_WIDTH-1:0] nodes;

      for (v = 0; v < NODES; v = v + 1) begin : gen_node
        if (level == 0 && v < LANES) begin : gen_leaf
          assign found[v*SUM_WIDTH +: SUM_WIDTH] = a_zero_i[v] || b_zero_i[v]
              ? {SUM_WIDTH{1'b0}} : exponent_d[v*SUM_WIDTH +: SUM_WIDTH];
        end else if (level == 0) begin : gen_no_leaf
          assign found[v*SUM_WIDTH +: SUM_WIDTH] = {SUM_WIDTH{1'b0}};
        end else begin : gen_larger
          wire [SUM_WIDTH-1:0] left = gen_level[level-1].nodes[2*v*SUM_WIDTH +: SUM_WIDTH];
          wire [SUM_WIDTH-1:0] right = gen_level[level-1].nodes[(2*v+1)*SUM_WIDTH +: SUM_WIDTH];
          assign found[v*SUM_WIDTH +: SUM_WIDTH] = left > right ? left : right;
        end
      end

      flexmac_pipe #(
          .WIDTH(NODES * SUM_WIDTH), .REGISTER(level == CUT && REGISTERS[0])
      ) u_largest (
          .clk_i(clk_i), .en_i(en_i[0]), .d_i(found), .q_o(nodes)
      );
    end
  endgenerate

  flexmac_pipe #(.WIDTH(LANES + 3 + LANES * SUM_WIDTH), .REGISTER(REGISTERS[0])) u_exponents (
      .clk_i(clk_i), .en_i(en_i[0]),
      .d_i({negative_d, nan_d, inf_plus || inf_minus, inf_minus, exponent_d}),
      .q_o({negative_a, nan_a, inf_a, inf_sign_a, exponent_a})
  );

  generate
    for (v = 0; v < LANES; v = v + 1) begin : gen_distance
      // of no meaning for a zero product, which may lie above
      wire [SUM_WIDTH-1:0] below = largest_a - exponent_a[v*SUM_WIDTH +: SUM_WIDTH];
      wire far = below[SUM_WIDTH-1:DISTANCE_WIDTH] != {(SUM_WIDTH - DISTANCE_WIDTH) {1'b0}};
      assign distance_d[v*DISTANCE_WIDTH +: DISTANCE_WIDTH] =
          below[DISTANCE_WIDTH-1:0] | {DISTANCE_WIDTH{far}};
    end
  endgenerate

  flexmac_pipe #(
      .WIDTH(LANES + 3 + SUM_WIDTH + LANES * DISTANCE_WIDTH), .REGISTER(REGISTERS[1])
  ) u_distance (
      .clk_i(clk_i), .en_i(en_i[1]),
      .d_i({negative_a, nan_a, inf_a, inf_sign_a, largest_a, distance_d}),
      .q_o({negative_o, nan_o, inf_o, inf_sign_o, largest_o, distance_o})
  );

`ifdef FORMAL
  // Rules (REGISTERS = 0; with a register, the same a cycle later). Given: exponents of at least 1.
  // 1. No product that is not zero has an exponent above largest_o, and one has it; it is 0 if
  //    there is none.
  // 2. The distance of a product that is not zero is largest_o less its exponent, or all ones if
  //    that is not below.
  // 3. nan_o: a NaN factor, infinity times zero, or products that are infinities of both signs.
  //    Without it, inf_o: an infinite factor, and inf_sign_o is its product's sign.
  integer f;
  integer f_exponent;
  reg f_found, f_some, f_nan, f_plus, f_minus;

  always @* begin
    f_found = 1'b0;
    f_some = 1'b0;
    f_nan = 1'b0;
    f_plus = 1'b0;
    f_minus = 1'b0;
    for (f = 0; f < LANES; f = f + 1) begin
      assume (a_exponent_i[f*EXPONENT_WIDTH +: EXPONENT_WIDTH] != 0);
      assume (b_exponent_i[f*EXPONENT_WIDTH +: EXPONENT_WIDTH] != 0);
      f_exponent = a_exponent_i[f*EXPONENT_WIDTH +: EXPONENT_WIDTH];
      f_exponent = f_exponent + b_exponent_i[f*EXPONENT_WIDTH +: EXPONENT_WIDTH];
      if (!a_zero_i[f] && !b_zero_i[f]) begin
        f_some = 1'b1;
        assert (f_exponent <= largest_o);
        if (f_exponent == largest_o) f_found = 1'b1;
        assert (distance_o[f*DISTANCE_WIDTH +: DISTANCE_WIDTH]
            == (largest_o - f_exponent < (1 << DISTANCE_WIDTH) ? largest_o - f_exponent
            : (1 << DISTANCE_WIDTH) - 1));
      end
      assert (negative_o[f] == (a_sign_i[f] != b_sign_i[f]));
      if (a_nan_i[f] || b_nan_i[f]) f_nan = 1'b1;
      if (a_inf_i[f] && b_zero_i[f] || a_zero_i[f] && b_inf_i[f]) f_nan = 1'b1;
      if ((a_inf_i[f] || b_inf_i[f]) && a_sign_i[f] == b_sign_i[f]) f_plus = 1'b1;
      if ((a_inf_i[f] || b_inf_i[f]) && a_sign_i[f] != b_sign_i[f]) f_minus = 1'b1;
    end
    assert (f_some ? f_found : largest_o == 0);
    assert (nan_o == (f_nan || f_plus && f_minus));
    if (!nan_o) assert (inf_o == (f_plus || f_minus) && (!inf_o || inf_sign_o == f_minus));
    cover (f_some && distance_o[DISTANCE_WIDTH-1:0] != 0 || LANES == 1);
    cover (f_plus && f_minus && !f_nan || LANES == 1);
    cover (inf_o && inf_sign_o && !nan_o);
  end
`endif

endmodule

`default_nettype wire
