"""Writes the tables of docs/results/proofs.md and faults.md between their marks; the text around is manual."""

from solver import ToolError


def replace(path, mark, lines):
    text = path.read_text()
    begin, end = f"<!-- {mark} -->\n", f"<!-- end {mark} -->"
    if begin not in text or end not in text:
        raise ToolError(f"{path}: no line '{begin.strip()}' with its end")
    head, rest = text.split(begin, 1)
    path.write_text(head + begin + "\n".join(lines) + "\n" + end + rest.split(end, 1)[1])


def write_proofs(path, rows):
    lines = ["| proof and parameters | rules | how far | s |", "| --- | --- | --- | --- |"]
    for name, says, how, seconds, failed in rows:
        lines.append(f"| {name} | {says} | {'FAILS' if failed else how} | {seconds:.1f} |")
    replace(path, "proofs", lines)


def write_faults(path, rows):
    """Keeps the rows of faults that were not tried; sorts the rows by module."""
    lines = ["| module | fault | caught by |", "| --- | --- | --- |"]
    tried = {(module, what) for module, what, _ in rows}
    kept = path.read_text().partition("<!-- faults -->")[2].partition("<!-- end faults -->")[0]
    body = [line for line in kept.split("\n") if line.startswith("| flexmac_")]
    body = [line for line in body if tuple(line.removeprefix("| ").split(" | ")[:2]) not in tried]
    body += [f"| {module} | {what} | {found} |" for module, what, found in rows]
    replace(path, "faults", lines + sorted(body, key=lambda line: line.split(" ")[1]))
