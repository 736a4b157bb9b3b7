"""What `scripts/compare-builds` runs on both builds: arrays, operands, commands, and which results of a
command count. A case's function takes a side (a build with its folder) and returns a result as JSON has it.

The flags are those of flexmac 0.1.0, which later versions must accept."""

import hashlib
import json
import random
import struct
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

MODES = ["nearest", "truncate", "stochastic"]
ENGINES = ["reference", "rtl", "checked"]


class Failed(Exception):
    """A command did not do what every build must do."""


def key(*parts):
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:16]


def sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


@dataclass
class Case:
    """A comparison: what to run on each side, and how to tell that it ran."""

    name: str
    run: object  # of a side; returns what is compared, as JSON has it
    positive: list = field(default_factory=list)  # paths into the result: numbers above 0
    apart: str | None = None  # cases of one word here must have different results
    before: object = None  # of the old side: what both sides read


# --- Arrays ---------------------------------------------------------------------------------------

ARRAYS = {
    "1 x 1": "--rows 1 --cols 1 --lanes 1 --chunk 8 --max-bits 16 --max-k 64 --stages 1 --depth 128",
    "3 x 5, chunk 2": "--rows 3 --cols 5 --lanes 3 --chunk 2 --max-bits 32 --max-k 50 --stages 3 "
                      "--depth 64",
    "32 bits": "--rows 2 --cols 2 --lanes 4 --chunk 8 --max-bits 32 --max-k 4096 --stages 2 --depth 64",
    "fixed": "--style fixed --rows 3 --cols 5 --lanes 3 --max-bits 13 --max-k 100 --stages 3 --depth 32",
    "fanout 1": "--rows 3 --cols 5 --lanes 3 --chunk 8 --max-bits 32 --max-k 100 --stages 2 "
                "--depth 64 --fanout 1",
    "fp32": "--style fp32 --rows 2 --cols 3 --lanes 3 --max-k 100 --stages 4 --depth 16",
    "bf16": "--style bf16 --rows 2 --cols 3 --lanes 3 --max-k 100 --stages 6 --depth 16",
    "fp8": "--style fp8 --rows 2 --cols 3 --lanes 3 --max-k 100 --stages 8 --depth 16",
}  # fmt: skip
MORE_ARRAYS = {
    "chunk 4": "--rows 4 --cols 4 --lanes 8 --chunk 4 --max-bits 32 --max-k 262144 --stages 4 --depth 512",
    "chunk 16": "--rows 7 --cols 2 --lanes 5 --chunk 16 --max-bits 32 --max-k 4096 --stages 2 --depth 128",
    "27 bits": "--rows 4 --cols 2 --lanes 7 --chunk 8 --max-bits 27 --max-k 333 --stages 3 --depth 128",
    "fanout 3": "--rows 5 --cols 3 --lanes 2 --chunk 2 --max-bits 16 --max-k 100 --stages 3 --depth 256 "
                "--fanout 3",
    "fixed, 32 bits": "--style fixed --rows 2 --cols 2 --lanes 16 --max-bits 32 --max-k 262144 --stages 4 "
                      "--depth 64",
    "fixed, fanout 2": "--style fixed --rows 5 --cols 4 --lanes 2 --max-bits 16 --max-k 64 --stages 3 "
                       "--depth 32 --fanout 2",
    "truncate only": "--rows 2 --cols 2 --lanes 2 --chunk 8 --max-bits 16 --max-k 256 --stages 2 --depth 64 "
                     "--rounding-modes truncate",
    "fp32, 8 stages": "--style fp32 --rows 1 --cols 2 --lanes 4 --max-k 50 --stages 8 --depth 16",
}  # fmt: skip
TRAINED = "--rows 4 --cols 4 --lanes 4 --chunk 8 --max-bits 32 --max-k 4096 --stages 2 --depth 256"
SMALL = {
    "flex": "--rows 1 --cols 1 --lanes 1 --chunk 8 --max-bits 16 --max-k 64 --stages 1 --depth 128 "
            "--rounding-modes nearest",
    "fixed": "--style fixed --rows 1 --cols 1 --lanes 1 --max-bits 8 --max-k 64 --stages 2 --depth 16",
    "fp32": "--style fp32 --rows 1 --cols 1 --lanes 1 --max-k 64 --stages 2 --depth 8",
}  # fmt: skip


def parameter(array, name, default=None):
    words = array.split()
    return words[words.index(f"--{name}") + 1] if f"--{name}" in words else default


def is_float(array):
    return parameter(array, "style") in ("fp32", "bf16", "fp8")


# --- Operands -------------------------------------------------------------------------------------


def write_npy(path, rows, cols, code, values):
    header = f"{{'descr': '<{code[0]}', 'fortran_order': False, 'shape': ({rows}, {cols}), }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    head = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()
    path.write_bytes(head + struct.pack(f"<{rows * cols}{code[1]}", *values))


INTEGERS, FLOATS = ("i4", "i"), ("f4", "I")  # floats are written as their bits


def integers(generator, count, bits, extremes=False):
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    ends = [low, high] if extremes else [low, high, -1, 0, 1]
    share = 1 if extremes else 0.2
    return [generator.choice(ends) if generator.random() < share else generator.randint(low, high)
            for _ in range(count)]  # fmt: skip


def floats(generator, count, extremes=False):
    """Bits of binary32: within some powers of two of 1, or anything finite."""
    span = (0, 254) if extremes else (120, 134)
    return [generator.getrandbits(1) << 31 | generator.randint(*span) << 23 | generator.getrandbits(23)
            for _ in range(count)]  # fmt: skip


# --- gemm -----------------------------------------------------------------------------------------


def shapes(array):
    """Shapes of integer GEMMs that meet the corners of an array."""
    rows, cols, lanes, bits, longest = (
        int(parameter(array, name)) for name in ("rows", "cols", "lanes", "max-bits", "max-k")
    )
    ragged = min(longest, 3 * lanes + 1)
    yield "ragged", {
        "m": 2 * rows + 1, "k": ragged, "n": cols + 2, "a": bits, "b": bits, "bias": 1,
        "flags": ["--bits-out", 16, "--shift", 2 * bits + ragged.bit_length() - 19],
        "positive": ["error_sum"],
    }  # fmt: skip
    yield "K = 1", {
        "m": rows + 1, "k": 1, "n": cols, "a": 2, "b": bits,
        "flags": ["--bits-out", 8, "--shift", bits - 7, "--layout", "fastest"],
    }  # fmt: skip
    yield "extremes", {
        "m": rows + 4, "k": min(longest, 2 * lanes + 1), "n": cols + 3, "a": bits, "b": bits,
        "extremes": True, "bias": rows + 4, "flags": ["--shift", 2 * bits - 33, "--bias-shift", 3],
        "positive": ["overflow_low", "overflow_high"],
    }  # fmt: skip
    yield "exact sums", {
        "m": rows, "k": ragged, "n": 2 * cols + 1, "a": bits, "b": min(bits, 16), "extremes": True,
        "flags": ["--raw"],
    }  # fmt: skip


def float_shapes(array):
    rows, cols, lanes = (int(parameter(array, name)) for name in ("rows", "cols", "lanes"))
    yield "ragged", {"m": 2 * rows + 1, "k": 3 * lanes + 1, "n": cols + 2, "bias": 1}
    yield "K = 1", {"m": rows, "k": 1, "n": cols + 1}
    yield "extremes", {"m": rows + 1, "k": 2 * lanes, "n": cols, "extremes": True}


def gemm(side, array, shape, engine, mode):
    folder = side.new_folder("gemm", array, shape, engine, mode)
    m, k, n = shape["m"], shape["k"], shape["n"]
    generator, extremes = random.Random(key(array, shape)), shape.get("extremes", False)
    words = ["gemm", "--config", side.design(array), "--engine", engine, "--out", folder / "c.npy"]
    operands = [("a", m, k), ("b", k, n)] + ([("bias", shape["bias"], n)] if "bias" in shape else [])
    for name, rows, cols in operands:
        if is_float(array):
            values = floats(generator, rows * cols, extremes)
        else:
            bits = shape.get(name) if name != "bias" else 10
            values = integers(generator, rows * cols, bits, extremes)
        write_npy(folder / f"{name}.npy", rows, cols, FLOATS if is_float(array) else INTEGERS, values)
        words += [f"--{name}", folder / f"{name}.npy"]
    if not is_float(array):
        words += ["--bits-a", shape["a"], "--bits-b", shape["b"], "--round", mode, "--seed", 7]
        words += shape["flags"]
    record = side.json(*words)
    for name in ("config", "seed"):  # what was asked for
        record.pop(name, None)
    return {"record": record, "sha256 of C": sha256(folder / "c.npy")}


def gemm_cases(full):
    for name, array in {**ARRAYS, **(MORE_ARRAYS if full else {})}.items():
        built = parameter(array, "rounding-modes", ",".join(MODES)).split(",")
        for kind, shape in (float_shapes if is_float(array) else shapes)(array):
            for engine in ENGINES:
                for mode in ["fp32"] if is_float(array) else built:
                    # Rounding must show in C, or the seeds and modes of this array are not tested.
                    shows = kind == "ragged" and engine == "reference"
                    counters = ["emitted", *shape.get("positive", [])]
                    yield Case(
                        f"gemm, {name}, {kind}, {engine}, {mode}",
                        partial(gemm, array=array, shape=shape, engine=engine, mode=mode),
                        ["record.cycles.busy", "record.tiles", *(f"record.counters.{c}" for c in counters)],
                        f"gemm, {name}" if shows else None,
                    )


# --- train ----------------------------------------------------------------------------------------

NET = """name = "tiny"
input = { height = 28, width = 28, channels = 1 }
layers = [
  { type = "conv", name = "conv1", channels_out = 2, kernel = 5, stride = 2 },
  { type = "max-pool", name = "pool1", kernel = 2, stride = 2 },
  { type = "inner-product", name = "ip1", outputs = 12 },
  { type = "relu", name = "relu1" },
  { type = "inner-product", name = "ip2", outputs = 10 },
]
"""
# Constants that make each policy change formats within a few iterations.
POLICIES = {
    "na2016": "--isearch-window 1 --dsearch-window 1 --loss-window 2",
    "courbariaux2014": "--interval 2 --calibration 2",
    "taras2018": "",
    "static": "--bits 8",
    "planewise": "--window 1",
}
# Times, and the version of the schema, which 0.1.0 did not write.
LEFT_OUT = ("seconds", "train_seconds", "schema")


def train(side, flags, net="tiny", iterations=6, array=TRAINED, resume_at=None):
    run = side.new_folder("train", flags, net, iterations, array, resume_at) / "run"
    words = ["train", "--net", network(side) if net == "tiny" else net, "--data", "synthetic"]
    words += ["--config", side.design(array), "--batch", 4, "--lr", 0.05, "--seed", 3]
    words += ["--eval-every", 3, "--eval-images", 20, *flags.split(), "--out", run]
    side.run(*words, "--iters", resume_at or iterations)
    if resume_at:
        side.run("train", "--resume", "--iters", iterations, "--out", run)
    history = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    for record in history:
        record.pop("schema", None)
    if len(history) != iterations:
        raise Failed(f"{run}: expected {iterations} lines of history, found {len(history)}")
    arrays = sorted((run / "weights").glob("*.npy"))
    formats = run / "weights/formats.json"
    result = json.loads((run / "result.json").read_text())
    return {
        "weights": {path.name: sha256(path) for path in arrays}, "number of weights": len(arrays),
        "formats": json.loads(formats.read_text()) if formats.exists() else None,
        "history": history, "result": {k: v for k, v in result.items() if k not in LEFT_OUT},
    }  # fmt: skip


def network(side):
    path = side.folder / "tiny.toml"
    path.write_text(NET)
    return path


def train_case(name, flags, apart=None, counted=True, **options):
    counters = ["result.total.cycles.busy", "result.total.counters.emitted"] if counted else []
    positive = ["number of weights", "result.iterations", "result.smoothed_loss", *counters]
    return Case(f"train, {name}", partial(train, flags=flags, **options), positive, apart)


def train_cases(full):
    yield train_case("float", "--engine float", counted=False)
    pairs = [(policy, mode) for policy in POLICIES for mode in MODES]
    some = [("na2016", "stochastic"), ("static", "nearest"), ("planewise", "truncate")]
    for engine in ENGINES:
        for policy, mode in pairs if full or engine == "reference" else some:
            flags = f"--engine {engine} --policy {policy} --rounding {mode} {POLICIES[policy]}"
            longer = {"apart": "train, reference", "iterations": 20} if engine == "reference" else {}
            yield train_case(f"{engine}, {policy}, {mode}", flags, **longer)
    na2016 = f"--policy na2016 {POLICIES['na2016']}"
    yield train_case("forward rounding", f"{na2016} --forward-rounding nearest")
    yield train_case("two arrays", f"{na2016} --arrays 2")
    yield train_case("checked in part", f"--engine checked --check-rate 0.3 {na2016}")
    yield train_case("resumed", na2016, resume_at=3)
    if full:
        for policy, flags in POLICIES.items():
            yield train_case(
                f"lenet-small, {policy}", f"--policy {policy} {flags}", net="lenet-small", iterations=30
            )
        yield train_case(
            "lenet-small, float", "--engine float", counted=False, net="lenet-small", iterations=30
        )
        for engine in ENGINES:
            yield train_case(
                f"float array, {engine}", f"--engine {engine}", array=ARRAYS["fp32"], iterations=3
            )


# --- synth ----------------------------------------------------------------------------------------


def synth_folder(side, array, flags):
    folder = side.folder / key("synth", side.digest, array, flags)
    side.run("synth", "--config", side.design(array), *flags.split(), "--jobs", 1, "--out", folder)
    return folder


def synth(side, array, flags):
    report = json.loads((synth_folder(side, array, flags) / "report.json").read_text())
    # Names may change, and of paths that are equally long another may be shown.
    kept = ["cells", "cell_count", "area_um2", "sequential_area_um2", "combinational_area_um2", "fpga",
            "gates"]  # fmt: skip
    result = {name: report[name] for name in kept}
    if report["timing"]:
        result["timing"] = {k: report["timing"][k] for k in ("period_ps", "overall_period_ps")}
    result["modules"] = nameless(report["modules"], ["instances", "own_area_um2", "area_um2", "cells"])
    result["units"] = nameless(report["units"], ["recipe", "delay_ps"])
    return result


def nameless(rows, columns):
    """Rows in an order that does not depend on names."""
    return sorted(([row[column] for column in columns] for row in rows), key=json.dumps)


def synth_cases(full):
    liberty = ["area_um2", "sequential_area_um2", "timing.period_ps"]
    targets = {
        "OSU018": ("", liberty),
        "iCE40": ("--target ice40", ["cell_count", "fpga.luts", "fpga.ffs"]),
        "generic": ("--target generic", ["cell_count", "gates.transistors"]),
    }
    if full:
        targets |= {
            "OSU018, flat": ("--flatten", liberty),
            "OSU018, 2 ns": ("--period-ps 2000", liberty),
            "OSU018, search": ("--search-period", liberty),
            "ECP5": ("--target ecp5", ["cell_count", "fpga.luts", "fpga.ffs"]),
            "Xilinx": ("--target xilinx", ["cell_count", "fpga.luts", "fpga.ffs"]),
        }
    arrays = {**SMALL, **({"3 x 5": ARRAYS["3 x 5, chunk 2"]} if full else {})}
    for name, array in arrays.items():
        for target, (flags, positive) in targets.items():
            run = partial(synth, array=array, flags=flags)
            yield Case(f"synth, {name}, {target}", run, positive, f"synth, {target}")


# --- power ----------------------------------------------------------------------------------------


def power(side, array, flags):
    folder = side.new_folder("power", array, flags)
    words = ["power", "--config", side.design(array), "--netlist", synth_folder(side, array, "")]
    if "--net" in flags:
        words += ["--net", network(side), "--data", "synthetic", "--iters", 2, "--batch", 4]
    else:
        generator = random.Random(key(array))
        for name, rows, cols in (("a", 4, 48), ("b", 48, 4)):
            count = rows * cols
            values = floats(generator, count) if is_float(array) else integers(generator, count, 16)
            kind = FLOATS if is_float(array) else INTEGERS
            write_npy(folder / f"{name}.npy", rows, cols, kind, values)
            words += [f"--{name}", folder / f"{name}.npy"]
    report = side.json(*words, *flags.replace("--net", "").split(), "--out", folder / "power")
    result = {name: report[name] for name in ("period_ps", "cells", "nets", "estimate", "cases")}
    for name in ("clock_gates", "clock_tree", "memory"):
        result[name] = {k: v for k, v in report[name].items() if not isinstance(v, str)}
    for case in result["cases"]:
        for parts in ("parts", "modules"):
            case[parts] = nameless(case[parts], ["instances", "clock_pins", "energy"])
    return result


def power_cases(full):
    cases = {"1 x 1": (SMALL["flex"], "--modes 8x8,16x16")}
    if full:
        cases["1 x 1, of training"] = (SMALL["flex"], "--net --modes 8x8 --sample-k 32")
        cases["1 x 1, fixed"] = (SMALL["fixed"], "")
        cases["1 x 1, fp32"] = (SMALL["fp32"], "")
    for name, (array, flags) in cases.items():
        positive = ["cells", "cases.0.total_pj", "cases.0.cells.internal_pj"]
        yield Case(f"power, {name}", partial(power, array=array, flags=flags), positive)


# --- estimate -------------------------------------------------------------------------------------


def estimate(side, flags, array=TRAINED):
    return side.json("estimate", "--config", side.design(array), *flags.split())


def train_old(old):
    """The run that the old build leaves for both to read."""
    if not (old.old_run / "result.json").exists():
        old.run("train", "--net", network(old), "--data", "synthetic", "--config", old.design(TRAINED),
                "--batch", 4, "--iters", 6, "--force", "--out", old.old_run)  # fmt: skip


def estimate_of_run(side, flags):
    config = ["--config", side.design(TRAINED)]
    return side.json("estimate", *config, "--run", side.old_run, *flags.split())


def estimate_cases(full):
    positive = ["estimates.0.total.cycles.busy"]
    cases = {
        "lenet": "--net lenet --bits 8x16 --sizes 4,8,16x32 --period-ps 4000",
        "alexnet": "--net alexnet --batch 32 --bits 8x8 --sizes 16,64",
        "several arrays": "--net lenet --bits 32x32 --arrays 1,2,5",
    }
    if full:
        cases["on the RTL"] = "--net lenet-small --batch 2 --bits 8x8 --sizes 4 --check"
    for name, flags in cases.items():
        yield Case(f"estimate, {name}", partial(estimate, flags=flags), positive, "estimate")
    floating = partial(estimate, flags="--net lenet", array=ARRAYS["fp32"])
    yield Case("estimate, fp32", floating, positive, "estimate")
    for name, flags in {"the old run": "", "the old run carried over": "--net lenet --batch 16"}.items():
        run = partial(estimate_of_run, flags=flags)
        yield Case(f"estimate, {name}", run, positive, "estimate", train_old)


def all_cases(full):
    for part in (gemm_cases, train_cases, synth_cases, power_cases, estimate_cases):
        yield from part(full)
