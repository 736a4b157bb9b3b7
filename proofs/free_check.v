// Stands for flexmac_check where a proof holds for any verdicts that keep its rules: one for each
// command, two cycles later; of a legal one lengths of 1 to a bank and rows of the array. Without
// its multipliers.
`default_nettype none

module flexmac_check #(
    parameter ROWS       = 8,
    parameter COLS       = 8,
    parameter CHUNK          = 8,
    parameter LANES          = 4,
    parameter MAX_BITS   = 32,
    parameter MAX_K      = 4096,
    parameter DEPTH      = 1024,
    parameter SHIFT_MAX  = 112,
    parameter ROUNDING   = 7,
    parameter RECIPROCAL = 131072,
    parameter RECIPROCAL_SHIFT     = 19,
    parameter WORDS_WIDTH         = 11,
    parameter PLANES_WIDTH         = 3
) (
    input  wire          clk_i,
    input  wire          rst_ni,
    input  wire          valid_i,
    input  wire [  31:0] k_i,
    input  wire [  15:0] rows_i,
    input  wire [  15:0] cols_i,
    input  wire [   7:0] bits_a_i,
    input  wire [   7:0] bits_b_i,
    input  wire [   7:0] bits_out_i,
    input  wire [  15:0] shift_i,
    input  wire [   7:0] round_i,
    input  wire [   7:0] base_i,
    output wire          valid_o,
    output wire          busy_o,
    output wire [   7:0] code_o,
    output wire [PLANES_WIDTH-1:0] planes_a_o,
    output wire [PLANES_WIDTH-1:0] planes_b_o,
    output wire [WORDS_WIDTH-1:0] words_o,
    output wire [WORDS_WIDTH-1:0] length_a_o,
    output wire [WORDS_WIDTH-1:0] length_b_o
);

  (* anyseq *) wire [7:0] any_code;
  (* anyseq *) wire [2*PLANES_WIDTH+3*WORDS_WIDTH-1:0] any_numbers;
  reg  [1:0] valid_q, rows_q;        // rows_q: they are legal

  assign valid_o = valid_q[1];
  assign busy_o = valid_q != 2'b00;
  assign code_o = any_code;
  assign {planes_a_o, planes_b_o, words_o, length_a_o, length_b_o} = any_numbers;

  always @(posedge clk_i) valid_q <= rst_ni ? {valid_q[0], valid_i} : 2'b00;
  always @(posedge clk_i) rows_q <= {rows_q[0], rows_i != 16'd0 && rows_i <= ROWS};

  always @* begin
    if (code_o == 8'd0) assume (rows_q[1]);
    if (code_o == 8'd0) assume (length_a_o != 0 && length_a_o <= DEPTH);
    if (code_o == 8'd0) assume (length_b_o != 0 && length_b_o <= DEPTH);
  end

endmodule

`default_nettype wire
