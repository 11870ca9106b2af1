"""How many of the cases `gradtrace check` solves.

    python tests/cases/score.py             all programs, in forks of one process (see `forked_runs`)
    python tests/cases/score.py 31 softmax  only those whose path holds one of the words
    python tests/cases/score.py --launch    as a user would: the command, with a fresh Python for each
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
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from gradtrace.diagnosis.diagnose import diagnose
from gradtrace.model import Finding
from gradtrace.recording import load

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))

import forked_runs

PATIENCE = 120


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came out of one program: `said` is one line for each finding that counts."""

    kind: str
    name: str
    is_solved: bool
    said: tuple[str, ...]


def launched(program: Path) -> tuple[list[Finding], list[str]]:
    """The findings that the command prints and the notes of the run."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-m", "gradtrace", "check", "--format", "json", "--quiet", str(program)],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    if not done.stdout.startswith("{"):
        return [], [f"no answer: {done.stderr.strip()[-300:] or f'status {done.returncode}'}"]
    document = json.loads(done.stdout)
    reasons = [one["reason"] for one in document["run"]["blind_spots"]]
    return msgspec.convert(document["findings"], list[Finding]), _trouble(document["run"]["notes"], reasons)


def forked(programs: list[Path], recordings: Path | None) -> Iterator[tuple[list[Finding], list[str]]]:
    """The same, without the launcher; what lies in `recordings` does not run again."""
    kept = {} if recordings is None else {one: recordings / f"{one.parent.name}-{one.stem}.gtrace" for one in programs}
    missing = [program for program in programs if program not in kept or not kept[program].exists()]
    fresh = forked_runs.record(missing, [kept[program] for program in missing] if kept else None)
    for program in programs:
        diagnosed = diagnose(next(fresh) if program in missing else load(kept[program]))
        yield list(diagnosed.findings), _trouble(diagnosed.run.notes, [one.reason for one in diagnosed.run.blind_spots])


def _trouble(notes: Sequence[str], reasons: Sequence[str]) -> list[str]:
    return [*notes, *reasons]


def places(finding: Finding) -> set[tuple[str, int]]:
    """The file and line of a finding and of everything related to it."""
    all_ = [finding.location, *(related.location for related in finding.related)]
    return {(Path(place.file).name, place.line) for place in all_ if place}


def judge(program: Path, expected: dict[str, Any] | None, found: list[Finding], notes: list[str]) -> Verdict:
    """What the findings of one program are worth; `expected` is its entry in the index, None for silence."""
    found = [one for one in found if one.severity != "info"]
    broken = [note for note in notes if note.startswith(("the rule ", "no answer", "recorder_failed"))]
    said = tuple(
        f"{one.rule} at {', '.join(f'{name}:{line}' for name, line in sorted(places(one)))}: {one.message}"
        for one in found
    )
    said += tuple(broken)
    if expected is None:
        return Verdict(program.parent.name, program.name, not found and not broken, said)
    lines = {(program.name, line) for line in (expected["line"], *expected["also"])}
    is_solved = any(one.rule == expected["rule"] and places(one) & lines for one in found)
    wanted = f"expected {expected['rule']} at {sorted(line for _, line in lines)}"
    return Verdict(program.parent.name, program.name, is_solved, said if is_solved else (*said, wanted))


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
    parser.add_argument("--launch", action="store_true", help="run the command for each, as a user would")
    parser.add_argument("--recordings", type=Path, help="keep recordings in this folder, and use those that lie there")
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")
    options = parser.parse_args()
    asked = cases(options.words)
    programs = [program for program, _ in asked]
    with ThreadPoolExecutor(2) as pool:
        results = pool.map(launched, programs) if options.launch else forked(programs, options.recordings)
        verdicts = [judge(*case, *result) for case, result in zip(asked, results, strict=True)]
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
