"""Checks which inputs each output depends on in the same cycle, bit by bit in the netlist.

A register slice has no such path; other cells have only those that PATHS names. Any further path
would let two cells close a loop between ready and valid; a missing one means that the table is stale.
A combinational loop inside a module is reported as a failure.
"""

import json
import time

from designs import leaf
from solver import ToolError, yosys

# cell: parameters, and for each output the inputs it depends on; an output not named depends on none
PATHS = {
    "axil": ({"ADDR_WIDTH": 4}, {}),
    "skid": ({"WIDTH": 2}, {}),
    "outlet": ({"WIDTH": 2}, {"packet_o": "m_ready_i"}),
    "queue": ({"WIDTH": 2, "ADDR_WIDTH": 1}, {}),
    "fifo": ({"WIDTH": 2, "DEPTH": 3}, {}),
    "bank": ({"WIDTH": 2, "ADDR_WIDTH": 1}, {}),
    "packet": ({"WIDTH": 2, "LENGTH_WIDTH": 3}, {
        "s_ready_o": "m_ready_i",
        "m_valid_o": "s_valid_i",
        "m_data_o": "s_data_i",
        "done_o": "m_ready_i s_valid_i s_last_i",
        "ready_o": "m_ready_i s_valid_i s_last_i",
        "short_o": "m_ready_i s_valid_i s_last_i",
        "long_o": "m_ready_i s_valid_i s_last_i",
    }),
    "operand": ({"WIDTH": 2, "ADDR_WIDTH": 2, "LENGTH_WIDTH": 3}, {
        "done_o": "s_valid_i s_last_i",
        "short_o": "s_valid_i s_last_i",
        "long_o": "s_valid_i s_last_i",
    }),
    "load": ({"COMMAND_WIDTH": 2}, {
        "cmd_ready_o": "done_a_i done_b_i release_i release_bank_i",
        "cmd_bank_o": "done_a_i done_b_i",
        "run_valid_o": "done_a_i done_b_i",
    }),
    "issue": ({"MODE_WIDTH": 2}, {
        "cmd_valid_o": "run_valid_i run_mode_i hold_i",
        "run_ready_o": "cmd_ready_i run_mode_i hold_i",
        "release_o": "cmd_ready_i",
    }),
    "check": ({}, {}),
    "error": ({}, {
        "found_o": "refuse_i refuse_code_i a_short_i a_long_i b_short_i b_long_i preload_short_i"
                   " preload_long_i",
    }),
    "results": ({"LAG": 1, "DEPTH": 2}, {
        "accept_o": "res_ready_i",
        "full_o": "need_i res_ready_i",
        "late_o": "more_i res_ready_i",
    }),
}  # fmt: skip
BELOW = {
    "operand": ("packet", "bank"),
    "results": ("delay", "fifo"),
}
# no output of flexmac_top depends on an input in the same cycle, whatever the array
TOPS = {
    "flexmac_top, 1 x 1": "--rows 1 --cols 1 --chunk 2 --lanes 1 --max-bits 4 --max-k 2 --stages 1"
                          " --depth 4",
    "flexmac_top, 2 x 3": "--rows 2 --cols 3 --chunk 2 --lanes 3 --max-bits 4 --max-k 9 --stages 2"
                          " --depth 8",
}  # fmt: skip


def netlist(folder, files, top, parameters):
    folder.mkdir(parents=True, exist_ok=True)
    script = "".join(f"read_verilog {path}\n" for path in files)
    script += "".join(f"chparam -set {name} {value} {top}\n" for name, value in parameters.items())
    script += f"hierarchy -check -top {top}\nproc\nsetattr -mod -unset keep_hierarchy *\nflatten\n"
    script += "memory_map\nopt -fast\nsimplemap\nopt_clean\n"
    failed = yosys(folder, "paths.ys", script + "write_json netlist.json\n")
    if failed:
        raise ToolError(f"{folder}/paths.ys: {failed}")
    return json.loads((folder / "netlist.json").read_text())["modules"][top]


def follows(module):
    """For each output the inputs that reach it through logic alone; raises Loop at a loop."""
    sources, inputs = {}, {}
    for name, port in module["ports"].items():
        if port["direction"] == "input":
            inputs.update({bit: {name} for bit in port["bits"]})
    for cell in module["cells"].values():
        stored = cell["type"].startswith(("$_DFF", "$_SDFF", "$_DLATCH", "$_SR", "$dff"))
        reads = [] if stored else [
            bit for port, bits in cell["connections"].items()
            if cell["port_directions"][port] == "input" for bit in bits if isinstance(bit, int)
        ]  # fmt: skip
        for port, bits in cell["connections"].items():
            if cell["port_directions"][port] == "output":
                sources.update({bit: reads for bit in bits})
    known = dict(inputs)

    def reach(start):
        """Depth-first search with an explicit stack: netlists are deeper than Python's recursion limit."""
        stack, open_ = [(start, iter(sources.get(start, ())))], {start}
        found = {start: set()}
        while stack:
            bit, rest = stack[-1]
            step = next(rest, None)
            if step is None:
                stack.pop()
                open_.discard(bit)
                known[bit] = found.pop(bit)
                if stack:
                    found[stack[-1][0]] |= known[bit]
            elif step in open_:
                raise Loop(step)
            elif step in known:
                found[bit] |= known[step]
            else:
                open_.add(step)
                found[step] = set()
                stack.append((step, iter(sources.get(step, ()))))

    result = {}
    for name, port in module["ports"].items():
        if port["direction"] == "output":
            for bit in port["bits"]:
                if isinstance(bit, int) and bit not in known:
                    reach(bit)
                result.setdefault(name, set()).update(known.get(bit, ()))
    return result


class Loop(Exception):
    """A combinational loop."""


def compare(found, expected):
    """None, or the first output that depends on other inputs than expected."""
    for output, inputs in sorted(found.items()):
        may = set(expected.get(output, "").split())
        if inputs != may:
            return f"{output} follows {sorted(inputs) or 'no input'}, expected {sorted(may) or 'none'}"
    return None


def check(folder, files, top, parameters, expected):
    try:
        return compare(follows(netlist(folder, files, top, parameters)), expected)
    except Loop as loop:
        return f"{top}: a loop through net {loop}"


def broken(module, folder, faulty, root):
    """How the paths of the `module` in folder `faulty` differ from PATHS, or None."""
    cell = module.removeprefix("flexmac_")
    if cell not in PATHS:
        return None
    parameters, expected = PATHS[cell]
    files = [leaf(root, f"flexmac_{name}") for name in BELOW.get(cell, ())]
    return check(folder, [*files, faulty / f"{module}.v"], module, parameters, expected)


def run(work, designs, root):
    begun, failed = time.monotonic(), None
    for cell in PATHS:
        module = f"flexmac_{cell}"
        found = broken(module, work / f"paths_{cell}", leaf(root, module).parent, root)
        failed = failed or (found and f"flexmac_{cell}: {found}")
    yield (
        f"paths of {len(PATHS)} bus cells", "no output depends on an input in the same cycle, except"
        " those named in proofs/paths.py; no loop", "netlist", time.monotonic() - begun, failed,
    )  # fmt: skip
    for name, flags in TOPS.items():
        begun = time.monotonic()
        files = sorted(designs.get(flags).glob("*.v"))
        failed = check(work / f"paths_{name[-5:]}".replace(" ", ""), files, "flexmac_top", {},
                       {})  # fmt: skip
        yield (
            f"paths of {name}", "no output depends on an input in the same cycle; no loop", "netlist",
            time.monotonic() - begun, failed,
        )  # fmt: skip
