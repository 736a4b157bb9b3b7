// Stands for flexmac_core where a proof holds for any core at all that keeps its promises to
// flexmac_top; 1 x 1, chunk 2, lanes 1, max_bits 4, max_k 2, depth 4.
//
// Promises: busy from the cycle after it takes a command; it reads only the bank of its command,
// from then until it is ready for the next; a result it offers waits unchanged.
`default_nettype none

module flexmac_core #(
    // those that flexmac_top sets; this stand-in has one size
    parameter       ROWS       = 1,
    parameter       COLS       = 1,
    parameter       CHUNK      = 2,
    parameter       LANES      = 1,
    parameter       MAX_BITS   = 4,
    parameter       DEPTH      = 4,
    parameter       STAGES     = 1,
    parameter [3:0] REGISTERS  = 4'b0000,
    parameter       FANOUT     = 0,
    parameter       ACC_WIDTH  = 7,
    parameter       SUM_WIDTH  = 48,
    parameter       STOCHASTIC = 1,
    parameter       FIXED_PE   = 0
) (
    input  wire        clk_i,
    input  wire        rst_ni,
    input  wire [ 7:0] mode_shift_i,
    input  wire [ 5:0] mode_bits_i,
    input  wire [ 1:0] mode_round_i,
    input  wire        cmd_valid_i,
    output wire        cmd_ready_o,
    input  wire [ 1:0] cmd_planes_a_i,
    input  wire [ 1:0] cmd_planes_b_i,
    input  wire [ 2:0] cmd_words_i,
    input  wire        cmd_rows_i,
    input  wire        cmd_cols_i,
    input  wire [ 1:0] cmd_base_i,
    input  wire        cmd_emit_i,
    input  wire        cmd_bank_i,
    output wire        op_ren_o,
    output wire        op_bank_o,
    output wire [ 1:0] op_addr_a_o,
    output wire [ 1:0] op_addr_b_o,
    input  wire [ 1:0] op_a_i,
    input  wire [ 1:0] op_b_i,
    input  wire        pre_valid_i,
    output wire        pre_ready_o,
    input  wire [47:0] pre_data_i,
    input  wire        seed_valid_i,
    output wire        seed_ready_o,
    input  wire [31:0] seed_data_i,
    output wire        res_valid_o,
    input  wire        res_ready_i,
    output wire [31:0] res_data_o,
    output wire        res_last_o,
    output wire        sum_valid_o,
    output wire [47:0] sum_data_o,
    output wire        busy_o,
    input  wire        ctr_clear_i,
    output wire [47:0] ctr_busy_o,
    output wire [47:0] ctr_compute_o,
    output wire [47:0] ctr_stall_o,
    output wire [47:0] ctr_load_o,
    output wire [47:0] ctr_blocked_o,
    output wire [47:0] ctr_emitted_o,
    output wire [47:0] ctr_low_o,
    output wire [47:0] ctr_high_o,
    output wire [31:0] ctr_magnitude_o,
    output wire [47:0] ctr_error_o
);

  (* anyseq *) wire any_ready, any_ren, any_bank, any_valid, any_last, any_busy, any_pre, any_seed;
  (* anyseq *) wire [1:0] any_addr_a, any_addr_b;
  (* anyseq *) wire [31:0] any_data;
  (* anyseq *) wire [415:0] any_counter;
  reg  reads_q, bank_q, taken_q, waits_q, last_q;
  reg  [31:0] data_q;

  assign cmd_ready_o = any_ready;
  assign {op_ren_o, op_bank_o, op_addr_a_o, op_addr_b_o} = {any_ren, any_bank, any_addr_a, any_addr_b};
  assign {res_valid_o, res_last_o, res_data_o} = {any_valid, any_last, any_data};
  assign {pre_ready_o, seed_ready_o, busy_o} = {any_pre, any_seed, any_busy};
  assign {sum_valid_o, sum_data_o} = 49'd0;
  assign {ctr_busy_o, ctr_compute_o, ctr_stall_o, ctr_load_o, ctr_blocked_o, ctr_emitted_o,
          ctr_low_o, ctr_high_o, ctr_magnitude_o, ctr_error_o} = any_counter;

  wire taken = cmd_valid_i && cmd_ready_o;

  always @(posedge clk_i) begin
    if (!rst_ni) {reads_q, taken_q, waits_q} <= 3'b000;
    else begin
      reads_q <= taken || (reads_q && !cmd_ready_o);
      taken_q <= taken;
      waits_q <= res_valid_o && !res_ready_i;
    end
    if (taken) bank_q <= cmd_bank_i;
    data_q <= res_data_o;
    last_q <= res_last_o;
  end

  always @* begin
    if (op_ren_o) assume (reads_q && op_bank_o == bank_q);
    if (taken_q) assume (busy_o);
    if (waits_q) assume (res_valid_o && res_data_o == data_q && res_last_o == last_q);
  end

endmodule

`default_nettype wire
