"""The programs of `docs/worksheet.md`, and of what a command says about each the lines that answer the question.

A comment names the command, the program in `examples/worksheet/` and the lines, by how they begin; `+2` takes two more
lines with it. What stands between it and the next comment that ends it is made anew:

    <!-- explain leaf.py: w: 2 = | note: x = +1 -->
    <!-- end -->
"""

from __future__ import annotations

import re
from pathlib import Path

from terminal_blocks import Runner

PROGRAMS = Path(__file__).resolve().parent.parent / "examples" / "worksheet"
COLUMNS = 100
_PART = re.compile(
    r"^<!-- (?P<command>\w+) (?P<program>\w+\.py)(?P<more>[^:\n]*): (?P<lines>[^\n]*) -->\n.*?^<!-- end -->$",
    re.MULTILINE | re.DOTALL,
)


def refresh(page: str, run: Runner) -> str:
    """Return the page with all programs and answers made anew; a page without any stays as it is.

    Raises:
        ValueError: a command does not say what a comment asks for.
    """

    def remake(part: re.Match[str]) -> str:
        comment = part[0].split("\n", 1)[0]
        return f"{comment}\n{code(part['program'])}{answer(part, run)}<!-- end -->"

    return _PART.sub(remake, page)


def code(program: str) -> str:
    """The program below its question, which is its docstring."""
    return f"```python\n{(PROGRAMS / program).read_text('utf-8').rstrip()}\n```\n"


def answer(part: re.Match[str], run: Runner) -> str:
    """The command, and the lines that were asked for."""
    shown = f"gradtrace {part['command']} {part['program']}{part['more']}"
    said = run(f"cd examples/worksheet && {shown}", COLUMNS).splitlines()
    return f"```text\n$ {shown}\n{chosen(said, part['lines'])}```\n"


def chosen(said: list[str], wanted: str) -> str:
    """The lines that begin as is wanted, with as many after them as is said; dots where some were left out.

    Raises:
        ValueError: no line begins like this.
    """
    kept: set[int] = set()
    for one in wanted.split(" | "):
        found = re.fullmatch(r"(?P<begins>.*?)(?: \+(?P<more>\d+))?", one.strip())
        begins, more = (found["begins"], found["more"]) if found is not None else (one, None)
        first = next((i for i, line in enumerate(said) if _plain(line).startswith(begins)), None)
        if first is None:
            raise ValueError(f"no line begins with {begins!r}")
        kept.update(range(first, min(first + int(more or 0) + 1, len(said))))
    lines: list[str] = []
    kept = {i for i in kept if said[i].strip()}
    for before, i in zip([None, *sorted(kept)], sorted(kept), strict=False):
        if before is not None and i > before + 1:
            lines.append("  …")
        lines.append(said[i])
    return "".join(f"{line}\n" for line in lines)


def _plain(line: str) -> str:
    """A line without what is drawn before it."""
    return line.lstrip(" │├└─")
