"""One proof obligation: Verilog in, verdict out, through Yosys and one of three engines: its own
MiniSat, yosys-smtbmc with z3, or ABC.

The module under proof is read with `-formal`, which defines FORMAL and so brings in its rules; the
modules below it are read without, so that their own assumptions cannot make a proof easier.
Registers start anywhere unless the rules assume a reset.
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
    """A tool is missing, or failed for a reason that is not a verdict."""


@dataclass(frozen=True)
class Verdict:
    """`failed` is None when everything holds, else what did not."""

    failed: str | None
    seconds: float


def call(command, folder):
    """Runs a command in its own process group, which ends with it: a solver outlives its caller
    otherwise."""
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
    """Yosys commands that read and flatten a design. The rules of modules `within` it are proven
    along: what they are given becomes a rule of whoever gives it. Outputs of modules `cut` are free."""
    script = "".join(f"verilog_defines -D{name}\n" for name in defines)
    script += "".join(f"read_verilog {path}\n" for path in plain)
    script += "".join(f"read_verilog -formal {path}\n" for path in [*within, *formal])
    script += "".join(f"chparam -set {name} {value} {top}\n" for name, value in parameters.items())
    script += f"hierarchy -check -top {top}\nproc\n"
    for path in within:  # a module with parameters has its own name by now
        script += f"select -assert-any *{path.stem}*\nchformal -assume2assert *{path.stem}*\n"
        script += f"chformal -cover -remove *{path.stem}*\n"
    script += "".join(f"cutpoint {name}\n" for name in cut)
    return script + "setattr -mod -unset keep_hierarchy *\nflatten\nmemory_map\n"


def yosys(folder, name, script):
    """None when Yosys is content, else its first complaint."""
    (folder / name).write_text(script)
    code, text = call(["yosys", "-q", "-s", name], folder)
    if code == 0:
        return None
    if code < 0:
        raise ToolError(f"yosys {folder / name}: signal {-code}")
    errors = [line for line in text.split("\n") if "ERROR" in line]
    return errors[0] if errors else text[-300:]


def ask(folder, what, arguments):
    """None when yosys-smtbmc says PASSED, else what failed first."""
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


# A cover as the rule that it never happens.
NEVER = r"""(* techmap_celltype = "$cover" *)
module never (input A, input EN);
  \$assert never (.A(!A), .EN(EN));
endmodule
"""


def cover_names(folder):
    """What Yosys found; rules without a cover could hold for want of cases."""
    names = (folder / "covers.txt").read_text().split()
    if not names:
        raise ToolError(f"{folder}: no cover, so nothing shows that the rules are not vacuous")
    return names


def reach(folder, script, cycles):
    """None when every cover is reached within `cycles`; each is asked for alone, and no rule is
    assumed: a cover then is `never` disproved."""
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


# To and-gates: clock enables and resets as logic, registers without a first value anything.
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
    """Which outputs of a design, a rule each, ABC sees broken within `cycles` (0: in any state it can
    reach): the first, or `every` one. Merging what is equal in all reachable states (`scorr`) is what
    makes whole designs easy."""
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
    """The same as `reach`, all covers at once."""
    (folder / "never.v").write_text(NEVER)
    each = "chformal -assert -remove\nopt\ntee -q -o covers.txt select -list t:$cover\n"
    reached = abc(folder, "covers.ys", script + each + "techmap -map never.v t:$cover\n", cycles, True)
    names = cover_names(folder)
    missing = [name for number, name in enumerate(names) if str(number) not in reached]
    return f"{missing[0]} is not reached in {cycles} cycles" if missing else None


def prove(folder, top, formal, plain, parameters, depth, induction=0, covers=0, engine="sat",
          defines=(), within=(), cut=()):  # fmt: skip
    """Checks every rule, and that every cover is reached within `covers` cycles.

    Engine "sat" is Yosys's own MiniSat: `depth` cycles from the start where induction is 0 (one is
    all there is where nothing is stored, else the proof is a bounded one), else temporal induction
    of at most `induction` cycles with its base case. Engine "z3" is for products, "abc" for whole
    designs, `depth` cycles from the start, or for any number by property-directed reachability
    where `depth` is 0.
    """
    folder.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    script = source(top, formal, plain, parameters, defines, within, cut)
    if engine == "sat":
        kind = f"-tempinduct -maxsteps {induction}" if induction else f"-seq {depth}"
        rules = f"chformal -cover -remove\nopt\nsat -verify -prove-asserts -set-assumes {kind}\n"
        failed = yosys(folder, "rules.ys", script + rules)
        if failed and "proof did fail" not in failed:
            raise ToolError(f"{folder}/rules.ys: {failed}")  # the sources, not a rule
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
