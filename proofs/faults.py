"""Seeded faults, at least four in every module named here, and what catches each: the proofs and the
table of paths first, then the test bench of tests/icarus; for what only float numbers tell,
`flexmac gemm`. A fault that nothing catches means that a rule is missing.
"""

import shutil
import sys
import time
from pathlib import Path

import lfsr_period
import paths
import report
from cases import PROOFS
from designs import ROOMS, leaf
from float_bench import FloatBench
from solver import ToolError, call

# module: (what is wrong, text that occurs once, what replaces it)
FAULTS = {
    "flexmac_pe": [
        ("shifts in zeros", "acc_q >>> CHUNK", "$unsigned(acc_q) >> CHUNK"),
        ("shifts one short", "acc_q >>> CHUNK", "acc_q >>> (CHUNK - 1)"),
        ("pair's words swapped for one", ".d_i({carry_d, sum_d})", ".d_i({sum_d, sum_d})"),
        ("never clears", "if (acc_clear_i) base", "if (1'b0) base"),
        ("captures a bit more", "acc_q[CHUNK-1:0]};", "acc_q[CHUNK-1:0]} | (acc_q[CHUNK] << CHUNK);"),
        ("drain beats capture", "if (cap_i) chain_q", "if (cap_i && !drain_i) chain_q"),
    ],
    "flexmac_split_dot": [
        ("low half not held", "{{HALF{1'b1}}, {HALF{!split_i}}}", "{CHUNK{1'b1}}"),
        ("high half not held", "{{HALF{!split_i}}, {HALF{1'b1}}}", "{CHUNK{1'b1}}"),
        ("constant of a whole product", "split_i ? SPLIT : a_signed_i", "a_signed_i"),
        ("low half unsigned", "row[HALF-1] = row[HALF-1] ^ split_i", "row[HALF-1] = row[HALF-1]"),
        ("row of bl's sign plain", "row[CHUNK-1:HALF] ^ {HALF{split_i}}", "row[CHUNK-1:HALF]"),
    ],
    "flexmac_fused_dot": [
        ("halves with the offset of quarters", "held_halves ? HALVES : QUARTERS", "QUARTERS"),
        ("highest digit a place short", "{held_whole, !held_whole, 1'b0", "{1'b0, 1'b1, 1'b0"),
        ("low digit signed when halved", "{!whole, !whole && !halves}} |", "{!whole, !whole}} |"),
        ("a's low digit signed", "!whole, a_signed_i || !whole, !whole}",
         "!whole, a_signed_i || !whole, 1'b1}"),
    ],
    "flexmac_mode": [
        ("beyond mask one high", "amount + 8'd1", "amount + 8'd2"),
        ("beyond mask one low", "amount + 8'd1", "amount"),
        ("result a bit wide", "bits_i - 6'd1", "bits_i"),
        ("amount one short", "shift_i + 8'sd31", "shift_i + 8'sd30"),
    ],
    "flexmac_saturate": [
        ("high limit not counted", "assign high_o = !negative && (outside || at_limit)",
         "assign high_o = !negative && outside"),
        ("low limit not counted", "assign low_o = negative && (outside || at_limit)",
         "assign low_o = negative && outside"),
        ("sign beyond lost", "out_of_window_i ? sign_i : value_i[33]", "value_i[33]"),
        ("wraps below zero", "negative ? ~max : max", "max"),
        ("beyond not outside", "out_of_window_i || (magnitude", "(magnitude"),
    ],
    "flexmac_sum": [
        ("waiting carry lost", "+ {{SEGMENT_WIDTH{1'b0}}, base_carry[i]}", ""),
        ("carry out lost", "carry_d[i+1] = carry", "carry_d[i+1] = 1'b0"),
        ("no carry at the end", "+ {{(SEGMENT_WIDTH - 2) {1'b0}}, enter}", ""),
        ("memory keeps without carries", "memory_q[row_i] <= {carry_d, sum_d}",
         "memory_q[row_i] <= {{SEGMENTS{1'b0}}, sum_d}"),
        ("preload ignored", "BASE_PRELOAD: base = preload;", "BASE_PRELOAD: base = {PADDED_WIDTH{1'b0}};"),
        ("always keeps", "if (keep_i) memory_q", "if (add_en_i) memory_q"),
    ],
    "flexmac_requant": [
        ("nearest constant short", "24'h800000", "24'h7fffff"),
        ("truncate rounds", "default: addend = 24'd0", "default: addend = 24'd1"),
        ("error short", "9'd256 - fraction", "9'd255 - fraction"),
        ("last digit unsigned", "align_last_i && chain_i[ACC_WIDTH-1]", "1'b0"),
        ("beyond without sign", "(sum ^ {SUM_WIDTH{sum[SUM_WIDTH-1]}})", "sum"),
        ("places off by one", "extended << places", "extended << places << 1"),
        ("floor's sign lost", "{window_q[56], window_q[56:24]}", "{1'b0, window_q[56:24]}"),
    ],
    "flexmac_lfsr": [
        ("wrong tap", "32'h80200003", "32'h80200001"),
        ("seed 0 kept", "state_q <= 32'd1", "state_q <= 32'd0"),
        ("31 steps", "i < 32", "i < 31"),
        ("not linear", "= ^(state & PARITIES", "= |(state & PARITIES"),
        ("lower bits", "state_q[31:8]", "state_q[23:0]"),
        ("steps by itself", "if (step_i) begin", "begin"),
    ],
    "flexmac_stats": [
        ("dead columns counted", "live & low_i[c]", "low_i[c]"),
        ("magnitude not complemented", "^ {32{result_i[c*32+31]}}", ""),
        ("high counts low", "live & high_i[c]", "live & low_i[c]"),
        ("error a bit short", "error_i[c*9 +: 9]", "error_i[c*9 +: 8]"),
        ("magnitude replaced", "magnitude_o | magnitude_q", "magnitude_q"),
    ],
    "flexmac_counter": [
        ("not cleared", "!rst_ni || clear_i", "!rst_ni"),
        ("not reset", "!rst_ni || clear_i", "clear_i"),
        ("counts always", "else if (en_i)", "else"),
        ("counts down", "count_o + {", "count_o - {"),
    ],
    "flexmac_pipe": [
        ("enable ignored", "if (en_i) data_q", "data_q"),
        ("enable inverted", "if (en_i) data_q", "if (!en_i) data_q"),
        ("wire inverted", "      assign q_o = d_i;", "      assign q_o = ~d_i;"),
        ("on is off", "if (REGISTER != 0)", "if (REGISTER == 0)"),
    ],
    "flexmac_delay": [
        ("enable ignored", "else if (en_i) line_q", "else line_q"),
        ("not reset", "if (!rst_ni) line_q", "if (1'b0) line_q"),
        ("one short", "line_d[CYCLES*WIDTH +: WIDTH]", "line_d[(CYCLES-1)*WIDTH +: WIDTH]"),
        ("order lost", "{line_q, d_i}", "{d_i, line_q}"),
    ],
    "flexmac_seq": [
        ("a word too many", "k_q == words_q - ONE_WORD", "k_q == words_q"),
        ("chains freed early", "if (capture) drain_q <= due_rows_q - ONE_ROW",
         "if (capture) drain_q <= 0"),
        ("chains freed late", "if (capture) drain_q <= due_rows_q - ONE_ROW",
         "if (capture) drain_q <= due_rows_q"),
        ("emits every digit", "due_emit_q <= emit_q && top_a && top_b", "due_emit_q <= emit_q"),
        ("never done", "wire ends_command = ends_pair && top_a && top_b",
         "wire ends_command = ends_pair && top_a && top_b && 1'b0"),
        ("never captures", "wire capture = due_q && chains_free",
         "wire capture = due_q && chains_free && 1'b0"),
        ("b's plane rises", "plane_b_q <= plane_b_q - words_a", "plane_b_q <= plane_b_q + words_a"),
        ("a unsigned", "op_a_signed_o <= top_a", "op_a_signed_o <= 1'b0"),
        ("clears each significance", "op_clear_o <= fresh_q", "op_clear_o <= start_q"),
    ],
    "flexmac_drain": [
        ("preload at every digit", "cap_pos_i == {SIGNIFICANCE_WIDTH{1'b0}} ? cap_base_i : BASE_MEMORY",
         "cap_base_i"),
        ("last never", "result_last_o = s4_final_q", "result_last_o = 1'b0"),
        ("a row too many", "row_q == rows_q - ONE_ROW", "row_q == rows_q"),
        ("digits emitted", "s1_valid_q <= s0_valid_q && s0_emit_q", "s1_valid_q <= s0_valid_q"),
        ("seed every row", "s2_valid_q && s2_first_q && stochastic_i", "s2_valid_q && stochastic_i"),
        ("moves frozen", "assign sum_o = en_i && s0_valid_q", "assign sum_o = s0_valid_q"),
    ],
    "flexmac_dot": [
        ("a never signed", "{a_signed_i & a_i[lane*CHUNK+CHUNK-1]", "{1'b0 & a_i[lane*CHUNK+CHUNK-1]"),
        ("squares", "+ a * b", "+ a * a"),
        ("every lane is lane 0", "b_i[lane*CHUNK +: CHUNK]};", "b_i[0 +: CHUNK]};"),
        ("no offset", "total = OFFSET", "total = {PAIR_WIDTH{1'b0}}"),
        ("sign row of b not inverted", "row ^ {a_signed_i, {(CHUNK - 1) {b_signed_i}}}",
         "row ^ {a_signed_i, {(CHUNK - 1) {1'b0}}}"),
        ("constant of two signs as of one", "b_signed_i ? BOTH_SIGNED", "b_signed_i ? ONE_SIGNED"),
        ("row a place low", "{{(PAIR_WIDTH - CHUNK) {1'b0}}, row} << bit_b", "{{(PAIR_WIDTH - CHUNK) {1'b0}}, row} << (bit_b - 1)"),
    ],
    "flexmac_csa": [
        ("carry in its own place", "{carry[WIDTH-2:0], 1'b0}", "carry"),
        ("no carry of x and z", "(x & y) | (z & (x ^ y))", "(x & y) | (z & y)"),
        ("a word dropped", "from[(3*THREES+i)*WIDTH +: WIDTH]", "{WIDTH{1'b0}}"),
        ("a word twice", "from[(3*i+2)*WIDTH +: WIDTH]", "from[(3*i+1)*WIDTH +: WIDTH]"),
    ],
    "flexmac_accumulate": [
        ("top bit of the carry lost", "sum_i[PAIR_WIDTH-1] | carry_i[PAIR_WIDTH-1]", "sum_i[PAIR_WIDTH-1]"),
        ("offset stays", "{(ACC_WIDTH - PAIR_WIDTH + 1) {1'b1}}", "{(ACC_WIDTH - PAIR_WIDTH + 1) {1'b0}}"),
        ("a carry lost", "(base_i & sum) | (carry & (base_i ^ sum))", "carry & (base_i ^ sum)"),
        ("carries a place low", "{up[ACC_WIDTH-2:0], 1'b0}", "up"),
        ("offset added again", "{!added[PAIR_WIDTH-1]}}", "{added[PAIR_WIDTH-1]}}"),
        ("the pair's carry dropped", "= sum_i + carry_i", "= sum_i"),
    ],
    "flexmac_column": [
        ("every row takes row 0's a", "a_i[row*WORD_WIDTH +: WORD_WIDTH]", "a_i[0 +: WORD_WIDTH]"),
        ("rows out of the chain", "from_below = gen_chain[row+1].data",
         "from_below = gen_chain[ROWS].data"),
        ("row 0 hidden", "chain_o = gen_chain[0].data", "chain_o = gen_chain[1].data"),
        ("chain a bit short", "wire signed [ACC_WIDTH-1:0] data;",
         "wire signed [ACC_WIDTH-2:0] data;"),
    ],
    "flexmac_fifo": [
        ("no wrap", "push_q == LAST ? {POINTER_WIDTH{1'b0}} : push_q + ONE", "push_q + ONE"),
        ("pops the newest", "q_o = memory_q[pop_q]", "q_o = memory_q[push_q]"),
        ("pop moves with push", "if (pop_i) pop_q", "if (push_i) pop_q"),
        ("writes always", "if (push_i) memory_q", "memory_q"),
        ("pointers not reset", "push_q <= {POINTER_WIDTH{1'b0}};", "push_q <= {POINTER_WIDTH{1'b1}};"),
    ],
    "flexmac_results": [
        ("room for one more", "all_q <= held_d == ALL", "all_q <= 1'b0"),
        ("offered at launch", "valid_q <= arrived_d != {COUNT_WIDTH{1'b0}}",
         "valid_q <= held_d != {COUNT_WIDTH{1'b0}}"),
        ("taken unasked", "accept_o = valid_q && res_ready_i", "accept_o = valid_q"),
        ("full though one leaves", "need_i && all_q && !accept_o", "need_i && all_q"),
        ("lost when one comes and goes", "if (!launch_i && accept_o) held_d", "if (accept_o) held_d"),
    ],
    "flexmac_fixed_pe": [
        ("never clears", "acc_clear_i ? {ACC_WIDTH{1'b0}} : acc_q", "acc_q"),
        ("pair's words swapped for one", ".d_i({carry_d, sum_d})", ".d_i({carry_d, carry_d})"),
        ("drain beats capture", "if (cap_i) chain_q", "if (cap_i && !drain_i) chain_q"),
        ("accumulates always", "if (acc_en_i) acc_q", "acc_q"),
        ("b unsigned", ".b_signed_i(1'b1)", ".b_signed_i(1'b0)"),
        ("squares", ".b_i       (b)", ".b_i       (a)"),
    ],
    "flexmac_adder": [
        ("no carry between", "carry = plain[g*(SEGMENT_WIDTH+1)+SEGMENT_WIDTH]",
         "carry = 1'b0 && plain[g*(SEGMENT_WIDTH+1)+SEGMENT_WIDTH]"),
        ("carry not passed on", " || (raised[g*(SEGMENT_WIDTH+1)+SEGMENT_WIDTH] && carry)", ""),
        ("carry in ignored", "i == 0 && carry_i", "1'b0"),
        ("raised not raised", ".carry_i(1'b1)", ".carry_i(1'b0)"),
    ],
    "flexmac_adder_segment": [
        ("carry ignored", "{{WIDTH{1'b0}}, carry_i}", "{(WIDTH + 1) {1'b0}}"),
        ("carry out lost", "{1'b0, a_i} + {1'b0, b_i}", "{a_i[WIDTH-1], a_i} + {1'b0, b_i}"),
        ("ors", "{1'b0, a_i} + {1'b0, b_i}", "({1'b0, a_i} | {1'b0, b_i})"),
        ("subtracts", "{1'b0, a_i} + {1'b0, b_i}", "{1'b0, a_i} - {1'b0, b_i}"),
    ],
    "flexmac_lzc": [
        ("halves swapped", "none64 ? value_i[63:0] : value_i[127:64]", "none64 ? value_i[127:64] : value_i[63:0]"),
        ("a half too far", "half64[63:32] == 32'd0", "half64[63:31] == 33'd0"),
        ("last bit inverted", "!half2[1]}", "half2[1]}"),
        ("a place lost", "none4, none2,", "none4, none4,"),
    ],
    "flexmac_fp32_unit": [
        ("hidden one always", "1'b0, normal, value_i[22:0]", "1'b0, 1'b1, value_i[22:0]"),
        ("subnormal exponent 0", "value_i[23] || !normal", "value_i[23]"),
        ("exponent one low", "10'd127", "10'd126"),
        ("infinity a NaN", "value_i[22:0] != 23'd0;", "1'b1;"),
    ],
    "flexmac_fp32_edge": [
        ("preload ignored", "sum_base_i == BASE_PRELOAD ? preload_i : NOTHING", "NOTHING"),
        ("preload always", "sum_base_i == BASE_PRELOAD ? preload_i : NOTHING", "preload_i"),
        ("nothing is +0", "NOTHING = 32'h80000000", "NOTHING = 32'h00000000"),
        ("low is high", "low_o = result_o == 32'hff800000", "low_o = result_o == 32'h7f800000"),
    ],
    "flexmac_fp32_seq": [
        ("a word too many", "k_q == words_q - ONE_WORD", "k_q == words_q"),
        ("a step too few", "step_q == REDUCTION_STEPS - 8'd1", "step_q == REDUCTION_STEPS - 8'd2"),
        ("chains freed early", "if (capture) drain_q <= due_rows_q - ONE_ROW", "if (capture) drain_q <= 0"),
        ("captures without emit", "(ends_words && emit_q && !starts_steps)", "(ends_words && !starts_steps)"),
        ("steps frozen not", "else if (en_i && reduce_q)", "else if (reduce_q)"),
        ("step codes as words", "op_code_o <= reduce_q ? steps[2:0] : 3'd0", "op_code_o <= 3'd0"),
    ],
    "flexmac_fp32_mul": [
        ("sign lost", "a[31] ^ b[31], exponent_d", "1'b0, exponent_d"),
        ("zero keeps its exponent", "a_zero || b_zero ? 10'd0 : a_exponent", "a_exponent"),
        ("a slice misplaced", "{12'd0, part[PART +: PART], 6'd0}", "{11'd0, part[PART +: PART], 7'd0}"),
        ("infinity times zero a number", "(a_special && b_zero) || ", ""),
        ("subnormal exponent 0", "a[23] || !a_normal", "a[23]"),
    ],
    "flexmac_fp32_add": [
        ("ties away", "guard && (sticky || fraction_e[0])", "guard"),
        ("truncates", "guard && (sticky || fraction_e[0])", "1'b0"),
        ("sticky of the addend lost", "{placed[2*FRAME_WIDTH:FRAME_WIDTH+1], placed[FRAME_WIDTH:0] != {(FRAME_WIDTH + 1) {1'b0}}}", "{placed[2*FRAME_WIDTH:FRAME_WIDTH+1], 1'b0}"),
        ("overflow late", "rounded[32:23] >= 10'd255", "rounded[32:23] > 10'd255"),
        ("sum of opposites -0", "subtract ? !zero && (", "subtract ? ("),
    ],
    "flexmac_fp32_pe": [
        ("lane 0 taken in twice", "head[(v+1)*32 +: 32]", "head[v*32 +: 32]"),
        ("dead sums alive", "acc_dead_i ? NOTHING : sum", "sum"),
        ("starts from +0", "NOTHING = 32'h80000000", "NOTHING = 32'h3f800000"),
        ("captures without the last bit", "chain_q <= sum[31:0];", "chain_q <= sum[31:0] & ~32'd1;"),
        ("what was held is lost", "OP_HELD: term = held;", "OP_HELD: term = NO_PRODUCT;"),
    ],
    "flexmac_axil": [
        ("response drops", "bvalid_o <= bvalid_o ? !bready_i : write_o", "bvalid_o <= write_o"),
        ("written without data", "write_o = aw_full_q && w_full_q && !bvalid_o", "write_o = aw_full_q && !bvalid_o"),
        ("written twice", "aw_full_q ? !write_o : awvalid_i", "aw_full_q ? !bvalid_o && !write_o : awvalid_i"),
        ("a write in front of its answer", "w_full_q && !bvalid_o", "w_full_q"),
        ("error lost", "bresp_o <= write_error_i ? SLVERR : OKAY", "bresp_o <= OKAY"),
        ("strobes swapped", "{8{strobe_q[3]}}, {8{strobe_q[2]}}", "{8{strobe_q[2]}}, {8{strobe_q[3]}}"),
        ("ready follows valid", "awready_o = !aw_full_q", "awready_o = !aw_full_q && wvalid_i"),
        ("no read is done", "read_o = ar_full_q && !rvalid_o", "read_o = 1'b0 && ar_full_q && !rvalid_o"),
    ],
    "flexmac_skid": [
        ("spare beat lost", "m_valid_o <= spare_valid_q || s_valid_i", "m_valid_o <= s_valid_i"),
        ("doubled", "m_valid_o <= spare_valid_q || s_valid_i;\n      spare_valid_q <= 1'b0;",
         "m_valid_o <= spare_valid_q || s_valid_i;"),
        ("order lost", "spare_valid_q ? spare_q : s_data_i", "s_data_i"),
        ("changes while it waits", "if (loads) m_data_o", "m_data_o"),
        ("spare overwritten", "if (!spare_valid_q) spare_q", "spare_q"),
        ("ready follows ready", "s_ready_o = !spare_valid_q", "s_ready_o = !spare_valid_q && m_ready_i"),
    ],
    "flexmac_outlet": [
        ("a clear takes what is shown", "m_valid_o <= m_valid_o && !m_ready_i;", "m_valid_o <= 1'b0;"),
        ("cut packet left open", "closing_q <= stays_open", "closing_q <= 1'b0"),
        ("closes what is closed", "stays_open = m_valid_o ? !m_last_o : open_q", "stays_open = m_valid_o || open_q"),
        ("cut packet counted", "leaves && m_last_o && !cut_q", "leaves && m_last_o"),
        ("spare kept over a clear", "        spare_valid_q <= 1'b0;\n        closing_q <= stays_open;",
         "        closing_q <= stays_open;"),
        ("room while closing", "!spare_valid_q && !closing_q", "!spare_valid_q"),
    ],
    "flexmac_queue": [
        ("full is empty", "full_o = count_o[ADDR_WIDTH]", "full_o = 1'b0"),
        ("pops the newest", "memory_q[head_q[ADDR_WIDTH-1:0]]", "memory_q[tail_q[ADDR_WIDTH-1:0]]"),
        ("pop moves with push", "if (pop_i) head_q", "if (push_i) head_q"),
        ("writes always", "if (push_i) memory_q", "memory_q"),
    ],
    "flexmac_bank": [
        ("writes always", "if (write_i) memory_q", "memory_q"),
        ("reads always", "if (read_i) read_data_o", "read_data_o"),
        ("banks are one", "memory_q[write_addr_i]", "memory_q[{1'b0, write_addr_i[ADDR_WIDTH-1:0]}]"),
        ("reads where it writes", "memory_q[read_addr_i]", "memory_q[write_addr_i]"),
    ],
    "flexmac_packet": [
        ("short packet hangs", "pad_q <= short_o || (pad_q && !done_o)", "pad_q <= 1'b0"),
        ("surplus is the next packet", "surplus_q <= long_o || (surplus_q && !done_o)", "surplus_q <= 1'b0"),
        ("a beat too many", "final_beat = left_q == ONE", "final_beat = left_q == {LENGTH_WIDTH{1'b0}}"),
        ("missing beats not zero", "pad ? {WIDTH{1'b0}} : s_data_i", "s_data_i"),
        ("taken though blocked", "(pass && m_ready_i) || drop", "pass || drop"),
        ("flush forgets", "flush_q <= flush_q && open", "flush_q <= 1'b0"),
        ("flushes too long", "open = taken ? !s_last_i : open_q", "open = taken ? 1'b1 : open_q"),
    ],
    "flexmac_operand": [
        ("bank inverted", "({bank_i, addr_q})", "({!bank_i, addr_q})"),
        ("address not reset", "if (start_i) addr_q <= {ADDR_WIDTH{1'b0}}", "if (start_i) addr_q <= addr_q + ONE"),
        ("address stands", "addr_q <= addr_q + ONE", "addr_q <= addr_q"),
        ("reads the other bank", "({read_bank_i, read_addr_i})", "({!read_bank_i, read_addr_i})"),
        ("never cleared", ".clear_i  (clear_i)", ".clear_i  (1'b0)"),
    ],
    "flexmac_check": [
        ("K = 0 legal", "k_i == 32'd0 || ", ""),
        ("one plane less", "ROUND_UP_CHUNK = CHUNK - 1", "ROUND_UP_CHUNK = CHUNK - 2"),
        ("words rounded down", "ROUND_UP_K = LANES - 1", "ROUND_UP_K = 0"),
        ("depth one more", "length_a > DEPTH_W", "length_a > DEPTH_W + 1"),
        ("mode 3 passes", "!MODES[round_i[1:0]]", "!MODES[round_i[0]]"),
        ("shift of -32", "SHIFT_LOW = -16'sd31", "SHIFT_LOW = -16'sd32"),
        ("b's length is a's", "{{K_WIDTH{1'b0}}, planes_b_q}", "{{K_WIDTH{1'b0}}, planes_a_q}"),
    ],
    "flexmac_regs": [
        ("mask ignored", "scratch_o <= (scratch_o & keep[31:0]) | data[31:0]", "scratch_o <= data[31:0]"),
        ("clear keeps events", "if (!rst_ni || clear_i)", "if (!rst_ni)"),
        ("event lost in its clear", "irq_status_idle_i || (irq_status_idle_o && !(",
         "(irq_status_idle_i || irq_status_idle_o) && !(("),
        ("another counter's high word", "10'h042: high_q <= {16'd0, compute_cycles_i[47:32]};",
         "10'h042: high_q <= {16'd0, busy_cycles_i[47:32]};"),
        ("another parameter", "read_data_o = param_max_bits_i", "read_data_o = param_chunk_i"),
        ("a read-only register takes a write", "10'h020: write_error_o = 1'b0;",
         "10'h021: write_error_o = 1'b0;"),
        ("starts without a write", "start_write_o = write_i &&", "start_write_o ="),
    ],
    "flexmac_top": [
        ("taken from an empty queue", "accept = !queue_empty && load_ready", "accept = load_ready"),
        ("refused and submitted", "submit = checked && !refuse", "submit = checked"),
        ("preload starts while one is open", "preload_start = !tiles_empty && preload_idle",
         "preload_start = !tiles_empty"),
        ("rows of another field", "shape_cols[COLS_WIDTH-1:0], shape_rows[ROWS_WIDTH-1:0]",
         "shape_rows[COLS_WIDTH-1:0], shape_cols[ROWS_WIDTH-1:0]"),
        ("always in reset", "run_n = aresetn && !soft_reset_q", "run_n = aresetn && soft_reset_q"),
        ("a's stream is b's", "s_data_i   (s_axis_a_tdata[", "s_data_i   (s_axis_b_tdata["),
    ],
    "flexmac_error": [
        ("the last error stands", "code_o == NONE && found_o", "found_o"),
        ("clear ignored", "!rst_ni || clear_i", "!rst_ni"),
        ("preload's number an operand's", "number_d = preload_number_i", "number_d = operand_number_i"),
        ("long is short", "A_LONG = 8'd17", "A_LONG = 8'd16"),
    ],
    "flexmac_load": [
        ("fills a bank in use", " && !used[next_bank]", ""),
        ("full with one operand", "(done_a_q || done_a_i) && (done_b_q || done_b_i)", "(done_a_q || done_a_i)"),
        ("runs one bank only", "run_bank_q ^ run", "run_bank_q"),
        ("run twice", "(full_q | fills) & ~runs", "(full_q | fills)"),
        ("command of the other bank", "run_bank_q ? cmd_1_q : cmd_0_q", "run_bank_q ? cmd_0_q : cmd_1_q"),
        ("never released", "used = used_q & ~released", "used = used_q"),
    ],
    "flexmac_issue": [
        ("mode changes under a command", "!same && !core_busy_i", "!same"),
        ("offered in another mode", "go = same && !hold_i", "go = !hold_i"),
        ("hold ignored", "go = same && !hold_i", "go = same"),
        ("released twice", "run || (running_q && !release_o)", "run || running_q"),
        ("taken without an offer", "run_ready_o = cmd_ready_i && go", "run_ready_o = cmd_ready_i"),
    ],
    "flexmac_skew": [
        ("one short", "line_q[(CYCLES-1)*WIDTH +: WIDTH]", "line_q[(CYCLES-2)*WIDTH +: WIDTH]"),
        ("order lost", "{line_q[(CYCLES-1)*WIDTH-1:0], d_i}", "{d_i, line_q[CYCLES*WIDTH-1:WIDTH]}"),
        ("register missing", "always @(posedge clk_i) data_q <= d_i;", "always @* data_q = d_i;"),
        ("inverted", "gen_wire\n      wire unused_wire = &{1'b0, clk_i};\n      assign q_o = d_i",
         "gen_wire\n      wire unused_wire = &{1'b0, clk_i};\n      assign q_o = ~d_i"),
    ],
    "flexmac_array": [
        ("b's sign from a", "{op_b_signed_i, op_b_i", "{op_a_signed_i, op_b_i"),
        ("clear early", ".CYCLES(STAGES - 1)) u_acc_mode", ".CYCLES(0)) u_acc_mode"),
        ("accumulates always", "wire acc_en = en_i && valid[STAGES-1]", "wire acc_en = en_i"),
        ("frozen still adds", "wire acc_en = en_i && valid[STAGES-1]",
         "wire acc_en = valid[STAGES-1]"),
        ("a a cycle late", ".CYCLES(1 + (ROWS - 1 - row) / BLOCK_ROWS)",
         ".CYCLES(2 + (ROWS - 1 - row) / BLOCK_ROWS)"),
    ],
    "flexmac_core": [
        ("preloads not waited for", "(need_preload && !pre_valid_i)", "1'b0"),
        ("seeds not waited for", "(need_seed && !seed_valid_i)", "1'b0"),
        ("room not waited for", "wire en = !full && !late", "wire en = !late"),
        ("captures when frozen", ".cap_i        (en && cap_valid)", ".cap_i        (cap_valid)"),
        ("preload taken when frozen", "pre_ready_o = need_preload && en",
         "pre_ready_o = need_preload"),
        ("all columns take bias 0", "pre_data_i[col*SUM_WIDTH +: SUM_WIDTH]", "pre_data_i[0 +: SUM_WIDTH]"),
    ],
}  # fmt: skip

# 3 x 5 with three lanes, where the texts of rendered modules are; then 1 x 1, whose tiles are so
# short that seeds come late
BENCHES = ("odd", "one")

# their arithmetic has no rules of its own
FLOAT = ("flexmac_fp32_mul", "flexmac_fp32_add", "flexmac_fp32_pe")


def seed_fault(source, old, new):
    text = source.read_text()
    text, guard, rules = text.partition("`ifdef FORMAL")
    if text.count(old) != 1:
        raise ToolError(f"stale fault in {source.name}: {text.count(old)} x {old!r}; change it with"
                        " the RTL")  # fmt: skip
    return text.replace(old, new) + guard + rules


def relevant(module):
    """Proofs of the module first, then those it is part of."""
    own = [p for p in PROOFS if module in (p.cell, *p.below) and not p.long]
    if module == "flexmac_top":  # MiniSat seldom finds the end of an induction that fails
        own = [p for p in own if p.engine == "abc"]
    return sorted(own, key=lambda p: p.cell.removeprefix("flexmac_") not in module)


def by_proof(module, old, new, work, designs, root, run_proof):
    for number, proof in enumerate(relevant(module)):
        source = leaf(root, module) or designs.get(proof.how) / f"{module}.v"
        broken = work / f"broken{number}"
        shutil.rmtree(broken, ignore_errors=True)
        broken.mkdir(parents=True)
        if source.read_text().partition("`ifdef FORMAL")[0].count(old) == 0:
            continue  # the text is of another number of lanes
        (broken / source.name).write_text(seed_fault(source, old, new))
        verdict = run_proof(proof, broken / "run", designs, broken)
        if verdict.failed:
            return f"proof of {proof.name}"
        if paths.broken(module, broken / "paths", broken, root):
            return f"paths of {module}"
        if module == "flexmac_lfsr" and lfsr_period.check(broken / "period", broken / source.name):
            return "period of flexmac_lfsr"
    return None


def by_bench(icarus, benches, module, name, old, new):
    icarus.FAULTS[name] = (f"{module}.v", old, new)
    for bench in benches:
        source = bench.folder / "design" / "rtl" / f"{module}.v"
        if not source.exists():
            continue  # of another style
        if source.read_text().count(old) != 1 and bench is not benches[0]:
            continue  # a text of another shape of array
        found = icarus.caught(bench, name)
        if found:
            return f"tests/icarus {bench.name}, {found.split(': ')[-1]}"
    return None


def by_testbench(work, design, module, old, new):
    """What the design's own testbench of flexmac_top says."""
    broken = work / "testbench"
    shutil.rmtree(broken, ignore_errors=True)
    shutil.copytree(design, broken)
    source = broken / "rtl" / f"{module}.v"
    source.write_text(seed_fault(source, old, new))
    files = [*(broken / "flexmac.f").read_text().split(), *broken.glob("*/flexmac_top_tb.v")]
    code, said = call(["iverilog", "-g2005", "-s", "flexmac_top_tb", "-o", "bench", *files], broken)
    if code != 0:
        raise ToolError(f"iverilog in {broken}: {said[-400:]}")
    _, said = call(["vvp", "bench"], broken)
    found = [line for line in said.split("\n") if line.startswith("FAIL: ")]
    return f"testbench, {found[0][6:].strip()}" if found else None


def run(arguments, work, designs, run_proof):
    root = Path(__file__).resolve().parent.parent
    sys.path.insert(0, str(root / "tests" / "icarus"))
    import run as icarus

    benches = []
    for name in BENCHES:
        folder = work / f"bench_{name}"
        folder.mkdir()
        benches.append(icarus.Bench(name, folder, arguments.flexmac, 1, 84))
    floats = None
    every = [(module, *fault) for module, faults in FAULTS.items() for fault in faults]
    chosen = [f for f in every if arguments.only in f"{f[0]}: {f[1]}"]
    if arguments.sample:
        chosen = chosen[:: arguments.sample]
    known = {path.stem for path in (benches[0].folder / "design" / "rtl").glob("*.v")}
    known |= {path.stem for room in ROOMS for path in (root / "rtl" / room).glob("*.v")}
    bare = sorted(module for module in known if len(FAULTS.get(module, [])) < 4)
    if bare:
        print(f"no faults are seeded in: {', '.join(bare)}")
    rows, missed = [], 0
    for number, (module, what, old, new) in enumerate(chosen):
        begun = time.monotonic()
        place = work / f"fault{number}"
        if module in FLOAT:
            floats = floats or FloatBench(work / "floats", arguments.flexmac, designs)
            said = floats.caught(f"{module}.v", seed_fault(leaf(root, module), old, new))
            found = said and f"flexmac gemm: {said}"
        else:
            found = by_proof(module, old, new, place, designs, root, run_proof)
        if module == "flexmac_top" and not found:
            found = by_testbench(work, benches[0].folder / "design", module, old, new)
        found = found or by_bench(icarus, benches, module, f"{module}: {what}", old, new)
        missed += not found
        seconds = time.monotonic() - begun
        print(f"{'caught' if found else 'MISSED'}  {module}: {what}: {found or 'by nothing'}"
              f" ({seconds:.1f} s)", flush=True)  # fmt: skip
        rows.append((module, what, found or "nothing"))
        shutil.rmtree(place, ignore_errors=True)
    if arguments.table:
        report.write_faults(arguments.table, rows)
    print(f"faults: {len(rows) - missed} caught, {missed} missed")
    return 1 if missed or not rows else 0
