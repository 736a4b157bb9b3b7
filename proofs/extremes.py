"""Extreme operands at K = max_k: the sum must be exact, and the accumulator's last bit must be used.

Simulates one flexmac_pe in Icarus per design and pair of operands. The operands are the most negative
value, the most positive value, and the most negative top plane above planes of ones, which has the
largest magnitude in every plane.
"""

import time

from designs import constant
from solver import ToolError, call

# chunk, lanes, bits of a, bits of b, max_k
DESIGNS = (
    (2, 1, 2, 2, 5), (2, 3, 8, 6, 79), (4, 3, 4, 4, 1000), (4, 2, 16, 12, 77), (8, 4, 8, 8, 4096),
    (8, 3, 16, 16, 128), (8, 1, 32, 32, 31), (16, 2, 16, 16, 512), (16, 1, 32, 32, 4095),
)  # fmt: skip


def operands(bits, chunk):
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    return low, high, low + (1 << (bits - chunk)) - 1


def play(folder, files, values):
    sets = [f"-Pextremes_tb.{name}={value}" for name, value in values.items()]
    code, text = call(["iverilog", "-g2005", "-DFLEXMAC_CELLS", "-s", "extremes_tb", "-o", "tb.vvp",
                      *sets, *files], folder)  # fmt: skip
    if code != 0:
        raise ToolError(f"iverilog: {text}")
    _, text = call(["vvp", "-n", "tb.vvp"], folder)
    return [int(word) for word in text.split()]


def check(folder, root, rtl, design):
    """None, or what is wrong."""
    chunk, lanes, bits_a, bits_b, k = design
    acc = constant(rtl, "ACC_WIDTH")
    names = [f"flexmac_{cell}" for cell in ("pe", "dot", "csa", "accumulate", "adder",
                                            "adder_segment", "pipe")]  # fmt: skip
    files = [root / "proofs" / "extremes_tb.v", *(rtl / f"{name}.v" for name in names)]
    least = most = 0
    for x in operands(bits_a, chunk):
        for y in operands(bits_b, chunk):
            values = {"CHUNK": chunk, "LANES": lanes, "ACC_WIDTH": acc, "NA": bits_a // chunk, "K": k,
                      "NB": bits_b // chunk, "A": f"64'd{x % 2**64}", "B": f"64'd{y % 2**64}"}  # fmt: skip
            total, low, high = play(folder, files, values)
            if total != k * x * y:
                return f"{design}: K * {x} * {y} is {k * x * y}, found {total}"
            least, most = min(least, low), max(most, high)
    if -(1 << (acc - 2)) <= least and most < 1 << (acc - 2):
        return f"{design}: accumulator of {acc} bits stays within {least} .. {most}"
    return None


def run(work, designs, root):
    folder = work / "extremes"
    folder.mkdir(exist_ok=True)
    begun, failed = time.monotonic(), None
    for design in DESIGNS:
        chunk, lanes, bits_a, bits_b, k = design
        rtl = designs.get(f"--rows 1 --cols 1 --stages 1 --depth 4096 --chunk {chunk} --lanes"
                          f" {lanes} --max-bits {max(bits_a, bits_b)} --max-k {k}")  # fmt: skip
        failed = failed or check(folder, root, rtl, design)
    yield (
        f"extreme operands, {len(DESIGNS)} designs", "exact for extreme operands at K = max_k;"
        " the accumulator's last bit is used", "simulation", time.monotonic() - begun, failed,
    )  # fmt: skip
