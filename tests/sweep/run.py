#!/usr/bin/env python3
"""Workflows through Snakemake. A small study: run, run again, planned for SLURM, its table worked out
anew. Bundles of sampled tiles: what checking them comes to, with and without faults."""

import argparse
import hashlib
import json
import math
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(1, str(HERE.parent / "faults"))

import seeding  # noqa: E402

passed = failed = 0


def check(name, good, found=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print(f"{'ok  ' if good else 'FAIL'} {name}" + ("" if good else f": {found}"))


def call(flexmac, *arguments):
    command = [flexmac, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=1200, check=False)


def load(path):
    return json.loads(path.read_text())


def run_study(flexmac, snakemake, study):
    sweep = ["sweep", "--study", "smoke", "--out", study, "--snakemake", snakemake]
    plan = call(flexmac, *sweep, "--dry-run")
    check("a dry run plans every step and makes none", plan.returncode == 0, plan.stderr)
    check("nothing is built by it", not (study / "designs").exists())
    check_threads(snakemake, study)
    done = call(flexmac, *sweep)
    check("the study runs", done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:])
    if done.returncode:
        sys.exit(f"{passed} passed, {failed} failed")
    check_kill(flexmac, sweep, study)
    again = call(flexmac, *sweep)
    text = again.stdout + again.stderr
    check("a second run has nothing to do", "Nothing to be done" in text, text[-1000:])
    slurm = call(flexmac, *sweep, "--dry-run", "--profile", HERE / "slurm")
    check("SLURM: nothing left to plan", slurm.returncode == 0, slurm.stderr[-1000:])
    # A lost measurement is made again, and the table, and nothing else.
    for name in ("osu018/flex8/power-1x1/power.json", "headline.md"):
        (study / name).unlink()
    slurm = call(flexmac, *sweep, "--dry-run", "--profile", HERE / "slurm")
    text = slurm.stdout + slurm.stderr
    check("SLURM: a lost measurement is planned", slurm.returncode == 0 and "rule power" in text, text)
    check("SLURM: its synthesis is not", "rule synth" not in text and "rule train" not in text, text)
    check("SLURM: the profile's partition is asked for", "short" in text, text[-1500:])
    check("it is measured again", call(flexmac, *sweep).returncode == 0)


def check_threads(snakemake, study):
    """Jobs keep to the threads of their rules, and those to the machine."""
    for cores in (1, 8):
        command = [snakemake, "--cores", str(cores), "--dry-run", "--printshellcmds"]
        done = subprocess.run(command, cwd=study, capture_output=True, text=True, timeout=600, check=False)
        text = done.stdout + done.stderr
        told = [int(found) for found in re.findall(r"export RAYON_NUM_THREADS=(\d+);", text)]
        want = {min(cores, threads) for threads in (1, 2, 4)}
        check(f"{cores} cores: each job is told its threads", set(told) == want, text[-2000:])
        jobs = set(map(int, re.findall(r"flexmac synth --jobs (\d+)", text)))
        check(f"{cores} cores: so is a synthesis", jobs == {1, min(cores, 4)}, jobs)


def check_kill(flexmac, sweep, study):
    """Killed in a step, refused while that step lives, gone on with as if nothing had been."""
    table = (study / "headline.md").read_text()
    for name in ("osu018/flex8/power-1x1/power.json", "headline.md"):
        (study / name).unlink()
    killed = subprocess.Popen(
        [flexmac, *map(str, sweep)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    locks = study / ".snakemake/locks"
    until(lambda: locks.is_dir() and any(locks.iterdir()))
    # Stopped, its steps outlive it however fast they are.
    os.killpg(killed.pid, signal.SIGSTOP)
    killed.kill()
    killed.wait()
    second = call(flexmac, *sweep)
    check("a sweep whose steps outlived it is refused", second.returncode == 2, second.stderr)
    check("in words", "in use by another sweep" in second.stderr, second.stderr)
    os.killpg(killed.pid, signal.SIGKILL)
    check("Snakemake's lock stays behind", any(locks.iterdir()))
    until(lambda: call(flexmac, *sweep, "--dry-run").returncode == 0)
    resumed = call(flexmac, *sweep)
    check("a killed sweep goes on", resumed.returncode == 0, resumed.stdout + resumed.stderr)
    check("to the same table", (study / "headline.md").read_text() == table)


def until(done):
    end = time.monotonic() + 60
    while not done() and time.monotonic() < end:
        time.sleep(0.05)


def check_table(flexmac, study):
    report = load(study / "headline.json")
    check("one comparison a rule", len(report["comparisons"]) == 3, len(report["comparisons"]))
    machines = {
        design: load(study / f"osu018/{design}/array/report.json") for design in ("flex8", "fixed16")
    }
    for design, synthesis in machines.items():
        orders = [attempt["order"] for attempt in synthesis["tries"]]
        check(f"{design} is mapped in both orders", orders == [0, 1], orders)
    history = (study / "runs/static/history.jsonl").read_text().splitlines()
    cycles = sum(json.loads(line)["total"]["cycles"]["busy"] for line in history)
    macs = sum(json.loads(line)["total"]["macs"] for line in history)
    for line in report["comparisons"]:
        bills = {"flex8": line["flex_bill"], "fixed16": line["baseline_bill"]}
        rule = line["rule"]
        # The run trained on the flexible array: its history has the cycles that the model gives.
        check(f"{rule}: cycles are the run's", bills["flex8"]["cycles"]["busy"] == cycles, cycles)
        check(f"{rule}: so are multiply-accumulates", bills["flex8"]["macs"] == macs, macs)
        cost = {
            design: bill["cycles"]["busy"]
            * machines[design]["timing"]["period_ps"]
            * machines[design]["area_um2"]
            for design, bill in bills.items()
        }
        want = cost["fixed16"] / cost["flex8"]
        check(f"{rule}: speed-up", math.isclose(line["speed_up"], want, rel_tol=1e-9), want)
        energies = {design: sum(bill["energy"].values()) for design, bill in bills.items()}
        want = energies["flex8"] / energies["fixed16"]
        check(f"{rule}: energy", math.isclose(line["energy"], want, rel_tol=1e-9), want)
        for design, bill in bills.items():
            power = load(study / f"osu018/{design}/power-1x1/power.json")
            config = load(study / f"designs/{design}/array/config.json")["parameters"]
            word = config["lanes"] * config["chunk"] * (config["rows"] + config["cols"])
            want = bill["cycles"]["compute"] * word * power["memory"]["pj_per_bit"] * 1e-12
            found = bill["energy"]["memory"]
            check(f"{rule}: memory of {design}", math.isclose(found, want, rel_tol=1e-9), want)
            # PEs of all roles lie between the cheapest and the dearest measured.
            pes = [
                part["energy"]["internal_pj"]
                + part["energy"]["switching_pj"]
                + part["energy"]["leakage_pj"]
                for case in power["cases"]
                for part in case["parts"]
                if part["name"] == "PEs"
            ]
            per = bill["energy"]["pes"] / bill["cycles"]["compute"] * 1e12
            per /= config["rows"] * config["cols"]
            check(f"{rule}: PEs of {design}", min(pes) <= per <= max(pes) * (1 + 1e-9), (per, pes))
    text = call(flexmac, "headline", study).stdout
    check("the table is the folder's", text == (study / "headline.md").read_text(), text)
    wide = json.loads(call(flexmac, "headline", study, "--baseline-widths", "8x8", "--json").stdout)
    check("a baseline can be fed narrow operands", wide["comparisons"][0]["baseline_widths"] == [8, 8])
    none = json.loads(call(flexmac, "headline", study, "--memory-pj-per-bit", "0", "--json").stdout)
    check("memory can be left out", none["comparisons"][0]["flex_bill"]["energy"]["memory"] == 0)
    other = call(flexmac, "headline", study, "--net", "mlp", "--batch", "3", "--json")
    bills = json.loads(other.stdout)["bills"]
    check("widths are carried to another network", bills[0]["bill"]["macs"] != macs, other.stderr)
    check("the plot has every design", "fixed16" in (study / "pareto.svg").read_text())


TRAIN = (
    "train --net mlp --data synthetic --batch 4 --policy static --bits 8 --seed 5 --eval-images 20"
    " --iters 3 --check-rate 0.1"
).split()
LABELS = ("tiles  ", "tiles checked", "wrong tiles")


def verdict(output):
    return [line for line in output.splitlines() if line.startswith(LABELS)]


def with_wrong_result(bundle):
    """The bytes of a bundle whose last expected result is another, and where that is."""
    (length,) = struct.unpack_from("<Q", bundle, 12)
    header = json.loads(bundle[20 : 20 + length])
    part, array = header["parts"][-1], header["config"]
    shape, results = part["shape"], 0
    across = -(-shape["cols"] // array["cols"])
    for tile in part["tiles"]:
        rows = min(shape["band"], shape["rows"] - tile // across * shape["band"])
        results += rows * min(array["cols"], shape["cols"] - tile % across * array["cols"])
    altered = bytearray(bundle[:-32])
    altered[len(altered) - 16 * results - 4] ^= 1
    seed = part["seed"]
    place = f"layer {seed['layer']}, {seed['role']}, tile {part['tiles'][-1]}"
    return bytes(altered) + hashlib.sha256(altered).digest(), place


def check_bundles(flexmac, snakemake, folder):
    design, bundles = folder / "array", folder / "bundles"
    flags = "--rows 4 --cols 4 --lanes 4 --chunk 8 --max-bits 16".split()
    call(flexmac, "gen", *flags, "--out", design)
    train = [*TRAIN, "--config", design]
    there = call(flexmac, *train, "--engine", "checked", "--out", folder / "checked")
    here = call(flexmac, *train, "--bundles", bundles, "--out", folder / "run")
    check("bundles are left", here.returncode == 0 and "flexmac check" in here.stdout, here.stderr)
    workflow = ["check", bundles, "--workflow", "--snakemake", snakemake]
    slurm = call(flexmac, *workflow, "--dry-run", "--profile", HERE / "slurm")
    text = slurm.stdout + slurm.stderr
    check("SLURM: every bundle is planned", text.count("\nrule check:") == 3, text[-2000:])
    check("nothing is checked by it", not (bundles / "verdicts").exists())
    done = call(flexmac, *workflow)
    text = done.stdout + done.stderr
    check("bundles are checked", done.returncode == 0, text[-3000:])
    check("with the verdict of the run", verdict(done.stdout) == verdict(there.stdout), text[-1000:])
    merged = json.loads((bundles / "verdict.jsonl").read_text().splitlines()[-1])
    result = load(folder / "checked/result.json")
    same = [merged[name] == result["total"][name] for name in ("tiles", "tiles_checked")]
    check("to the last digit", all(same) and merged["wrong_tiles_bound"] == result["wrong_tiles_bound"])
    again = call(flexmac, *workflow)
    check("once", "Nothing to be done" in again.stdout + again.stderr, again.stderr[-1000:])

    one = bundles / "iteration-00000001.bundle"
    good = one.read_bytes()
    wrong, place = with_wrong_result(good)
    one.write_bytes(wrong)
    done = call(flexmac, *workflow)
    check("a wrong expectation: exit 1", done.returncode == 1, done.stderr[-1000:])
    check("one tile differs", any("mismatches 1" in line for line in verdict(done.stdout)), done.stdout)
    check("it is named", f"{one.name}: iteration 1, {place}\n" in done.stderr, done.stderr[-1000:])

    one.write_bytes(good[:-100])
    done = call(flexmac, *workflow)
    check("a cut bundle: exit 2", done.returncode == 2, done.stderr[-1000:])
    check("it is named", f"bundle {one.name}: checksum" in done.stderr, done.stderr[-1500:])
    others = [(bundles / f"verdicts/iteration-0000000{i}.jsonl").exists() for i in range(3)]
    check("it alone has no verdict", others == [True, False, True], others)
    one.write_bytes(good)

    path = bundles / "design/rtl/flexmac_lfsr.v"
    right = path.read_text()
    seeding.one("sweep", "flexmac_lfsr: wrong tap").seed(path.parent)
    done = call(flexmac, *workflow)
    check("faulty RTL: exit 1", done.returncode == 1 and right != path.read_text(), done.stderr[-1000:])
    named = re.search(r"first in iteration-\d+.bundle: iteration \d, layer \d, \w+, tile \d", done.stderr)
    check("its tile is named", named and "differing results: C[" in done.stderr, done.stderr[-1000:])
    check("every bundle was checked", all(
        (bundles / f"verdicts/iteration-0000000{i}.jsonl").exists() for i in range(3)
    ))  # fmt: skip
    path.write_text(right)
    done = call(flexmac, *workflow)
    check("with the right RTL all is well", done.returncode == 0, done.stderr[-1000:])
    check("with the verdict of before", verdict(done.stdout) == verdict(there.stdout), done.stdout)


def check_change(flexmac, snakemake, folder):
    """A design changes after the study is done, and the program lies where a path has a blank."""
    text = (HERE.parent.parent / "experiments/studies/smoke.toml").read_text()
    changed = folder / "changed.toml"
    fixed = "--style fixed --max-bits 16 --lanes "
    changed.write_text(text.replace(fixed + "1", fixed + "2"))
    moved = folder / "a b" / "flexmac"
    moved.parent.mkdir()
    shutil.copy(flexmac, moved)
    study = folder / "study"
    written = call(moved, "sweep", "--study", changed, "--out", study, "--write-only")
    check("a study whose design changed is taken", written.returncode == 0, written.stderr)
    command = [snakemake, "--cores", "1", "designs/fixed16/array/config.json"]
    made = subprocess.run(command, cwd=study, capture_output=True, text=True, timeout=600, check=False)
    log = (study / "logs/gen-fixed16-array.log").read_text()
    check("its design is made again", made.returncode == 0, made.stderr[-1000:] + log)
    lanes = load(study / "designs/fixed16/array/config.json")["parameters"]["lanes"]
    check("as the study has it now", lanes == 2, lanes)
    noted = (study / "runs/.static.flags").read_text().split()
    check("a run's flags are noted", noted[-2:] == ["--config", "designs/flex8/array"], noted)


def check_errors(flexmac, folder):
    def refused(name, arguments, *parts):
        done = call(flexmac, *arguments)
        good = done.returncode == 2 and all(part in done.stderr for part in parts)
        check(f"refused: {name}", good, f"exit {done.returncode}, {done.stderr}")

    out = folder / "bad"
    refused("an unknown study", ["sweep", "--study", "none", "--out", out], "expected headline, lanes16, opponents, pareto")
    absent = ["sweep", "--study", "smoke", "--out", out, "--snakemake", "no-such-program"]
    refused("no snakemake", absent, "no-such-program", "pip install snakemake")
    study = folder / "study.toml"
    text = (HERE.parent.parent / "experiments/studies/smoke.toml").read_text()
    study.write_text(text.replace('design = "flex8"', 'design = "flex9"'))
    write = ["sweep", "--study", study, "--out", out, "--write-only"]
    refused("a run on no design", write, "run static to name a design", "flex9")
    study.write_text(text.replace("probes = [[1, 1]]", "probes = [[4, 1]]"))
    refused("a probe larger than the array", write, "probes of 1x1 to 2x2", "4x1")
    refused("a library that is not there", [*write, "--library", "x=/none.lib"], "/none.lib")
    refused("a folder without a study", ["headline", folder], "study.json")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flexmac", required=True, help="the program")
    parser.add_argument("--snakemake", default=str(Path(sys.executable).parent / "snakemake"))
    parser.add_argument("--only", choices=["study", "bundles"], help="one of the workflows")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        if args.only != "study":
            check_bundles(args.flexmac, args.snakemake, folder)
        if args.only != "bundles":
            check_errors(args.flexmac, folder)
            run_study(args.flexmac, args.snakemake, folder / "study")
            check_table(args.flexmac, folder / "study")
            check_change(args.flexmac, args.snakemake, folder)
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
