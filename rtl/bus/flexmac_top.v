// flexmac_top: flexmac_core behind AXI buses, with its operand banks.
//
//   s_axil           commands, parameters, status: the registers of docs/registers.md
//   s_axis_a, _b     operands, one packet per command: plane 0's words, then plane 1's, ...
//   s_axis_preload   what sums start from, one packet per command that asks for it, one beat per
//                    row
//   s_axis_seed      seeds, one beat per emitted tile under stochastic rounding
//   m_axis_result    rounded results, one packet per emitted tile, one beat per row
//   irq              level: high while an enabled event is set in irq_status
//
// Element 0 is lowest in a beat. Each operand has two banks of DEPTH words: the next command loads
// one while the current command computes from the other, so equal commands take max(load, compute)
// cycles each. A command whose operands do not fit a bank is refused; software splits K and
// accumulates. docs/top.md explains the protocol.
//
//   s_axis_a_tdata        ROWS x LANES x CHUNK bits, padded to bytes
//   s_axis_b_tdata        COLS x LANES x CHUNK bits, padded to bytes
//   s_axis_preload_tdata  COLS x s(SUM_WIDTH-1).0, each in PRELOAD_SLOT bits
//   s_axis_seed_tdata     COLS x 32 bits
//   m_axis_result_tdata   COLS x s31.0
//
// Parameters:
//   ROWS .. SUM_WIDTH  those of flexmac_core
//   MAX_K              longest dot product of one command
//   ROUNDING           rounding modes built: bit 0 nearest, 1 truncate, 2 stochastic
//   RECIPROCAL, RECIPROCAL_SHIFT  2^RECIPROCAL_SHIFT / LANES rounded up (flexmac_check)
//
// No combinational path leads from an input to an output. Latency and throughput: docs/top.md.
// Not handled: the baseline arrays; FIXED_PE and binary32 have no register map.
`default_nettype none

module flexmac_top #(
    parameter        ROWS             = 2,
    parameter        COLS             = 2,
    parameter        CHUNK            = 8,
    parameter        LANES            = 1,
    parameter        MAX_BITS         = 8,
    parameter        MAX_K            = 64,
    parameter        DEPTH            = 16,
    parameter        STAGES           = 2,
    parameter [3:0]  REGISTERS        = 4'b0100,
    parameter        FANOUT           = 0,
    parameter        ACC_WIDTH        = 24,
    parameter        SUM_WIDTH        = 48,
    parameter [3:0]  ROUNDING         = 4'b0111,
    parameter        RECIPROCAL       = 524288,
    parameter        RECIPROCAL_SHIFT = 19,
    // derived from those above: leave them as they are
    parameter        STREAM_A_WIDTH   = (ROWS * LANES * CHUNK + 7) / 8 * 8,
    parameter        STREAM_B_WIDTH   = (COLS * LANES * CHUNK + 7) / 8 * 8,
    parameter        PRELOAD_SLOT     = (SUM_WIDTH + 31) / 32 * 32
) (
    input  wire aclk,
    input  wire aresetn,
    output wire irq,
    // registers
    input  wire [11:0] s_axil_awaddr,
    input  wire [2:0] s_axil_awprot,
    input  wire s_axil_awvalid,
    output wire s_axil_awready,
    input  wire [31:0] s_axil_wdata,
    input  wire [3:0] s_axil_wstrb,
    input  wire s_axil_wvalid,
    output wire s_axil_wready,
    output wire [1:0] s_axil_bresp,
    output wire s_axil_bvalid,
    input  wire s_axil_bready,
    input  wire [11:0] s_axil_araddr,
    input  wire [2:0] s_axil_arprot,
    input  wire s_axil_arvalid,
    output wire s_axil_arready,
    output wire [31:0] s_axil_rdata,
    output wire [1:0] s_axil_rresp,
    output wire s_axil_rvalid,
    input  wire s_axil_rready,
    // operand A
    input  wire [STREAM_A_WIDTH-1:0] s_axis_a_tdata,
    input  wire s_axis_a_tvalid,
    output wire s_axis_a_tready,
    input  wire s_axis_a_tlast,
    // operand B
    input  wire [STREAM_B_WIDTH-1:0] s_axis_b_tdata,
    input  wire s_axis_b_tvalid,
    output wire s_axis_b_tready,
    input  wire s_axis_b_tlast,
    // preload
    input  wire [COLS*PRELOAD_SLOT-1:0] s_axis_preload_tdata,
    input  wire s_axis_preload_tvalid,
    output wire s_axis_preload_tready,
    input  wire s_axis_preload_tlast,
    // seeds
    input  wire [COLS*32-1:0] s_axis_seed_tdata,
    input  wire s_axis_seed_tvalid,
    output wire s_axis_seed_tready,
    // results
    output wire [COLS*32-1:0] m_axis_result_tdata,
    output wire m_axis_result_tvalid,
    input  wire m_axis_result_tready,
    output wire m_axis_result_tlast
);

  localparam OPERAND_A_WIDTH = ROWS * LANES * CHUNK;
  localparam OPERAND_B_WIDTH = COLS * LANES * CHUNK;
  localparam MAX_PLANES = (MAX_BITS + CHUNK - 1) / CHUNK;
  localparam ADDR_WIDTH = DEPTH > 1 ? $clog2(DEPTH) : 1;  // operand address
  localparam WORDS_WIDTH = $clog2(DEPTH + 1);  // count of words
  localparam PLANES_WIDTH = $clog2(MAX_PLANES + 1);  // count of planes
  localparam ROWS_WIDTH = $clog2(ROWS + 1);  // count of rows
  localparam COLS_WIDTH = $clog2(COLS + 1);  // count of columns
  localparam COUNTER_WIDTH = 48;
  localparam QUEUE_ADDR_WIDTH = 4;  // address in the command queue
  localparam MODE_WIDTH = 16;  // shift, result width, rounding mode
  localparam NUMBER_WIDTH = 16;  // number of a command
  // a command on its way to the core
  localparam COMMAND_WIDTH = NUMBER_WIDTH + MODE_WIDTH + 3 + COLS_WIDTH + ROWS_WIDTH + WORDS_WIDTH
      + 2 * PLANES_WIDTH;
  localparam [1:0] BASE_PRELOAD = 2'd1;
  localparam [7:0] QUEUE_FULL = 8'd1;

  // registers, behind AXI4-Lite
  wire bus_write;
  wire [11:0] bus_write_addr;
  wire [31:0] bus_write_data;
  wire bus_write_error;
  wire bus_read;
  wire [11:0] bus_read_addr;
  wire [31:0] bus_read_data;
  wire bus_read_error;
  wire unused_prot = &{1'b0, s_axil_awprot, s_axil_arprot};

  flexmac_axil #(.ADDR_WIDTH(12)) u_axil (
      .clk_i        (aclk),
      .rst_ni       (aresetn),
      .awvalid_i    (s_axil_awvalid),
      .awready_o    (s_axil_awready),
      .awaddr_i     (s_axil_awaddr),
      .wvalid_i     (s_axil_wvalid),
      .wready_o     (s_axil_wready),
      .wdata_i      (s_axil_wdata),
      .wstrb_i      (s_axil_wstrb),
      .bvalid_o     (s_axil_bvalid),
      .bready_i     (s_axil_bready),
      .bresp_o      (s_axil_bresp),
      .arvalid_i    (s_axil_arvalid),
      .arready_o    (s_axil_arready),
      .araddr_i     (s_axil_araddr),
      .rvalid_o     (s_axil_rvalid),
      .rready_i     (s_axil_rready),
      .rdata_o      (s_axil_rdata),
      .rresp_o      (s_axil_rresp),
      .write_o      (bus_write),
      .write_addr_o (bus_write_addr),
      .write_data_o (bus_write_data),
      .write_error_i(bus_write_error),
      .read_o       (bus_read),
      .read_addr_o  (bus_read_addr),
      .read_data_i  (bus_read_data),
      .read_error_i (bus_read_error)
  );

  wire [31:0] unused_scratch;
  wire control_write;
  wire control_reset;
  wire control_flush;
  wire control_clear_counters;
  wire control_clear_error;
  wire status_busy;
  wire status_filling;
  wire status_running;
  wire status_flushing;
  wire status_error;
  wire [15:0] status_free;
  wire [7:0] error_code;
  wire [15:0] error_command;
  wire irq_status_set_result;
  wire irq_status_result;
  wire irq_status_set_idle;
  wire irq_status_idle;
  wire irq_status_set_error;
  wire irq_status_error;
  wire irq_enable_result;
  wire irq_enable_idle;
  wire irq_enable_error;
  wire [31:0] submitted;
  wire [31:0] retired;
  wire [31:0] results;
  wire [31:0] k;
  wire [15:0] shape_rows;
  wire [15:0] shape_cols;
  wire [7:0] bits_a;
  wire [7:0] bits_b;
  wire [7:0] bits_out;
  wire [15:0] mode_shift;
  wire [7:0] mode_round;
  wire start_write;
  wire [7:0] start_base;
  wire start_emit;
  wire [47:0] busy_cycles;
  wire [47:0] compute_cycles;
  wire [47:0] stall_cycles;
  wire [47:0] load_cycles;
  wire [47:0] blocked_cycles;
  wire [47:0] emitted;
  wire [47:0] overflow_low;
  wire [47:0] overflow_high;
  wire [31:0] magnitude_or;
  wire [47:0] error_sum;
  wire [47:0] fill_cycles;
  wire [47:0] starved_cycles;

  // soft reset: for one cycle, of everything but registers and bus
  reg soft_reset_q, flush_q;
  wire run_n = aresetn && !soft_reset_q;
  wire clear_counters = control_write && control_clear_counters;
  wire clear_error = control_write && control_clear_error;

  always @(posedge aclk) begin
    if (!aresetn) soft_reset_q <= 1'b0;
    else soft_reset_q <= control_write && control_reset;
  end

  always @(posedge aclk) flush_q <= control_flush;

  flexmac_regs u_regs (
      .clk_i                      (aclk),
      .rst_ni                     (aresetn),
      .clear_i                    (soft_reset_q),
      .write_i                    (bus_write),
      .write_addr_i               (bus_write_addr),
      .write_data_i               (bus_write_data),
      .write_error_o              (bus_write_error),
      .read_i                     (bus_read),
      .read_addr_i                (bus_read_addr),
      .read_data_o                (bus_read_data),
      .read_error_o               (bus_read_error),
      .scratch_o                  (unused_scratch),
      .control_write_o            (control_write),
      .control_reset_o            (control_reset),
      .control_flush_o            (control_flush),
      .control_clear_counters_o   (control_clear_counters),
      .control_clear_error_o      (control_clear_error),
      .status_busy_i              (status_busy),
      .status_filling_i           (status_filling),
      .status_running_i           (status_running),
      .status_flushing_i          (status_flushing),
      .status_error_i             (status_error),
      .status_free_i              (status_free),
      .error_code_i               (error_code),
      .error_command_i            (error_command),
      .irq_status_result_i        (irq_status_set_result),
      .irq_status_result_o        (irq_status_result),
      .irq_status_idle_i          (irq_status_set_idle),
      .irq_status_idle_o          (irq_status_idle),
      .irq_status_error_i         (irq_status_set_error),
      .irq_status_error_o         (irq_status_error),
      .irq_enable_result_o        (irq_enable_result),
      .irq_enable_idle_o          (irq_enable_idle),
      .irq_enable_error_o         (irq_enable_error),
      .submitted_i                (submitted),
      .retired_i                  (retired),
      .results_i                  (results),
      .k_o                        (k),
      .shape_rows_o               (shape_rows),
      .shape_cols_o               (shape_cols),
      .bits_a_o                   (bits_a),
      .bits_b_o                   (bits_b),
      .bits_out_o                 (bits_out),
      .mode_shift_o               (mode_shift),
      .mode_round_o               (mode_round),
      .start_write_o              (start_write),
      .start_base_o               (start_base),
      .start_emit_o               (start_emit),
      .busy_cycles_i              (busy_cycles),
      .compute_cycles_i           (compute_cycles),
      .stall_cycles_i             (stall_cycles),
      .load_cycles_i              (load_cycles),
      .blocked_cycles_i           (blocked_cycles),
      .emitted_i                  (emitted),
      .overflow_low_i             (overflow_low),
      .overflow_high_i            (overflow_high),
      .magnitude_or_i             (magnitude_or),
      .error_sum_i                (error_sum),
      .fill_cycles_i              (fill_cycles),
      .starved_cycles_i           (starved_cycles)
  );

  // commands: checked, numbered, queued
  wire checked;
  wire checking;
  wire [7:0] check_code;
  wire [PLANES_WIDTH-1:0] check_planes_a;
  wire [PLANES_WIDTH-1:0] check_planes_b;
  wire [WORDS_WIDTH-1:0] check_words;
  wire [WORDS_WIDTH-1:0] check_length_a;
  wire [WORDS_WIDTH-1:0] check_length_b;

  flexmac_check #(
      .ROWS(ROWS), .COLS(COLS), .CHUNK(CHUNK), .LANES(LANES), .MAX_BITS(MAX_BITS), .MAX_K(MAX_K),
      .DEPTH(DEPTH), .SHIFT_MAX(SUM_WIDTH + 24), .ROUNDING(ROUNDING), .RECIPROCAL(RECIPROCAL),
      .RECIPROCAL_SHIFT(RECIPROCAL_SHIFT), .WORDS_WIDTH(WORDS_WIDTH), .PLANES_WIDTH(PLANES_WIDTH)
  ) u_check (
      .clk_i     (aclk),
      .rst_ni    (run_n),
      .valid_i   (start_write),
      .k_i       (k),
      .rows_i    (shape_rows),
      .cols_i    (shape_cols),
      .bits_a_i  (bits_a),
      .bits_b_i  (bits_b),
      .bits_out_i(bits_out),
      .shift_i   (mode_shift),
      .round_i   (mode_round),
      .base_i    (start_base),
      .valid_o   (checked),
      .busy_o    (checking),
      .code_o    (check_code),
      .planes_a_o(check_planes_a),
      .planes_b_o(check_planes_b),
      .words_o   (check_words),
      .length_a_o(check_length_a),
      .length_b_o(check_length_b)
  );

  // what passes beside the check unchanged
  wire [MODE_WIDTH-1:0] check_mode;
  wire check_emit;
  wire [1:0] check_base;
  wire [COLS_WIDTH-1:0] check_cols;
  wire [ROWS_WIDTH-1:0] check_rows;

  flexmac_delay #(.WIDTH(MODE_WIDTH + 3 + COLS_WIDTH + ROWS_WIDTH), .CYCLES(2)) u_check_delay (
      .clk_i (aclk),
      .rst_ni(run_n),
      .en_i  (1'b1),
      .d_i   ({mode_shift[7:0], bits_out[5:0], mode_round[1:0], start_emit, start_base[1:0],
               shape_cols[COLS_WIDTH-1:0], shape_rows[ROWS_WIDTH-1:0]}),
      .q_o   ({check_mode, check_emit, check_base, check_cols, check_rows})
  );

  wire queue_empty;
  wire queue_full;
  wire [QUEUE_ADDR_WIDTH:0] queue_count;
  wire refuse = checked && (check_code != 8'd0 || queue_full);
  wire submit = checked && !refuse;
  wire accept;
  wire [COMMAND_WIDTH-1:0] head;
  wire [WORDS_WIDTH-1:0] head_length_a;
  wire [WORDS_WIDTH-1:0] head_length_b;

  flexmac_queue #(.WIDTH(COMMAND_WIDTH + 2 * WORDS_WIDTH), .ADDR_WIDTH(QUEUE_ADDR_WIDTH)) u_queue (
      .clk_i (aclk),
      .rst_ni(run_n),
      .push_i(submit),
      .data_i({submitted[NUMBER_WIDTH-1:0], check_mode, check_emit, check_base, check_cols,
          check_rows,
                check_words, check_planes_b, check_planes_a, check_length_b, check_length_a}),
      .pop_i  (accept),
      .data_o ({head, head_length_b, head_length_a}),
      .empty_o(queue_empty),
      .full_o (queue_full),
      .count_o(queue_count)
  );

  flexmac_counter #(.WIDTH(32), .ADD_WIDTH(1)) u_submitted (
      .clk_i(aclk), .rst_ni(run_n), .clear_i(1'b0), .en_i(submit), .add_i(1'b1),
      .count_o(submitted)
  );

  // operands: one bank fills while the core reads the other
  wire load_ready;
  wire next_bank;
  wire fill_bank;
  wire done_a;
  wire done_b;
  wire a_short;
  wire a_long;
  wire a_flush;
  wire b_short;
  wire b_long;
  wire b_flush;
  wire run_valid;
  wire run_ready;
  wire run_bank;
  wire [COMMAND_WIDTH-1:0] run_command;
  wire loading;
  wire released;
  wire released_bank;

  assign accept = !queue_empty && load_ready;

  flexmac_load #(.COMMAND_WIDTH(COMMAND_WIDTH)) u_load (
      .clk_i         (aclk),
      .rst_ni        (run_n),
      .cmd_valid_i   (!queue_empty),
      .cmd_ready_o   (load_ready),
      .cmd_i         (head),
      .cmd_bank_o    (next_bank),
      .done_a_i      (done_a),
      .done_b_i      (done_b),
      .fill_bank_o   (fill_bank),
      .filling_o     (status_filling),
      .run_valid_o   (run_valid),
      .run_ready_i   (run_ready),
      .run_o         (run_command),
      .run_bank_o    (run_bank),
      .release_i     (released),
      .release_bank_i(released_bank),
      .busy_o        (loading)
  );

  wire unused_next_bank = &{1'b0, next_bank};
  reg [NUMBER_WIDTH-1:0] fill_number_q;

  always @(posedge aclk) begin
    if (accept) fill_number_q <= head[COMMAND_WIDTH-1 -: NUMBER_WIDTH];
  end

  wire op_ren;
  wire op_bank;
  wire [ADDR_WIDTH-1:0] op_addr_a;
  wire [ADDR_WIDTH-1:0] op_addr_b;
  wire [OPERAND_A_WIDTH-1:0] op_a;
  wire [OPERAND_B_WIDTH-1:0] op_b;

  generate
    if (STREAM_A_WIDTH > OPERAND_A_WIDTH) begin : gen_a_padding
      wire unused_a = &{1'b0, s_axis_a_tdata[STREAM_A_WIDTH-1:OPERAND_A_WIDTH]};
    end
    if (STREAM_B_WIDTH > OPERAND_B_WIDTH) begin : gen_b_padding
      wire unused_b = &{1'b0, s_axis_b_tdata[STREAM_B_WIDTH-1:OPERAND_B_WIDTH]};
    end
  endgenerate

  flexmac_operand #(
      .WIDTH(OPERAND_A_WIDTH), .ADDR_WIDTH(ADDR_WIDTH), .LENGTH_WIDTH(WORDS_WIDTH)
  ) u_operand_a (
      .clk_i      (aclk),
      .rst_ni     (aresetn),
      .clear_i    (soft_reset_q),
      .flush_i    (flush_q),
      .start_i    (accept),
      .length_i   (head_length_a),
      .bank_i     (fill_bank),
      .s_valid_i  (s_axis_a_tvalid),
      .s_ready_o  (s_axis_a_tready),
      .s_data_i   (s_axis_a_tdata[OPERAND_A_WIDTH-1:0]),
      .s_last_i   (s_axis_a_tlast),
      .read_i     (op_ren),
      .read_bank_i(op_bank),
      .read_addr_i(op_addr_a),
      .read_data_o(op_a),
      .done_o     (done_a),
      .short_o    (a_short),
      .long_o     (a_long),
      .flush_o    (a_flush)
  );

  flexmac_operand #(
      .WIDTH(OPERAND_B_WIDTH), .ADDR_WIDTH(ADDR_WIDTH), .LENGTH_WIDTH(WORDS_WIDTH)
  ) u_operand_b (
      .clk_i      (aclk),
      .rst_ni     (aresetn),
      .clear_i    (soft_reset_q),
      .flush_i    (flush_q),
      .start_i    (accept),
      .length_i   (head_length_b),
      .bank_i     (fill_bank),
      .s_valid_i  (s_axis_b_tvalid),
      .s_ready_o  (s_axis_b_tready),
      .s_data_i   (s_axis_b_tdata[OPERAND_B_WIDTH-1:0]),
      .s_last_i   (s_axis_b_tlast),
      .read_i     (op_ren),
      .read_bank_i(op_bank),
      .read_addr_i(op_addr_b),
      .read_data_o(op_b),
      .done_o     (done_b),
      .short_o    (b_short),
      .long_o     (b_long),
      .flush_o    (b_flush)
  );

  // the core, and its next command
  wire [NUMBER_WIDTH-1:0] run_number;
  wire [MODE_WIDTH-1:0] run_mode;
  wire run_emit;
  wire [1:0] run_base;
  wire [COLS_WIDTH-1:0] run_cols;
  wire [ROWS_WIDTH-1:0] run_rows;
  wire [WORDS_WIDTH-1:0] run_words;
  wire [PLANES_WIDTH-1:0] run_planes_b;
  wire [PLANES_WIDTH-1:0] run_planes_a;

  assign {run_number, run_mode, run_emit, run_base, run_cols, run_rows, run_words, run_planes_b,
          run_planes_a} = run_command;

  wire core_valid;
  wire core_ready;
  wire core_busy;
  wire reading;
  wire [MODE_WIDTH-1:0] core_mode;
  wire tiles_full;

  flexmac_issue #(.MODE_WIDTH(MODE_WIDTH)) u_issue (
      .clk_i         (aclk),
      .rst_ni        (run_n),
      .run_valid_i   (run_valid),
      .run_ready_o   (run_ready),
      .run_mode_i    (run_mode),
      .run_bank_i    (run_bank),
      .hold_i        (run_base == BASE_PRELOAD && tiles_full),
      .cmd_valid_o   (core_valid),
      .cmd_ready_i   (core_ready),
      .mode_o        (core_mode),
      .core_busy_i   (core_busy),
      .release_o     (released),
      .release_bank_o(released_bank),
      .running_o     (reading)
  );

  wire pre_valid;
  wire pre_ready;
  wire [COLS*SUM_WIDTH-1:0] pre_data;
  wire seed_valid;
  wire seed_ready;
  wire [COLS*32-1:0] seed_data;
  wire res_valid;
  wire res_ready;
  wire [COLS*32-1:0] res_data;
  wire res_last;
  wire [COLS-1:0] sum_valid;
  wire [COLS*SUM_WIDTH-1:0] sum_data;
  wire unused_sums = &{1'b0, sum_valid, sum_data};

  flexmac_core #(
      .ROWS(ROWS), .COLS(COLS), .CHUNK(CHUNK), .LANES(LANES), .MAX_BITS(MAX_BITS), .DEPTH(DEPTH),
      .STAGES(STAGES), .REGISTERS(REGISTERS), .FANOUT(FANOUT), .ACC_WIDTH(ACC_WIDTH),
      .SUM_WIDTH(SUM_WIDTH), .STOCHASTIC({31'd0, ROUNDING[2]}), .FIXED_PE(0)
  ) u_core (
      .clk_i          (aclk),
      .rst_ni         (run_n),
      .mode_shift_i   (core_mode[15:8]),
      .mode_bits_i    (core_mode[7:2]),
      .mode_round_i   (core_mode[1:0]),
      .cmd_valid_i    (core_valid),
      .cmd_ready_o    (core_ready),
      .cmd_planes_a_i (run_planes_a),
      .cmd_planes_b_i (run_planes_b),
      .cmd_words_i    (run_words),
      .cmd_rows_i     (run_rows),
      .cmd_cols_i     (run_cols),
      .cmd_base_i     (run_base),
      .cmd_emit_i     (run_emit),
      .cmd_bank_i     (run_bank),
      .op_ren_o       (op_ren),
      .op_bank_o      (op_bank),
      .op_addr_a_o    (op_addr_a),
      .op_addr_b_o    (op_addr_b),
      .op_a_i         (op_a),
      .op_b_i         (op_b),
      .pre_valid_i    (pre_valid),
      .pre_ready_o    (pre_ready),
      .pre_data_i     (pre_data),
      .seed_valid_i   (seed_valid),
      .seed_ready_o   (seed_ready),
      .seed_data_i    (seed_data),
      .res_valid_o    (res_valid),
      .res_ready_i    (res_ready),
      .res_data_o     (res_data),
      .res_last_o     (res_last),
      .sum_valid_o    (sum_valid),
      .sum_data_o     (sum_data),
      .busy_o         (core_busy),
      .ctr_clear_i    (clear_counters),
      .ctr_busy_o     (busy_cycles),
      .ctr_compute_o  (compute_cycles),
      .ctr_stall_o    (stall_cycles),
      .ctr_load_o     (load_cycles),
      .ctr_blocked_o  (blocked_cycles),
      .ctr_emitted_o  (emitted),
      .ctr_low_o      (overflow_low),
      .ctr_high_o     (overflow_high),
      .ctr_magnitude_o(magnitude_or),
      .ctr_error_o    (error_sum)
  );

  // preload: packets of the commands that ask for one, in their order
  wire tile = core_valid && core_ready && run_base == BASE_PRELOAD;
  wire tiles_empty;
  wire [ROWS_WIDTH-1:0] tile_rows;
  wire [NUMBER_WIDTH-1:0] tile_number;
  wire preload_idle;
  wire preload_start = !tiles_empty && preload_idle;
  wire [2:0] unused_tiles;

  flexmac_queue #(.WIDTH(NUMBER_WIDTH + ROWS_WIDTH), .ADDR_WIDTH(2)) u_tiles (
      .clk_i  (aclk),
      .rst_ni (run_n),
      .push_i (tile),
      .data_i ({run_number, run_rows}),
      .pop_i  (preload_start),
      .data_o ({tile_number, tile_rows}),
      .empty_o(tiles_empty),
      .full_o (tiles_full),
      .count_o(unused_tiles)
  );

  wire [COLS*SUM_WIDTH-1:0] preload_sums;
  wire unused_preload = &{1'b0, s_axis_preload_tdata};
  genvar col;
  generate
    for (col = 0; col < COLS; col = col + 1) begin : gen_preload
      assign preload_sums[col*SUM_WIDTH +: SUM_WIDTH] =
          s_axis_preload_tdata[col*PRELOAD_SLOT +: SUM_WIDTH];
    end
  endgenerate

  reg [NUMBER_WIDTH-1:0] preload_number_q;
  wire preload_valid;
  wire preload_ready;
  wire [COLS*SUM_WIDTH-1:0] preload_data;
  wire preload_short;
  wire preload_long;
  wire preload_flush;
  wire unused_preload_done;

  flexmac_packet #(.WIDTH(COLS * SUM_WIDTH), .LENGTH_WIDTH(ROWS_WIDTH)) u_preload (
      .clk_i    (aclk),
      .rst_ni   (aresetn),
      .clear_i  (soft_reset_q),
      .flush_i  (flush_q),
      .start_i  (preload_start),
      .length_i (tile_rows),
      .ready_o  (preload_idle),
      .s_valid_i(s_axis_preload_tvalid),
      .s_ready_o(s_axis_preload_tready),
      .s_data_i (preload_sums),
      .s_last_i (s_axis_preload_tlast),
      .m_valid_o(preload_valid),
      .m_ready_i(preload_ready),
      .m_data_o (preload_data),
      .done_o   (unused_preload_done),
      .short_o  (preload_short),
      .long_o   (preload_long),
      .flush_o  (preload_flush)
  );

  always @(posedge aclk) begin
    if (preload_start) preload_number_q <= tile_number;
  end

  flexmac_skid #(.WIDTH(COLS * SUM_WIDTH)) u_preload_slice (
      .clk_i    (aclk),
      .rst_ni   (run_n),
      .s_valid_i(preload_valid),
      .s_ready_o(preload_ready),
      .s_data_i (preload_data),
      .m_valid_o(pre_valid),
      .m_ready_i(pre_ready),
      .m_data_o (pre_data)
  );

  // seeds
  flexmac_skid #(.WIDTH(COLS * 32)) u_seed_slice (
      .clk_i    (aclk),
      .rst_ni   (run_n),
      .s_valid_i(s_axis_seed_tvalid),
      .s_ready_o(s_axis_seed_tready),
      .s_data_i (s_axis_seed_tdata),
      .m_valid_o(seed_valid),
      .m_ready_i(seed_ready),
      .m_data_o (seed_data)
  );

  // results
  wire result_packet;
  wire result_busy;

  flexmac_outlet #(.WIDTH(COLS * 32)) u_outlet (
      .clk_i    (aclk),
      .rst_ni   (aresetn),
      .clear_i  (soft_reset_q),
      .s_valid_i(res_valid),
      .s_ready_o(res_ready),
      .s_data_i (res_data),
      .s_last_i (res_last),
      .m_valid_o(m_axis_result_tvalid),
      .m_ready_i(m_axis_result_tready),
      .m_data_o (m_axis_result_tdata),
      .m_last_o (m_axis_result_tlast),
      .packet_o (result_packet),
      .busy_o   (result_busy)
  );

  // status, errors, events
  reg busy_q;

  assign status_busy = checking || !queue_empty || loading || core_busy || !preload_idle
      || result_busy;
  assign status_running = core_busy;
  assign status_flushing = a_flush || b_flush || preload_flush;
  assign status_error = error_code != 8'd0;
  assign status_free =
      {{(15 - QUEUE_ADDR_WIDTH) {1'b0}}, {1'b1, {QUEUE_ADDR_WIDTH{1'b0}}} - queue_count};

  always @(posedge aclk) begin
    if (!run_n) busy_q <= 1'b0;
    else busy_q <= status_busy;
  end

  wire error_found;

  flexmac_error u_error (
      .clk_i           (aclk),
      .rst_ni          (run_n),
      .clear_i         (clear_error),
      .refuse_i        (refuse),
      .refuse_code_i   (check_code != 8'd0 ? check_code : QUEUE_FULL),
      .refuse_number_i (submitted[NUMBER_WIDTH-1:0]),
      .a_short_i       (a_short),
      .a_long_i        (a_long),
      .b_short_i       (b_short),
      .b_long_i        (b_long),
      .operand_number_i(fill_number_q),
      .preload_short_i (preload_short),
      .preload_long_i  (preload_long),
      .preload_number_i(preload_number_q),
      .found_o         (error_found),
      .code_o          (error_code),
      .number_o        (error_command)
  );

  assign irq_status_set_result = result_packet;
  assign irq_status_set_idle = busy_q && !status_busy;
  assign irq_status_set_error = error_found;
  assign irq = (irq_status_result && irq_enable_result) || (irq_status_idle && irq_enable_idle)
      || (irq_status_error && irq_enable_error);

  flexmac_counter #(.WIDTH(32), .ADD_WIDTH(1)) u_retired (
      .clk_i(aclk), .rst_ni(run_n), .clear_i(1'b0), .en_i(released), .add_i(1'b1),
      .count_o(retired)
  );
  flexmac_counter #(.WIDTH(32), .ADD_WIDTH(1)) u_results (
      .clk_i(aclk), .rst_ni(run_n), .clear_i(1'b0), .en_i(result_packet), .add_i(1'b1),
      .count_o(results)
  );
  flexmac_counter #(.WIDTH(COUNTER_WIDTH), .ADD_WIDTH(1)) u_fill (
      .clk_i(aclk), .rst_ni(run_n), .clear_i(clear_counters), .en_i(status_filling), .add_i(1'b1),
      .count_o(fill_cycles)
  );
  flexmac_counter #(.WIDTH(COUNTER_WIDTH), .ADD_WIDTH(1)) u_starved (
      .clk_i(aclk), .rst_ni(run_n), .clear_i(clear_counters), .en_i(status_filling && !reading),
      .add_i(1'b1), .count_o(starved_cycles)
  );

endmodule

`default_nettype wire
