#!/usr/bin/env python3
"""Lines and toggles of the Verilog that oracle.py's cases reach, by module.

The testbench and cases of run.py on Verilator with --coverage-line and --coverage-toggle, once with
nothing late and once with random delays, over several configurations. A point counts as reached when any
instance in any configuration reached it. With --holes, lists what was not. Exit 0; 2 when a tool is
missing, fails, or the testbench does not end in PASS."""

import argparse
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

sys.dont_write_bytecode = True

import run  # noqa: E402

# Verilator 5.006's own `--binary` main does not write the coverage.
MAIN = """
#include "Vflexmac_core_tb.h"
#include "verilated.h"
#include "verilated_cov.h"
int main(int argc, char** argv) {
  VerilatedContext context;
  context.commandArgs(argc, argv);
  Vflexmac_core_tb top{&context};
  while (!context.gotFinish()) {
    top.eval();
    if (!top.eventsPending()) break;
    context.time(top.nextTimeSlot());
  }
  top.final();
  context.coveragep()->write("coverage.dat");
}
"""

CONFIGS = ("odd", "uneven", "chunk16", "systolic", "fanout4", "fixed_ragged")


def build(bench):
    """The testbench around the design as a program."""
    design = bench.folder / "design"
    files = [str(design / line) for line in (design / "flexmac.f").read_text().split()]
    sizes = [f"-G{name}={value}" for name, value in bench.parameters.items()]
    # The testbench's own points would be most of the work.
    waiver = bench.folder / "coverage.vlt"
    waiver.write_text('`verilator_config\ncoverage_off -file "*flexmac_core_tb.v"\n')
    main = bench.folder / "main.cpp"
    main.write_text(MAIN)
    command = [
        "verilator", "--cc", "--exe", "--build", "--timing", "--coverage-line", "--coverage-toggle", "-Wno-fatal",
        "--x-assign", "unique", "-CFLAGS", "-O0", "--top-module", "flexmac_core_tb",
        "--Mdir", str(bench.folder / "obj"), *sizes, str(waiver), *files, str(run.TESTBENCH),
        str(main),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800)
    if done.returncode:
        raise run.ToolError(f"verilator: exit {done.returncode}\n{done.stderr[-1000:]}")
    return bench.folder / "obj/Vflexmac_core_tb"


def play(bench, program, stalls):
    """Points of one run: (module, kind, file, line, comment) to the times reached."""
    data = bench.folder / "coverage.dat"
    data.unlink(missing_ok=True)
    done = subprocess.run(
        [program, f"+stalls={stalls}", f"+seed={bench.seed}"],
        cwd=bench.folder, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    if f"PASS {len(bench.cases)} cases" not in done.stdout:
        raise run.ToolError(f"{bench.name}: expected PASS, found:\n{done.stdout[-500:]}{done.stderr}")
    points = defaultdict(int)
    for line in data.read_text(errors="replace").splitlines():
        match = re.match(r"C '(.*)' (\d+)$", line)
        if not match:
            continue
        fields = dict(field.split("\x02", 1) for field in match[1].split("\x01") if "\x02" in field)
        kind, _, module = fields["page"].partition("/")
        module = module.partition("__")[0]
        if module != "flexmac_core_tb":
            key = (module, kind, Path(fields["f"]).name, int(fields["l"]), fields.get("o", ""))
            points[key] += int(match[2])
    return points


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--flexmac", type=Path, default=run.BINARY)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, default=84)
    parser.add_argument("--only", choices=run.CONFIGS, action="append")
    parser.add_argument("--holes", action="store_true", help="list what was not reached")
    args = parser.parse_args()
    total = defaultdict(int)
    with tempfile.TemporaryDirectory(prefix="flexmac-coverage-") as work:
        for name in args.only or CONFIGS:
            folder = Path(work) / name
            folder.mkdir()
            bench = run.Bench(name, folder, args.flexmac, args.seed, args.cases)
            program = build(bench)
            for stalls in (0, 1):
                for key, count in play(bench, program, stalls).items():
                    total[key] += count
    print("| module | lines and branches | reached | toggles | reached |")
    print("| --- | --- | --- | --- | --- |")
    modules = sorted({key[0] for key in total})
    for module in [*modules, "all"]:
        cells = []
        for toggle in (False, True):
            counts = [count for key, count in total.items()
                      if (module in ("all", key[0])) and ("toggle" in key[1]) == toggle]  # fmt: skip
            reached = sum(count > 0 for count in counts)
            cells += [str(len(counts)), f"{100 * reached / len(counts):.1f} %" if counts else "-"]
        print(f"| {module} | " + " | ".join(cells) + " |")
    if args.holes:
        for (module, kind, file, line, what), count in sorted(total.items()):
            if count == 0:
                print(f"{file}:{line}: {module}: {kind} {what}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except run.ToolError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
