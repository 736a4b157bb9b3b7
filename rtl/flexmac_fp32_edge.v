// End of one float column: adds the preload, if there is one, to each sum on its way out.
//
// The sums of a tile pass one row a cycle; the stages are those of flexmac_drain, so that float and
// integer arrays drain alike. Without a preload a sum passes unchanged (-0 is added).
//
//   chain_i, preload_i, result_o   binary32
//   low_o, high_o                  the result is -infinity, +infinity
//
// Parameters: none.
// Latency 5 stages and the result register; throughput one row a cycle. Control: flexmac_drain.
`default_nettype none

module flexmac_fp32_edge (
    input  wire        clk_i,
    // control
    input  wire        align_en_i,
    input  wire        sum_en_i,
    input  wire [ 1:0] sum_base_i,   // add to: 1 the preload, else nothing
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
  localparam [31:0] NOTHING = 32'h80000000;  // -0

  reg  [31:0] sum_q;
  wire [60:0] sum;

  always @(posedge clk_i) begin
    if (align_en_i) sum_q <= chain_i;
  end

  flexmac_fp32_unit u_unit (.value_i(sum_q), .product_o(sum));

  flexmac_fp32_add #(.REGS(4'b1111)) u_add (
      .clk_i    (clk_i),
      .en_i     ({result_en_i, round_en_i, shift_en_i, resolve_en_i, sum_en_i}),
      .product_i(sum),
      .addend_i (sum_base_i == BASE_PRELOAD ? preload_i : NOTHING),
      .sum_o    (result_o)
  );

  assign low_o = result_o == 32'hff800000;
  assign high_o = result_o == 32'h7f800000;

endmodule

`default_nettype wire
