"""Checks that illegal parameters stop Verilator, Icarus and Yosys, and that each names the broken rule.

An illegal parameter selects a generate branch in which the cell instantiates a module that does not
exist and is named after the rule. scripts/lint-matrix checks legal parameters.
"""

import re
import time

from designs import ROOMS, WITH_VALUES
from solver import call

# for each rule of a cell, parameters that break this rule only
BROKEN = {
    "dot": [{"CHUNK": 33, "PAIR_WIDTH": 67}, {"LANES": 17, "PAIR_WIDTH": 22}, {"CHUNK": 4, "PAIR_WIDTH": 10}],
    "csa": [{"WORDS": 0}, {"WORDS": 2, "CUT": 1}, {"WIDTH": 1}],
    "accumulate": [{"PAIR_WIDTH": 5, "ACC_WIDTH": 5}],
    "pe": [{"CHUNK": 3}, {"LANES": 17, "ACC_WIDTH": 40}, {"CHUNK": 8, "LANES": 4, "ACC_WIDTH": 19}],
    "mode": [{"SUM_WIDTH": 47}],
    "sum": [{"SUM_WIDTH": 89}, {"ROWS": 9, "ROW_INDEX_WIDTH": 3}],
    "requant": [{"CHUNK": 33, "ACC_WIDTH": 40, "SIGNIFICANCE_WIDTH": 1}, {"CHUNK": 13, "SIGNIFICANCE_WIDTH": 2}, {"SUM_WIDTH": 96}, {"SUM_WIDTH": 48, "ACC_WIDTH": 48}, {"RESULTS": 1}],
    "lfsr": [{"TAPS": 3}],
    "counter": [{"WIDTH": 4, "ADD_WIDTH": 4}],
    "pipe": [{"WIDTH": 0}],
    "delay": [{"WIDTH": 0}, {"CYCLES": -1}],
    "stats": [{"COLS": 129, "COLS_WIDTH": 8}, {"COLS": 8, "COLS_WIDTH": 3}, {"COLS": 1, "COLS_WIDTH": 1, "COUNTER_WIDTH": 10}],
    "seq": [{"ADDR_WIDTH": 5, "WORDS_WIDTH": 4}, {"PLANES_WIDTH": 0}],
    "drain": [{"ROWS_WIDTH": 2, "ROW_INDEX_WIDTH": 3}, {"SIGNIFICANCE_WIDTH": 0}, {"LAG": -1}],
    "fifo": [{"WIDTH": 0}, {"DEPTH": 1}],
    "results": [{"LAG": 0}, {"DEPTH": 1}],
    "fixed_pe": [{"CHUNK": 33, "ACC_WIDTH": 80}, {"LANES": 17}, {"CHUNK": 8, "LANES": 4, "ACC_WIDTH": 18}],
    "adder": [{"WIDTH": 0}],
    "adder_segment": [{"WIDTH": 0}],
    "float_decode": [{"OPERAND_WIDTH": 24}],
    "float_scale": [{"LANES": 17}, {"DISTANCE_WIDTH": 9}],
    "float_tree": [{"LANES": 3}, {"WINDOW": 15, "MAGNITUDE_WIDTH": 16}, {"DISTANCE_WIDTH": 4},
                   {"OUT_WIDTH": 27}],
    "float_add": [{"SUM_WIDTH": 121}],
    "float_chain": [{"RESULTS": 17}],
    "float_pe": [{"LANES": 17}, {"LANES": 1, "FRONT_REGISTERS": 8}, {"RESULTS": 2}],
    "float_blocks": [{"RESULTS": 17, "TILE_WIDTH": 6}, {"COLS": 3, "COLS_WIDTH": 1, "TILE_WIDTH": 5}],
    "float_seq": [{"ADDR_WIDTH": 5, "WORDS_WIDTH": 4}, {"RESULTS": 17, "TILE_WIDTH": 6}, {"RESULTS": 3}],
    "axil": [{"ADDR_WIDTH": 33}],
    "skid": [{"WIDTH": 0}],
    "outlet": [{"WIDTH": 0}],
    "queue": [{"WIDTH": 0}, {"ADDR_WIDTH": 0}],
    "bank": [{"WIDTH": 0}, {"ADDR_WIDTH": 0}],
    "packet": [{"WIDTH": 0}, {"LENGTH_WIDTH": 0}],
    "operand": [{"WIDTH": 0}, {"ADDR_WIDTH": 0}, {"ADDR_WIDTH": 4, "LENGTH_WIDTH": 3}],
    "check": [{"CHUNK": 33}, {"LANES": 17}],
    "load": [{"COMMAND_WIDTH": 0}],
    "issue": [{"MODE_WIDTH": 0}],
    "skew": [{"WIDTH": 0}, {"CYCLES": -1}],
    "column": [{"BLOCK_ROWS": 3}],
    "array": [{"STAGES": 3}, {"BLOCK_ROWS": 3}, {"BLOCK_COLS": 3}],
    "core": [{"CHUNK": 16, "ACC_WIDTH": 40}, {"FIXED_PE": 1, "MAX_BITS": 16}],
    "float/column": [{"ROWS": 0}],
    "float/array": [{"STAGES": 3}],
}
FLOAT = ("float/column", "float/array")


def rules(text):
    return re.findall(r"^ +(\w+_must_\w+) u_illegal \(\);", text, re.M)


def stops(folder, root, cell, values, rule):
    """None if all three tools stop and name the rule."""
    # float and integer modules share their names; flexmac_top needs a rendered module
    other = "core" if cell in FLOAT else "core/float"
    files = [path for room in ROOMS for path in sorted((root / "rtl" / room).glob("*.v"))
             if path.stem != "flexmac_top" and not (room == other and path.stem in WITH_VALUES)]  # fmt: skip
    sets = ", ".join(f".{name}({value})" for name, value in values.items())
    ports = "  // ports are left open: elaboration ends at the parameter\n"
    module = "flexmac_" + cell.removeprefix("float/")
    top = f"module top;\n{ports}  {module} #({sets}) u_cell ();\nendmodule\n"
    (folder / "top.v").write_text(top)
    tools = {
        "verilator": ["verilator", "--lint-only", "-Wno-lint", "--top-module", "top", "top.v"],
        "iverilog": ["iverilog", "-g2005", "-s", "top", "-o", "top.vvp", "top.v"],
        "yosys": ["yosys", "-q", "-p", "read_verilog top.v "
                  + " ".join(map(str, files)) + "; hierarchy -check -top top"],
    }  # fmt: skip
    for tool, command in tools.items():
        code, text = call(command + ([] if tool == "yosys" else files), folder)
        if code == 0 or rule not in text:
            return f"flexmac_{cell} {values}: {tool} exit {code}, {rule} not named: {text[-200:]}"
    return None


def run(work, _designs, root):
    begun, failed, count = time.monotonic(), None, 0
    folder = work / "parameters"
    folder.mkdir()
    paths = [path for room in ROOMS for path in sorted((root / "rtl" / room).glob("*.v"))]
    for path in paths:
        cell = path.stem.removeprefix("flexmac_")
        if path.parent.name == "float" and path.stem in WITH_VALUES:
            cell = f"float/{cell}"
        named = rules(path.read_text())
        broken = BROKEN.get(cell, [])
        if len(named) != len(broken):
            failed = failed or f"{path.name}: {len(named)} rules, {len(broken)} parameters here"
        for rule, values in zip(named, broken):
            failed = failed or stops(folder, root, cell, values, rule)
            count += 1
    yield (
        f"parameter checks, {count} rules", "an illegal parameter stops Verilator, Icarus and Yosys,"
        " each naming the rule", "every rule", time.monotonic() - begun, failed,
    )  # fmt: skip
