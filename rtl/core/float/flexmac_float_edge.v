// End of one float column: adds the preload, if there is one, to each result that leaves.
//
// The results of a tile pass one row per cycle. The stages are those of flexmac_drain, so float and
// integer arrays drain alike. Without a preload a result passes unchanged: +0 is added.
//
//   chain_i, preload_i, result_o   binary32
//   low_o, high_o                  the result is -infinity, +infinity
//
// Parameters: none.
// Latency: 5 stages and the result register. Throughput: one row per cycle.
// Not handled: the order of stages; flexmac_drain controls them.
`default_nettype none

module flexmac_float_edge (
    input  wire        clk_i,
    // control
    input  wire        align_en_i,
    input  wire        sum_en_i,
    input  wire [ 1:0] sum_base_i,  // add to: 1 the preload, else nothing
    input  wire        resolve_en_i,
    input  wire        shift_en_i,
    input  wire        round_en_i,
    input  wire        result_en_i,
    // data
    input  wire [31:0] chain_i,
    input  wire [31:0] preload_i,
    output wire [31:0] result_o,
    // status, with result_o
    output wire        low_o,
    output wire        high_o
);

  localparam [1:0] BASE_PRELOAD = 2'd1;

  reg [31:0] sum_q;

  always @(posedge clk_i) begin
    if (align_en_i) sum_q <= chain_i;
  end

  // a subnormal result is not normalized, but its exponent is 1, and below that nothing is lost
  wire normal = sum_q[30:23] != 8'd0;
  wire special = sum_q[30:23] == 8'hff;
  wire fraction = sum_q[22:0] != 23'd0;

  flexmac_float_add #(.SUM_WIDTH(24), .REGISTERS(4'b1111)) u_add (
      .clk_i   (clk_i),
      .en_i    ({result_en_i, round_en_i, shift_en_i, resolve_en_i, sum_en_i}),
      .sum_i   ({special && fraction, special && !fraction, sum_q[31], 2'd0, sum_q[30:24],
          sum_q[23] || (!normal && fraction), normal, sum_q[22:0]}),
      .addend_i(sum_base_i == BASE_PRELOAD ? preload_i : 32'd0),
      .sum_o   (result_o)
  );

  assign low_o = result_o == 32'hff800000;
  assign high_o = result_o == 32'h7f800000;

`ifdef FORMAL
  // Rules, with stages enabled every cycle; 5 stages and the result register after a sum came:
  // 1. Without a preload the result is the sum itself, bit by bit (a NaN is the one NaN, a zero is
  //    +0).
  // 2. low_o and high_o tell of -infinity and +infinity.
  // 3. NaN in, NaN out; infinity and what is not its opposite make infinity.
  reg [31:0] f_chain [0:6];
  reg [31:0] f_preload [0:6];
  reg [2:0] f_flow = 3'd0;
  reg [6:0] f_base;
  integer f_n;
  wire [31:0] f_a = f_chain[6];
  wire [31:0] f_b = f_preload[5];
  wire f_a_nan = f_a[30:23] == 8'hff && f_a[22:0] != 0;
  wire f_b_nan = f_b[30:23] == 8'hff && f_b[22:0] != 0;
  wire f_a_inf = f_a[30:0] == 31'h7f800000;
  wire f_b_inf = f_b[30:0] == 31'h7f800000;

  always @(posedge clk_i) begin
    if (f_flow != 3'd7) f_flow <= f_flow + 3'd1;
    f_chain[1] <= chain_i;
    f_preload[1] <= preload_i;
    f_base <= {f_base, sum_base_i == BASE_PRELOAD};
    for (f_n = 2; f_n < 7; f_n = f_n + 1) begin
      f_chain[f_n] <= f_chain[f_n-1];
      f_preload[f_n] <= f_preload[f_n-1];
    end
  end

  always @* begin
    f_chain[0] = chain_i;
    f_preload[0] = preload_i;
    assume (align_en_i && sum_en_i && resolve_en_i && shift_en_i && round_en_i && result_en_i);
    assert (low_o == (result_o == 32'hff800000) && high_o == (result_o == 32'h7f800000));
    if (f_flow == 3'd7) begin
      if (!f_base[4])
        assert (result_o == (f_a_nan ? 32'h7fc00000 : f_a[30:0] == 0 ? 32'd0 : f_a));
      else if (f_a_nan || f_b_nan || (f_a_inf && f_b_inf && f_a[31] != f_b[31]))
        assert (result_o == 32'h7fc00000);
      else if (f_a_inf) assert (result_o == f_a);
      else if (f_b_inf) assert (result_o == f_b);
      cover (!f_base[4] && f_a[30:23] == 0 && f_a[22:0] == 23'd1);
      cover (f_base[4] && f_a_nan);
      cover (f_base[4] && low_o && f_b_inf);
    end
  end
`endif

endmodule

`default_nettype wire
