"""Tables of docs/results/proofs.md and faults.md, between marks: text around them is by hand."""

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
    """Rows of faults that were not tried stay as they are; modules stand in alphabetical order."""
    lines = ["| module | fault | caught by |", "| --- | --- | --- |"]
    tried = {(module, what) for module, what, _ in rows}
    kept = path.read_text().partition("<!-- faults -->")[2].partition("<!-- end faults -->")[0]
    body = [line for line in kept.split("\n") if line.startswith("| flexmac_")]
    body = [line for line in body if tuple(line.removeprefix("| ").split(" | ")[:2]) not in tried]
    body += [f"| {module} | {what} | {found} |" for module, what, found in rows]
    replace(path, "faults", lines + sorted(body, key=lambda line: line.split(" ")[1]))
