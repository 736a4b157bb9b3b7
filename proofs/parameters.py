"""Illegal parameters must stop Verilator, Icarus and Yosys, each naming the broken rule.

A leaf cell instantiates a module that does not exist, named after the rule, in a generate branch
that only an illegal parameter takes. The legal side is scripts/lint-matrix.
"""

import re
import time

from solver import call

# cell: for each of its rules, parameters that break this rule and no other
BROKEN = {
    "dot": [{"P": 33, "S": 67}, {"V": 17, "S": 22}, {"P": 4, "S": 10}],
    "csa": [{"N": 0}, {"N": 2, "CUT": 1}, {"W": 1}],
    "accumulate": [{"S": 5, "ACC": 5}],
    "pe": [{"P": 3}, {"V": 17, "ACC": 40}, {"P": 8, "V": 4, "ACC": 19}],
    "mode": [{"SUM": 47}],
    "sum": [{"SUM": 89}, {"ROWS": 9, "IW": 3}],
    "requant": [{"P": 33, "ACC": 40, "SW": 1}, {"P": 13, "SW": 2}, {"SUM": 96}, {"SUM": 48, "ACC": 48}, {"RESULTS": 1}],
    "lfsr": [{"TAPS": 3}],
    "counter": [{"W": 4, "A": 4}],
    "pipe": [{"W": 0}],
    "delay": [{"W": 0}, {"N": -1}],
    "stats": [{"COLS": 129, "CW": 8}, {"COLS": 8, "CW": 3}, {"COLS": 1, "CW": 1, "W": 10}],
    "seq": [{"AW": 5, "WW": 4}, {"NW": 0}],
    "drain": [{"RW": 2, "IW": 3}, {"SW": 0}, {"LAG": -1}],
    "fifo": [{"W": 0}, {"DEPTH": 1}],
    "results": [{"LAG": 0}, {"DEPTH": 1}],
    "fixed_pe": [{"W": 33, "ACC": 80}, {"V": 17}, {"W": 8, "V": 4, "ACC": 18}],
    "adder": [{"W": 0}],
    "adder_segment": [{"S": 0}],
    "fp32_pe": [{"V": 17}],
    "fp32_seq": [{"AW": 5, "WW": 4}, {"L": 0}, {"R": 43}],
    "axil": [{"AW": 33}],
    "skid": [{"W": 0}],
    "outlet": [{"W": 0}],
    "queue": [{"W": 0}, {"AW": 0}],
    "bank": [{"W": 0}, {"AW": 0}],
    "packet": [{"W": 0}, {"LW": 0}],
    "operand": [{"W": 0}, {"AW": 0}, {"AW": 4, "LW": 3}],
    "check": [{"P": 33}, {"V": 17}],
    "load": [{"W": 0}],
    "issue": [{"W": 0}],
    "skew": [{"W": 0}, {"N": -1}],
}


def rules(text):
    return re.findall(r"^ +(\w+_must_\w+) u_illegal \(\);", text, re.M)


def stops(folder, root, cell, values, rule):
    """None when all three tools stop and name the rule."""
    files = sorted((root / "rtl").glob("*.v"))
    sets = ", ".join(f".{name}({value})" for name, value in values.items())
    ports = "  // ports are left open: elaboration ends at the parameter\n"
    top = f"module top;\n{ports}  flexmac_{cell} #({sets}) u_cell ();\nendmodule\n"
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
    for path in sorted((root / "rtl").glob("flexmac_*.v")):
        cell = path.stem.removeprefix("flexmac_")
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
