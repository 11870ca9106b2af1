"""The programs of the corpus, what is expected of each, and whether what `gradtrace check` finds meets that."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradtrace.model import Finding, Severity

TESTS = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Program:
    """A program and what is expected of it.

    Attributes:
        path: the program, or a folder with a `__main__.py`.
        rules: those that may name its mistake; none where it has no mistake.
        lines: where they may find it, `FILE:LINE` or `LINE`.
        missed: why nothing finds it yet; None where it is found.
        allowed: rules that find something true in a program that works, with the reason why that may stay.
        needs: a package outside the test extra.
    """

    path: Path
    rules: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    missed: str | None = None
    allowed: tuple[str, ...] = ()
    needs: str | None = None

    @property
    def name(self) -> str:
        """How a test calls it."""
        return str(self.path.relative_to(TESTS)).removesuffix(".py")

    @property
    def file(self) -> Path:
        """The file that runs."""
        return self.path / "__main__.py" if self.path.is_dir() else self.path


def cases() -> Iterator[Program]:
    """Programs with one mistake each, the same repaired, and some that only look wrong."""
    folder = TESTS / "cases"
    for entry in _index(folder):
        if entry["rule"] is None:
            yield Program(folder / entry["file"])
        else:
            yield _faulty(folder / entry["file"], entry, (entry["rule"],))
            yield Program(folder / entry["twin"])


def reports() -> Iterator[Program]:
    """Programs that are built as people reported them, and the same repaired."""
    folder = TESTS / "reports"
    for entry in _index(folder):
        yield _faulty(folder / entry["file"], entry, tuple(entry["rules"]))
        yield Program(folder / entry["twin"], needs=entry.get("needs"))


def sound() -> Iterator[Program]:
    """Programs that work, and about which nothing is to be said but what the index allows."""
    folder = TESTS / "sound"
    true = {entry["file"]: tuple(entry["rules"]) for entry in _index(folder)}
    for path in sorted(folder.glob("*.py")):
        yield Program(path, allowed=true.get(path.name, ()))


def _index(folder: Path) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads((folder / "index.json").read_text("utf-8"))
    return entries


def _faulty(path: Path, entry: dict[str, Any], rules: tuple[str, ...]) -> Program:
    lines = tuple(str(line) for line in (entry["line"], *entry["also"]))
    return Program(path, rules, lines, entry.get("missed"), needs=entry.get("needs"))


def places(finding: Finding) -> set[tuple[str, int]]:
    """The file and line of a finding and of everything related to it."""
    all_ = [finding.location, *(related.location for related in finding.related)]
    return {(Path(place.file).name, place.line) for place in all_ if place}


def serious(findings: Iterable[Finding]) -> list[Finding]:
    """Errors and warnings."""
    return [one for one in findings if one.severity != Severity.INFO]


def pointing(program: Program, findings: Iterable[Finding]) -> list[Finding]:
    """The errors and warnings of the right rule at one of the right lines."""
    return [one for one in serious(findings) if one.rule in program.rules and _is_there(program, one)]


def _is_there(program: Program, finding: Finding) -> bool:
    return any(str(line) in program.lines or f"{file}:{line}" in program.lines for file, line in places(finding))


def told(findings: Iterable[Finding]) -> str:
    """Findings as lines to read in the output of a test."""
    lines = []
    for one in findings:
        where = ", ".join(f"{file}:{line}" for file, line in sorted(places(one)))
        lines.append(f"  {one.severity} {one.rule} at {where}: {one.message}")
    return "\n".join(lines) or "  nothing"
