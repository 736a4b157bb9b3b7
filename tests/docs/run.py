#!/usr/bin/env python3
"""Runs every command of README.md and docs/, and checks links and the files that pages name.

usage: tests/docs/run.py --flexmac BINARY [--no-commands] [PAGE ...]

Blocks of a page run in order, as they stand, in a scratch folder of that page; pages.py says how a
block is marked that takes too long. First the checks are shown pages that are wrong.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pages

ROOT = Path(__file__).resolve().parents[2]
BLOCK_SECONDS = 600
OWN_FOLDERS = "crates|docs|experiments|proofs|rtl|scripts|sim|templates|tests"


class Program:
    """The binary's own word on which commands and flags there are."""

    def __init__(self, binary):
        self.binary, self.help = binary, {}

    def complaint(self, plain, flags):
        """What is wrong with a call, by the help of its command."""
        if not plain:
            return None if set(flags) <= {"--help", "--version"} else f"no command before {flags}"
        names = []
        for word in plain:
            if self.text((*names, word)) is None:
                break
            names.append(word)
        if not names:
            return f"no command {plain[0]!r}"
        text = self.text(tuple(names))
        unknown = [flag for flag in flags if not re.search(re.escape(flag) + r"(?![\w-])", text)]
        return f"flexmac {' '.join(names)} has no {', '.join(unknown)}" if unknown else None

    def text(self, names):
        if names not in self.help:
            done = subprocess.run(
                [self.binary, *names[:-1], "help", names[-1]], capture_output=True, text=True
            )
            text = done.stdout if done.returncode == 0 else None
            self.help[names] = text
        return self.help[names]


def check_calls(program, text):
    """Complaints about commands that are not run as they stand: names and flags must exist."""
    for plain, flags in pages.invocations(text, "flexmac"):
        complaint = program.complaint(plain, flags)
        if complaint:
            yield complaint
    for command in pages.commands(text):
        for index, word in enumerate(command):
            name = word.removeprefix("./")
            if not re.fullmatch(r"(scripts|experiments)/[\w/-]+", name) or (ROOT / name).is_dir():
                continue
            script = ROOT / name
            if not os.access(script, os.X_OK):
                yield f"no script {name}"
                continue
            source = script.read_text()
            # What the script hands its flags on to.
            for other in re.findall(rf"\b(?:{OWN_FOLDERS})/[\w./-]+\.py\b", source):
                source += (ROOT / other).read_text()
            for flag in command[index + 1 :]:
                if flag.startswith("--") and flag not in source:
                    yield f"{name} has no {flag}"
        if command[:2] == ["cargo", "test"] and "--test" in command:
            target = command[command.index("--test") + 1]
            crate = command[command.index("-p") + 1].removeprefix("flexmac-")
            manifest = (ROOT / "crates" / crate / "Cargo.toml").read_text()
            if f'name = "{target}"' not in manifest:
                yield f"no test {target}: {' '.join(command)}"


def check_short(block):
    """A short version has every command and flag of what it stands for."""
    short = pages.invocations(block.short, "flexmac")
    for plain, flags in pages.invocations(block.text, "flexmac"):
        same = [given for other, given in short if other[:1] == plain[:1]]
        missing = set(flags) - set().union(*same)
        if not same or missing:
            yield f"the short version lacks `flexmac {' '.join([*plain[:1], *sorted(missing)])}`"


def check_page(path, text, program):
    """Complaints about a page that need none of its commands run."""
    found, mistakes = pages.blocks(text)
    yield from mistakes
    for block in found:
        complaints = list(check_calls(program, block.text)) if block.reason else []
        if block.short:
            complaints += check_short(block)
        yield from (f"{block.line}: {complaint}" for complaint in complaints)
    for line, code in pages.inline(text):
        if re.match(r"(flexmac|cargo|(\./)?(scripts|experiments)/)[\w-]* ?", code):
            yield from (f"{line}: {complaint}" for complaint in check_calls(program, code))
        if re.fullmatch(rf"({OWN_FOLDERS})/[\w./*-]+", code):
            if not list(ROOT.glob(code.rstrip("/"))):
                yield f"{line}: no file {code}"
    yield from check_links(path, text)


def check_links(path, text):
    for line, target in pages.links(text):
        name, _, anchor = target.partition("#")
        place = (path.parent / name).resolve() if name else path
        if not place.exists():
            yield f"{line}: a link to {target}, where nothing is"
        elif anchor and place.suffix == ".md":
            other = text if place == path else place.read_text()
            if anchor not in pages.anchors(other):
                yield f"{line}: a link to {target}, which has no such heading"


def check_summary(folder):
    """Every page under `folder` is in its SUMMARY.md, once."""
    summary = folder / "SUMMARY.md"
    listed = [str((folder / target).resolve()) for _, target in pages.links(summary.read_text())]
    for page in sorted(folder.rglob("*.md")):
        count = listed.count(str(page.resolve()))
        if page != summary and count != 1:
            yield f"expected {page.relative_to(folder)} once, found it {count} times"


def run_page(text, folder, environment, tell=lambda line: None):
    """Runs a page's blocks in `folder`; complaints of the first that fails."""
    for block in pages.blocks(text)[0]:
        script = block.short if block.short else block.text
        if block.reason and not block.short:
            continue
        start = time.monotonic()
        with tempfile.TemporaryFile("w+") as log:
            try:
                code = subprocess.run(
                    ["bash", "-euo", "pipefail", "-c", script], cwd=folder, env=environment,
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=BLOCK_SECONDS,
                ).returncode
            except subprocess.TimeoutExpired:
                code = f"none after {BLOCK_SECONDS} s"
            log.seek(0)
            output = log.read()
        tell(f"    line {block.line}: {time.monotonic() - start:.1f} s")
        if code != 0:
            last = "\n".join(output.splitlines()[-15:])
            yield f"{block.line}: exit code {code} from\n{script}\n{last}"
            return


def scratch(folder, flexmac):
    """A folder for a page: scripts and experiments by their names, the binary on PATH."""
    (folder / "bin").mkdir(parents=True)
    (folder / "bin/flexmac").symlink_to(flexmac)
    for name in ("scripts", "experiments"):
        (folder / name).symlink_to(ROOT / name)
    environment = dict(os.environ)
    path = [folder / "bin", Path(sys.executable).parent, environment["PATH"]]
    environment["PATH"] = ":".join(map(str, path))
    environment["FLEXMAC"] = str(flexmac)  # for experiments, which would build it otherwise
    environment.setdefault("FLEXMAC_CACHE", str(flexmac.parent.parent / "tmp/flexmac-models"))
    return environment


WRONG = {
    "a command that fails": "    flexmac gen --rows 0 --out d\n",
    "a command in a fence that fails": "```\nfalse\n```\n",
    "a program that is not there": "    flexmak describe\n",
    "a later line that fails": "    flexmac describe\n    false\n    true\n",
    "a folder of another page": "    flexmac gemm --config never-made --a a.npy\n",
    "a short version that fails": "<!-- short: long\nfalse -->\n\n    sleep 1\n",
}
UNTRUE = {
    "a flag that is not there": "<!-- not run: long -->\n\n    flexmac train --speed 3\n",
    "a flag that only begins like one": "<!-- not run: long -->\n\n    flexmac train --iter 3\n",
    "a script that is not there": "<!-- not run: long -->\n\n    scripts/nothing\n",
    "an experiment that is not there": "<!-- not run: long -->\n\n    experiments/nothing\n",
    "an experiment's flag that is not there":
        "<!-- not run: long -->\n\n    experiments/simulation_speed/run --fast\n",
    "a script's flag that is not there": "<!-- not run: long -->\n\n    scripts/prove --fast\n",
    "a short version without a flag":
        "<!-- short: long\nflexmac describe -->\n\n    flexmac describe --json\n",
    "a mark without a reason": "<!-- not run: -->\n\n    flexmac describe\n",
    "a mark of nothing": "<!-- not run: long -->\n\nText.\n",
    "a language unknown here": "```basic\nPRINT 1\n```\n",
    "a command in the text": "Use `flexmac gen --size 3` for it.\n",
    "a test in the text": "See `cargo test -p cosim --test nothing`.\n",
    "a file in the text": "It is in `crates/fxp/src/nothing.rs`.\n",
    "a link to nothing": "[a page](nothing.md)\n",
    "a link to no heading": "[a page](../README.md#nothing-here)\n",
}


def self_test(program, flexmac):
    """The checks find what they look for."""
    for name, text in UNTRUE.items():
        if not list(check_page(ROOT / "docs/wrong.md", text, program)):
            sys.exit(f"self-test: {name} was not found:\n{text}")
    for name, text in WRONG.items():
        with tempfile.TemporaryDirectory() as folder:
            environment = scratch(Path(folder), flexmac)
            if not list(run_page(text, folder, environment)):
                sys.exit(f"self-test: {name} was not found:\n{text}")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "SUMMARY.md").write_text("# Summary\n- [One](one.md)\n")
        (Path(folder) / "one.md").write_text("")
        (Path(folder) / "two.md").write_text("")
        if list(check_summary(Path(folder))) != ["expected two.md once, found it 0 times"]:
            sys.exit("self-test: a page that the summary lacks was not found")
    return len(UNTRUE) + len(WRONG) + 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--flexmac", required=True, type=Path)
    parser.add_argument("--no-commands", action="store_true", help="links, names and flags only")
    parser.add_argument("pages", nargs="*", type=Path, help="default: README.md and all of docs/")
    args = parser.parse_args()
    flexmac = args.flexmac.resolve()
    program = Program(flexmac)
    found = self_test(program, flexmac)
    print(f"{found} pages that are wrong were found out")

    failures = 0
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()
    tracked = [ROOT / name for name in tracked if (ROOT / name).exists()]
    book = [path for path in tracked if path.parent == ROOT or ROOT / "docs" in path.parents]
    chosen = [path.resolve() for path in args.pages] or book

    def report(path, complaints):
        nonlocal failures
        for complaint in complaints:
            failures += 1
            print(f"{path.relative_to(ROOT)}:{complaint}")

    for path in tracked:
        if path in chosen:
            report(path, check_page(path, path.read_text(), program))
        elif not args.pages:
            report(path, check_links(path, path.read_text()))
    if not args.pages:
        report(ROOT / "docs/SUMMARY.md", check_summary(ROOT / "docs"))
    ran = 0
    for path in [] if args.no_commands else chosen:
        text = path.read_text()
        if not pages.blocks(text)[0]:
            continue
        folder = Path(tempfile.mkdtemp(prefix="flexmac-docs-"))
        environment = scratch(folder, flexmac)
        print(f"{path.relative_to(ROOT)}", flush=True)
        before = failures
        report(path, run_page(text, folder, environment, lambda line: print(line, flush=True)))
        ran += 1
        if failures == before:
            shutil.rmtree(folder)
        else:
            print(f"    left as it was: {folder}")
    print(f"{len(chosen)} pages, commands of {ran}: {failures} mistakes")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
