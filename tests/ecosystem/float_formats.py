#!/usr/bin/env python3
"""Conversions to bfloat16, E4M3 and E5M2, against ml_dtypes and gfloat.

    tests/ecosystem/float_formats.py [--flexmac target/release/flexmac]

`flexmac gemm` rounds float32 operands to the array's format; times 1 they come back. Compared are every upper half of
a float32 encoding, each with six lower halves: nothing, one bit of either end, a tie of bfloat16 and its neighbours.
Any other float32 rounds like one of these. The sign of a zero is not compared: the array has one zero.

| | finite overflow, infinity to E4M3 | to E5M2, bfloat16 | with --saturate |
| --- | --- | --- | --- |
| flexmac | NaN | infinity | the largest number |
| ml_dtypes | NaN | infinity | no such mode |
| gfloat | NaN | infinity | the largest number |
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import gfloat
import gfloat.formats
import ml_dtypes
import numpy as np

ROOT = Path(__file__).resolve().parent.parent.parent

# Style, flags of the format of A, and the format in both packages.
FORMATS = {
    "bf16": ("bf16", "", ml_dtypes.bfloat16, gfloat.formats.format_info_bfloat16),
    "e4m3": ("fp8", "--format-a e4m3", ml_dtypes.float8_e4m3fn, gfloat.formats.format_info_ocp_e4m3),
    "e5m2": ("fp8", "--format-a e5m2", ml_dtypes.float8_e5m2, gfloat.formats.format_info_ocp_e5m2),
}


def values():
    low = np.array([0, 1, 0x7fff, 0x8000, 0x8001, 0xffff], dtype=np.uint32)
    high = np.arange(1 << 16, dtype=np.uint32) << 16
    return (high[:, None] | low).reshape(-1).view(np.float32)


def flexmac(program, work, style, flags, operand):
    """The operand as the array reads it, and the number of elements that changed."""
    np.save(work / "a.npy", operand.reshape(-1, 1))
    np.save(work / "b.npy", np.ones((1, 1), dtype=np.float32))
    command = [program, "gemm", "--config", work / style, "--engine", "reference", *flags.split(),
               "--a", work / "a.npy", "--b", work / "b.npy", "--out", work / "c.npy", "--json"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return np.load(work / "c.npy").reshape(-1), json.loads(done.stdout)["rounded_a"]


def differences(found, expected):
    same = (found == expected) | (np.isnan(found) & np.isnan(expected))
    return np.flatnonzero(~same)


def compare(what, operand, found, expected):
    wrong = differences(found, expected)
    if len(wrong):
        first = wrong[0]
        sys.exit(f"FAIL {what}: {len(wrong)} of {len(operand)} differ, first {operand[first]!r}: "
                 f"flexmac {found[first]!r}, expected {expected[first]!r}")


def check(program, work):
    operand = values()
    for style in ("bf16", "fp8"):
        command = [program, "gen", "--style", style, "--rows", "2", "--cols", "2", "--out", work / style]
        subprocess.run(command, check=True, capture_output=True)
    for name, (style, flags, dtype, info) in FORMATS.items():
        found, changed = flexmac(program, work, style, flags, operand)
        with np.errstate(all="ignore"):
            theirs = operand.astype(dtype).astype(np.float32)
        compare(f"{name}, ml_dtypes", operand, found, theirs)
        compare(f"{name}, gfloat", operand, found, rounded(info, operand, False))
        expected = np.count_nonzero((theirs != operand) & ~np.isnan(operand))
        if changed != expected:
            sys.exit(f"FAIL {name}: rounded_a: expected {expected}, found {changed}")
        saturated, _ = flexmac(program, work, style, f"{flags} --saturate", operand)
        compare(f"{name}, gfloat, saturating", operand, saturated, rounded(info, operand, True))
        # Every encoding comes back unchanged.
        bits = np.dtype(dtype).itemsize * 8
        encodings = np.arange(1 << bits, dtype=np.uint16 if bits == 16 else np.uint8)
        numbers = encodings.view(dtype).astype(np.float32)
        found, changed = flexmac(program, work, style, flags, numbers)
        compare(f"{name}, encodings", numbers, found, numbers)
        if changed:
            sys.exit(f"FAIL {name}: {changed} encodings were rounded")
        # The comparison must be able to fail.
        index = int(np.flatnonzero(np.isfinite(found) & (found != 0))[0])
        found[index] = np.nextafter(found[index], np.float32(np.inf), dtype=np.float32)
        if list(differences(found, numbers)) != [index]:
            sys.exit(f"FAIL {name}: a wrong last bit is not noticed")
        print(f"ok   {name}: {len(operand)} conversions as ml_dtypes {ml_dtypes.__version__} and gfloat have them")


def rounded(info, operand, saturate):
    mode = gfloat.RoundMode.TiesToEven
    with np.errstate(all="ignore"):
        double = operand.astype(np.float64)
        return gfloat.round_ndarray(info, double, mode, saturate).astype(np.float32)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--flexmac", type=Path, default=ROOT / "target/release/flexmac")
    program = parser.parse_args().flexmac.resolve()
    with tempfile.TemporaryDirectory() as scratch:
        check(program, Path(scratch))


if __name__ == "__main__":
    main()
