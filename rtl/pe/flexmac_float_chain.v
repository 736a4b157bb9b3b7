// The results of one float PE on their way into the column's chain.
//
// A PE ends a tile with RESULTS results, which leave its loop in as many slots. The chain takes one
// of them per row at a time, so the others wait in a queue:
//
//   value_i --+---> queue[RESULTS-2] -> ... -> queue[0] --+
//             |                                           +--> chain_q --> chain_o
//             +-------------------------------------------+       ^
//                                                                 +-- chain_i, the row below
//
//   value_i, chain_i, chain_o   WIDTH bits
//
// Parameters:
//   WIDTH    bits of a result
//   RESULTS  results of a PE, 1..16
//
// Latency: one cycle. Throughput: one value per cycle.
// Not handled: what is in which place; flexmac_float_blocks controls all PEs alike.
`default_nettype none

module flexmac_float_chain #(
    parameter WIDTH   = 32,
    parameter RESULTS = 1
) (
    input  wire               clk_i,
    // control: enables of this cycle
    input  wire               load_i,        // chain_q takes a result
    input  wire               load_queued_i, // ... from the queue, else value_i
    input  wire [RESULTS-1:0] put_i,         // queue[n] takes value_i; top bit without effect
    input  wire [RESULTS-1:0] move_i,        // queue[n] takes queue[n+1]; top bits without effect
    input  wire               drain_i,       // chain_q takes the row below
    // data
    input  wire [  WIDTH-1:0] value_i,
    input  wire [  WIDTH-1:0] chain_i,
    output wire [  WIDTH-1:0] chain_o
);

  generate
    if (RESULTS < 1 || RESULTS > 16) begin : gen_bad_results
      flexmac_float_chain_RESULTS_must_be_1_to_16 u_illegal ();
    end
  endgenerate

  reg [WIDTH-1:0] chain_q;
  wire [WIDTH-1:0] head;
  wire unused_top = &{1'b0, put_i[RESULTS-1], move_i[RESULTS-1]};

  genvar n;
  generate
    if (RESULTS == 1) begin : gen_no_queue
      wire unused_queue = &{1'b0, load_queued_i};
      assign head = value_i;
    end else begin : gen_queue
      wire [RESULTS*WIDTH-1:0] queue;  // the top place stays empty
      assign queue[(RESULTS-1)*WIDTH +: WIDTH] = {WIDTH{1'b0}};
      for (n = 0; n < RESULTS - 1; n = n + 1) begin : gen_place
        reg [WIDTH-1:0] place_q;
        always @(posedge clk_i) begin
          if (put_i[n]) place_q <= value_i;
          else if (move_i[n]) place_q <= queue[(n+1)*WIDTH +: WIDTH];
        end
        assign queue[n*WIDTH +: WIDTH] = place_q;
      end
      assign head = load_queued_i ? queue[WIDTH-1:0] : value_i;
    end
  endgenerate

  always @(posedge clk_i) begin
    if (load_i) chain_q <= head;
    else if (drain_i) chain_q <= chain_i;
  end

  assign chain_o = chain_q;

`ifdef FORMAL
  // Rules
  // 1. The chain takes value_i or the head of the queue on load_i, else chain_i on drain_i, else it
  //    holds.
  // 2. A place of the queue takes value_i when put, else the place above when moved, else it holds:
  //    a copy made here at each enable agrees with what is loaded.
  reg [WIDTH-1:0] f_place [0:RESULTS];
  reg [WIDTH-1:0] f_chain;
  reg [RESULTS:0] f_known = 0;  // places that took a value
  reg f_chain_known = 1'b0;
  integer f;

  always @(posedge clk_i) begin
    f_known[RESULTS] <= 1'b0;
    for (f = 0; f < RESULTS - 1; f = f + 1) begin
      if (put_i[f]) begin
        f_place[f] <= value_i;
        f_known[f] <= 1'b1;
      end else if (move_i[f]) begin
        f_place[f] <= f_place[f+1];
        f_known[f] <= f + 2 < RESULTS && f_known[f+1];
      end
    end
    if (load_i && RESULTS > 1 && load_queued_i) begin
      f_chain <= f_place[0];
      f_chain_known <= f_known[0];
    end else if (load_i) begin
      f_chain <= value_i;
      f_chain_known <= 1'b1;
    end else if (drain_i) begin
      f_chain <= chain_i;
      f_chain_known <= 1'b1;
    end
  end

  generate
    if (RESULTS > 1) begin : gen_agree
      always @* begin
        for (f = 0; f < RESULTS - 1; f = f + 1)
          if (f_known[f]) assert (gen_queue.queue[f*WIDTH +: WIDTH] == f_place[f]);
      end
    end
  endgenerate

  always @* begin
    if (f_chain_known) assert (chain_o == f_chain);
    cover (f_chain_known && f_known[0] && RESULTS > 1 || RESULTS == 1);
    cover (load_i && load_queued_i && f_known[0] || RESULTS == 1);
  end
`endif

endmodule

`default_nettype wire
