"""Seeds the faults of tests/faults/faults.toml, at least four in every module, and reports what catches each.

Proofs and the table of paths are tried first, then the testbench of tests/icarus. `flexmac gemm` catches
faults that show only in float results. A fault that nothing catches means that a rule is missing.
"""

import shutil
import sys
import time
from collections import Counter
from pathlib import Path

import lfsr_period
import paths
import report
from cases import PROOFS
from designs import ROOMS, leaf
from float_bench import FloatBench
from solver import ToolError, call

# 3 x 5 with three lanes, the design whose rendered text the faults replace; then 1 x 1, whose tiles
# are so short that seeds arrive late
BENCHES = ("odd", "one")

# cells whose arithmetic has no rules
FLOAT = ("flexmac_float_pe",)


def relevant(module):
    """Proofs of the module first, then proofs that include it."""
    own = [p for p in PROOFS if module in (p.cell, *p.below) and not p.long]
    if module == "flexmac_top":  # MiniSat seldom finishes an induction that fails
        own = [p for p in own if p.engine == "abc"]
    return sorted(own, key=lambda p: p.cell.removeprefix("flexmac_") not in module)


def by_proof(fault, work, designs, root, run_proof):
    module = fault.module
    for number, proof in enumerate(relevant(module)):
        source = leaf(root, module) or designs.get(proof.how) / f"{module}.v"
        broken = work / f"broken{number}"
        shutil.rmtree(broken, ignore_errors=True)
        broken.mkdir(parents=True)
        if fault.places(source.read_text()) == 0:
            continue  # the fault is for another number of lanes
        (broken / source.name).write_text(fault.apply(source.read_text(), source.name))
        verdict = run_proof(proof, broken / "run", designs, broken)
        if verdict.failed:
            return f"proof of {proof.name}"
        if paths.broken(module, broken / "paths", broken, root):
            return f"paths of {module}"
        if module == "flexmac_lfsr" and lfsr_period.check(broken / "period", broken / source.name):
            return "period of flexmac_lfsr"
    return None


def by_bench(icarus, benches, fault):
    for bench in benches:
        source = bench.folder / "design" / "rtl" / fault.file
        if not source.exists():
            continue  # a module of another style
        if fault.places(source.read_text()) != 1 and bench is not benches[0]:
            continue  # the fault is for another array shape
        found = icarus.caught(bench, fault)
        if found:
            return f"tests/icarus {bench.name}, {found.split(': ')[-1]}"
    return None


def by_testbench(work, design, fault):
    """The failure that the design's own testbench of flexmac_top reports, or None."""
    broken = work / "testbench"
    shutil.rmtree(broken, ignore_errors=True)
    shutil.copytree(design, broken)
    fault.seed(broken / "rtl")
    files = [*(broken / "flexmac.f").read_text().split(), *broken.glob("*/flexmac_top_tb.v")]
    code, said = call(["iverilog", "-g2005", "-s", "flexmac_top_tb", "-o", "bench", *files], broken)
    if code != 0:
        raise ToolError(f"iverilog in {broken}: {said[-400:]}")
    _, said = call(["vvp", "bench"], broken)
    found = [line for line in said.split("\n") if line.startswith("FAIL: ")]
    return f"testbench, {found[0][6:].strip()}" if found else None


def run(arguments, work, designs, run_proof):
    root = Path(__file__).resolve().parent.parent
    # `flexmac verify` does not carry these modules.
    sys.path[:0] = [str(root / "tests" / "icarus"), str(root / "tests" / "faults")]
    import run as icarus
    import seeding

    try:
        return seed_all(arguments, work, designs, run_proof, root, icarus, seeding.load("proofs"))
    except (icarus.ToolError, seeding.StaleFault) as error:
        raise ToolError(error) from error


def seed_all(arguments, work, designs, run_proof, root, icarus, every):
    benches = []
    for name in BENCHES:
        folder = work / f"bench_{name}"
        folder.mkdir()
        benches.append(icarus.Bench(name, folder, arguments.flexmac, 1, 84))
    floats = None
    chosen = [fault for fault in every if arguments.only in fault.name]
    if arguments.sample:
        chosen = chosen[:: arguments.sample]
    known = {path.stem for path in (benches[0].folder / "design" / "rtl").glob("*.v")}
    known |= {path.stem for room in ROOMS for path in (root / "rtl" / room).glob("*.v")}
    counts = Counter(fault.module for fault in every)
    bare = sorted(module for module in known if counts[module] < 4)
    if bare:
        print(f"no faults are seeded in: {', '.join(bare)}")
    rows, missed = [], 0
    for number, fault in enumerate(chosen):
        begun = time.monotonic()
        place = work / f"fault{number}"
        if fault.module in FLOAT:
            floats = floats or FloatBench(work / "floats", arguments.flexmac, designs)
            text = leaf(root, fault.module).read_text()
            said = floats.caught(fault.file, fault.apply(text, fault.file))
            found = said and f"flexmac gemm: {said}"
        else:
            found = by_proof(fault, place, designs, root, run_proof)
        if fault.module == "flexmac_top" and not found:
            found = by_testbench(work, benches[0].folder / "design", fault)
        found = found or by_bench(icarus, benches, fault)
        missed += not found
        seconds = time.monotonic() - begun
        print(f"{'caught' if found else 'MISSED'}  {fault.name}: {found or 'by nothing'}"
              f" ({seconds:.1f} s)", flush=True)  # fmt: skip
        rows.append((fault.module, fault.what, found or "nothing"))
        shutil.rmtree(place, ignore_errors=True)
    if arguments.table:
        report.write_faults(arguments.table, rows)
    print(f"faults: {len(rows) - missed} caught, {missed} missed")
    return 1 if missed or not rows else 0
