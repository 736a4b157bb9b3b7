// Checks a command and computes what the sequencer needs: planes, words, and the packets' lengths.
//
//   planes = ceil(bits / CHUNK)         CHUNK is a power of two
//   words  = ceil(k / LANES) = ((k + LANES - 1) * RECIPROCAL) >> RECIPROCAL_SHIFT,
//            exact for every legal k
//   length = planes * words             beats of an operand's packet; must fit a bank
//
// code_o is 0 for a legal command, else the first rule below that the command breaks, in their
// order. The codes are those of the register map (ERROR.code).
//
// Parameters:
//   ROWS .. DEPTH      limits of the array, as in flexmac_top; CHUNK 2..32, LANES 1..16
//   SHIFT_MAX          largest legal shift
//   ROUNDING           bit m: rounding mode m is built
//   RECIPROCAL         2^RECIPROCAL_SHIFT / LANES, rounded up (crates/rtlgen/src/top.rs)
//   RECIPROCAL_SHIFT   19 + log2(LANES), rounded up
//   WORDS_WIDTH        bits of a count of words
//   PLANES_WIDTH       bits of a count of planes
//
// Latency: 2 cycles. Throughput: one command per cycle.
`default_nettype none

module flexmac_check #(
    parameter ROWS             = 8,
    parameter COLS             = 8,
    parameter CHUNK            = 8,
    parameter LANES            = 4,
    parameter MAX_BITS         = 32,
    parameter MAX_K            = 4096,
    parameter DEPTH            = 1024,
    parameter SHIFT_MAX        = 112,
    parameter ROUNDING         = 7,
    parameter RECIPROCAL       = 131072,
    parameter RECIPROCAL_SHIFT = 19,
    parameter WORDS_WIDTH      = 11,
    parameter PLANES_WIDTH     = 3
) (
    input  wire                           clk_i,
    input  wire                           rst_ni,
    // command, as software wrote it
    input  wire                           valid_i,
    input  wire        [            31:0] k_i,
    input  wire        [            15:0] rows_i,
    input  wire        [            15:0] cols_i,
    input  wire        [             7:0] bits_a_i,
    input  wire        [             7:0] bits_b_i,
    input  wire        [             7:0] bits_out_i,
    input  wire signed [            15:0] shift_i,
    input  wire        [             7:0] round_i,
    input  wire        [             7:0] base_i,
    // verdict, and what is worked out
    output reg                            valid_o,
    output wire                           busy_o,  // a verdict is on its way or here
    output reg         [             7:0] code_o,
    output reg         [PLANES_WIDTH-1:0] planes_a_o,
    output reg         [PLANES_WIDTH-1:0] planes_b_o,
    output reg         [ WORDS_WIDTH-1:0] words_o,
    output wire        [ WORDS_WIDTH-1:0] length_a_o,
    output wire        [ WORDS_WIDTH-1:0] length_b_o
);

  generate
    if (CHUNK < 2 || CHUNK > 32) begin : gen_bad_chunk
      flexmac_check_CHUNK_must_be_2_to_32 u_illegal ();
    end
    if (LANES < 1 || LANES > 16) begin : gen_bad_lanes
      flexmac_check_LANES_must_be_1_to_16 u_illegal ();
    end
  endgenerate

  localparam K_WIDTH = 20;                         // k + LANES - 1
  localparam PRODUCT_WIDTH = K_WIDTH + 20;                    // ... times the reciprocal
  localparam FULL_LENGTH_WIDTH = K_WIDTH + PLANES_WIDTH;                    // planes * words
  localparam [K_WIDTH-1:0] ROUND_UP_K = LANES - 1;
  localparam [19:0] RECIPROCAL_W = RECIPROCAL;
  localparam [7:0] ROUND_UP_CHUNK = CHUNK - 1;
  localparam LOG_CHUNK = $clog2(CHUNK);
  localparam [31:0] MAX_K_W = MAX_K;
  localparam [15:0] ROWS_W = ROWS;
  localparam [15:0] COLS_W = COLS;
  localparam [7:0] MAX_BITS_W = MAX_BITS;
  localparam signed [15:0] SHIFT_LOW = -16'sd31;
  localparam signed [15:0] SHIFT_HIGH = SHIFT_MAX[15:0];
  localparam [FULL_LENGTH_WIDTH-1:0] DEPTH_W = DEPTH;
  localparam [3:0] MODES = ROUNDING;

  localparam [7:0] OK = 8'd0;
  localparam [7:0] BAD_K = 8'd2;
  localparam [7:0] BAD_BITS_A = 8'd3;
  localparam [7:0] BAD_BITS_B = 8'd4;
  localparam [7:0] BAD_ROWS = 8'd5;
  localparam [7:0] BAD_COLS = 8'd6;
  localparam [7:0] BAD_BASE = 8'd7;
  localparam [7:0] BAD_SHIFT = 8'd8;
  localparam [7:0] BAD_BITS_OUT = 8'd9;
  localparam [7:0] BAD_ROUND = 8'd10;
  localparam [7:0] BAD_DEPTH = 8'd11;

  // first stage: limits, planes, words
  wire [K_WIDTH-1:0] k_up = k_i[K_WIDTH-1:0] + ROUND_UP_K;
  wire [PRODUCT_WIDTH-1:0] scaled =
      ({{(PRODUCT_WIDTH - K_WIDTH) {1'b0}}, k_up} * {{(PRODUCT_WIDTH - 20) {1'b0}}, RECIPROCAL_W})
      >> RECIPROCAL_SHIFT;
  wire [7:0] planes_a = (bits_a_i + ROUND_UP_CHUNK) >> LOG_CHUNK;
  wire [7:0] planes_b = (bits_b_i + ROUND_UP_CHUNK) >> LOG_CHUNK;
  wire unused_high =
      &{1'b0, scaled[PRODUCT_WIDTH-1:K_WIDTH], planes_a[7:PLANES_WIDTH], planes_b[7:PLANES_WIDTH]};

  reg valid_q;
  reg [7:0] code_d, code_q;
  reg [PLANES_WIDTH-1:0] planes_a_q, planes_b_q;
  reg [K_WIDTH-1:0] words_q;

  always @* begin
    code_d = OK;
    if (k_i == 32'd0 || k_i > MAX_K_W) code_d = BAD_K;
    else if (bits_a_i < 8'd2 || bits_a_i > MAX_BITS_W) code_d = BAD_BITS_A;
    else if (bits_b_i < 8'd2 || bits_b_i > MAX_BITS_W) code_d = BAD_BITS_B;
    else if (rows_i == 16'd0 || rows_i > ROWS_W) code_d = BAD_ROWS;
    else if (cols_i == 16'd0 || cols_i > COLS_W) code_d = BAD_COLS;
    else if (base_i > 8'd2) code_d = BAD_BASE;
    else if (shift_i < SHIFT_LOW || shift_i > SHIFT_HIGH) code_d = BAD_SHIFT;
    else if (bits_out_i < 8'd2 || bits_out_i > 8'd32) code_d = BAD_BITS_OUT;
    else if (round_i > 8'd3 || !MODES[round_i[1:0]]) code_d = BAD_ROUND;
  end

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q <= 1'b0;
      valid_o <= 1'b0;
    end else begin
      valid_q <= valid_i;
      valid_o <= valid_q;
    end
  end

  always @(posedge clk_i) begin
    code_q <= code_d;
    planes_a_q <= planes_a[PLANES_WIDTH-1:0];
    planes_b_q <= planes_b[PLANES_WIDTH-1:0];
    words_q <= scaled[K_WIDTH-1:0];
  end

  // second stage: lengths
  wire [FULL_LENGTH_WIDTH-1:0] length_a =
      {{K_WIDTH{1'b0}}, planes_a_q} * {{PLANES_WIDTH{1'b0}}, words_q};
  wire [FULL_LENGTH_WIDTH-1:0] length_b =
      {{K_WIDTH{1'b0}}, planes_b_q} * {{PLANES_WIDTH{1'b0}}, words_q};
  reg [WORDS_WIDTH-1:0] length_a_q, length_b_q;

  always @(posedge clk_i) begin
    code_o <= code_q;
    if (code_q == OK && (length_a > DEPTH_W || length_b > DEPTH_W)) code_o <= BAD_DEPTH;
    planes_a_o <= planes_a_q;
    planes_b_o <= planes_b_q;
    words_o <= words_q[WORDS_WIDTH-1:0];
    length_a_q <= length_a[WORDS_WIDTH-1:0];
    length_b_q <= length_b[WORDS_WIDTH-1:0];
  end

  assign busy_o = valid_q || valid_o;
  assign length_a_o = length_a_q;
  assign length_b_o = length_b_q;

`ifdef FORMAL
  // Rules, two cycles after a command.
  // 1. code_o is the number of the first broken limit, in the order of their numbers; 0: none is.
  // 2. Of a legal command planes are the fewest whose CHUNK bits each hold the operand, words the
  //    fewest whose LANES elements each hold K, lengths their products, and at most DEPTH.
  // 3. A verdict comes for every command, once, and busy_o until it has.
  localparam [31:0] CHUNK_W = CHUNK, V_W = LANES, ALL = DEPTH, HIGHEST = SHIFT_MAX;
  reg past_valid = 1'b0;
  reg [31:0] f_k [0:1];
  reg [15:0] f_a [0:1], f_b [0:1];
  reg [11:1] f_broken [0:1];
  reg [1:0] f_sent;
  wire signed [31:0] f_shift = shift_i;
  wire signed [31:0] f_highest = HIGHEST;
  wire [31:0] f_words = words_o;
  wire [31:0] f_na = planes_a_o, f_nb = planes_b_o;
  wire f_legal = f_broken[1] == 0;
  wire f_long = f_na * f_words > ALL || f_nb * f_words > ALL;
  integer f_n;
  reg [7:0] f_code;
  initial assume (!rst_ni);

  always @(posedge clk_i) begin
    past_valid <= 1'b1;
    f_sent <= rst_ni ? {f_sent[0], valid_i} : 2'b00;
    f_k[0] <= k_i;
    f_a[0] <= bits_a_i;
    f_b[0] <= bits_b_i;
    f_broken[0] <= 11'd0;
    f_broken[0][2] <= !(k_i >= 1 && k_i <= MAX_K);
    f_broken[0][3] <= !(bits_a_i >= 2 && bits_a_i <= MAX_BITS);
    f_broken[0][4] <= !(bits_b_i >= 2 && bits_b_i <= MAX_BITS);
    f_broken[0][5] <= !(rows_i >= 1 && rows_i <= ROWS);
    f_broken[0][6] <= !(cols_i >= 1 && cols_i <= COLS);
    f_broken[0][7] <= !(base_i == 0 || base_i == 1 || base_i == 2);
    f_broken[0][8] <= !(f_shift >= -31 && f_shift <= f_highest);
    f_broken[0][9] <= !(bits_out_i >= 2 && bits_out_i <= 32);
    f_broken[0][10] <= !(round_i < 4 && ((ROUNDING >> round_i[1:0]) & 1));
    f_k[1] <= f_k[0];
    f_a[1] <= f_a[0];
    f_b[1] <= f_b[0];
    f_broken[1] <= f_broken[0];
  end

  always @* begin
    f_code = 8'd0;
    for (f_n = 10; f_n > 0; f_n = f_n - 1) if (f_broken[1][f_n]) f_code = f_n;
  end

  reg [1:0] f_flow = 2'd0;

  always @(posedge clk_i) if (f_flow != 2'd3) f_flow <= f_flow + 2'd1;

  always @* begin
    if (past_valid) begin
      assert (valid_o == f_sent[1] && busy_o == (f_sent != 2'b00));
    end
    if (f_flow >= 2'd2) begin
      if (f_legal) begin
        assert (f_na * CHUNK_W >= f_a[1] && (f_na - 1) * CHUNK_W < f_a[1] && f_na != 0);
        assert (f_nb * CHUNK_W >= f_b[1] && (f_nb - 1) * CHUNK_W < f_b[1] && f_nb != 0);
        assert (code_o == (f_long ? 8'd11 : 8'd0));
        if (!f_long) begin
          assert (f_words * V_W >= f_k[1] && (f_words - 1) * V_W < f_k[1] && f_words != 0);
          assert (length_a_o == f_na * f_words && length_b_o == f_nb * f_words);
        end
      end else assert (code_o == f_code);
      cover (code_o == BAD_DEPTH);
      cover (code_o == OK && length_a_o == DEPTH && length_b_o != length_a_o);
      cover (code_o == BAD_ROUND);
      cover (code_o == BAD_K);
    end
  end
`endif

endmodule

`default_nettype wire
