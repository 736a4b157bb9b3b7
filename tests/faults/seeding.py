#!/usr/bin/env python3
"""The list of faults.toml, read and seeded. Each check takes its share: `load("icarus")`.

    tests/faults/seeding.py [--flexmac target/release/flexmac]

checks the list itself: every fault can be seeded, no two are one, every check has its share. Exit 0 when
all is well, 1 when something is not, 2 when a tool is missing or failed.
"""

import argparse
import collections
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIST = Path(__file__).resolve().with_name("faults.toml")

# check: what seeds its share
CHECKS = {
    "proofs": "scripts/prove --mutate",
    "icarus": "tests/icarus/run.py --mutate",
    "cocotb": "tests/ecosystem/run.py --mutate",
    "soak": "scripts/soak --mutate",
    "sweep": "tests/sweep/run.py",
    "gemm": "tests/flexmac/faults.rs",
    "gemm_float": "tests/flexmac/gemm_float.rs",
    "check_rate": "tests/flexmac/check_rate.rs",
    "bundles": "tests/flexmac/bundles.rs",
    "verify": "tests/flexmac/verify.rs",
    "waves": "tests/flexmac/waves.rs",
    "skipping": "tests/flexmac/skipping.rs",
}

# Designs that have every rendered file, with the texts that only some shapes of array have.
DESIGNS = (
    "--rows 3 --cols 5 --lanes 3 --chunk 8 --max-bits 16",
    "--rows 1 --cols 1 --lanes 1 --chunk 8 --max-bits 8",
    "--rows 3 --cols 5 --lanes 3 --chunk 8 --max-bits 16 --fanout 1",
    "--style fixed --max-bits 13",
    "--style fp32 --rows 2 --cols 3",
)


class StaleFault(Exception):
    """A text that is not in its file once: the list has to follow the RTL."""


@dataclass(frozen=True)
class Fault:
    """A text of a file and what replaces it."""

    file: str
    what: str
    text: str
    wrong: str
    by: tuple
    also: tuple = ()  # more files with the same text
    on: str | None = None  # the one configuration that shows it, where not all do

    @property
    def module(self):
        return self.file.removesuffix(".v")

    @property
    def name(self):
        return f"{self.module}: {self.what}"

    @property
    def files(self):
        return (self.file, *self.also)

    def places(self, source):
        """How often a file's logic has the text. The rules behind it may say the same words."""
        return source.partition("`ifdef FORMAL")[0].count(self.text)

    def apply(self, source, name):
        """The file's text with the fault in it."""
        logic, guard, rules = source.partition("`ifdef FORMAL")
        if logic.count(self.text) != 1:
            raise StaleFault(
                f"stale fault '{self.name}': {name} has {logic.count(self.text)} x {self.text!r};"
                " change tests/faults/faults.toml with the RTL"
            )
        return logic.replace(self.text, self.wrong) + guard + rules

    def seed(self, folder):
        """Writes the fault into the files in `folder`."""
        for file in self.files:
            path = Path(folder) / file
            path.write_text(self.apply(path.read_text(), file))


def every():
    """All faults, in the list's order."""
    faults = []
    for row in tomllib.loads(LIST.read_text())["fault"]:
        row["by"], row["also"] = tuple(row["by"]), tuple(row.get("also", ()))
        faults.append(Fault(**row))
    return faults


def load(check):
    """The faults that `check` must catch."""
    share = [fault for fault in every() if check in fault.by]
    if check not in CHECKS or not share:
        raise StaleFault(f"no fault of the list is for {check}")
    return share


def one(check, name):
    """The fault of this name, which `check` must catch."""
    found = [fault for fault in load(check) if fault.name == name]
    if len(found) != 1:
        raise StaleFault(f"expected one fault '{name}' by {check}, found {len(found)}")
    return found[0]


def complaints(flexmac, work):
    """What is wrong with the list."""
    faults = every()
    for (file, what), count in collections.Counter((f.file, f.what) for f in faults).items():
        if count > 1:
            yield f"{file}: {what}: {count} faults of this name"
    edits = collections.Counter((f.files, f.text, f.wrong) for f in faults)
    for (files, text, wrong), count in edits.items():
        if count > 1:
            yield f"{files[0]}: {text!r} as {wrong!r}: {count} times; name the checks in one `by`"
    for fault in faults:
        for check in fault.by:
            if check not in CHECKS:
                yield f"{fault.name}: expected a check of {', '.join(CHECKS)}, found {check}"
    shares = {check for fault in faults for check in fault.by}
    yield from (f"no fault is for {check}" for check in CHECKS if check not in shares)

    designs = []
    for number, flags in enumerate(DESIGNS):
        out = work / str(number)
        command = [flexmac, "gen", *flags.split(), "--out", out]
        subprocess.run(command, check=True, capture_output=True, text=True)
        designs.append(out / "rtl")
    cells = {path.name: path for path in sorted((ROOT / "rtl").rglob("*.v"))}
    for fault in faults:
        for file in fault.files:
            rendered = [design / file for design in designs if (design / file).exists()]
            sources = rendered or [cells[file]] if file in cells else rendered
            counts = [fault.places(path.read_text()) for path in sources]
            if 1 not in counts or any(count > 1 for count in counts):
                yield f"{fault.name}: expected {fault.text!r} in {file} once, found {counts or 'no such file'}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--flexmac", type=Path, default=ROOT / "target/release/flexmac")
    arguments = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory() as work:
            found = list(complaints(arguments.flexmac.resolve(), Path(work)))
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"error: {error}\n{getattr(error, 'stderr', '')}", file=sys.stderr)
        return 2
    for complaint in found:
        print(f"FAIL  {complaint}")
    shares = collections.Counter(check for fault in every() for check in fault.by)
    print(", ".join(f"{check} {shares[check]}" for check in CHECKS))
    print(f"{len(every())} faults, {len(found)} mistakes")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
