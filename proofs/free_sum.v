// Stands for flexmac_sum where a proof holds for any sum at all: free outputs, nothing else.
`default_nettype none

module flexmac_sum #(
    parameter SUM_WIDTH  = 48,
    parameter ROWS = 8,
    parameter ROW_INDEX_WIDTH   = 3
) (
    input  wire           clk_i,
    input  wire           read_en_i,
    input  wire           take_i,
    input  wire [ ROW_INDEX_WIDTH-1:0] row_i,
    input  wire [    1:0] base_i,
    input  wire           add_en_i,
    input  wire           keep_i,
    input  wire           resolve_en_i,
    input  wire [SUM_WIDTH-1:0] aligned_i,
    input  wire [SUM_WIDTH-1:0] preload_i,
    output wire [SUM_WIDTH-1:0] sum_o
);

  (* anyseq *) wire [SUM_WIDTH-1:0] any_sum;
  assign sum_o = any_sum;

endmodule

`default_nettype wire
