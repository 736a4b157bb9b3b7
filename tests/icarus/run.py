#!/usr/bin/env python3
"""Checks generated flexmac designs in Icarus Verilog against oracle.py.

Per configuration: generate, compile with all warnings on (none may appear), play the oracle's
cases once with nothing late and once with random delays. With --mutate also breaks copies of the
RTL on purpose and requires every fault to be found. Exit 0 when all is well, 1 when something was
found (or a fault was not), 2 when a tool is missing or failed.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True  # leave no cache beside the sources
sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "faults"))

import oracle  # noqa: E402
import seeding  # noqa: E402

HERE = Path(__file__).resolve().parent
TESTBENCH = HERE / "flexmac_core_tb.v"
BINARY = HERE.parents[1] / "target" / "debug" / "flexmac"

# rows cols chunk lanes max_bits max_k stages depth fanout, rounding modes
ALL = "nearest,truncate,stochastic"
CONFIGS = {
    "one": (1, 1, 8, 1, 8, 64, 1, 64, 0, ALL),
    "odd": (3, 5, 8, 3, 16, 48, 2, 32, 0, ALL),
    "uneven": (3, 5, 4, 3, 14, 24, 2, 32, 0, ALL),
    "chunk2": (2, 3, 2, 2, 11, 40, 3, 64, 0, ALL),
    "chunk4_wide": (2, 2, 4, 2, 32, 64, 4, 256, 0, ALL),
    "chunk16": (4, 2, 16, 2, 32, 31, 4, 32, 0, ALL),
    "chunk16_one": (2, 2, 16, 1, 16, 16, 1, 16, 0, ALL),
    "wide": (3, 3, 8, 4, 32, 64, 3, 64, 0, ALL),
    "tiny_bank": (3, 2, 8, 2, 32, 4096, 2, 4, 0, ALL),
    "tall": (9, 1, 4, 1, 8, 17, 1, 64, 0, ALL),
    "flat": (1, 7, 4, 5, 9, 100, 4, 64, 0, ALL),
    "k_one": (2, 2, 8, 16, 24, 1, 2, 4, 0, ALL),
    "nearest": (2, 2, 8, 1, 16, 32, 2, 32, 0, "nearest"),
    "systolic": (3, 5, 8, 3, 16, 48, 2, 32, 1, ALL),
    "systolic_one": (1, 1, 4, 2, 16, 16, 1, 32, 1, ALL),
    "systolic_tall": (6, 1, 8, 1, 16, 16, 4, 32, 1, ALL),
    "fanout3": (5, 3, 2, 2, 8, 40, 3, 64, 3, ALL),
    "fanout4": (6, 9, 8, 2, 16, 40, 2, 32, 4, ALL),
    "fixed_odd": (3, 5, 32, 3, 32, 48, 3, 32, 0, ALL),
    "fixed_ragged": (2, 3, 13, 2, 13, 40, 5, 16, 0, ALL),
    "fixed_systolic": (3, 4, 9, 2, 9, 40, 4, 16, 1, ALL),
}
# the others are flex
STYLES = {"fixed_odd": "fixed", "fixed_ragged": "fixed", "fixed_systolic": "fixed"}

# products by flexmac_dot's carry-save trees, which take Icarus several times as long
TREES = ("one", "chunk2", "chunk16_one", "tiny_bank", "fanout3", "fixed_ragged")

# configurations that faults are tried on, in this order
FAULT_CONFIGS = ("odd", "uneven", "tall", "systolic")


class ToolError(Exception):
    """A tool is missing, or failed for a reason that is not a finding."""


class Finding(Exception):
    """The design did not do what the oracle says."""


def call(command, cwd=None, check=True):
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ToolError(f"{command[0]}: {error}") from error
    if check and done.returncode != 0:
        raise ToolError(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stderr}")
    return done


class Bench:
    """One generated configuration with its vectors."""

    def __init__(self, name, folder, flexmac, seed, count):
        self.name, self.folder, self.seed = name, folder, seed
        rows, cols, chunk, lanes, max_bits, max_k, stages, depth, fanout, rounding = CONFIGS[name]
        call([
            flexmac, "gen", "--rows", str(rows), "--cols", str(cols), "--chunk", str(chunk),
            "--lanes", str(lanes), "--max-bits", str(max_bits), "--max-k", str(max_k),
            "--stages", str(stages), "--depth", str(depth), "--fanout", str(fanout),
            "--rounding", rounding, "--style", STYLES.get(name, "flex"),
            "--out", str(folder / "design"),
        ])  # fmt: skip
        record = json.loads((folder / "design" / "config.json").read_text())
        self.config = oracle.Config(record)
        vectors = oracle.Vectors(self.config, seed)
        self.cases = []
        for case in oracle.Draw(self.config, seed).cases(count):
            vectors.add_case(case, oracle.Expected(self.config, case))
            self.cases.append(case)
        vectors.write(folder)
        self.parameters = vectors.parameters()

    def compile(self, design, program, warnings=True):
        files = [design / line for line in (design / "flexmac.f").read_text().split()]
        sizes = [f"-Pflexmac_core_tb.{name}={value}" for name, value in self.parameters.items()]
        done = call(
            ["iverilog", "-g2005", "-Wall", "-s", "flexmac_core_tb", "-o", program]
            + (["-DFLEXMAC_CELLS"] if self.name in TREES else []) + sizes + [*files, TESTBENCH],
            check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise ToolError(f"iverilog: exit {done.returncode}\n{done.stderr}")
        if warnings and (done.stdout + done.stderr).strip():
            raise Finding(f"iverilog warns:\n{done.stdout}{done.stderr}")

    def run(self, program, stalls):
        """Plays the cases; returns the cycle rule's constant."""
        done = call(
            ["vvp", "-n", program, f"+stalls={stalls}", f"+seed={self.seed}"],
            cwd=self.folder, check=False,
        )  # fmt: skip
        lines = done.stdout.split("\n")
        if f"PASS {len(self.cases)} cases" in lines and "WARNING" not in done.stdout:
            return int(re.search(r"^constant (-?\d+)$", done.stdout, re.M).group(1))
        message = (done.stdout + done.stderr).strip()
        number = re.search(r"^case (\d+)", message, re.M)
        if number:
            case = int(number.group(1))
            message += f"\ncase {case} is {self.cases[case].describe()}"
        raise Finding(f"with stalls={stalls}:\n{message}")


def check_config(bench):
    """Returns the constant of the cycle rule, the same in both runs."""
    program = bench.folder / "clean.vvp"
    bench.compile(bench.folder / "design", program)
    prompt, late = bench.run(program, 0), bench.run(program, 1)
    if prompt != late:
        raise Finding(f"constant of ctr_busy_o: {prompt} without stalls, {late} with")
    return prompt


def caught(bench, fault):
    """Whether the cases find the fault, and by what message."""
    design = bench.folder / "broken"
    shutil.rmtree(design, ignore_errors=True)
    shutil.copytree(bench.folder / "design", design)
    try:
        fault.seed(design / "rtl")
    except seeding.StaleFault as error:
        raise ToolError(error) from error
    program = bench.folder / "broken.vvp"
    bench.compile(design, program, warnings=False)
    for stalls in (0, 1):
        try:
            bench.run(program, stalls)
        except Finding as finding:
            return str(finding).split("\n")[1]
    return None


def check_faults(benches):
    """Number of faults that no configuration found."""
    missed = 0
    for fault in seeding.load("icarus"):
        found = None
        for bench in (bench for bench in benches if fault.on in (None, bench.name)):
            found = caught(bench, fault)
            if found:
                print(f"caught  {fault.name}: {bench.name}, {found}", flush=True)
                break
        if not found:
            print(f"MISSED  {fault.name}", flush=True)
            missed += 1
    return missed


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--flexmac", type=Path, default=BINARY, help="the flexmac binary")
    parser.add_argument("--seed", type=int, default=1, help="of the cases and delays")
    parser.add_argument("--cases", type=int, default=42, help="cases per configuration")
    parser.add_argument("--only", choices=CONFIGS, action="append", help="these configurations")
    parser.add_argument("--mutate", action="store_true", help="also require faults to be found")
    parser.add_argument("--keep", type=Path, help="work here and leave it, for a look at waves")
    arguments = parser.parse_args()
    if arguments.cases < 1:
        parser.error("--cases: expected at least 1")
    with tempfile.TemporaryDirectory(prefix="flexmac-icarus-") as scratch:
        work = (arguments.keep or Path(scratch)).resolve()
        return run(arguments, work)


def run(arguments, work):
    begun, bad, constants = time.monotonic(), 0, {}
    for name in arguments.only or CONFIGS:
        started = time.monotonic()
        folder = work / name
        folder.mkdir(parents=True, exist_ok=True)
        try:
            bench = Bench(name, folder, arguments.flexmac, arguments.seed, arguments.cases)
            constant = check_config(bench)
        except Finding as finding:
            bad += 1
            print(f"FAIL  {name}: {finding}")
            print(f"  again: {sys.argv[0]} --only {name} --seed {arguments.seed}"
                  f" --cases {arguments.cases} --keep DIR", flush=True)  # fmt: skip
            continue
        constants[name] = constant - bench.config.latency()
        print(f"PASS  {name}: {len(bench.cases)} cases, with and without stalls, busy constant"
              f" {constant} ({time.monotonic() - started:.1f} s)", flush=True)  # fmt: skip
    if len(set(constants.values())) > 1:
        bad += 1
        print(f"FAIL  busy constant minus the parameters' latency differs: {constants}")
    if arguments.mutate:
        benches = []
        for name in FAULT_CONFIGS:
            folder = work / f"faults_{name}"
            folder.mkdir(parents=True, exist_ok=True)
            benches.append(Bench(name, folder, arguments.flexmac, arguments.seed, 84))
        bad += check_faults(benches)
    print(f"{'FAIL' if bad else 'PASS'}  {time.monotonic() - begun:.0f} s", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ToolError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
