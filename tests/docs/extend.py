#!/usr/bin/env python3
"""Applies the diffs of docs/tutorials/extend to a copy of the tree, builds it, removes the copy, and
runs what each diff adds with the binary that is left.

usage: tests/docs/extend.py --target DIR     third-party builds are taken over from DIR/ci
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(1, str(ROOT / "tests"))

import npy  # noqa: E402

DIFFS = ROOT / "docs/tutorials/extend"
NAMES = ["policy", "layer", "library", "rounding", "parameter"]

NET = """name = "leaky"
input = { height = 28, width = 28, channels = 1 }
layers = [
  { type = "inner-product", name = "ip1", outputs = 16 },
  { type = "leaky-relu", name = "act1", slope = 0.1 },
  { type = "inner-product", name = "ip2", outputs = 10 },
]
"""


def run(*args, **more):
    return subprocess.run([str(arg) for arg in args], check=True, **more)


def copy_tree(to):
    """The files git knows, with their times, so that a second build finds what has not changed."""
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)


def build(target):
    """The binary of the extended tree, outside it; the tree is gone when this returns."""
    own = target / "extend"
    tree = own / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    copy_tree(tree)
    for name in NAMES:
        run("git", "apply", "--unsafe-paths", f"--directory={tree}", DIFFS / f"{name}.diff", cwd="/")
    if not (own / "target").exists() and (target / "ci").exists():
        (own / "target/ci").mkdir(parents=True)
        for folder in ("deps", "build", ".fingerprint"):
            run("cp", "-al", target / "ci" / folder, own / "target/ci")
        # Not ours: cargo would take a crate for current by the times of the files that it was built from.
        for folder in ("deps", ".fingerprint"):
            for path in (own / "target/ci" / folder).iterdir():
                if re.match(r"(lib)?(flexmac|verilated|all)\b|(lib)?flexmac_", path.name):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
    environment = dict(os.environ, CARGO_TARGET_DIR=str(own / "target"))
    # With an example, cargo picks the features of third-party crates that tests have: those are built already.
    run("cargo", "build", "--profile", "ci", "--locked", "--quiet", "--workspace", "--bin", "flexmac", "--example",
        "utilisation", cwd=tree, env=environment)
    flexmac = own / "flexmac"
    shutil.copy(own / "target/ci/flexmac", flexmac)
    library = own / "minimal.lib"
    shutil.copy(tree / "libraries/minimal.lib", library)
    shutil.rmtree(tree)
    return flexmac, library


def check(flexmac, library, folder):
    def call(line):
        print(f"$ flexmac {line}", flush=True)
        return run(flexmac, *line.split(), cwd=folder, capture_output=True, text=True).stdout

    train = "train --data synthetic --iters 20 --batch 16 --eval-images 200 --json"
    result = json.loads(call(f"{train} --net mlp --policy cautious --patience 3 --out cautious"))
    history = (folder / "cautious/history.jsonl").read_text().splitlines()
    assert json.loads(history[0])["phase"] == "cautious", history[0]
    assert result["accuracy"] > 0.2, result  # chance is 0.1
    call("train --resume --out cautious --iters 22")

    (folder / "leaky.toml").write_text(NET)
    result = json.loads(call(f"{train} --net leaky.toml --policy planewise --out leaky"))
    assert result["accuracy"] > 0.2, result

    call("gen --rows 2 --cols 2 --lanes 1 --chunk 4 --max-bits 8 --max-k 16 --depth 16 --out array")
    report = json.loads(call(
        f"synth --config array --top flexmac_pe --liberty {library} --out gates --json"))
    assert report["library"]["name"] == "minimal" and report["area_um2"] > 0, report

    check_parameter(flexmac, call, folder)

    a, b = list(range(-15, 15)), list(range(-9, 12))
    npy.write(folder / "a.npy", 10, 3, a)
    npy.write(folder / "b.npy", 3, 7, b)
    call("gemm --config array --engine checked --a a.npy --b b.npy --bits-a 8 --bits-b 8 --shift 5 "
         "--bits-out 8 --round up --out c.npy")
    sums = [sum(a[3 * m + k] * b[7 * k + n] for k in range(3)) for m in range(10) for n in range(7)]
    assert npy.read(folder / "c.npy") == [-(-value // 32) for value in sums]
    assert any(value % 32 for value in sums)


def check_parameter(flexmac, call, folder):
    """The one entry of parameter.diff is known wherever parameters are: the array made before it has its
    default."""
    [described] = [p for p in json.loads(call("describe --json")) if p["name"] == "spare_rows"]
    assert (described["range"], described["default"]) == ("0..=4", "0"), described
    assert "spare_rows  (integer; 0..=4; default 0)" in call("describe")
    assert "| `spare_rows` | integer | 0..=4 | 0 | rows beside the array" in call("describe --markdown")
    assert "--spare-rows <N>" in call("gen --help")

    call("gen --rows 2 --cols 2 --lanes 1 --max-k 16 --depth 16 --spare-rows 3 --out spare")
    config = folder / "spare/config.json"
    parameters = json.loads(config.read_text())["parameters"]
    assert parameters["spare_rows"] == 3 and list(parameters)[-1] == "spare_rows", parameters
    assert "read_data_o = 32'd3;  // param_spare_rows" in (folder / "spare/rtl/flexmac_regs.v").read_text()
    run("verilator", "--lint-only", "-Wall", "-f", "flexmac.f", "--top-module", "flexmac_top", cwd=folder / "spare")
    registers = (folder / "spare/sw/registers.md").read_text()
    assert "| 0x04c | param_spare_rows | RO | Rows beside the array" in registers, registers
    # No register of another parameter has moved.
    assert "| 0x044 | param_queue |" in registers

    words = "gen --spare-rows 5 --rows 0 --out refused".split()
    refused = subprocess.run([flexmac, *words], cwd=folder, capture_output=True, text=True)
    assert refused.returncode == 2 and not (folder / "refused").exists(), refused
    assert refused.stderr == (
        "error: gen: 2 illegal parameters:\n  rows: expected 1..=128, found 0\n"
        "  spare_rows: expected 0..=4, found 5\n"
    ), refused.stderr

    # A design from before the parameter is read with its default.
    text = config.read_text()
    config.write_text(re.sub(r',\s*"spare_rows": 3', "", text))
    assert config.read_text() != text
    npy.write(folder / "one.npy", 1, 1, [1])
    record = json.loads(call("gemm --config spare --engine reference --a one.npy --b one.npy --bits-a 8 "
                             "--bits-b 8 --out c.npy --json"))
    assert record["config"]["spare_rows"] == 0, record


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--target", required=True, type=Path)
    args = parser.parse_args()
    flexmac, library = build(args.target.resolve())
    with tempfile.TemporaryDirectory() as folder:
        try:
            check(flexmac, library, Path(folder))
        except subprocess.CalledProcessError as error:
            sys.exit(f"{error}\n{error.stdout}\n{error.stderr}")
    print(f"{len(NAMES)} extensions applied, built and run; the binary needed nothing of its tree")


if __name__ == "__main__":
    main()
