"""Seeded faults, at least four in every module named here, and what catches each: the proofs first, then the
test bench of tests/icarus. A fault that nothing catches means that a rule is missing.
"""

import shutil
import sys
import time
from pathlib import Path

import lfsr_period
import report
from cases import PROOFS
from solver import ToolError

# module: (what is wrong, text that occurs once, what replaces it)
FAULTS = {
    "flexmac_pe": [
        ("shifts in zeros", "acc_q >>> P", "$unsigned(acc_q) >> P"),
        ("shifts one short", "acc_q >>> P", "acc_q >>> (P - 1)"),
        ("pair's words swapped for one", ".d_i({carry_d, sum_d})", ".d_i({sum_d, sum_d})"),
        ("never clears", "if (acc_clear_i) base", "if (1'b0) base"),
        ("captures a bit more", "acc_q[P-1:0]};", "acc_q[P-1:0]} | (acc_q[P] << P);"),
        ("drain beats capture", "if (cap_i) chain_q", "if (cap_i && !drain_i) chain_q"),
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
        ("sign beyond lost", "beyond_i ? sign_i : value_i[33]", "value_i[33]"),
        ("wraps below zero", "negative ? ~max : max", "max"),
        ("beyond not outside", "beyond_i || (magnitude", "(magnitude"),
    ],
    "flexmac_sum": [
        ("waiting carry lost", "+ {{SEG{1'b0}}, base_carry[i]}", ""),
        ("carry out lost", "carry_d[i+1] = carry", "carry_d[i+1] = 1'b0"),
        ("no carry at the end", "+ {{(SEG - 2) {1'b0}}, enter}", ""),
        ("memory keeps without carries", "memory_q[row_i] <= {carry_d, sum_d}",
         "memory_q[row_i] <= {{N{1'b0}}, sum_d}"),
        ("preload ignored", "BASE_PRELOAD: base = preload;", "BASE_PRELOAD: base = {ALL{1'b0}};"),
        ("always keeps", "if (keep_i) memory_q", "if (add_en_i) memory_q"),
    ],
    "flexmac_requant": [
        ("nearest constant short", "24'h800000", "24'h7fffff"),
        ("truncate rounds", "default: addend = 24'd0", "default: addend = 24'd1"),
        ("error short", "9'd256 - fraction", "9'd255 - fraction"),
        ("last digit unsigned", "align_last_i && chain_i[ACC-1]", "1'b0"),
        ("beyond without sign", "(sum ^ {SUM{sum[SUM-1]}})", "sum"),
        ("places off by one", "extended << places", "extended << places << 1"),
        ("floor's sign lost", "{window_q[56], window_q[56:24]}", "{1'b0, window_q[56:24]}"),
    ],
    "flexmac_lfsr": [
        ("wrong tap", "32'h80200003", "32'h80200001"),
        ("seed 0 kept", "state_q <= 32'd1", "state_q <= 32'd0"),
        ("31 steps", "i < 32", "i < 31"),
        ("not linear", "= ^(state_q & PARITIES", "= |(state_q & PARITIES"),
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
        ("on is off", "if (ON != 0)", "if (ON == 0)"),
    ],
    "flexmac_delay": [
        ("enable ignored", "else if (en_i) line_q", "else line_q"),
        ("not reset", "if (!rst_ni) line_q", "if (1'b0) line_q"),
        ("one short", "line_d[N*W +: W]", "line_d[(N-1)*W +: W]"),
        ("order lost", "{line_q, d_i}", "{d_i, line_q}"),
    ],
    "flexmac_seq": [
        ("a word too many", "k_q == words_q - ONE_W", "k_q == words_q"),
        ("chains freed early", "if (capture) drain_q <= due_rows_q - ONE_R",
         "if (capture) drain_q <= 0"),
        ("chains freed late", "if (capture) drain_q <= due_rows_q - ONE_R",
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
        ("preload at every digit", "cap_pos_i == {SW{1'b0}} ? cap_base_i : BASE_MEMORY",
         "cap_base_i"),
        ("last never", "result_last_o = d_final_q", "result_last_o = 1'b0"),
        ("a row too many", "row_q == rows_q - ONE_R", "row_q == rows_q"),
        ("digits emitted", "b_valid_q <= a_valid_q && a_emit_q", "b_valid_q <= a_valid_q"),
        ("seed every row", "r_valid_q && r_first_q && stochastic_i", "r_valid_q && stochastic_i"),
        ("moves frozen", "assign sum_o = en_i && a_valid_q", "assign sum_o = a_valid_q"),
    ],
    "flexmac_dot": [
        ("a never signed", "{a_signed_i & a_i[lane*P+P-1]", "{1'b0 & a_i[lane*P+P-1]"),
        ("squares", "one = a * b", "one = a * a"),
        ("every lane is lane 0", "b_i[lane*P +: P]};", "b_i[0 +: P]};"),
        ("no offset", "total = OFFSET", "total = {S{1'b0}}"),
        ("sign row of b not inverted", "row ^ {a_signed_i, {(P - 1) {b_signed_i}}}",
         "row ^ {a_signed_i, {(P - 1) {1'b0}}}"),
        ("constant of two signs as of one", "b_signed_i ? BOTH_SIGNED", "b_signed_i ? ONE_SIGNED"),
        ("row a place low", "{{(S - P) {1'b0}}, row} << bit_b", "{{(S - P) {1'b0}}, row} << (bit_b - 1)"),
    ],
    "flexmac_csa": [
        ("carry in its own place", "{carry[W-2:0], 1'b0}", "carry"),
        ("no carry of x and z", "(x & y) | (z & (x ^ y))", "(x & y) | (z & y)"),
        ("a word dropped", "from[(3*THREES+i)*W +: W]", "{W{1'b0}}"),
        ("a word twice", "from[(3*i+2)*W +: W]", "from[(3*i+1)*W +: W]"),
    ],
    "flexmac_accumulate": [
        ("top bit of the carry lost", "sum_i[S-1] | carry_i[S-1]", "sum_i[S-1]"),
        ("offset stays", "{(ACC - S + 1) {1'b1}}", "{(ACC - S + 1) {1'b0}}"),
        ("a carry lost", "(base_i & sum) | (carry & (base_i ^ sum))", "carry & (base_i ^ sum)"),
        ("carries a place low", "{up[ACC-2:0], 1'b0}", "up"),
    ],
    "flexmac_column": [
        ("row 1 takes row 0's a", "a_i[1*WORD +: WORD]", "a_i[0*WORD +: WORD]"),
        ("row 1 out of the chain", ".chain_i(chain_1), .chain_o(chain_0)",
         ".chain_i(chain_2), .chain_o(chain_0)"),
        ("row 0 hidden", "assign chain_o = chain_0", "assign chain_o = chain_1"),
        ("accumulator a bit short", "localparam ACC = ", "localparam ACC = -1 + "),
    ],
    "flexmac_fifo": [
        ("no wrap", "push_q == LAST ? {PW{1'b0}} : push_q + ONE", "push_q + ONE"),
        ("pops the newest", "q_o = memory_q[pop_q]", "q_o = memory_q[push_q]"),
        ("pop moves with push", "if (pop_i) pop_q", "if (push_i) pop_q"),
        ("writes always", "if (push_i) memory_q", "memory_q"),
        ("pointers not reset", "push_q <= {PW{1'b0}};", "push_q <= {PW{1'b1}};"),
    ],
    "flexmac_results": [
        ("room for one more", "all_q <= held_d == ALL", "all_q <= 1'b0"),
        ("offered at launch", "valid_q <= landed_d != {NW{1'b0}}",
         "valid_q <= held_d != {NW{1'b0}}"),
        ("taken unasked", "take_o = valid_q && res_ready_i", "take_o = valid_q"),
        ("full though one leaves", "need_i && all_q && !take_o", "need_i && all_q"),
        ("lost when one comes and goes", "if (!launch_i && take_o) held_d", "if (take_o) held_d"),
    ],
    "flexmac_skew": [
        ("one short", "line_q[(N-1)*W +: W]", "line_q[(N-2)*W +: W]"),
        ("order lost", "{line_q[(N-1)*W-1:0], d_i}", "{d_i, line_q[N*W-1:W]}"),
        ("register missing", "always @(posedge clk_i) data_q <= d_i;", "always @* data_q = d_i;"),
        ("inverted", "gen_wire\n      wire unused_wire = &{1'b0, clk_i};\n      assign q_o = d_i",
         "gen_wire\n      wire unused_wire = &{1'b0, clk_i};\n      assign q_o = ~d_i"),
    ],
    "flexmac_array": [
        ("b's sign from a", "{op_b_signed_i, op_b_i", "{op_a_signed_i, op_b_i"),
        ("clear early", ".N(STAGES - 1)) u_acc_mode", ".N(0)) u_acc_mode"),
        ("accumulates always", "wire acc_en = en_i && valid[STAGES-1]", "wire acc_en = en_i"),
        ("frozen still adds", "wire acc_en = en_i && valid[STAGES-1]",
         "wire acc_en = valid[STAGES-1]"),
        ("a a cycle late", ".N(1 + (ROWS - 1 - row) / BLOCK_ROWS)",
         ".N(2 + (ROWS - 1 - row) / BLOCK_ROWS)"),
    ],
    "flexmac_core": [
        ("preloads not waited for", "(need_preload && !pre_valid_i)", "1'b0"),
        ("seeds not waited for", "(need_seed && !seed_valid_i)", "1'b0"),
        ("room not waited for", "wire en = !full && !late", "wire en = !late"),
        ("captures when frozen", ".cap_i        (en && cap_valid)", ".cap_i        (cap_valid)"),
        ("preload taken when frozen", "pre_ready_o = need_preload && en",
         "pre_ready_o = need_preload"),
        ("all columns take bias 0", "pre_data_i[col*SUM +: SUM]", "pre_data_i[0 +: SUM]"),
    ],
}  # fmt: skip

# 3 x 5 with three lanes, where the texts of rendered modules are; then 1 x 1, whose tiles are so
# short that seeds come late
BENCHES = ("odd", "one")


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
    return sorted(own, key=lambda p: p.cell.removeprefix("flexmac_") not in module)


def by_proof(module, old, new, work, designs, root, run_proof):
    for number, proof in enumerate(relevant(module)):
        source = root / "rtl" / f"{module}.v"
        if not source.exists():
            source = designs.get(proof.how) / f"{module}.v"
        broken = work / f"broken{number}"
        shutil.rmtree(broken, ignore_errors=True)
        broken.mkdir(parents=True)
        if source.read_text().partition("`ifdef FORMAL")[0].count(old) == 0:
            continue  # the text is of another number of lanes
        (broken / source.name).write_text(seed_fault(source, old, new))
        verdict = run_proof(proof, broken / "run", designs, broken)
        if verdict.failed:
            return f"proof of {proof.name}"
        if module == "flexmac_lfsr" and lfsr_period.check(broken / "period", broken / source.name):
            return "period of flexmac_lfsr"
    return None


def by_bench(icarus, benches, module, name, old, new):
    icarus.FAULTS[name] = (f"{module}.v", old, new)
    for bench in benches:
        source = bench.folder / "design" / "rtl" / f"{module}.v"
        if source.read_text().count(old) != 1 and bench is not benches[0]:
            continue  # a text of another shape of array
        found = icarus.caught(bench, name)
        if found:
            return f"tests/icarus {bench.name}, {found.split(': ')[-1]}"
    return None


def run(arguments, work, designs, run_proof):
    root = Path(__file__).resolve().parent.parent
    sys.path.insert(0, str(root / "tests" / "icarus"))
    import run as icarus

    benches = []
    for name in BENCHES:
        folder = work / f"bench_{name}"
        folder.mkdir()
        benches.append(icarus.Bench(name, folder, arguments.flexmac, 1, 84))
    every = [(module, *fault) for module, faults in FAULTS.items() for fault in faults]
    chosen = [f for f in every if arguments.only in f"{f[0]}: {f[1]}"]
    if arguments.sample:
        chosen = chosen[:: arguments.sample]
    known = {path.stem for path in (benches[0].folder / "design" / "rtl").glob("*.v")}
    bare = sorted(module for module in known if len(FAULTS.get(module, [])) < 4)
    if bare:
        print(f"no faults are seeded in: {', '.join(bare)}")
    rows, missed = [], 0
    for number, (module, what, old, new) in enumerate(chosen):
        begun = time.monotonic()
        place = work / f"fault{number}"
        found = by_proof(module, old, new, place, designs, root, run_proof)
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
