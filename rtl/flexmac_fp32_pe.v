// Float processing element: V fused multiply-adds a cycle, IEEE-754 binary32.
//
// A sum takes L cycles, so each lane keeps L partial sums in its adder's own registers: a queue
// that moves on one place per word, or step of the reduction, and stands still otherwise.
//
//             +------------- L registers -------------+
//             |                                       |
//   word: head + a * b --> tail        ...            +--> head
//
// Word w of a tile goes to the partial sum of word w - L, and every tile starts from -0, which adds
// nothing to any number. After the last word the partial sums are added up in the same adders:
// first, L times, lane v takes in lane v + 2^j, j rising, where v is a multiple of 2^(j+1) and there
// is such a lane; then lane 0's L sums, oldest first, two neighbours at a time (op HOLD keeps the
// older, op HELD adds it to the younger), odd ones out waiting for the next round. What remains is
// captured into chain_q and leaves along the column.
//
//   a_i, b_i     V x binary32, lane 0 lowest
//   chain_i/_o   binary32
//
// Parameters: V 1..16; MUL_REGS, ADD_REGS: registers of flexmac_fp32_mul and flexmac_fp32_add;
// L is 1 and those of ADD_REGS.
// Latency: MUL_REGS and L; throughput V products a cycle.
`default_nettype none

module flexmac_fp32_pe #(
    parameter       V        = 1,
    parameter [2:0] MUL_REGS = 3'b000,
    parameter [3:0] ADD_REGS = 4'b0000
) (
    input  wire            clk_i,
    // control: enables of this cycle
    input  wire [     2:0] pipe_en_i,  // registers of the multipliers
    input  wire            acc_en_i,   // the queues move on
    input  wire            acc_dead_i, // what is at their heads is of an earlier tile
    input  wire [     2:0] acc_op_i,   // what their heads are added to
    input  wire            cap_i,      // capture lane 0's head into the chain
    input  wire            drain_i,    // shift the chain towards row 0
    // data
    input  wire [V*32-1:0] a_i,
    input  wire [V*32-1:0] b_i,
    input  wire [    31:0] chain_i,
    output wire [    31:0] chain_o
);

  generate
    if (V < 1 || V > 16) begin : gen_bad_v
      flexmac_fp32_pe_V_must_be_1_to_16 u_illegal ();
    end
  endgenerate

  localparam [2:0] OP_WORD = 3'd0;  // the lane's product
  localparam [2:0] OP_KEEP = 3'd1;  // nothing
  localparam [2:0] OP_HOLD = 3'd2;  // nothing; lane 0's is held too
  localparam [2:0] OP_HELD = 3'd3;  // what lane 0 holds
  // 4 + j: the lane 2^j above
  localparam [31:0] NOTHING = 32'h80000000;      // -0
  localparam [60:0] NO_PRODUCT = {3'b001, 58'd0};  // -0

  wire [V*32-1:0] sum;
  wire [V*32-1:0] head;
  reg  [31:0] chain_q;

  genvar v;
  generate
    for (v = 0; v < V; v = v + 1) begin : gen_lane
      wire [60:0] product;
      reg  [60:0] term;

      flexmac_fp32_mul #(.REGS(MUL_REGS)) u_mul (
          .clk_i(clk_i), .en_i(pipe_en_i), .a_i(a_i[v*32 +: 32]), .b_i(b_i[v*32 +: 32]),
          .product_o(product)
      );

      // numbers taken in by lane v, as products with one
      wire [60:0] above_1, above_2, above_4, above_8;

      if (v % 2 == 0 && v + 1 < V) begin : gen_above_1
        flexmac_fp32_unit u_unit (.value_i(head[(v+1)*32 +: 32]), .product_o(above_1));
      end else begin : gen_no_above_1
        assign above_1 = NO_PRODUCT;
      end
      if (v % 4 == 0 && v + 2 < V) begin : gen_above_2
        flexmac_fp32_unit u_unit (.value_i(head[(v+2)*32 +: 32]), .product_o(above_2));
      end else begin : gen_no_above_2
        assign above_2 = NO_PRODUCT;
      end
      if (v % 8 == 0 && v + 4 < V) begin : gen_above_4
        flexmac_fp32_unit u_unit (.value_i(head[(v+4)*32 +: 32]), .product_o(above_4));
      end else begin : gen_no_above_4
        assign above_4 = NO_PRODUCT;
      end
      if (v % 16 == 0 && v + 8 < V) begin : gen_above_8
        flexmac_fp32_unit u_unit (.value_i(head[(v+8)*32 +: 32]), .product_o(above_8));
      end else begin : gen_no_above_8
        assign above_8 = NO_PRODUCT;
      end

      wire [60:0] held;

      if (v == 0 && ADD_REGS != 4'd0) begin : gen_held
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

      flexmac_fp32_add #(.REGS(ADD_REGS)) u_add (
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
