// Delay line of CYCLES registers with enable, cleared by reset: for control.
//
// Control travels through it beside a datapath of the same depth. The data that such control guards
// needs no reset, and so needs no copy of this module.
//
// Parameters:
//   WIDTH   bits, at least 1
//   CYCLES  registers, at least 0; 0: a wire
//
// Latency: CYCLES enabled cycles.
`default_nettype none

module flexmac_delay #(
    parameter WIDTH  = 1,
    parameter CYCLES = 1
) (
    input  wire             clk_i,
    input  wire             rst_ni,
    // control
    input  wire             en_i,
    // data
    input  wire [WIDTH-1:0] d_i,
    output wire [WIDTH-1:0] q_o
);

  generate
    if (WIDTH < 1) begin : gen_bad_width
      flexmac_delay_WIDTH_must_be_at_least_1 u_illegal ();
    end
    if (CYCLES < 0) begin : gen_bad_cycles
      flexmac_delay_CYCLES_must_be_at_least_0 u_illegal ();
    end
  endgenerate

  generate
    if (CYCLES == 0) begin : gen_wire
      wire unused_wire = &{1'b0, clk_i, rst_ni, en_i};
      assign q_o = d_i;
    end else begin : gen_line
      reg [CYCLES*WIDTH-1:0] line_q;  // newest lowest
      wire [(CYCLES+1)*WIDTH-1:0] line_d = {line_q, d_i};

      always @(posedge clk_i) begin
        if (!rst_ni) line_q <= {CYCLES * WIDTH{1'b0}};
        else if (en_i) line_q <= line_d[CYCLES*WIDTH-1:0];
      end

      assign q_o = line_d[CYCLES*WIDTH +: WIDTH];
    end
  endgenerate

`ifdef FORMAL
  // Rules
  // 1. After reset, zeros: what leaves was given CYCLES enabled cycles before, in order.
  // 2. Not enabled, it stands still.
  // The history keeps what was given at each enabled cycle, newest first.
  reg past_valid = 1'b0;
  always @(posedge clk_i) past_valid <= 1'b1;
  initial assume (!rst_ni);

  generate
    if (CYCLES == 0) begin : gen_rule_wire
      always @* begin
        assert (q_o == d_i);
        cover (q_o != 0);
      end
    end else begin : gen_rule_line
      reg [WIDTH-1:0] history [0:CYCLES-1];
      integer f;

      always @(posedge clk_i) begin
        for (f = 0; f < CYCLES; f = f + 1) begin
          if (!rst_ni) history[f] <= 0;
          else if (en_i) history[f] <= f == 0 ? d_i : history[f-1];
        end
      end

      // the invariant that makes the rule inductive: every place of the line, not only its end
      always @(posedge clk_i) begin
        if (past_valid) begin
          assert (q_o == history[CYCLES-1]);
          for (f = 0; f < CYCLES; f =
              f + 1) assert (gen_line.line_q[f*WIDTH +: WIDTH] == history[f]);
          if ($past(rst_ni) && !$past(en_i)) assert (q_o == $past(q_o));
          cover (q_o != 0);
          cover (q_o != 0 && !$past(en_i));
        end
      end
    end
  endgenerate
`endif

endmodule

`default_nettype wire
