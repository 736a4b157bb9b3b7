// N registers in a row that always move: data that must arrive N cycles later.
//
// Never frozen, so it has no enable to broadcast; what the data is good for travels beside it
// (flexmac_delay). No reset.
//
// Skews of one content stay apart (`keep`): each is there to drive its own part of the array, and
// Yosys would make one register of them, which then drives all of it.
//
// Parameters: W >= 1: width; N >= 0: cycles, 0 is a wire.
// Latency N cycles.
`default_nettype none

module flexmac_skew #(
    parameter W = 1,
    parameter N = 1
) (
    input  wire         clk_i,
    // data
    input  wire [W-1:0] d_i,
    output wire [W-1:0] q_o
);

  generate
    if (W < 1) begin : gen_bad_w
      flexmac_skew_W_must_be_at_least_1 u_illegal ();
    end
    if (N < 0) begin : gen_bad_n
      flexmac_skew_N_must_be_at_least_0 u_illegal ();
    end
  endgenerate

  generate
    if (N == 0) begin : gen_wire
      wire unused_wire = &{1'b0, clk_i};
      assign q_o = d_i;
    end else if (N == 1) begin : gen_register
      reg [W-1:0] data_q;
      (* keep *) always @(posedge clk_i) data_q <= d_i;
      assign q_o = data_q;
    end else begin : gen_line
      reg [N*W-1:0] line_q;  // newest lowest
      (* keep *) always @(posedge clk_i) line_q <= {line_q[(N-1)*W-1:0], d_i};
      assign q_o = line_q[(N-1)*W +: W];
    end
  endgenerate

`ifdef FORMAL
  // Rules
  // 1. What shows was given N cycles before, always.
  reg  [(N+1)*W-1:0] f_line;
  reg  [7:0] f_age = 8'd0;
  wire [(N+1)*W-1:0] f_now = {f_line, d_i};

  always @(posedge clk_i) begin
    if (f_age < N) f_age <= f_age + 8'd1;
    f_line <= f_now;
  end

  always @* begin
    if (f_age >= N) assert (q_o == f_now[N*W +: W]);
    cover (f_age >= N && q_o != 0);
  end
`endif

endmodule

`default_nettype wire
