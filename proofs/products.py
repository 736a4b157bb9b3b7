"""Simulates both bodies of flexmac_dot in Icarus at sizes that no solver can prove: every pair of
8-bit plane values, and random and extreme values in many lanes.
"""

import time

from designs import leaf
from solver import ToolError, call

# CHUNK, LANES, random cases (0: every pair of plane values, signed and unsigned)
CASES = ((2, 1, 0), (4, 1, 0), (8, 1, 0), (4, 7, 2000), (8, 4, 5000), (8, 16, 500),
         (16, 2, 2000), (16, 5, 500), (32, 3, 500))  # fmt: skip
CELLS = ("dot", "csa", "pipe")


def play(folder, root, values, defines):
    """None, or what is wrong."""
    files = [root / "proofs" / "products_tb.v", *(leaf(root, f"flexmac_{c}") for c in CELLS)]
    sets = [f"-Pproducts_tb.{name}={value}" for name, value in values.items()]
    code, text = call(["iverilog", "-g2005", "-s", "products_tb", "-o", "tb.vvp", *defines, *sets,
                       *files], folder)  # fmt: skip
    if code != 0:
        raise ToolError(f"iverilog: {text}")
    _, text = call(["vvp", "-n", "tb.vvp"], folder)
    cases = values["RANDOM"] or 1 << (2 * values["CHUNK"] + 2)
    return None if text.strip() == f"ok {cases}" else f"{values} {defines}: {text.strip()}"


def run(work, _designs, root):
    folder = work / "products"
    folder.mkdir(exist_ok=True)
    for name, defines in (("plain body", []), ("carry-save tree", ["-DFLEXMAC_CELLS"])):
        begun, failed = time.monotonic(), None
        for p, v, random in CASES:
            values = {"CHUNK": p, "LANES": v, "RANDOM": random}
            failed = failed or play(folder, root, values, defines)
        yield (
            f"products, {name}", "every pair of plane values up to 8 bits, signed and unsigned;"
            " random and extreme values beyond", "simulation", time.monotonic() - begun, failed,
        )  # fmt: skip
