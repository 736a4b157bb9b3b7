#!/usr/bin/env python3
"""Generated designs in other people's tools: FuseSoC, Bender, cocotb with cocotbext-axi on Icarus; float formats
against ml_dtypes and gfloat.

    tests/ecosystem/run.py [--flexmac target/release/flexmac] [--mutate] [--work DIR]

Needs the packages of requirements.txt; scripts/test makes a virtual environment of them.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml
from cocotb_tools.runner import get_results, get_runner

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.dont_write_bytecode = True
sys.path.insert(1, str(ROOT / "tests/faults"))

import float_formats  # noqa: E402
import seeding  # noqa: E402

DESIGNS = {
    "odd": "--rows 3 --cols 5 --lanes 3 --chunk 2 --max-bits 32 --max-k 50 --depth 256",
    "one": "--rows 1 --cols 1 --lanes 1 --chunk 8 --max-bits 8 --max-k 64 --stages 1 --depth 16",
    "square": "--rows 4 --cols 4 --lanes 4 --chunk 8 --max-bits 16 --max-k 256 --depth 64",
}


def fail(what, output):
    sys.exit(f"FAIL {what}\n{output}")


def run(what, command, folder):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        fail(f"{what}: {' '.join(map(str, command))}: exit {done.returncode}",
             done.stdout + done.stderr)
    return done.stdout + done.stderr


def fusesoc(name, folders, work, core="flexmac:flexmac:array"):
    """The core file, among those of all folders: lint without a warning, the testbench passes."""
    tool = Path(sys.executable).with_name("fusesoc")
    roots = [word for folder in folders for word in ("--cores-root", folder)]
    for target, wanted in (("lint", ""), ("sim", "PASS: ")):
        build = work / f"{name}-{target}"
        output = run(
            f"{name}: fusesoc {target}",
            [tool, *roots, "run", "--build-root", build, "--target", target, core], work)
        if wanted not in output or "FAIL" in output or "%Warning" in output:
            fail(f"{name}: fusesoc {target}: expected {wanted!r} and no warning", output)
        print(f"ok   {name}: fusesoc run --target {target}")


def bender(name, design):
    """The manifest lists the file list's files, in its order, and the testbench apart."""
    manifest = yaml.safe_load((design / "Bender.yml").read_text())
    plain, simulation = manifest["sources"]
    listed = (design / "flexmac.f").read_text().split()
    if plain["files"] != listed or simulation["target"] != "simulation":
        fail(f"{name}: Bender.yml", f"expected {listed}\nfound {manifest['sources']}")
    for file in plain["files"] + simulation["files"]:
        if not (design / file).is_file():
            fail(f"{name}: Bender.yml", f"{file} does not exist")
    print(f"ok   {name}: Bender.yml")


def cocotb(name, design, work, top):
    """An outside user's testbench, compared with NumPy: tests, failed ones, log."""
    runner = get_runner("icarus")
    build = work / f"{name}-cocotb"
    files = [design / file for file in (design / "flexmac.f").read_text().split()]
    runner.build(sources=files, hdl_toplevel=top, build_dir=build,
                 timescale=("1ns", "1ps"), log_file=work / f"{name}-build.log")
    log = work / f"{name}-cocotb.log"
    results = runner.test(hdl_toplevel=top, test_module="gemm_test", build_dir=build,
                          test_dir=HERE, results_xml=build / "results.xml", log_file=log,
                          extra_env={"FLEXMAC_DESIGN": str(design), "PYTHONPATH": str(HERE),
                                     "PYTHONDONTWRITEBYTECODE": "1"})
    return *get_results(results), log


def mutate(design, work):
    """Every seeded fault must turn a test red."""
    faults = seeding.load("cocotb")
    for number, fault in enumerate(faults):
        name = f"mutation-{number}"
        copy = work / name
        shutil.copytree(design, copy)
        fault.seed(copy / "rtl")
        top = "flexmac_padded" if fault.file == "flexmac_padded.v" else "flexmac_top"
        _, failed, _ = cocotb(name, copy, work, top)
        if not failed:
            fail(name, f"{fault.name}: {fault.text!r} as {fault.wrong!r} passes every test")
    print(f"ok   {len(faults)} seeded faults are noticed")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--flexmac", type=Path, default=ROOT / "target/release/flexmac")
    parser.add_argument("--mutate", action="store_true", help="seed faults that must be noticed")
    parser.add_argument("--work", type=Path, help="folder to keep builds and logs in")
    arguments = parser.parse_args()
    flexmac = arguments.flexmac.resolve()
    os.environ["SIM"] = "icarus"
    with tempfile.TemporaryDirectory() as scratch:
        work = (arguments.work or Path(scratch)).resolve()
        work.mkdir(parents=True, exist_ok=True)
        for name, flags in DESIGNS.items():
            design = work / name
            run(f"{name}: generate", [flexmac, "gen", *flags.split(), "--out", design], work)
            bender(name, design)
            fusesoc(name, [design], work)
            for build, top in ((name, "flexmac_top"), (f"{name}-padded", "flexmac_padded")):
                tests, failed, log = cocotb(build, design, work, top)
                if failed or not tests:
                    fail(f"{name}: cocotb on {top}: {failed} of {tests} tests", log.read_text())
                print(f"ok   {name}: cocotb on {top}, {tests} tests against NumPy")
        # Two designs in one system, told apart by their names.
        both = [work / "npu", work / "one"]
        run("npu: generate",
            [flexmac, "gen", "--prefix", "npu", *DESIGNS["odd"].split(), "--out", both[0]], work)
        bender("npu", both[0])
        fusesoc("npu beside one", both, work, "flexmac:npu:array")
        fusesoc("one beside npu", both, work)
        formats = work / "float_formats"
        formats.mkdir()
        float_formats.check(flexmac, formats)
        if arguments.mutate:
            mutate(work / "odd", work)
    print("ecosystem: all ok")


if __name__ == "__main__":
    main()
