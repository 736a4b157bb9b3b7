// One-pass integer processing element: V products of whole operands a cycle into one accumulator.
//
// The baseline of flexmac_pe, in the same array: an operand of any width up to W comes sign-extended
// in one plane, so a tile is one significance, captured whole.
//
//   a x b  =  sum over slices i of 8 bits of (a x b[i]) << 8i
//
// With a register behind the partial products, multipliers are made of such slices, and all slices
// of all lanes are added up in one tree. Without it a multiplier is left to the synthesizer whole.
//
//   a_i, b_i    V x s(W-1).0, lane 0 lowest
//   chain_i/_o  s(ACC-1).0
//
// Parameters: W 2..32; V 1..16; ACC: 2W + log2 of the longest dot product, above 2W + log2(V);
// REGS, 4 bits: registers behind [0] the operands, [1] the partial products, [2] the products,
// [3] their sum.
// Latency: one cycle per register and one for the accumulator; throughput V products a cycle.
// Not handled: overflow; the bound on K excludes it.
`default_nettype none

module flexmac_fixed_pe #(
    parameter       W    = 32,
    parameter       V    = 1,
    parameter       ACC  = 76,
    parameter [3:0] REGS = 4'b1000
) (
    input  wire                  clk_i,
    // control: enables of this cycle; one significance a tile, so nothing is ever shifted
    input  wire [           3:0] pipe_en_i,   // registers of REGS
    input  wire                  acc_en_i,    // add a sum
    input  wire                  acc_clear_i, // ... to zero
    input  wire                  acc_shift_i,
    input  wire                  cap_i,       // capture the accumulator into the chain
    input  wire                  cap_last_i,
    input  wire                  drain_i,     // shift the chain towards row 0
    // data
    input  wire [       V*W-1:0] a_i,
    input  wire [       V*W-1:0] b_i,
    input  wire signed [ACC-1:0] chain_i,
    output wire signed [ACC-1:0] chain_o
);

  generate
    if (W < 2 || W > 32) begin : gen_bad_w
      flexmac_fixed_pe_W_must_be_2_to_32 u_illegal ();
    end
    if (V < 1 || V > 16) begin : gen_bad_v
      flexmac_fixed_pe_V_must_be_1_to_16 u_illegal ();
    end
    if (ACC <= 2 * W + $clog2(V)) begin : gen_bad_acc
      flexmac_fixed_pe_ACC_must_exceed_the_sum_of_a_word u_illegal ();
    end
  endgenerate

  localparam S = REGS[1] && W > 8 ? 8 : W;  // bits of a slice
  localparam N = (W + S - 1) / S;           // slices of an operand
  localparam T = W - (N - 1) * S;           // bits of the top one
  localparam PART = W + S;                  // one partial product
  localparam PROD = 2 * W;                  // one product
  localparam SUM = PROD + $clog2(V);        // V of them

  wire [V*W-1:0] a;
  wire [V*W-1:0] b;
  wire [V*N*PART-1:0] part_d;
  wire [V*N*PART-1:0] part;
  wire signed [SUM-1:0] sum_d;
  wire signed [SUM-1:0] sum;
  wire unused_control = &{1'b0, acc_shift_i, cap_last_i};

  flexmac_pipe #(.W(2 * V * W), .ON(REGS[0])) u_operands (
      .clk_i(clk_i), .en_i(pipe_en_i[0]), .d_i({a_i, b_i}), .q_o({a, b})
  );

  genvar lane, slice;
  generate
    for (lane = 0; lane < V; lane = lane + 1) begin : gen_lane
      for (slice = 0; slice < N - 1; slice = slice + 1) begin : gen_slice
        flexmac_fixed_mul #(.W(W), .S(S), .TOP(0)) u_mul (
            .a_i      (a[lane*W +: W]),
            .b_i      (b[lane*W+slice*S +: S]),
            .product_o(part_d[(lane*N+slice)*PART +: PART])
        );
      end
      wire signed [W+T-1:0] top;
      flexmac_fixed_mul #(.W(W), .S(T), .TOP(1)) u_mul (
          .a_i(a[lane*W +: W]), .b_i(b[lane*W+(N-1)*S +: T]), .product_o(top)
      );
      if (T < S) begin : gen_extend
        assign part_d[(lane*N+N-1)*PART +: PART] = {{(S - T) {top[W+T-1]}}, top};
      end else begin : gen_whole
        assign part_d[(lane*N+N-1)*PART +: PART] = top;
      end
    end
  endgenerate

  flexmac_pipe #(.W(V * N * PART), .ON(REGS[1])) u_parts (
      .clk_i(clk_i), .en_i(pipe_en_i[1]), .d_i(part_d), .q_o(part)
  );

  generate
    if (REGS[2]) begin : gen_products
      reg [V*PROD-1:0] product_d;
      wire [V*PROD-1:0] product;
      reg signed [SUM-1:0] total;
      integer i, j;

      always @* begin
        product_d = {V * PROD{1'b0}};
        for (i = 0; i < V; i = i + 1)
          for (j = 0; j < N; j = j + 1)
            product_d[i*PROD +: PROD] = product_d[i*PROD +: PROD]
                + ({{(PROD - PART) {part[(i*N+j)*PART+PART-1]}}, part[(i*N+j)*PART +: PART]}
                   << (j * S));
      end

      flexmac_pipe #(.W(V * PROD), .ON(1)) u_products (
          .clk_i(clk_i), .en_i(pipe_en_i[2]), .d_i(product_d), .q_o(product)
      );

      always @* begin
        total = {SUM{1'b0}};
        for (i = 0; i < V; i = i + 1)
          total = total + {{(SUM - PROD + 1) {product[i*PROD+PROD-1]}}, product[i*PROD +: PROD-1]};
      end

      assign sum_d = total;
    end else begin : gen_one_tree
      reg signed [SUM-1:0] total;
      integer i, j;
      wire unused_enable = pipe_en_i[2];

      always @* begin
        total = {SUM{1'b0}};
        for (i = 0; i < V; i = i + 1)
          for (j = 0; j < N; j = j + 1)
            total = total
                + ({{(SUM - PART) {part[(i*N+j)*PART+PART-1]}}, part[(i*N+j)*PART +: PART]}
                   << (j * S));
      end

      assign sum_d = total;
    end
  endgenerate

  flexmac_pipe #(.W(SUM), .ON(REGS[3])) u_sum (
      .clk_i(clk_i), .en_i(pipe_en_i[3]), .d_i(sum_d), .q_o(sum)
  );

  reg signed [ACC-1:0] acc_q;
  reg signed [ACC-1:0] chain_q;
  wire [ACC-1:0] base = acc_clear_i ? {ACC{1'b0}} : acc_q;
  wire [ACC-1:0] acc_d;

  flexmac_adder #(.W(ACC)) u_acc (
      .a_i(base), .b_i({{(ACC - SUM) {sum[SUM-1]}}, sum}), .carry_i(1'b0), .sum_o(acc_d)
  );

  always @(posedge clk_i) begin
    if (acc_en_i) acc_q <= acc_d;
  end

  always @(posedge clk_i) begin
    if (cap_i) chain_q <= acc_q;
    else if (drain_i) chain_q <= chain_i;
  end

  assign chain_o = chain_q;

`ifdef FORMAL
  // Rules, for any number of words; given products that the accumulator's width can hold.
  // 1. Each word adds the sum of the lanes' products, as integers, of the operands as they were one
  //    enabled register each ago; a clear starts from 0.
  // 2. A capture takes the accumulator, a drain shifts the chain, a capture goes first.
  // The registers on the way are enabled every cycle here; flexmac_pipe tells of those that are not.
  localparam F_LAG = 0 + REGS[0] + REGS[1] + REGS[2] + REGS[3];
  reg  signed [ACC-1:0] f_word, f_sum;
  reg  signed [ACC-1:0] f_line [0:4];
  reg  [2:0] f_flow = 3'd0;
  reg  f_begun = 1'b0;
  integer f_lane, f_stage;

  always @* begin
    f_word = 0;
    for (f_lane = 0; f_lane < V; f_lane = f_lane + 1)
      f_word = f_word + $signed(a_i[f_lane*W +: W]) * $signed(b_i[f_lane*W +: W]);
    f_line[0] = f_word;
  end

  always @(posedge clk_i) begin
    if (f_flow != 3'd7) f_flow <= f_flow + 3'd1;
    for (f_stage = 1; f_stage < 5; f_stage = f_stage + 1) f_line[f_stage] <= f_line[f_stage-1];
    if (acc_en_i) begin
      f_begun <= f_begun || acc_clear_i;
      f_sum <= (acc_clear_i ? 0 : f_sum) + f_line[F_LAG];
    end
  end

  always @* begin
    assume (pipe_en_i == 4'b1111);
    if (acc_en_i) assume (f_flow > F_LAG);
    if (f_begun) assert (acc_q == f_sum);
    cover (f_begun && f_sum < 0 && acc_en_i && !acc_clear_i && f_line[F_LAG] > 0);
  end

  always @(posedge clk_i) begin
    if (f_flow != 0) begin
      if ($past(cap_i)) assert (chain_o == $past(acc_q));
      else if ($past(drain_i)) assert (chain_o == $past(chain_i));
      else assert (chain_o == $past(chain_o));
      cover ($past(cap_i && drain_i) && chain_o != 0);
    end
  end
`endif

endmodule

`default_nettype wire
