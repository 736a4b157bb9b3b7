"""The proofs of one generated design, from the files in its folder.

The rules of its leaf cells are proven at the parameters of cases.py, and also at the design's own
parameters where a solver can. If the design has a random stream, its period is checked; in style flex,
the width of the accumulator is checked against the bound.
"""

import json
import time

import bound
import lfsr_period
from cases import ACCUMULATE, CELLS, PROOFS, cell
from designs import constant
from solver import ToolError


def parameters(folder):
    """The parameters given to `flexmac gen`, from config.json."""
    path = folder / "config.json"
    try:
        return json.loads(path.read_text())["parameters"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ToolError(f"{path}: expected a design of flexmac gen: {error}") from error


def proofs(folder, long):
    """Proofs of the cells in the folder. Two proofs with the same name are the same proof."""
    rtl = folder / "rtl"
    chosen = [p for p in PROOFS if p.how == "cells" and (long or not p.long)]
    chosen += own(rtl, parameters(folder))
    found = {p.name: p for p in chosen if (rtl / f"{p.cell}.v").exists()}
    return list(found.values())


def own(rtl, given):
    """Proofs at the design's own parameters."""
    cols = constant(rtl, "COLS")
    columns = {"COLS": cols, "COLS_WIDTH": cols.bit_length()}
    counting = cell("stats", "counters add up the flags and errors of the columns in use", columns,
                    below=("flexmac_counter",), induction=4, covers=6)  # fmt: skip
    few = [counting] if cols <= 16 else []  # with more columns no solver finishes in time
    if given["style"] in ("fp32", "bf16", "fp8"):
        return few
    lanes = (given["lanes"] - 1).bit_length()
    widths = {"PAIR_WIDTH": 2 * given["chunk"] + 1 + lanes, "ACC_WIDTH": constant(rtl, "ACC_WIDTH")}
    return [
        *few,
        cell("mode", "masks and shift amount match the shift and the result width", {"SUM_WIDTH": constant(rtl, "SUM_WIDTH")}),
        *(cell("accumulate", "base plus the pair, minus the pair's offset", widths, below=ACCUMULATE,
               defines=defines) for defines in ((), CELLS)),
    ]  # fmt: skip


def checks(folder, work):
    """Rows for the checks that need no solver, in the form that prove.py shows."""
    rtl, given = folder / "rtl", parameters(folder)
    if (rtl / "flexmac_lfsr.v").exists():
        begun = time.monotonic()
        failed = lfsr_period.check(work / "lfsr", rtl / "flexmac_lfsr.v")
        yield (
            "period of flexmac_lfsr", "all states but 0 lie on one cycle of 2^32 - 1 words",
            "order of its matrix", time.monotonic() - begun, failed,
        )  # fmt: skip
    if given["style"] == "flex":
        begun = time.monotonic()
        chunk, found = given["chunk"], constant(rtl, "ACC_WIDTH")
        sums = 2 * chunk + 1 + (given["lanes"] - 1).bit_length() + 1
        need = max(sums, bound.bits(chunk, given["max_bits"], given["max_k"]))
        failed = None if found == need else f"ACC_WIDTH {found}, the bound needs {need}"
        yield (
            "accumulator width", "ACC_WIDTH is what the bound over all plane counts at K = max_k requires",
            "exact arithmetic", time.monotonic() - begun, failed,
        )  # fmt: skip
