#!/usr/bin/env python3
"""Opens a page of `flexmac report` in headless Chromium and checks what is there.

    tests/report/check_page.py PAGE RUN... [--svg DIR] [--screenshot FILE]

The page renders without a console message, asks for nothing beyond its own file, and has its tiles,
drawings and tables; the numbers in its data block are those of each RUN's history.jsonl. With
--svg, the separate drawings are well-formed XML. Exit 0, or 1 with a list of what differs; 2
without a browser (apt-get install chromium).
"""
import argparse
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree
from html.parser import HTMLParser

FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run
  --disable-background-networking --disable-component-update --disable-sync --hide-scrollbars
  --enable-logging=stderr --window-size=1120,3600 --virtual-time-budget=5000""".split()
TILES = ["accuracy", "loss", "iterations", "passes"]
FIXED_TILES = ["cycles", "checked", "overflows"]
TABLES = ["products", "settings"]


class Page(HTMLParser):
    """Collects what the checks look for."""

    def __init__(self):
        super().__init__()
        self.tiles, self.tables, self.drawings, self.outside = [], [], [], []
        self.inside, self.data, self.titled = None, "", 0

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if "data-tile" in attributes:
            self.tiles.append(attributes["data-tile"])
        if "data-table" in attributes:
            self.tables.append(attributes["data-table"])
        if tag == "svg":
            self.drawings.append(attributes.get("id"))
        if tag == "title" and attributes.get("id", "").endswith("-t"):
            self.titled += 1
        for name in ("src", "href"):
            target = attributes.get(name)
            if target and not target.startswith(("#", "data:,")):
                self.outside.append(target)
        self.inside = tag if attributes.get("id") == "flexmac-data" else None

    def handle_data(self, text):
        if self.inside == "script":
            self.data += text

    def handle_endtag(self, _tag):
        self.inside = None


def browse(browser, page, extra):
    """Runs the browser on the page; returns what it prints and its log."""
    with tempfile.TemporaryDirectory() as profile:
        command = [browser, *FLAGS, f"--user-data-dir={profile}", *extra, page.resolve().as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return done.stdout, done.stderr


def at(track, iteration):
    """What a list of changes says of an iteration."""
    return [value for start, value in track if start <= iteration][-1]


def check_run(run, folder, wrong):
    """Compares a run's numbers in the page with its history."""
    history = run["history"]
    lines = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    for column in ["iteration", "loss", "smoothed_loss", "rate", "overflows"]:
        if history[column] != [line[column] for line in lines]:
            wrong.append(f"{folder}: column {column} differs from the history")
    measured = [[x["iteration"], x["accuracy"]] for x in lines if x["accuracy"] is not None]
    if history["accuracy"] != measured:
        wrong.append(f"{folder}: accuracies differ from the history")
    for line in lines:
        number, cost = line["iteration"], at(history["cost"], line["iteration"])
        if any(line["total"][part] != value for part, value in cost.items()):
            wrong.append(f"{folder}: cost of iteration {number} differs from the history")
        if at(history["widths"], number) != line["widths"]:
            wrong.append(f"{folder}: widths of iteration {number} differ from the history")
        for shown, written in zip(history["tensors"], line["tensors"], strict=True):
            if at(shown["formats"], number) != written["formats"]:
                wrong.append(f"{folder}: {written['name']} in iteration {number}: other formats")
    for part in ["macs", "mac_passes", "tiles", "tiles_checked"]:
        if history["total"][part] != sum(line["total"][part] for line in lines):
            wrong.append(f"{folder}: total {part} differs from the history")


def check_page(args, browser):
    """All checks; returns what is wrong."""
    wrong = []
    text, log = browse(browser, args.page, ["--dump-dom"])
    wrong += [f"console: {line}" for line in log.splitlines() if "CONSOLE" in line]
    page = Page()
    page.feed(text)
    wrong += [f"the page refers to {target}" for target in page.outside]
    if re.search(r"@import|url\(", text):
        wrong.append("the style sheet refers to another file")
    runs = json.loads(page.data)["runs"] if page.data else []
    if len(runs) != len(args.runs):
        return [*wrong, f"expected the data of {len(args.runs)} runs, found {len(runs)}"]
    for number, (run, folder) in enumerate(zip(runs, args.runs)):
        check_run(run, folder, wrong)
        fixed = run["history"]["total"]["cycles"]["busy"] > 0
        drawings = ["loss", "passes"]
        drawings += ["width", "integer-length", "overflows", "cycles"] if fixed else []
        drawings += ["accuracy"] if run["history"]["accuracy"] else []
        expected = {f"run{number}-{name}" for name in drawings}
        wrong += [f"no drawing {name}" for name in expected - set(page.drawings)]
        tiles = TILES + FIXED_TILES * fixed
        wrong += [f"no tile {name}" for name in tiles if name not in page.tiles]
    wrong += [f"no table {name}" for name in TABLES if page.tables.count(name) != len(runs)]
    if page.titled != len(page.drawings):
        wrong.append(f"{len(page.drawings)} drawings, {page.titled} titles")
    # Rendered, not only parsed: the image is not of one colour, so it compresses badly.
    with tempfile.TemporaryDirectory() as folder:
        image = args.screenshot or pathlib.Path(folder) / "page.png"
        browse(browser, args.page, [f"--screenshot={image.resolve()}"])
        if not image.is_file() or image.stat().st_size < 50_000:
            wrong.append("the page renders empty")
    for drawing in sorted(args.svg.glob("*.svg")) if args.svg else []:
        try:
            xml.etree.ElementTree.parse(drawing)
        except xml.etree.ElementTree.ParseError as error:
            wrong.append(f"{drawing}: {error}")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("page", type=pathlib.Path)
    parser.add_argument("runs", type=pathlib.Path, nargs="+")
    parser.add_argument("--svg", type=pathlib.Path)
    parser.add_argument("--screenshot", type=pathlib.Path)
    args = parser.parse_args()
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        print("check_page: no chromium; apt-get install chromium", file=sys.stderr)
        return 2
    wrong = check_page(args, browser)
    for line in wrong:
        print(f"check_page: {line}", file=sys.stderr)
    if not wrong:
        print(f"{args.page}: renders, no console message, numbers equal the history's")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
