// Delay line of CYCLES registers without enable and reset: for data.
//
// The line moves in every cycle, so no enable has to reach it. Control beside it (flexmac_delay)
// says when the data counts.
//
// The registers are marked `keep`: each line drives its own part of the array, and Yosys would
// merge lines with equal content into one that drives the whole array.
//
// Parameters:
//   WIDTH   bits, at least 1
//   CYCLES  registers, at least 0; 0: a wire
//
// Latency: CYCLES cycles.
`default_nettype none

module flexmac_skew #(
    parameter WIDTH  = 1,
    parameter CYCLES = 1
) (
    input  wire             clk_i,
    // data
    input  wire [WIDTH-1:0] d_i,
    output wire [WIDTH-1:0] q_o
);

  generate
    if (WIDTH < 1) begin : gen_bad_width
      flexmac_skew_WIDTH_must_be_at_least_1 u_illegal ();
    end
    if (CYCLES < 0) begin : gen_bad_cycles
      flexmac_skew_CYCLES_must_be_at_least_0 u_illegal ();
    end
  endgenerate

  generate
    if (CYCLES == 0) begin : gen_wire
      wire unused_wire = &{1'b0, clk_i};
      assign q_o = d_i;
    end else if (CYCLES == 1) begin : gen_register
      reg [WIDTH-1:0] data_q;
      (* keep *) always @(posedge clk_i) data_q <= d_i;
      assign q_o = data_q;
    end else begin : gen_line
      reg [CYCLES*WIDTH-1:0] line_q;  // newest lowest
      (* keep *) always @(posedge clk_i) line_q <= {line_q[(CYCLES-1)*WIDTH-1:0], d_i};
      assign q_o = line_q[(CYCLES-1)*WIDTH +: WIDTH];
    end
  endgenerate

`ifdef FORMAL
  // Rules
  // 1. What shows was given CYCLES cycles before, always.
  reg [(CYCLES+1)*WIDTH-1:0] f_line;
  reg [7:0] f_age = 8'd0;
  wire [(CYCLES+1)*WIDTH-1:0] f_now = {f_line, d_i};

  always @(posedge clk_i) begin
    if (f_age < CYCLES) f_age <= f_age + 8'd1;
    f_line <= f_now;
  end

  always @* begin
    if (f_age >= CYCLES) assert (q_o == f_now[CYCLES*WIDTH +: WIDTH]);
    cover (f_age >= CYCLES && q_o != 0);
  end
`endif

endmodule

`default_nettype wire
