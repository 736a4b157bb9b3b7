// A pipeline register with enable that may be left out.
//
// It keeps registers outside of the combinational blocks between them. It has no reset: valid bits
// that travel beside the data say when the data counts.
//
// Parameters:
//   WIDTH     bits, at least 1
//   REGISTER  1: a register; 0: a wire
//
// Latency: REGISTER enabled cycles.
`default_nettype none

module flexmac_pipe #(
    parameter WIDTH    = 1,
    parameter REGISTER = 1
) (
    input  wire             clk_i,
    // control
    input  wire             en_i,
    // data
    input  wire [WIDTH-1:0] d_i,
    output wire [WIDTH-1:0] q_o
);

  generate
    if (WIDTH < 1) begin : gen_bad_width
      flexmac_pipe_WIDTH_must_be_at_least_1 u_illegal ();
    end
  endgenerate

  generate
    if (REGISTER != 0) begin : gen_register
      reg [WIDTH-1:0] data_q;
      always @(posedge clk_i) if (en_i) data_q <= d_i;
      assign q_o = data_q;
    end else begin : gen_wire
      wire unused_wire = &{1'b0, clk_i, en_i};
      assign q_o = d_i;
    end
  endgenerate

`ifdef FORMAL
  // Rules
  // 1. REGISTER: what was given at the last enable, and nothing else, shows. Otherwise what is
  //    given.
  reg past_valid = 1'b0;
  always @(posedge clk_i) past_valid <= 1'b1;

  always @(posedge clk_i) begin
    if (REGISTER == 0) assert (q_o == d_i);
    else if (past_valid && $past(en_i)) assert (q_o == $past(d_i));
    else if (past_valid) assert (q_o == $past(q_o));
    cover (past_valid && q_o != $past(q_o));
    cover (past_valid && !$past(en_i) && d_i != $past(d_i));
  end
`endif

endmodule

`default_nettype wire
