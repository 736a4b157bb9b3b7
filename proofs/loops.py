"""Proves the array for simulation, sim/flexmac_array.v, equal to the array of a design.

Every register of the design is paired with what holds its value in the other form. If all pairs are equal
in some cycle, Yosys shows that they and the outputs are equal in the next, for any inputs: by induction,
from equal states on, for any number of cycles. What is not a register of both: the second word of
flexmac_dot's pair, which is 0 from its first word on, is shown to stay 0.

Yosys takes no loop whose limits are variables, so the limits, which depend on block numbers alone, are put
in their places first. The proof holds for the sizes below; the form is uniform in its widths, and
co-simulation covers the supported configurations (tests/cosim/matrix.rs).
"""

import re
import time

import solver

# Flags of `flexmac gen`: every register of a PE, with and without blocks, also ragged ones, odd lanes
CASES = (
    "--rows 1 --cols 1 --lanes 1 --max-bits 4 --max-k 4 --stages 1 --depth 4",
    "--rows 3 --cols 1 --lanes 2 --max-bits 4 --max-k 6 --stages 2 --depth 8",
    "--rows 2 --cols 2 --lanes 3 --max-bits 6 --max-k 9 --stages 3 --depth 8",
    "--rows 2 --cols 3 --lanes 1 --max-bits 4 --max-k 6 --stages 4 --depth 8",
    "--rows 2 --cols 3 --lanes 1 --max-bits 4 --max-k 4 --stages 2 --depth 8 --fanout 1",
    "--rows 3 --cols 3 --lanes 1 --max-bits 4 --max-k 4 --stages 4 --depth 8 --fanout 2",
)  # fmt: skip
SKEW = "genblk3"  # Yosys's name for the unnamed block around the cases of flexmac_skew
# Sums of more than 32 bits are added up in another way. Here it is proven of small ones.
CUT = ("CUT_B = PAIR_WIDTH > 32 ? 1 : 0;", "CUT_B = 1;")
LIMITS = ("left", "right", "top", "bottom", "place")


# Case, text of sim/flexmac_array.v, replacement: with each, the proof must fail.
FAULTS = (
    (0, "if (clear) begin", "if (clear && !shift) begin"),
    (0, "{CHUNK{acc[column][row][ACC_WIDTH-1]}}", "{CHUNK{1'b0}}"),
    (1, "for (row = top; row < bottom; row = row + 1) chain", "for (row = top; row + 1 < bottom; row = row + 1) chain"),
    (1, "if ((cap || drain) && top == 0)", "if (cap && top == 0)"),
    (1, "+ a_lane[v][row] * b_lane", "+ a_lane[0][row] * b_lane"),
    (4, "crossing[column][i] = chain[column][bottom+1]", "crossing[column][i] = chain[column][bottom]"),
    (4, "place = i + j;", "place = i;"),
)  # fmt: skip


def run(work, designs, root):
    """Rows of the table, one per case, and one for all faults."""
    text = (root / "sim/flexmac_array.v").read_text()
    begun = time.monotonic()
    missed = None
    for number, (case, old, new) in enumerate(FAULTS):
        if text.count(old) != 1:
            raise solver.ToolError(f"proofs/loops.py: `{old}` must be in sim/flexmac_array.v once")
        rtl = designs.get(f"--chunk 2 {CASES[case]}")
        if not prove(work / f"loops_fault{number}", rtl, text.replace(old, new)):
            missed = missed or f"holds with {new}"
    yield (f"array in loops: {len(FAULTS)} faults", "each makes the proof fail", "induction from equal states",
           time.monotonic() - begun, missed)  # fmt: skip
    cut = text.replace(*CUT)
    if cut == text:
        raise solver.ToolError(f"proofs/loops.py: `{CUT[0]}` must be in sim/flexmac_array.v")
    cases = [*((flags, "", text) for flags in CASES), (CASES[1], ", b in halves", cut)]
    for number, (flags, how, form) in enumerate(cases):
        rtl = designs.get(f"--chunk 2 {flags}")
        begun = time.monotonic()
        failed = prove(work / f"loops{number}", rtl, form)
        yield (f"array in loops: {flags}{how}", "the array for simulation has the state and outputs of the array",
               "induction from equal states", time.monotonic() - begun, failed)  # fmt: skip


def prove(folder, rtl, text):
    """None if `text` is equal to the array of the design, else Yosys's first error."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "loops.v").write_text(with_limits(text).replace("module flexmac_array", "module loops", 1))
    size = parameters((rtl / "flexmac_array.v").read_text())
    (folder / "both.v").write_text(both(size))
    leaves = ("flexmac_column", "flexmac_pe", "flexmac_dot", "flexmac_accumulate", "flexmac_adder",
              "flexmac_pipe", "flexmac_skew", "flexmac_delay")  # fmt: skip
    script = "".join(f"read_verilog {rtl / leaf}.v\n" for leaf in ("flexmac_array", *leaves))
    script += "read_verilog -mem2reg loops.v\nread_verilog both.v\nhierarchy -check -top both\nproc\n"
    script += "setattr -mod -unset keep_hierarchy *\nflatten\nopt_expr -keepdc\n"
    pairs = list(registers(size)) + [(f"gold_{port}", f"gate_{port}") for port in OUTPUTS]
    script += "cd both\n" + "".join(f"equiv_add {gold} {gate}\n" for gold, gate in pairs)
    script += "cd ..\nopt -keepdc\nwreduce\nequiv_simple -seq 1\nequiv_induct -seq 2\nequiv_status -assert\n"
    failed = solver.yosys(folder, "loops.ys", script)
    if failed and "unproven" not in failed:
        raise solver.ToolError(f"{folder}/loops.ys: {failed}")
    return failed


def parameters(text):
    """The values of the array's parameters, and what follows from them."""
    found = re.findall(r"parameter\s+(?:\[3:0\] )?(\w+) += (?:4'b)?(\w+)", text)
    size = {name: int(value, 2 if name == "REGISTERS" else 10) for name, value in found}
    size["ROW_BLOCKS"] = -(-size["ROWS"] // size["BLOCK_ROWS"])
    size["COL_BLOCKS"] = -(-size["COLS"] // size["BLOCK_COLS"])
    size["WORD"] = size["LANES"] * size["CHUNK"] + 1
    size["PAIR"] = 2 * size["CHUNK"] + 1 + (size["LANES"] - 1).bit_length()
    return size


INPUTS = ("clk_i", "rst_ni", "en_i", "op_valid_i", "op_clear_i", "op_shift_i", "op_a_signed_i", "op_b_signed_i",
          "cap_i", "cap_last_i", "drain_i")  # fmt: skip
OUTPUTS = ("chain_o", "chain_valid_o", "busy_o")


def both(size):
    """A module with both forms on the same inputs."""
    data = {"op_a_i": size["ROWS"], "op_b_i": size["COLS"]}
    wide = "".join(f", input wire [{n * size['LANES'] * size['CHUNK'] - 1}:0] {name}" for name, n in data.items())
    widths = {"chain_o": size["COLS"] * size["ACC_WIDTH"], "chain_valid_o": size["COLS"], "busy_o": 1}
    outs = "".join(f", output wire [{n - 1}:0] {form}_{name}" for form in ("gold", "gate")
                   for name, n in widths.items())  # fmt: skip
    names = ("ROWS", "COLS", "CHUNK", "LANES", "ACC_WIDTH", "STAGES", "BLOCK_ROWS", "BLOCK_COLS")
    values = ", ".join([*(f".{name}({size[name]})" for name in names), f".REGISTERS(4'd{size['REGISTERS']})"])
    text = f"module both (input wire {', input wire '.join(INPUTS)}{wide}{outs});\n"
    for module, form in (("flexmac_array", "gold"), ("loops", "gate")):
        ports = ", ".join([*(f".{name}({name})" for name in (*INPUTS, *data)),
                           *(f".{name}({form}_{name})" for name in OUTPUTS)])  # fmt: skip
        text += f"  {module} #({values}) {form} ({ports});\n"
    return text + "endmodule\n"


def with_limits(text):
    """The text with limits of loops in place of the variables that hold them."""
    for name in LIMITS:
        (value,) = re.findall(rf"^ +{name} = ([^;]+);\n", text, re.M)
        text = re.sub(rf"^ +{name} = [^;]+;\n", "", text, flags=re.M)
        declared, body = text.split("  integer i, j, v;\n")
        body = re.sub(rf"(?<![.\w]){name}\b", f"({value})", body)
        text = f"{declared}  integer i, j, v;\n{body}"
    # Yosys unrolls loops over integers
    return text.replace("reg [31:0] row, column, top, bottom, left, right, place;", "integer row, column;")


def registers(size):
    """Pairs of names: a register of the design, and what holds its value in loops."""
    rows, cols, word = size["ROWS"], size["COLS"], size["WORD"]
    bits = word - 1

    def line(name, place, number, count):
        low = (place * count + number) * bits
        return f"gate.{name}_signed_q[{place}:{place}],gate.{name}_q[{low + bits - 1}:{low}]"

    def part(name, place, cycles):
        """A place of a flexmac_skew of so many cycles."""
        whole = f"{name}.{SKEW}.gen_register.data_q" if cycles == 1 else f"{name}.{SKEW}.gen_line.line_q"
        return f"{whole}[{(place + 1) * word - 1}:{place * word}]"

    def block(row):
        return (rows - 1 - row) // size["BLOCK_ROWS"]

    for stage in range(1, size["STAGES"]):
        delay = f"gen_valid[{stage}].u_valid.gen_line.line_q"
        yield f"gold.{delay}", f"gate.{delay}"
    if size["STAGES"] > 1:
        yield "gold.u_acc_mode.gen_line.line_q", "gate.u_acc_mode.gen_line.line_q"
    for row in range(rows):
        cycles = 1 + block(row)
        for place in range(cycles):
            yield part(f"gold.gen_row[{row}].u_a", place, cycles), line("a", place, row, rows)
        for across in range(1, size["COL_BLOCKS"]):
            name = f"gold.gen_block[{across}].u_a.{SKEW}.gen_register.data_q[{(row + 1) * word - 1}:{row * word}]"
            yield name, line("a", block(row) + across, row, rows)
    for across in range(1, size["COL_BLOCKS"]):
        name = f"gold.gen_block[{across}].u_control.gen_line.line_q"
        yield name, f"gate.control_q[{across * 10 - 1}:{across * 10 - 10}]"
    for col in range(cols):
        across = col // size["BLOCK_COLS"]
        column = f"gold.gen_col[{col}].u_column"
        for place in range(across):
            yield part(f"gold.gen_col[{col}].u_b", place, across), line("b", place, col, cols)
        for up in range(size["ROW_BLOCKS"]):
            place = across + up
            yield f"{column}.gen_block[{up}].u_b.{SKEW}.gen_register.data_q", line("b", place, col, cols)
            delay = f"{column}.gen_block[{up}].u_control.gen_line.line_q"
            # {pipe_en, acc_en, acc_clear, acc_shift, cap, cap_last, drain} in the column
            yield f"{delay}[9:6]", f"gate.control_q[{place * 10 + 3}:{place * 10}]"
            for bit in range(6):
                at = place * 10 + 9 - bit
                yield f"{delay}[{bit}:{bit}]", f"gate.control_q[{at}:{at}]"
        for row in range(rows):
            yield from pe(size, column, col, row, across, block)


def pe(size, column, col, row, across, block):
    rows, acc = size["ROWS"], size["ACC_WIDTH"]
    at = col * rows + row
    name = f"{column}.gen_row[{row}].gen_flexible.u_pe"
    if row + 1 < rows and block(row + 1) != block(row):
        crossing = f"gate.crossing[{col * size['ROW_BLOCKS'] + block(row)}]"
        yield f"{column}.gen_row[{row}].gen_crossing.u_chain.{SKEW}.gen_register.data_q", crossing
    if size["REGISTERS"] & 1:
        operands = f"gate.a_op[{across * rows + row}],gate.b_op[{col * size['ROW_BLOCKS'] + block(row)}]"
        yield f"{name}.u_operands.gen_register.data_q", operands
    if size["REGISTERS"] & 2:
        yield f"{name}.u_dot.u_cut.gen_register.data_q", f"gate.cut[{at}]"
    if size["REGISTERS"] & 4:
        both = f"{name}.u_pair.gen_register.data_q"
        yield f"{both}[{size['PAIR'] - 1}:0]", f"gate.pair[{at}]"
        yield f"{both}[{2 * size['PAIR'] - 1}:{size['PAIR']}]", f"{size['PAIR']}'b{'0' * size['PAIR']}"
    if size["REGISTERS"] & 8:
        yield f"{name}.u_accumulate.gen_sum.u_total.gen_register.data_q", f"gate.total[{at}]"
    yield f"{name}.acc_q", f"gate.acc[{at}]"
    yield f"{name}.chain_q", f"gate.chain[{at}]"
    if row == 0:
        yield f"{name}.chain_q", f"gate.chain_q[{(col + 1) * acc - 1}:{col * acc}]"
