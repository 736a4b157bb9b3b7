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

  genvar lane;
  generate
    for (lane = 0; lane < V; lane = lane + 1) begin : gen_lane
      assign digits_o[lane*(P+1) +: P+1] = {signed_i & digits_i[lane*P+P-1], digits_i[lane*P +: P]};
    end
  endgenerate

endmodule

`default_nettype wire
