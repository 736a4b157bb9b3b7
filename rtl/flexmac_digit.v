// Gives V digits of one operand word their sign, once, at the edge of the array.
//
//   digits_i   V planes' bits of P each, lane 0 lowest
//   digits_o   s(P).0 each: extended by its own top bit where signed_i, by zero elsewhere
//
// Parameters: P: bits of a plane; V: lanes.
// Latency 0.
`default_nettype none

module flexmac_digit #(
    parameter P = 8,
    parameter V = 1
) (
    // control
    input  wire               signed_i,  // the word is of the operand's top plane
    // data
    input  wire [    V*P-1:0] digits_i,
    output wire [V*(P+1)-1:0] digits_o
);

  generate
    if (P < 2 || P > 16) begin : gen_bad_p
      flexmac_digit_P_must_be_2_to_16 u_illegal ();
    end
    if (V < 1) begin : gen_bad_v
      flexmac_digit_V_must_be_at_least_1 u_illegal ();
    end
  endgenerate

  genvar lane;
  generate
    for (lane = 0; lane < V; lane = lane + 1) begin : gen_lane
      assign digits_o[lane*(P+1) +: P+1] = {signed_i & digits_i[lane*P+P-1], digits_i[lane*P +: P]};
    end
  endgenerate

`ifdef FORMAL
  // Rules
  // 1. Each lane keeps the integer it had: bits weigh 2^i, the top one -2^(P-1) where signed.
  // 2. No lane depends on another.
  localparam signed [31:0] ONE = 32'sd1;
  reg signed [31:0] weighed;
  reg signed [31:0] given;
  integer f, g;

  always @* begin
    for (f = 0; f < V; f = f + 1) begin
      weighed = 32'sd0;
      for (g = 0; g < P; g = g + 1) begin
        if (digits_i[f*P+g]) begin
          weighed = signed_i && g == P - 1 ? weighed - (ONE <<< g) : weighed + (ONE <<< g);
        end
      end
      given = $signed(digits_o[f*(P+1) +: P+1]);
      assert (given == weighed);
    end
    cover (signed_i && given == -(ONE <<< (P - 1)));
    cover (!signed_i && given == (ONE <<< P) - ONE);
  end
`endif

endmodule

`default_nettype wire
