"""How many of the cases `gradtrace check` solves.

    python tests/cases/score.py             all programs, two at a time
    python tests/cases/score.py 31 softmax  only those whose path holds one of the words
    python tests/cases/score.py --json      the counts as JSON

`bugs/` are programs with one mistake: solved when a finding of severity error or warning has the expected rule, and its
place or a related one is a line that `index.json` names. `fixed/` are the same programs repaired, `correct/` programs
that only look wrong: solved when there is no finding of severity error or warning.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
PATIENCE = 120


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came out of one program: `said` is one line for each finding that counts."""

    kind: str
    name: str
    is_solved: bool
    said: tuple[str, ...]


def findings(program: Path) -> list[dict[str, Any]]:
    """The findings that count, as the trace document has them; fails when there is no document."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-m", "gradtrace", "check", "--format", "json", "--quiet", str(program)],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    try:
        document = json.loads(done.stdout)
    except ValueError:
        raise RuntimeError(done.stderr.strip()[-300:] or f"status {done.returncode}") from None
    for note in document["run"]["notes"]:
        if note.startswith("the rule "):
            print(f"{program.name}: {note}", file=sys.stderr)
    return [finding for finding in document["findings"] if finding["severity"] != "info"]


def places(finding: dict[str, Any]) -> set[tuple[str, int]]:
    """The file and line of a finding and of everything related to it."""
    all_ = [finding["location"], *(related["location"] for related in finding["related"])]
    return {(Path(place["file"]).name, place["line"]) for place in all_ if place}


def judge(program: Path, expected: dict[str, Any] | None) -> Verdict:
    """Runs one program; `expected` is its entry in the index, None when nothing may be said."""
    try:
        found = findings(program)
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        return Verdict(program.parent.name, program.name, is_solved=False, said=(f"no answer: {error}",))
    said = tuple(
        f"{one['rule']} at {', '.join(f'{name}:{line}' for name, line in sorted(places(one)))}: {one['message']}"
        for one in found
    )
    if expected is None:
        return Verdict(program.parent.name, program.name, not found, said)
    lines = {(program.name, line) for line in (expected["line"], *expected["also"])}
    hits = [one for one in found if one["rule"] == expected["rule"] and places(one) & lines]
    wanted = f"expected {expected['rule']} at {sorted(line for _, line in lines)}"
    return Verdict(program.parent.name, program.name, bool(hits), said if hits else (*said, wanted))


def cases(words: list[str]) -> list[tuple[Path, dict[str, Any] | None]]:
    """All programs with what is expected of them, or those whose path holds one of the words."""
    entries = json.loads((FOLDER / "index.json").read_text("utf-8"))
    index = {entry["file"]: entry for entry in entries if entry["rule"]}
    programs = [path for kind in ("bugs", "fixed", "correct") for path in sorted((FOLDER / kind).glob("*.py"))]
    wanted = [
        path for path in programs if not words or any(word in f"{path.parent.name}/{path.name}" for word in words)
    ]
    return [(path, index.get(f"{path.parent.name}/{path.name}")) for path in wanted]


def main() -> int:
    """Runs the cases and prints the score; 0 when everything asked for is solved."""
    parser = argparse.ArgumentParser(description="How many of the cases `gradtrace check` solves.")
    parser.add_argument("words", nargs="*", help="only programs whose path holds one of these")
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")
    options = parser.parse_args()
    with ThreadPoolExecutor(2) as pool:
        verdicts = list(pool.map(lambda case: judge(*case), cases(options.words)))
    counts = {
        kind: (sum(one.is_solved for one in of_kind), len(of_kind))
        for kind in ("bugs", "fixed", "correct")
        if (of_kind := [one for one in verdicts if one.kind == kind])
    }
    if options.json:
        print(json.dumps(counts))
        return 0
    for one in verdicts:
        if not one.is_solved or options.words:
            print(f"{'solved' if one.is_solved else 'MISSED'}  {one.kind}/{one.name}")
            print("".join(f"        {line}\n" for line in one.said), end="")
    for kind, (n_solved, n_all) in counts.items():
        print(f"{kind}: {n_solved} of {n_all} {'solved' if kind == 'bugs' else 'silent'}")
    return 0 if all(one.is_solved for one in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
