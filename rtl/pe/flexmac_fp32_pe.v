// Float processing element (PE): LANES fused multiply-adds per cycle, IEEE-754 binary32.
//
// A float addition takes L cycles. Each lane therefore keeps L partial sums in the registers of its
// adder. They form a queue that moves one place per word or reduction step and otherwise holds:
//
//             +------------- L registers -------------+
//             |                                       |
//   word: head + a * b --> tail        ...            +--> head
//
// Word w of a tile is added to the partial sum of word w - L. Every tile starts from -0, which
// changes no number it is added to. After the last word the same adders reduce the partial sums:
//
//   1. Across lanes, L steps per level j = 0, 1, ...: lane v adds the head of lane v + 2^j, where v
//      is a multiple of 2^(j+1) and lane v + 2^j exists.
//   2. Within lane 0, L steps per round: of two neighbouring sums, oldest first, the older one is
//      held (op HOLD) and then added to the younger (op HELD); an odd one waits for the next round.
//
// The remaining sum is captured into chain_q and leaves along the column. There is no stall signal:
// a PE holds its state while its enables are low.
//
//   a_i, b_i          LANES x binary32, lane 0 lowest
//   chain_i, chain_o  binary32
//
// Parameters:
//   LANES          1..16
//   MUL_REGISTERS  pipeline registers of the multipliers (flexmac_fp32_mul)
//   ADD_REGISTERS  pipeline registers of the adders (flexmac_fp32_add); L is 1 + its set bits
//
// Latency: the multiplier's registers and L cycles. Throughput: LANES products per cycle.
// Not handled: exception flags.
`default_nettype none

module flexmac_fp32_pe #(
    parameter       LANES         = 1,
    parameter [2:0] MUL_REGISTERS = 3'b000,
    parameter [3:0] ADD_REGISTERS = 4'b0000
) (
    input  wire                clk_i,
    // control: enables of this cycle
    input  wire [         2:0] pipe_en_i,   // registers of the multipliers
    input  wire                acc_en_i,    // the queues move on
    input  wire                acc_dead_i,  // what is at their heads is of an earlier tile
    input  wire [         2:0] acc_op_i,    // what their heads are added to
    input  wire                cap_i,       // capture lane 0's head into the chain
    input  wire                drain_i,     // shift the chain towards row 0
    // data
    input  wire [LANES*32-1:0] a_i,
    input  wire [LANES*32-1:0] b_i,
    input  wire [        31:0] chain_i,
    output wire [        31:0] chain_o
);

  generate
    if (LANES < 1 || LANES > 16) begin : gen_bad_lanes
      flexmac_fp32_pe_LANES_must_be_1_to_16 u_illegal ();
    end
  endgenerate

  localparam [2:0] OP_WORD = 3'd0;  // the lane's product
  localparam [2:0] OP_KEEP = 3'd1;  // nothing
  localparam [2:0] OP_HOLD = 3'd2;  // nothing; lane 0's is held too
  localparam [2:0] OP_HELD = 3'd3;  // what lane 0 holds
  // 4 + j: the lane 2^j above
  localparam [31:0] NOTHING = 32'h80000000;      // -0
  localparam [60:0] NO_PRODUCT = {3'b001, 58'd0};  // -0

  wire [LANES*32-1:0] sum;
  wire [LANES*32-1:0] head;
  reg [31:0] chain_q;

  genvar v;
  generate
    for (v = 0; v < LANES; v = v + 1) begin : gen_lane
      wire [60:0] product;
      reg [60:0] term;

      flexmac_fp32_mul #(.REGISTERS(MUL_REGISTERS)) u_mul (
          .clk_i(clk_i), .en_i(pipe_en_i), .a_i(a_i[v*32 +: 32]), .b_i(b_i[v*32 +: 32]),
          .product_o(product)
      );

      // numbers taken in by lane v, as products with one
      wire [60:0] above_1, above_2, above_4, above_8;

      if (v % 2 == 0 && v + 1 < LANES) begin : gen_above_1
        flexmac_fp32_unit u_unit (.value_i(head[(v+1)*32 +: 32]), .product_o(above_1));
      end else begin : gen_no_above_1
        assign above_1 = NO_PRODUCT;
      end
      if (v % 4 == 0 && v + 2 < LANES) begin : gen_above_2
        flexmac_fp32_unit u_unit (.value_i(head[(v+2)*32 +: 32]), .product_o(above_2));
      end else begin : gen_no_above_2
        assign above_2 = NO_PRODUCT;
      end
      if (v % 8 == 0 && v + 4 < LANES) begin : gen_above_4
        flexmac_fp32_unit u_unit (.value_i(head[(v+4)*32 +: 32]), .product_o(above_4));
      end else begin : gen_no_above_4
        assign above_4 = NO_PRODUCT;
      end
      if (v % 16 == 0 && v + 8 < LANES) begin : gen_above_8
        flexmac_fp32_unit u_unit (.value_i(head[(v+8)*32 +: 32]), .product_o(above_8));
      end else begin : gen_no_above_8
        assign above_8 = NO_PRODUCT;
      end

      wire [60:0] held;

      if (v == 0 && ADD_REGISTERS != 4'd0) begin : gen_held
        reg [31:0] held_q;
        always @(posedge clk_i) begin
          if (acc_en_i && acc_op_i == OP_HOLD) held_q <= head[31:0];
        end
        flexmac_fp32_unit u_unit (.value_i(held_q), .product_o(held));
      end else begin : gen_not_held
        assign held = NO_PRODUCT;
      end

      always @* begin
        case (acc_op_i)
          OP_WORD: term = product;
          OP_KEEP, OP_HOLD: term = NO_PRODUCT;
          OP_HELD: term = held;
          3'd4: term = above_1;
          3'd5: term = above_2;
          3'd6: term = above_4;
          default: term = above_8;
        endcase
      end

      flexmac_fp32_add #(.REGISTERS(ADD_REGISTERS)) u_add (
          .clk_i(clk_i), .en_i({5{acc_en_i}}), .product_i(term), .addend_i(head[v*32 +: 32]),
          .sum_o(sum[v*32 +: 32])
      );

      assign head[v*32 +: 32] = acc_dead_i ? NOTHING : sum[v*32 +: 32];
    end
  endgenerate

  // alive: a tile has L slots or more, and in this one acc_dead_i may speak of the next tile
  always @(posedge clk_i) begin
    if (cap_i) chain_q <= sum[31:0];
    else if (drain_i) chain_q <= chain_i;
  end

  assign chain_o = chain_q;

endmodule

`default_nettype wire
