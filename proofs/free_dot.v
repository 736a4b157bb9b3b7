// Stands for flexmac_dot where a proof holds for any pair at all: free outputs, nothing else.
`default_nettype none

module flexmac_dot #(
    parameter CHUNK   = 8,
    parameter LANES   = 1,
    parameter PAIR_WIDTH   = 17,
    parameter CUT = 0
) (
    input  wire           clk_i,
    input  wire           cut_en_i,
    input  wire           a_signed_i,
    input  wire           b_signed_i,
    input  wire [LANES*CHUNK-1:0] a_i,
    input  wire [LANES*CHUNK-1:0] b_i,
    output wire [  PAIR_WIDTH-1:0] sum_o,
    output wire [  PAIR_WIDTH-1:0] carry_o
);

  (* anyseq *) wire [PAIR_WIDTH-1:0] any_sum;
  (* anyseq *) wire [PAIR_WIDTH-1:0] any_carry;
  assign sum_o = any_sum;
  assign carry_o = any_carry;

endmodule

`default_nettype wire
