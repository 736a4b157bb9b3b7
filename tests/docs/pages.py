"""What a page of the documentation says: its blocks of commands, its links, the files it names."""

import re
import shlex
from dataclasses import dataclass

# Fences that are no commands; a block without a language, fenced or indented, is commands.
OTHER_LANGUAGES = {"text", "rust", "toml", "diff", "verilog", "python", "json", "csv"}


@dataclass
class Block:
    """Commands of a page, and what its mark says of running them."""

    line: int
    text: str
    reason: str | None = None  # why it is not run as it stands
    short: str | None = None  # what is run in its place


def blocks(text):
    """Blocks of commands, and mistakes in marks. A mark is an HTML comment right before a block:

    <!-- short: REASON
    COMMANDS -->           runs these in its place
    <!-- not run: REASON -->
    """
    found, mistakes = [], []
    lines = text.split("\n")
    index, mark, mark_line = 0, None, 0
    blank = True
    while index < len(lines):
        line = lines[index]
        start = index + 1
        if line.startswith("<!-- short:") or line.startswith("<!-- not run:"):
            end = index
            while "-->" not in lines[end]:
                end += 1
            mark, mark_line = "\n".join(lines[index : end + 1]), start
            index = end + 1
            continue
        if line.startswith("```"):
            end = index + 1
            while not lines[end].startswith("```"):
                end += 1
            language, body = line[3:].strip(), "\n".join(lines[index + 1 : end])
            if language in ("", "sh"):
                found.append(marked(start, body, mark, mistakes))
                mark = None
            elif language not in OTHER_LANGUAGES:
                mistakes.append(f"{start}: expected a known language or none, found {language!r}")
            index = end + 1
        elif line.startswith("    ") and blank:
            end = index
            while end < len(lines) and (lines[end].startswith("    ") or not lines[end].strip()):
                end += 1
            while not lines[end - 1].strip():
                end -= 1
            body = "\n".join(line[4:] for line in lines[index:end])
            found.append(marked(start, body, mark, mistakes))
            mark = None
            index = end
        else:
            index += 1
        if mark and line.strip() and index > start - 1 and not line.startswith(("<!--", "    ", "```")):
            mistakes.append(f"{mark_line}: a mark with no block after it")
            mark = None
        # A heading may stand right above a block.
        blank = not line.strip() or line.startswith("#")
    if mark:
        mistakes.append(f"{mark_line}: a mark with no block after it")
    return found, mistakes


def marked(line, text, mark, mistakes):
    block = Block(line, text)
    if mark is None:
        return block
    body = mark.removeprefix("<!-- ").rsplit("-->", 1)[0].strip()
    if body.startswith("short:"):
        block.reason, _, short = body.removeprefix("short:").strip().partition("\n")
        block.short = short.strip()
        if not block.short:
            mistakes.append(f"{line}: a short version without commands")
    else:
        block.reason = body.removeprefix("not run:").strip()
    if not block.reason:
        mistakes.append(f"{line}: a mark without a reason")
    return block


def commands(text):
    """Programs and their words, line by line: enough of a shell to find names and flags."""
    text = re.sub(r"(?m)(^|\s)#.*$", "", text).replace("\\\n", " ")
    lexer = shlex.shlex(text, posix=True, punctuation_chars=";&|()<>\n")
    lexer.whitespace = " \t"
    lexer.commenters = ""
    lexer.whitespace_split = True
    return split(list(lexer))


def split(words):
    found, command = [], []
    for word in [*words, ";"]:
        if word and set(word) <= set(";&|()\n"):
            if command:
                found.append(command)
            command = []
        else:
            command.append(word)
    return found


def invocations(text, program):
    """(words before the first flag, flags) of each call of `program`."""
    calls = []
    for command in commands(text):
        names = [word.rsplit("/", 1)[-1] if program == "flexmac" else word for word in command]
        if program not in names or "cargo" in names:
            continue
        rest = command[names.index(program) + 1 :]
        flags = [word.split("=")[0] for word in rest if word.startswith("--")]
        plain = []
        for word in rest:
            if word.startswith("-"):
                break
            plain.append(word)
        calls.append((plain, flags))
    return calls


def inline(text):
    """(line, code) of code in running text."""
    outside = re.sub(r"(?ms)^```.*?^```", lambda m: "\n" * m.group().count("\n"), text)
    outside = re.sub(r"(?m)^    .*$", "", outside)
    for match in re.finditer(r"`([^`\n]+(?:\n[^`\n]+)?)`", outside):
        yield outside[: match.start()].count("\n") + 1, " ".join(match.group(1).split())


def links(text):
    """(line, target) of relative links."""
    outside = re.sub(r"(?ms)^```.*?^```", lambda m: "\n" * m.group().count("\n"), text)
    for match in re.finditer(r"\]\(([^)\s]+)\)", outside):
        if not re.match(r"[a-z]+:", match.group(1)):
            yield outside[: match.start()].count("\n") + 1, match.group(1)


def anchors(text):
    """What headings can be linked by, as GitHub and mdBook make it."""
    outside = re.sub(r"(?ms)^```.*?^```", "", text)
    found = set()
    for title in re.findall(r"(?m)^#+ +(.+)$", outside):
        title = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title)
        slug = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        found.add(slug)
    return found
