"""Recomputes the accumulator bound of docs/arithmetic.md and compares it with generated designs.

The proof of flexmac_pe shows that the accumulator stays within the intervals of what it adds. Here
those intervals are added up for every pair of plane counts at K = max_k, for lanes in use only. The
sums must fit the ACC_WIDTH bits that `flexmac gen` chose. A shorter K adds less on either side.
"""

import time

from designs import constant

FLAGS = (
    "--rows 1 --cols 1 --stages 1 --depth 4096 --chunk {chunk} --lanes {lanes}"
    " --max-bits {max_bits} --max-k {max_k}"
)


def kind(index, count, chunk):
    half = 1 << (chunk - 1)
    return (-half, half - 1) if index == count - 1 else (0, 2 * half - 1)


def walk(na, nb, chunk, k):
    """Smallest and largest accumulator value during one command."""
    low = high = least = most = 0
    for s in range(na + nb - 1):
        low, high = low >> chunk, high >> chunk
        for i in range(na):
            if 0 <= s - i < nb:
                corners = [x * y for x in kind(i, na, chunk) for y in kind(s - i, nb, chunk)]
                low += k * min(0, *corners)
                high += k * max(0, *corners)
                least, most = min(least, low), max(most, high)
    return least, most


def bits(chunk, max_bits, max_k):
    """Bits that are enough for every pair of plane counts."""
    planes = range(1, -(-max_bits // chunk) + 1)
    need = 1
    for na in planes:
        for nb in planes:
            least, most = walk(na, nb, chunk, max_k)
            while not (-(1 << (need - 1)) <= least and most < 1 << (need - 1)):
                need += 1
    return need


def run(_work, designs, _root):
    begun, failed, count = time.monotonic(), None, 0
    for chunk in (2, 4, 8, 16):
        for max_bits in sorted({chunk, chunk + 1, 2 * chunk, 32}):
            for max_k, lanes in ((1, 1), (1, 16), (3, 2), (100, 3), (4096, 4), (1 << 18, 16)):
                rtl = designs.get(FLAGS.format(chunk=chunk, lanes=lanes,
                                               max_bits=min(max_bits, 32), max_k=max_k))  # fmt: skip
                given, need = constant(rtl, "ACC_WIDTH"), bits(chunk, min(max_bits, 32), max_k)
                sum_of_lanes = 2 * chunk + 1 + (lanes - 1).bit_length() + 1
                count += 1
                if given != max(need, sum_of_lanes):
                    failed = failed or (f"chunk {chunk} max_bits {max_bits} max_k {max_k} lanes"
                                        f" {lanes}: ACC_WIDTH {given}, the bound needs {need}")  # fmt: skip
    yield (
        f"accumulator width, {count} designs", "ACC_WIDTH is exactly what the bound over all plane counts"
        " at K = max_k requires", "exact arithmetic", time.monotonic() - begun, failed,
    )  # fmt: skip
