// Rules of flexmac_core for one command of symbolic operands; 1 x 1, chunk 2, lanes 1, max_bits 4,
// max_k 2. NA, NB planes and K long, any stalls of the result beat; truncated by SHIFT.
// 1. The sum that reaches rounding is the exact sum of the products.
// 2. The one result beat is that sum, rounded to the floor of its 2^SHIFT-th.
// 3. No deadlock: the command is taken at once, and its result offered within BOUND cycles.
`default_nettype none

module core #(
    parameter NA = 1,
    parameter NB = 1,
    parameter K = 1,
    parameter SHIFT = 0,
    parameter BOUND = 16
) (
    input wire clk_i,
    input wire ready
);

  (* anyconst *) wire [7:0] a;   // word n at bits 2n: plane 0's K words, then plane 1's
  (* anyconst *) wire [7:0] b;
  reg  [5:0] cycle = 6'd0;
  reg  [1:0] op_a_q, op_b_q;
  reg  offered_q = 1'b0, taken_q = 1'b0;
  wire cmd_ready, ren, bank, res_valid, res_last, sum_valid, busy;
  wire [1:0] addr_a, addr_b;
  wire [31:0] res;
  wire [47:0] sum;

  flexmac_core u_core (
      .clk_i(clk_i), .rst_ni(cycle != 6'd0), .mode_shift_i(SHIFT), .mode_bits_i(6'd32),
      .mode_round_i(2'd1), .cmd_valid_i(cycle == 6'd1), .cmd_ready_o(cmd_ready),
      .cmd_planes_a_i(NA), .cmd_planes_b_i(NB), .cmd_words_i(K), .cmd_rows_i(1'b1),
      .cmd_cols_i(1'b1), .cmd_base_i(2'd0), .cmd_emit_i(1'b1), .cmd_bank_i(1'b0),
      .op_ren_o(ren), .op_bank_o(bank), .op_addr_a_o(addr_a), .op_addr_b_o(addr_b),
      .op_a_i(op_a_q), .op_b_i(op_b_q), .pre_valid_i(1'b0), .pre_data_i(48'd0),
      .seed_valid_i(1'b0), .seed_data_i(32'd0), .res_valid_o(res_valid), .res_ready_i(ready),
      .res_data_o(res), .res_last_o(res_last), .sum_valid_o(sum_valid), .sum_data_o(sum),
      .busy_o(busy), .ctr_clear_i(1'b0)
  );

  always @(posedge clk_i) begin
    if (cycle != 6'd63) cycle <= cycle + 6'd1;
    if (ren) {op_a_q, op_b_q} <= {a[2*addr_a +: 2], b[2*addr_b +: 2]};
    offered_q <= cycle != 6'd0 && (offered_q || res_valid);
    taken_q <= cycle != 6'd0 && (taken_q || (res_valid && ready));
  end

  reg  signed [47:0] exact, x, y;
  integer k, plane;

  always @* begin
    exact = 48'sd0;
    for (k = 0; k < K; k = k + 1) begin
      x = 48'sd0;
      y = 48'sd0;
      for (plane = 0; plane < NA; plane = plane + 1)
        x = x + ((plane == NA - 1 ? $signed(a[2*(plane*K+k) +: 2]) : $signed({1'b0, a[2*(plane*K+k) +: 2]}))
            <<< (2 * plane));
      for (plane = 0; plane < NB; plane = plane + 1)
        y = y + ((plane == NB - 1 ? $signed(b[2*(plane*K+k) +: 2]) : $signed({1'b0, b[2*(plane*K+k) +: 2]}))
            <<< (2 * plane));
      exact = exact + x * y;
    end
    if (cycle == 6'd1) assert (cmd_ready);
    if (cycle > 6'd1 && sum_valid) assert ($signed(sum) == exact);
    if (cycle > 6'd1 && res_valid) assert ($signed(res) == (exact >>> SHIFT) && res_last && !taken_q);
    if (cycle >= BOUND) assert (offered_q && (taken_q || res_valid));
    cover (taken_q && cycle == BOUND && exact < 0);
    cover (res_valid && !ready && exact > 1);
  end

endmodule

`default_nettype wire
