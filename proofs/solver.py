"""Runs one proof: Verilog in, verdict out, by Yosys and one of three engines: Yosys's MiniSat,
yosys-smtbmc with z3, or ABC.

The module under proof is read with `-formal`, which defines FORMAL and so includes its rules. The
modules below it are read without `-formal`, so that their own assumptions cannot weaken a proof.
Registers start with any value unless the rules assume a reset.
"""

import contextlib
import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass

TIMEOUT_SECONDS = 900


class ToolError(Exception):
    """A tool is missing, or failed without giving a verdict."""


@dataclass(frozen=True)
class Verdict:
    """`failed` is None if everything holds, else the first failure."""

    failed: str | None
    seconds: float


def call(command, folder):
    """Runs a command in its own process group and ends the group with it. Otherwise a solver would
    outlive the command that started it."""
    try:
        process = subprocess.Popen(
            [str(word) for word in command], cwd=folder, text=True, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
    except OSError as error:
        raise ToolError(f"{command[0]}: {error}; scripts/setup.sh names its package") from error
    try:
        text, _ = process.communicate(timeout=TIMEOUT_SECONDS)
        return process.returncode, text
    except subprocess.TimeoutExpired:
        raise ToolError(f"{command[0]} in {folder}: no answer in {TIMEOUT_SECONDS} s") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def source(top, formal, plain, parameters, defines, within, cut):
    """Yosys commands that read and flatten a design. The rules of the modules `within` it are proven
    too, and their input assumptions become rules for the modules that drive them. Outputs of modules
    `cut` are free."""
    script = "".join(f"verilog_defines -D{name}\n" for name in defines)
    script += "".join(f"read_verilog {path}\n" for path in plain)
    script += "".join(f"read_verilog -formal {path}\n" for path in [*within, *formal])
    script += "".join(f"chparam -set {name} {value} {top}\n" for name, value in parameters.items())
    script += f"hierarchy -check -top {top}\nproc\n"
    for path in within:  # Yosys has renamed modules with parameters
        script += f"select -assert-any *{path.stem}*\nchformal -assume2assert *{path.stem}*\n"
        script += f"chformal -cover -remove *{path.stem}*\n"
    script += "".join(f"cutpoint {name}\n" for name in cut)
    return script + "setattr -mod -unset keep_hierarchy *\nflatten\nmemory_map\n"


def yosys(folder, name, script):
    """None if Yosys succeeds, else its first error."""
    (folder / name).write_text(script)
    code, text = call(["yosys", "-q", "-s", name], folder)
    if code == 0:
        return None
    if code < 0:
        raise ToolError(f"yosys {folder / name}: signal {-code}")
    errors = [line for line in text.split("\n") if "ERROR" in line]
    return errors[0] if errors else text[-300:]


def ask(folder, what, arguments):
    """None if yosys-smtbmc reports PASSED, else the first failure."""
    command = ["yosys-smtbmc", "-s", "z3", "--noprogress", "--dump-vcd", "trace.vcd", *arguments]
    _, text = call([*command, "model.smt2"], folder)
    if "Status: PASSED" in text:
        return None
    if "Status: FAILED" not in text:
        raise ToolError(f"yosys-smtbmc in {folder}: {text[-400:]}")
    first = [
        line.split("  ")[-1].strip()
        for line in text.split("\n")
        if "Assert failed in" in line or "Unreached cover" in line
    ]
    return f"{what}: {first[0] if first else 'fails'}"


# Turns a cover into the rule that it is never reached.
NEVER = r"""(* techmap_celltype = "$cover" *)
module never (input A, input EN);
  \$assert never (.A(!A), .EN(EN));
endmodule
"""


def cover_names(folder):
    """Names of the covers that Yosys found. Without a cover, rules could hold because no case occurs."""
    names = (folder / "covers.txt").read_text().split()
    if not names:
        raise ToolError(f"{folder}: no cover, so nothing shows that the rules are not vacuous")
    return names


def reach(folder, script, cycles):
    """None if every cover is reached within `cycles`. Each cover is tried alone, without the rules: it is
    reached if `never` is disproved."""
    (folder / "never.v").write_text(NEVER)
    prepare = "chformal -assert -remove\nopt\nrename -enumerate -pattern cover_% t:$cover\n"
    prepare += "design -save all\ntee -q -o covers.txt select -list t:$cover\nwrite_ilang all.il\n"
    failed = yosys(folder, "covers.ys", script + prepare)
    if failed:
        return failed
    names = cover_names(folder)
    each = "read_ilang all.il\ndesign -save all\n"
    for name in names:
        each += f"design -load all\nselect -set one {name}\nlog {name}\ndelete t:$cover @one %d\n"
        each += "techmap -map never.v\nopt\n"
        each += f"sat -falsify -prove-asserts -set-assumes -seq {cycles}\n"
    failed = yosys(folder, "cover.ys", each)
    if failed and "proof did succeed" not in failed:
        raise ToolError(f"{folder}/cover.ys: {failed}")
    return failed and f"one of {len(names)} covers is not reached in {cycles} cycles"


# To AND gates: clock enables and resets become logic, registers without initial value start free.
AIGER = """async2sync
setundef -undriven -anyseq
dffunmap
opt -full
techmap
simplemap
opt
dffunmap
abc -g AND -fast
opt_clean
write_aiger -zinit model.aig
"""


def abc(folder, name, script, cycles, every=False):
    """The outputs of a design, one per rule, that ABC finds broken within `cycles` (0: in any reachable
    state): the first, or `every` one. Whole designs become easy because `scorr` merges signals that are
    equal in all reachable states."""
    failed = yosys(folder, name, script + AIGER)
    if failed:
        raise ToolError(f"{folder}/{name}: {failed}")
    search = f"bmc3 {'-a ' if every else ''}-F {cycles}" if cycles else "pdr"
    sound = f"No output asserted in {cycles} frames" if cycles else "Property proved"
    steps = f"read_aiger model.aig; fold; strash; scorr; dc2; {search}"
    code, text = call(["yosys-abc", "-c", steps], folder)
    broken = set(re.findall(r"Output +(\d+).* was asserted in frame", text))
    if code != 0 or not (broken or sound in text):
        raise ToolError(f"yosys-abc in {folder}: {text[-400:]}")
    return broken


def reach_by_abc(folder, script, cycles):
    """Like `reach`, for all covers at once."""
    (folder / "never.v").write_text(NEVER)
    each = "chformal -assert -remove\nopt\ntee -q -o covers.txt select -list t:$cover\n"
    reached = abc(folder, "covers.ys", script + each + "techmap -map never.v t:$cover\n", cycles, True)
    names = cover_names(folder)
    missing = [name for number, name in enumerate(names) if str(number) not in reached]
    return f"{missing[0]} is not reached in {cycles} cycles" if missing else None


def prove(folder, top, formal, plain, parameters, depth, induction=0, covers=0, engine="sat",
          defines=(), within=(), cut=()):  # fmt: skip
    """Checks every rule, and that every cover is reached within `covers` cycles.

    Engine "sat" is Yosys's own MiniSat. Without induction it checks `depth` cycles from the start: one
    cycle is complete for combinational logic, otherwise the proof is bounded. With `induction` it
    proves by temporal induction of at most so many cycles, base case included. Engine "z3" is for
    products. Engine "abc" is for whole designs: `depth` cycles from the start, or any number of cycles
    by property-directed reachability if `depth` is 0.
    """
    folder.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    script = source(top, formal, plain, parameters, defines, within, cut)
    if engine == "sat":
        kind = f"-tempinduct -maxsteps {induction}" if induction else f"-seq {depth}"
        rules = f"chformal -cover -remove\nopt\nsat -verify -prove-asserts -set-assumes {kind}\n"
        failed = yosys(folder, "rules.ys", script + rules)
        if failed and "proof did fail" not in failed:
            raise ToolError(f"{folder}/rules.ys: {failed}")  # an error in the sources, not a broken rule
        failed = failed and f"a rule of {top} fails; to see how: yosys {folder}/rules.ys"
    elif engine == "abc":
        rules = "chformal -cover -remove\nopt\n"
        broken = abc(folder, "rules.ys", script + rules, depth)
        failed = broken and f"a rule of {top} fails; its files: {folder}"
        failed = failed or (reach_by_abc(folder, script, covers) if covers else None)
        return Verdict(failed or None, time.monotonic() - begun)
    else:
        smt2 = "opt -nodffe -nosdff\nwrite_smt2 -wires model.smt2\n"
        failed = yosys(folder, "rules.ys", script + smt2)
        if failed:
            raise ToolError(f"{folder}/rules.ys: {failed}")
        failed = ask(folder, "rule", ["-t", depth])
        if induction and not failed:
            failed = ask(folder, "induction", ["-i", "-t", induction])
    if covers and not failed:
        failed = reach(folder, script, covers)
    return Verdict(failed, time.monotonic() - begun)
