#!/usr/bin/env python3
"""The steps of scripts/test: what each runs, what it waits for, how many run side by side.

    scripts/test                  # every step
    scripts/test quick            # a short round while developing: four minutes on two cores with its build
    scripts/test STEP ...         # these, and what they need built
    scripts/test --times          # every step, and the times go into docs/testing.md
    scripts/test --list           # the steps, a line each

A step is one or more tasks. A task begins when what it needs has passed and a core is free, in the order of
the list. A step ends with a line and its seconds from first to last task, the run with `N passed, N failed`,
counted in steps. Exit 0 when all passed, 1 when one failed, 2 for bad input.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
CORES = len(os.sched_getaffinity(0))
PAGE = ROOT / "docs/testing.md"
FLEXMAC = f"{TARGET}/ci/flexmac"
PROFILE = "--profile ci --locked"  # of Cargo.toml
LONG = ("flexmac-all", "cosim-all", "synth-all")  # the test binaries that take longest
FUZZ = "--manifest-path fuzz/Cargo.toml"  # a workspace of its own; only running it needs nightly


class Task:
    """A command of a step, or a function that returns more tasks, or None when it failed."""

    def __init__(self, name, *run, needs="", lock=None, first=9, binary=None):
        self.name = name
        self.run = run[0] if callable(run[0]) else " && ".join(run)
        self.needs = needs.split()  # steps, or STEP/TASK, that must have passed
        self.lock = lock  # one task at a time has it: cargo's target folder
        self.first = first  # low numbers first, whatever the step: others wait for it, or it takes longest
        self.binary = binary  # the test binary that it runs
        self.state, self.tests = "waits", 0
        self.seconds = self.core_seconds = 0.0


class Step:
    """What scripts/test counts."""

    def __init__(self, name, says, *tasks):
        self.name, self.says, self.tasks = name, says, list(tasks)
        self.begun, self.ended, self.shown = None, None, False

    def state(self):
        states = {task.state for task in self.tasks}
        if states & {"waits", "runs"}:
            return "runs"
        return "ok" if states == {"ok"} else "FAIL"


def venv(name, interpreter=""):
    """Makes the virtual environment of a folder's requirements."""
    make = f"need_venv {TARGET}/venv/{name} tests/{name}/requirements.txt {interpreter}"
    return Task("packages", f". scripts/setup.sh; {make}", first=1)


def lint_tasks(names, flexmac=FLEXMAC, needs="build"):
    """A task a configuration; the largest array takes minutes and one core."""
    lint = f"scripts/lint-matrix --flexmac {flexmac}"
    return [Task(n, f"{lint} {n}", needs=needs, first=2 if n == "widest" else 9) for n in names]


def supported():
    """Names in configs.txt, the largest first."""
    lines = (ROOT / "tests/configs.txt").read_text().splitlines()
    names = [line.split(":")[0] for line in lines if ":" in line and not line.startswith("#")]
    return sorted(names, key=lambda name: ["widest", "large"].index(name) if name in ("widest", "large") else 9)


def call(command, out, errors=subprocess.STDOUT):
    """Exit code of a command in the shell, and the seconds of cores that it and its children took."""
    words = ["bash", "-uo", "pipefail", "-c", command]
    child = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=errors)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)  # it is reaped
    return child.returncode, usage.ru_utime + usage.ru_stime


# The program and every test, in one build: with `-p flexmac` cargo picks fewer features of third-party
# crates, and would build all of ours a second time for their tests.
TESTS = f"cargo test {PROFILE} --workspace --no-run"


def test_binaries(build, only=()):
    """The function of a task: builds the tests, and returns a task for each binary, or those in `only` with
    what they are given."""

    def tasks(log, task):
        built = log.with_suffix(".json")
        with log.open("w") as errors, built.open("w") as out:
            code, task.core_seconds = call(f"{build} --message-format=json-render-diagnostics", out, errors)
        if code != 0:
            return None
        found = {}
        for line in built.read_text().splitlines():
            message = json.loads(line)
            if message.get("executable") and message["profile"]["test"]:
                folder, target = Path(message["manifest_path"]).parent, message["target"]
                name = f"{folder.name}-{target['name'] if target['kind'] == ['test'] else 'unit'}"
                run = f"cd {shlex.quote(str(folder))}", f"CARGO_MANIFEST_DIR=$PWD {message['executable']}"
                found[name] = " && ".join(run)
        if not only:
            return [Task(n, run, binary=n, first=3 if n in LONG else 9) for n, run in found.items()]
        return [Task(n, f"{found[n]} {only[n]}", binary=n) for n in only]

    return tasks


def page():
    """The report's page against the files of its runs; the check must see a wrong number."""
    train = f"{FLEXMAC} train --net lenet-small --data synthetic --iters 12 --eval-every 4"
    check = "python3 tests/report/check_page.py"
    return [
        "runs=$(mktemp -d)",
        f"{train} --policy na2016 --isearch-window 1 --out $runs/na2016",
        f"{train} --engine float --out $runs/float",
        f"{FLEXMAC} report $runs/na2016 $runs/float --out $runs/page.html --svg $runs/svg",
        f"{check} $runs/page.html $runs/na2016 $runs/float --svg $runs/svg",
        """sed 's/"loss":\\[[0-9]/&9/' $runs/page.html >$runs/wrong.html""",
        f"! {check} $runs/wrong.html $runs/na2016 $runs/float",
        "rm -r $runs",
    ]


def python(name, command):
    return f"{TARGET}/venv/{name}/bin/python {command}"


def wheel():
    """Builds the Python package with what is built already, and installs it."""
    settings = f"CARGO_TARGET_DIR={TARGET} FLEXMAC_PROFILE=ci FLEXMAC_PROGRAM={FLEXMAC}"
    pip = "pip install -q --force-reinstall --no-deps --no-build-isolation ./python"
    return f"PATH={TARGET}/venv/python/bin:$PATH {settings} {pip}"


def whole():
    """Every step."""
    none = f"{TARGET}/libfuzzer.a"  # nothing is linked, so libFuzzer need not be compiled
    built, prove = "build", f"scripts/prove --flexmac {FLEXMAC} --jobs 1"
    return [
        Step("format", "rustfmt", Task("", "cargo fmt --all --check", f"cargo fmt {FUZZ} --check")),
        Step("build", "the program and every test, profile ci", Task("", f"{TESTS} --quiet", lock="cargo", first=0)),
        Step("faults", "every seeded fault fits its file",
             Task("", f"python3 tests/faults/seeding.py --flexmac {FLEXMAC}", needs=built)),
        Step("lint", "Verilator, Icarus, Yosys on every configuration", *lint_tasks(["in_place", "trials", *supported()])),
        Step("clippy", "lints of the workspace and of fuzz/, none left",
             Task("workspace", f"cargo clippy {PROFILE} --quiet --workspace --all-targets -- -D warnings",
                  lock="cargo", first=4),
             Task("fuzz", f"[ -e {none} ] || touch {none}",
                  f"CUSTOM_LIBFUZZER_PATH={none} cargo clippy --release --locked --quiet {FUZZ} --target-dir {TARGET} -- -D warnings",
                  lock="cargo", first=4)),
        Step("docs", "rustdoc without a warning",
             Task("", f"RUSTDOCFLAGS='-D warnings' cargo doc {PROFILE} --quiet --workspace --no-deps",
                  lock="cargo", first=4)),
        Step("rust", "unit and integration tests, examples in the documentation",
             Task("list", test_binaries(TESTS), needs=built, lock="cargo", first=1),
             Task("doc", f"cargo test {PROFILE} --workspace --doc", needs=built, lock="cargo", first=5)),
        Step("sanitize", "where unsafe code is; models under valgrind",
             Task("unsafe", "FLEXMAC_PROFILE=ci scripts/sanitize unsafe", lock="cargo", first=5),
             Task("valgrind", "FLEXMAC_PROFILE=ci scripts/sanitize valgrind", lock="cargo", first=5)),
        Step("prove", "rules of the RTL; a sixteenth of the faults",
             Task("proofs", f"{prove} --part proofs", needs=built, first=3),
             Task("checks", f"{prove} --part checks", needs=built, first=3),
             Task("faults", f"{prove} --mutate --sample 16", needs=built, first=3)),
        Step("icarus", "the RTL against an oracle in Python, on Icarus",
             Task("", f"python3 tests/icarus/run.py --flexmac {FLEXMAC} --mutate", needs=built)),
        Step("ecosystem", "FuseSoC, Bender, cocotb", venv("ecosystem"),
             Task("run", python("ecosystem", f"tests/ecosystem/run.py --flexmac {FLEXMAC} --mutate"),
                  needs=f"{built} ecosystem/packages", first=4)),
        Step("page", "a report's page against its runs", Task("", *page(), needs=built)),
        Step("sweep", "studies and bundles through Snakemake", venv("sweep"),
             Task("run", python("sweep", f"tests/sweep/run.py --flexmac {FLEXMAC}"),
                  needs=f"{built} sweep/packages", first=4)),
        Step("tools", "the tools of Debian 12 and current ones", venv("tools"),
             Task("run", python("tools", f"tests/tools/run.py --flexmac {FLEXMAC}"),
                  needs=f"{built} tools/packages", first=3)),
        Step("python", "the Python package, and flexmac.torch on Debian's PyTorch",
             venv("python", "/usr/bin/python3 --system-site-packages"),
             Task("wheel", wheel(), needs=f"{built} python/packages", lock="cargo", first=4),
             Task("run", python("python", "-m pytest -q -p no:cacheprovider tests/python"),
                  needs="python/wheel", first=4)),
        Step("commands", "commands, links and names of the pages", venv("docs"),
             Task("run", python("docs", f"tests/docs/run.py --flexmac {FLEXMAC}"),
                  needs=f"{built} commands/packages", first=2)),  # one page after the other
        Step("extend", "the diffs of docs/tutorials/extend, applied, built, run",
             Task("", f"python3 tests/docs/extend.py --target {TARGET}", needs=built, lock="cargo", first=5)),
    ]  # fmt: skip


# The crates of numbers and training: the tests beside their code, and their own.
QUICK = {f"{name}-unit": "" for name in "fileio fxp float array engine dps record nn dataset train".split()}
QUICK |= {f"{name}-all": "" for name in "nn dataset train".split()}


def quick():
    """A round of minutes: what is wrong is most often found here."""
    program = f"{TARGET}/quick/flexmac"
    # Clippy's driver is the compiler: what is linted is what is run, compiled once.
    build = (
        'RUSTC_WORKSPACE_WRAPPER="$(dirname "$(rustup which cargo 2>/dev/null || command -v cargo)")/clippy-driver"'
        " CLIPPY_ARGS=-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__"
        " cargo --config tests/quick.toml test --profile quick --locked --workspace --no-run"
    )  # fmt: skip

    def flexmac(tests):
        return test_binaries(build, {"flexmac-all": tests})

    return [
        Step("format", "rustfmt", Task("", "cargo fmt --all --check")),
        Step("build", "clippy, the program and every test", Task("", f"{build} --quiet", lock="cargo")),
        Step("faults", "every seeded fault fits its file",
             Task("", f"python3 tests/faults/seeding.py --flexmac {program}", needs="build")),
        Step("unit", "tests of the crates of numbers and training",
             Task("list", test_binaries(build, QUICK), needs="build", lock="cargo")),
        Step("golden", "rendered Verilog, messages of bad input",
             Task("list", flexmac("golden:: errors::"), needs="build", lock="cargo")),
        Step("gemm", "GEMMs on the RTL, checked",
             Task("list", flexmac("faults::without_a_fault"), needs="build", lock="cargo")),
        Step("lint", "Verilator, Icarus, Yosys on a few configurations",
             *lint_tasks(["one", "odd", "fixed-odd", "fp32-one"], program)),
    ]  # fmt: skip


class Run:
    """Steps on all cores."""

    def __init__(self, steps, logs, again):
        self.steps, self.logs, self.again = steps, logs, again
        self.changed = threading.Condition()
        self.begun = time.monotonic()

    def states(self, need):
        """Of the tasks that a need names."""
        step, _, name = need.partition("/")
        tasks = [task for known in self.steps if known.name == step for task in known.tasks]
        return {task.state for task in tasks if not name or task.name == name}

    def next(self):
        """A task that can begin, and its step; tasks whose needs failed are done."""
        running = [task for step in self.steps for task in step.tasks if task.state == "runs"]
        ready = []
        for step in self.steps:
            for task in step.tasks:
                if task.state != "waits":
                    continue
                needs = set().union(*(self.states(need) for need in task.needs)) if task.needs else set()
                if "FAIL" in needs or "left" in needs:
                    task.state = "left"  # what it needs failed, which is said there
                elif needs <= {"ok"} and not (task.lock and any(t.lock == task.lock for t in running)):
                    ready.append((task.first, len(ready), step, task))
        if len(running) >= CORES or not ready:
            return None
        _, _, step, task = min(ready)
        return step, task

    def perform(self, step, task):
        log = self.logs / f"{step.name}{'.' + task.name if task.name else ''}"
        begun, more = time.monotonic(), []
        try:
            if callable(task.run):
                more = task.run(log, task)
                good = more is not None
            else:
                with log.open("w") as file:
                    code, task.core_seconds = call(task.run, file)
                    good = code == 0
            text = log.read_text(errors="replace")
            task.tests = sum(map(int, re.findall(r"^test result: .* (\d+) passed", text, re.M)))
        except Exception as error:  # of this program: the run must end all the same
            log.write_text(f"{error!r}\n")
            good = False
        with self.changed:
            task.seconds = time.monotonic() - begun
            step.tasks += more or []
            task.state = "ok" if good else "FAIL"
            self.changed.notify_all()

    def show(self):
        """A line for each step that has ended."""
        for step in self.steps:
            if step.shown or step.state() == "runs":
                continue
            step.ended, step.shown = time.monotonic(), True
            seconds = step.ended - (step.begun or step.ended)
            tests = sum(task.tests for task in step.tasks)
            more = f"  ({tests} tests)" if tests else ""
            print(f"{step.state():<4} {step.name:<9} {seconds:4.0f} s{more}", flush=True)
            if step.state() == "FAIL":
                self.explain(step)

    def explain(self, step):
        for task in step.tasks:
            label = f"{step.name}/{task.name}" if task.name else step.name
            log = self.logs / label.replace("/", ".")
            if task.state == "left":
                print(f"     {label}: not run, for it needs {' and '.join(task.needs)}")
            if task.state == "FAIL":
                lines = log.read_text(errors="replace").splitlines()
                lines = [line for line in lines if not re.fullmatch(r"test .* ok", line)]
                print("\n".join(lines[-60:]))
                print(f"     {label} failed; whole log: {log}")
                if isinstance(task.run, str):
                    print(f"     it ran: {task.run}")
        print(f"again: {self.again} {step.name}", flush=True)

    def run(self):
        with self.changed:
            while any(step.state() == "runs" for step in self.steps):
                found = self.next()
                self.show()
                if found is None:
                    if any(task.state == "runs" for step in self.steps for task in step.tasks):
                        self.changed.wait()
                    continue
                step, task = found
                task.state = "runs"
                step.begun = step.begun or time.monotonic()
                threading.Thread(target=self.perform, args=found).start()
            self.show()
        return time.monotonic() - self.begun


def chosen(names, steps):
    """The steps of these names and, before them, what they need."""
    known = {step.name: step for step in steps}
    wanted, queue = set(), list(names)
    while queue:
        name = queue.pop()
        if name not in wanted:
            wanted.add(name)
            queue += [need.split("/")[0] for task in known[name].tasks for need in task.needs]
    return [step for step in steps if step.name in wanted]


def write_times(steps, seconds):
    """The tables of docs/testing.md, between its two marks."""
    lines = ["| step | what | seconds | of cores |", "| --- | --- | ---: | ---: |"]
    total = 0
    for step in steps:
        cores = sum(task.core_seconds for task in step.tasks)
        total += cores
        lines.append(f"| {step.name} | {step.says} | {step.ended - step.begun:.0f} | {cores:.0f} |")
    lines += [f"| all | {CORES} tasks at a time | {seconds:.0f} | {total:.0f} |", "",
              "| test binary | tests | seconds | of cores |", "| --- | ---: | ---: | ---: |"]  # fmt: skip
    binaries = [task for step in steps for task in step.tasks if task.binary and task.tests]
    lines += [f"| {task.binary} | {task.tests} | {task.seconds:.1f} | {task.core_seconds:.1f} |"
              for task in sorted(binaries, key=lambda task: -task.core_seconds)]  # fmt: skip
    text = PAGE.read_text()
    head, begin, rest = text.partition("<!-- times -->\n")
    _, end, tail = rest.partition("<!-- end of times -->")
    if not begin or not end:
        sys.exit(f"{PAGE}: expected the marks of its times")
    staged = PAGE.with_suffix(".new")
    staged.write_text(head + begin + "\n".join(lines) + "\n" + end + tail)
    staged.rename(PAGE)


def main():
    parser = argparse.ArgumentParser(
        prog="scripts/test", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("steps", nargs="*", metavar="STEP", help="steps of --list, or quick and steps of it [all]")
    parser.add_argument("--times", action="store_true", help="write the times into docs/testing.md")
    parser.add_argument("--list", action="store_true", help="the steps")
    arguments = parser.parse_args()
    os.environ["CARGO_TERM_COLOR"] = "never"
    # One folder for the models of all steps, keyed by content.
    os.environ["FLEXMAC_CACHE"] = f"{TARGET}/tmp/flexmac-models"
    # Each model runs for seconds at most; to compile it with -O3 takes longer than that saves.
    os.environ.setdefault("FLEXMAC_CXXFLAGS", "-O1")
    steps, again = whole(), "scripts/test"
    if arguments.steps[:1] == ["quick"]:
        steps, again, arguments.steps = quick(), "scripts/test quick", arguments.steps[1:]
    if arguments.list:
        for step in steps:
            print(f"{step.name:<9} {step.says}")
        return 0
    unknown = set(arguments.steps) - {step.name for step in steps}
    if unknown:
        parser.error(f"no step {' '.join(sorted(unknown))}; scripts/test --list has them")
    if arguments.steps:
        steps = chosen(arguments.steps, steps)
    logs = Path(tempfile.mkdtemp(prefix="flexmac-test-"))
    seconds = Run(steps, logs, again).run()
    failed = sum(step.state() == "FAIL" for step in steps)
    if arguments.times and not failed:
        write_times(steps, seconds)
    if os.environ.get("FLEXMAC_TEST_TASKS"):  # where the time goes
        for step in steps:
            for task in step.tasks:
                print(f"  {step.name}/{task.name}: {task.seconds:.1f} s, {task.core_seconds:.1f} s of cores")
    if not failed:
        shutil.rmtree(logs)
    tests = sum(task.tests for step in steps for task in step.tasks)
    print(f"{tests} Rust tests inside, {seconds:.0f} s")
    print(f"{len(steps) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
