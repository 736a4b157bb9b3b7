// Collects bus words into one beat of a stream, the lowest first.
//
// The last word of a beat also says whether the beat is a packet's last. A word waits (no ack)
// while a whole beat has not been taken.
//
// Parameters: WORDS >= 2: words of a beat.
// Latency 1; throughput one word a cycle while beats are taken.
`default_nettype none

module word_to_beat #(
    parameter WORDS = 2
) (
    input  wire                clk_i,
    input  wire                rst_i,
    // bus
    input  wire                write_i,
    input  wire                last_i,
    input  wire [        31:0] word_i,
    output wire                ack_o,
    // stream
    output reg                 valid_o,
    input  wire                ready_i,
    output reg  [WORDS*32-1:0] beat_o,
    output reg                 last_o
);

  localparam CW = $clog2(WORDS + 1);
  localparam [CW-1:0] FINAL = WORDS - 1;
  localparam [CW-1:0] ONE = 1;

  reg [CW-1:0] count_q;

  assign ack_o = write_i && !valid_o;

  always @(posedge clk_i) begin
    if (rst_i) begin
      valid_o <= 1'b0;
      count_q <= {CW{1'b0}};
    end else if (ack_o) begin
      valid_o <= count_q == FINAL;
      count_q <= count_q == FINAL ? {CW{1'b0}} : count_q + ONE;
    end else if (ready_i) begin
      valid_o <= 1'b0;
    end
  end

  always @(posedge clk_i) begin
    if (ack_o) begin
      beat_o <= {word_i, beat_o[WORDS*32-1:32]};
      last_o <= last_i;
    end
  end

endmodule

`default_nettype wire
