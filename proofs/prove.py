#!/usr/bin/env python3
"""Proves the rules of rtl/ and of the rendered modules; with --mutate, checks that faults break them.

Without options: every proof that is not long, combinational paths, the bound of the accumulator, the
period of the random stream, the array for simulation, operands that reach the accumulator's last bit, products in simulation,
and the parameter checks. --long adds the long proofs. --mutate seeds every fault that tests/faults has
for the proofs; something must catch each. --config DIR proves one design of `flexmac gen` from the
files in its folder (design.py). --table FILE writes the results as Markdown. Exit 0: everything holds;
1: something does not; 2: a tool is missing or failed.
"""

import argparse
import concurrent.futures
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True

import bound  # noqa: E402
import design  # noqa: E402
import extremes  # noqa: E402
import faults  # noqa: E402
import lfsr_period  # noqa: E402
import loops  # noqa: E402
import parameters  # noqa: E402
import paths  # noqa: E402
import products  # noqa: E402
import regs  # noqa: E402
import report  # noqa: E402
import solver  # noqa: E402
from cases import PROOFS  # noqa: E402
from designs import Designs, constant, leaf  # noqa: E402
from solver import ToolError  # noqa: E402

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent


def run_proof(proof, folder, designs, broken=None):
    """Runs one proof. Files in the folder `broken` replace the original ones."""
    rtl = ROOT / "rtl" if proof.how == "cells" else designs.get(proof.how)
    # leaf cells come from rtl/, rendered modules from the design

    def place(module):
        source = leaf(ROOT, module)
        for at in (broken, source and source.parent, rtl, HERE, folder):
            if at and (at / f"{module}.v").exists():
                return at / f"{module}.v"
        raise ToolError(f"{proof.name}: no file of module {module}")

    values = {
        name: constant(rtl, value) if isinstance(value, str) else value
        for name, value in proof.parameters.items()
    }
    if proof.cell == "regs":
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "regs.v").write_text(regs.rules(rtl))
    free = [place(m) for m in proof.below if m.startswith("free_")]
    plain = [place(m) for m in proof.below if not m.startswith("free_")]
    formal = [*free, place(proof.cell)]
    return solver.prove(
        folder, proof.cell, formal, plain, values, proof.cycles, proof.induction, proof.covers,
        proof.engine, proof.defines, [place(m) for m in proof.within], proof.cut,
    )  # fmt: skip


def prove_all(arguments, work, designs):
    """Rows of the table: (what, rules, how, seconds, failure or None)."""
    rows = []
    if arguments.part != "checks":
        chosen = [p for p in PROOFS if (arguments.long or not p.long) and arguments.only in p.name]
        for proof in chosen:
            if proof.how != "cells":
                designs.get(proof.how)
        rows = run_proofs(arguments, chosen, work, designs)
    if arguments.only or arguments.part == "proofs":
        return rows
    checks = (loops, paths, bound, lfsr_period, extremes, products, parameters)
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for found in pool.map(lambda check: list(check.run(work, designs, ROOT)), checks):
            rows += found
            for row in found:
                show(row)
    return rows


def run_proofs(arguments, chosen, work, designs, broken=None):
    rows = []
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        verdicts = pool.map(
            lambda item: run_proof(item[1], work / f"proof{item[0]}", designs, broken),
            enumerate(chosen),
        )
        for proof, verdict in zip(chosen, verdicts, strict=True):
            rows.append((proof.name, proof.says, proof.depth, verdict.seconds, verdict.failed))
            show(rows[-1])
    return rows


def prove_design(arguments, work):
    """Like prove_all, for one design's folder."""
    folder = arguments.config.resolve()
    chosen = [p for p in design.proofs(folder, arguments.long) if arguments.only in p.name]
    rows = run_proofs(arguments, chosen, work, None, folder / "rtl")
    if not arguments.only:
        for row in design.checks(folder, work):
            rows.append(row)
            show(row)
    return rows


def show(row):
    name, _, how, seconds, failed = row
    print(f"{'FAIL' if failed else 'ok  '}  {name} ({how}, {seconds:.1f} s)"
          f"{': ' + failed if failed else ''}", flush=True)  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--flexmac", type=Path, default=ROOT / "target" / "release" / "flexmac")
    parser.add_argument("--config", type=Path, metavar="DIR", help="prove only this generated design")
    parser.add_argument("--design", type=Path, help=argparse.SUPPRESS)  # the name in 0.1.0
    parser.add_argument("--long", action="store_true", help="also the proofs that take minutes")
    parser.add_argument("--mutate", action="store_true", help="seed every fault instead of proving")
    parser.add_argument("--sample", type=int, default=0, help="seed only every n-th fault")
    parser.add_argument("--part", choices=["proofs", "checks"], help="only the proofs, or only the other checks")
    parser.add_argument("--only", default="", help="proofs or faults whose name contains this")
    parser.add_argument("--jobs", type=int, default=2, help="number of solvers at a time")
    parser.add_argument("--table", type=Path, help="write the results as Markdown")
    parser.add_argument("--keep", type=Path, help="work in this folder and keep it")
    arguments = parser.parse_args()
    if arguments.design:
        print("note: --design is now --config; the former name will be refused in the next release",
              file=sys.stderr)  # fmt: skip
        arguments.config = arguments.config or arguments.design
    with tempfile.TemporaryDirectory(prefix="flexmac-proofs-") as scratch:
        work = (arguments.keep or Path(scratch)).resolve()
        work.mkdir(parents=True, exist_ok=True)
        designs = Designs(arguments.flexmac, work)
        if arguments.mutate:
            return faults.run(arguments, work, designs, run_proof)
        rows = (prove_design(arguments, work) if arguments.config
                else prove_all(arguments, work, designs))  # fmt: skip
    if arguments.table:
        report.write_proofs(arguments.table, rows)
    failed = sum(1 for row in rows if row[4])
    print(f"proofs: {len(rows) - failed} hold, {failed} fail")
    return 1 if failed or not rows else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ToolError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
