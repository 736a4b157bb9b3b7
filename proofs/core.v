// Rules of flexmac_core as a whole, on a 2 x 1 array of chunk 2 and lane 1, for one command of 4 x 4
// bits and K = 2 from reset, whatever the operands, the mode, the preload and the stalls:
// 1. The sums that reach rounding are the exact dot products of the rows (plus the preload), in
//    order, one per row.
// 2. A result that is offered stays, unchanged, until it is taken; results and sums are as many as
//    rows; only the last is the last.
// 3. A preload or seed beat is taken only when it is offered and needed: each row takes one preload
//    beat where asked for, a tile one seed under stochastic rounding.
// 4. Bounded: with the outside willing, the command is accepted and everything is out within
//    DONE cycles.
// Bounded by the depth in proofs/cases.py: one command, from reset to idle.
`default_nettype none

module core #(
    parameter WILLING = 0  // 1: nothing is ever late
) (
    input wire clk
);

  localparam DONE = 31;
  // operands: two rows of two 4-bit values, one column of two
  (* anyconst *) wire signed [3:0] a00, a01, a10, a11, b0, b1;
  (* anyconst *) wire signed [47:0] pre0, pre1;
  (* anyconst *) wire use_preload;
  (* anyconst *) wire signed [7:0] shift;
  (* anyconst *) wire [5:0] bits;
  (* anyconst *) wire [1:0] round;
  (* anyseq *) wire offer_pre, offer_seed, take, offer_cmd;
  (* anyseq *) wire [31:0] seed;

  reg  [5:0] time_q = 6'd0;
  wire rst_n = time_q != 6'd0;
  always @(posedge clk) if (time_q != 6'd63) time_q <= time_q + 6'd1;

  reg  sent_q = 1'b0;
  wire cmd_valid = rst_n && !sent_q && (WILLING != 0 || offer_cmd);
  wire cmd_ready;
  reg  [3:0] op_a;
  reg  [1:0] op_b;
  wire ren;
  wire bank;
  wire [1:0] addr_a, addr_b;
  reg  [1:0] pres_q = 2'd0, seeds_q = 2'd0, results_q = 2'd0, sums_q = 2'd0;
  wire pre_valid = use_preload && pres_q != 2'd2 && (WILLING != 0 || offer_pre);
  wire pre_ready, seed_ready, res_valid, res_last, sum_valid, busy;
  wire seed_valid = seeds_q == 2'd0 && (WILLING != 0 || offer_seed);
  wire res_ready = WILLING != 0 || take;
  wire [31:0] res_data;
  wire signed [47:0] sum_data;

  // the bank: plane 0's two words, then plane 1's; A has two rows of a word
  always @(posedge clk) begin
    if (ren) begin
      case (addr_a)
        2'd0: op_a <= {a10[1:0], a00[1:0]};
        2'd1: op_a <= {a11[1:0], a01[1:0]};
        2'd2: op_a <= {a10[3:2], a00[3:2]};
        default: op_a <= {a11[3:2], a01[3:2]};
      endcase
      case (addr_b)
        2'd0: op_b <= b0[1:0];
        2'd1: op_b <= b1[1:0];
        2'd2: op_b <= b0[3:2];
        default: op_b <= b1[3:2];
      endcase
    end
  end

  flexmac_core u_core (
      .clk_i(clk), .rst_ni(rst_n),
      .mode_shift_i(shift), .mode_bits_i(bits), .mode_round_i(round),
      .cmd_valid_i(cmd_valid), .cmd_ready_o(cmd_ready),
      .cmd_planes_a_i(2'd2), .cmd_planes_b_i(2'd2), .cmd_words_i(3'd2), .cmd_rows_i(2'd2),
      .cmd_cols_i(1'd1), .cmd_base_i({1'b0, use_preload}), .cmd_emit_i(1'b1), .cmd_bank_i(1'b0),
      .op_ren_o(ren), .op_bank_o(bank), .op_addr_a_o(addr_a), .op_addr_b_o(addr_b),
      .op_a_i(op_a), .op_b_i(op_b),
      .pre_valid_i(pre_valid), .pre_ready_o(pre_ready), .pre_data_i(pres_q == 2'd0 ? pre0 : pre1),
      .seed_valid_i(seed_valid), .seed_ready_o(seed_ready), .seed_data_i(seed),
      .res_valid_o(res_valid), .res_ready_i(res_ready), .res_data_o(res_data),
      .res_last_o(res_last), .sum_valid_o(sum_valid), .sum_data_o(sum_data),
      .busy_o(busy), .ctr_clear_i(1'b0)
  );

  reg  refused_q = 1'b0;
  reg  [32:0] offered_q;
  // 8 bits a term, nothing lost
  wire signed [9:0] want0 = a00 * b0 + a01 * b1;
  wire signed [9:0] want1 = a10 * b0 + a11 * b1;
  wire signed [47:0] with0 = use_preload ? want0 + pre0 : want0;
  wire signed [47:0] with1 = use_preload ? want1 + pre1 : want1;
  wire stochastic = round == 2'd2;

  always @(posedge clk) begin
    if (cmd_valid && cmd_ready) sent_q <= 1'b1;
    if (rst_n && pre_valid && pre_ready) pres_q <= pres_q + 2'd1;
    if (rst_n && seed_valid && seed_ready) seeds_q <= seeds_q + 2'd1;
    if (rst_n && res_valid && res_ready) results_q <= results_q + 2'd1;
    if (rst_n && sum_valid) sums_q <= sums_q + 2'd1;
    refused_q <= rst_n && res_valid && !res_ready;
    offered_q <= {res_last, res_data};
  end

  always @* begin
    assume (shift >= -8'sd31 && shift <= 8'sd72 && bits >= 6'd2 && bits <= 6'd32 && round != 2'd3);
    if (time_q > 6'd1) begin
      if (sum_valid) assert (sums_q < 2'd2 && sum_data == (sums_q == 2'd0 ? with0 : with1));
      if (refused_q) assert (res_valid && offered_q == {res_last, res_data});
      if (res_valid) assert (results_q < 2'd2 && res_last == (results_q == 2'd1));
      if (pre_ready) assert (pre_valid && use_preload && pres_q < 2'd2);
      if (seed_ready) assert (seed_valid && stochastic && seeds_q == 2'd0);
      if (sent_q && !busy) assert (results_q == 2'd2 && sums_q == 2'd2);
      if (sent_q && !busy) assert (pres_q == {use_preload, 1'b0} && seeds_q == {1'b0, stochastic});
      if (WILLING != 0 && time_q >= DONE) assert (sent_q && !busy);
    end
    cover (sent_q && !busy && use_preload && stochastic);
    if (WILLING != 0) cover (busy && time_q > 6'd20);
    else cover (refused_q && results_q == 2'd1 && res_ready);
  end

endmodule

`default_nettype wire
