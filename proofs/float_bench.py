"""Faults of the float cells that show only in results. `flexmac gemm --engine checked` runs on a design
with the fault and compares it with a reference that multiplies and adds in the host's own binary32.
"""

import random
import shutil
import struct
import subprocess

from solver import ToolError

FLAGS = "--style fp32 --rows 2 --cols 3 --lanes 3 --max-k 100 --stages 7 --depth 16"
ROWS, K, COLS = 8, 41, 10
PAIRS = 4  # number of last rows of A and columns of B that are generated in pairs
# one of each kind, so that sums overflow, cancel, underflow and become NaN
SPECIAL = (0x00000000, 0x80000000, 0x00000001, 0x007FFFFF, 0x7F800000, 0x7FC00000)


def number(draw, column):
    """Column 0: numbers near 1; 1: small integers; 2: tiny numbers; 3: large numbers; others: all kinds."""
    if column == 0:
        return struct.pack("<f", draw.uniform(-2, 2))
    if column == 1:
        return struct.pack("<f", draw.randrange(-(1 << 12), 1 << 12))
    if column == 2:
        return struct.pack("<I", draw.getrandbits(31) % (60 << 23) | draw.getrandbits(1) << 31)
    if column == 3:
        return struct.pack("<I", draw.getrandbits(31) % (30 << 23) + (176 << 23))
    if draw.randrange(40) == 0:
        return struct.pack("<I", draw.choice(SPECIAL))
    return struct.pack("<f", draw.uniform(-1, 1) * 2.0 ** draw.randrange(-40, 20))


def pair(draw, which, k, by_row):
    """An element of pair `which` of the last rows of A and columns of B.

    0: a zero times a large number while the sum is small; 1: infinity times zero, once; 2: subnormal
    numbers times large ones; 3: a sum that is a tie except for a far smaller term."""
    if which == 3:  # two words of -2^-120, two of 1.5 + 1.5 * 2^-23, the rest zeros
        tiny, tie = (-(2.0**-60), 1 + 2.0**-23) if by_row else (2.0**-60, 1.5)
        return struct.pack("<f", tiny if k < 6 else tie if k < 12 else 0.0)
    if which == 0 and k // 12 % 2:  # in the same partial sum as the elements before
        return struct.pack("<f", 2.0**120 if by_row else 0.0)
    if which == 0:
        return struct.pack("<f", draw.uniform(1, 2) * (2.0**-100 if by_row else 1))
    if which == 1 and k == 5:
        return struct.pack("<f", float("inf") if by_row else 0.0)
    if which == 2 and by_row:
        return struct.pack("<I", draw.randrange(1, 1 << 23))
    return struct.pack("<f", draw.uniform(1, 2) * (2.0**120 if which == 2 else 1))


def npy(path, rows, cols, draw, by_row):
    """Writes an operand; the kind of number depends on the row of A or the column of B."""
    head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {cols}), }}".encode()
    head += b" " * (63 - (len(head) + 10) % 64) + b"\n"
    lines = rows if by_row else cols

    def element(r, c):
        line, k = (r, c) if by_row else (c, r)
        which = line - (lines - PAIRS)
        return pair(draw, which, k, by_row) if which >= 0 else number(draw, line)

    data = b"".join(element(r, c) for r in range(rows) for c in range(cols))
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + data)


class FloatBench:
    def __init__(self, folder, flexmac, designs):
        self.folder, self.flexmac = folder, flexmac
        folder.mkdir(parents=True, exist_ok=True)
        self.design = designs.get(FLAGS).parent
        draw = random.Random(1)
        npy(folder / "a.npy", ROWS, K, draw, True)
        npy(folder / "b.npy", K, COLS, draw, False)
        code, text = self.play(self.design)
        if code != 0:
            raise ToolError(f"flexmac gemm on the sound float design: exit {code}\n{text}")

    def play(self, design):
        command = [str(self.flexmac), "gemm", "--config", str(design), "--engine", "checked",
                   "--a", str(self.folder / "a.npy"), "--b", str(self.folder / "b.npy"),
                   "--out", str(self.folder / "c.npy")]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def caught(self, name, text):
        """What `flexmac gemm` prints for the design with this text as file `name`; None if it finds nothing."""
        broken = self.folder / "broken"
        shutil.rmtree(broken, ignore_errors=True)
        shutil.copytree(self.design, broken)
        (broken / "rtl" / name).write_text(text)
        code, said = self.play(broken)
        if code not in (0, 1):
            raise ToolError(f"flexmac gemm with a fault in {name}: exit {code}\n{said}")
        lines = [line.strip() for line in said.split("\n") if line.strip() and line[:4] != "rtl:"]
        return " ".join([*lines, "differs"])[:70] if code == 1 else None
