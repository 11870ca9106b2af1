"""Runs programs bare and below `gradtrace record`, and says in what they differ: status, stdout or stderr.

    python tests/bare_and_traced.py FOLDER [--full] [--batch N] [NAME ...]

With --full all passes are recorded with every statistic and with facts. With --batch N programs run in groups of N,
each program in a fork of one process; those that ask for it run in a process of their own all the same.

A program says in comments how it wants to be run:

    # alone: WHY            needs a process of its own
    # soak: WHY             too slow for every day
    # options: WORDS        options for `gradtrace record`
    # shell: WORDS          redirections, as in `2>&-`
    # imports: MODULE       what a process shared with others imports once, as it takes long
    # listed: WHAT          it prints what docs/transparency.md lists: only its status is compared

Files whose names begin with `_` are no programs: they are beside each program, to be imported.

Addresses, process numbers and times are masked. Lines of stderr that begin with `gradtrace:` are not compared, but a
recorder that says that it failed, or leaves no recording, counts as a difference.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import difflib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
FULL = ("--facts", "--level", "full", "--passes", "all")
PATIENCE = 300
MASKS = (
    (re.compile(rb"0x[0-9a-f]{6,}"), b"0xADDRESS"),
    (re.compile(rb"\[[EW]\d{3,4} [\d:.]+ "), b"[TIME "),
    (re.compile(rb"\b[EIW]\d{4} [\d:.]+ \d+ "), b"TIME "),
    (re.compile(rb"\b(USDT|INFO|STAGE|WARNING|ERROR):[\d-]+ [\d:]+ \d+:\d+ "), b"TIME "),
)
FAILED = re.compile(rb"switched itself off|the recorder failed|is not recorded|was not recorded")


@dataclass(frozen=True)
class Program:
    """A program, and how it wants to be run."""

    path: Path
    wishes: dict[str, str]

    @classmethod
    def read(cls, path: Path) -> Program:
        """Take the wishes from the comments of a program."""
        found = re.findall(
            r"^# (alone|soak|options|shell|imports|listed): (.*)$", path.read_text("utf-8"), re.MULTILINE
        )
        return cls(path, dict(found))

    @property
    def name(self) -> str:
        """The program's name without suffix."""
        return self.path.stem

    @property
    def is_alone(self) -> bool:
        """Whether it needs a process of its own."""
        return bool(self.wishes.keys() & {"alone", "options", "shell"})

    @property
    def is_slow(self) -> bool:
        """Whether it is left to the soak."""
        return "soak" in self.wishes


@dataclass(frozen=True)
class Seen:
    """What a run showed of itself."""

    status: int | str
    stdout: bytes
    stderr: bytes
    has_failed: bool = False
    """The recorder said that it did not record."""


def programs_of(folder: Path) -> list[Program]:
    """All programs of a folder, by name."""
    return [Program.read(path) for path in sorted(folder.glob("*.py")) if not path.name.startswith("_")]


def batches(programs: Iterable[Program], size: int) -> list[list[Program]]:
    """Those that may share a process, in groups; then each of the others for itself."""
    programs = list(programs)
    together = [one for one in programs if not one.is_alone]
    alone = [[one] for one in programs if one.is_alone]
    return [together[at : at + size] for at in range(0, len(together), size)] + alone


def differences(programs: Sequence[Program], depth: Sequence[str] = (), folder: Path | None = None) -> dict[str, str]:
    """In what the programs differ when they are recorded: a text for each that does. Empty if nobody can tell."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        scratch = Path(name)
        bare = _run(programs, scratch, None)
        traced = _run(programs, scratch, depth)
        found = {one.name: _difference(bare[one.name], traced[one.name], one) for one in programs}
        found = {one: text for one, text in found.items() if text}
        if found:
            again = _run([one for one in programs if one.name in found], scratch, None)
            # A program whose bare runs differ from each other cannot be compared.
            found = {one: text for one, text in found.items() if not _difference(bare[one], again[one])}
    return found


def _run(programs: Sequence[Program], scratch: Path, depth: Sequence[str] | None) -> dict[str, Seen]:
    """What each program showed; bare, or at a depth of recording."""
    shutil.rmtree(scratch / "run", ignore_errors=True)
    folder = scratch / "run"
    folder.mkdir()
    for path in (path for one in programs for path in (one.path, *one.path.parent.glob("_*.py"))):
        shutil.copy(path, folder)
    if len(programs) == 1:
        return {programs[0].name: _run_alone(programs[0], folder, depth)}
    return _run_together(programs, folder, depth)


def _run_alone(program: Program, folder: Path, depth: Sequence[str] | None) -> Seen:
    words = [program.path.name]
    options = program.wishes.get("options", "").split()
    recording = folder.parent / "run.gtrace"
    recording.unlink(missing_ok=True)
    seen = _observe(words if depth is None else _recorded(recording, [*options, *depth], words), folder, program)
    return seen if depth is None or recording.exists() else Seen(seen.status, seen.stdout, seen.stderr, has_failed=True)


def _run_together(programs: Sequence[Program], folder: Path, depth: Sequence[str] | None) -> dict[str, Seen]:
    out = folder.parent / "out"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    words = [str(HERE / "one_fork_each.py"), *([] if depth is None else ["--"])]
    words += [",".join(sorted({one.wishes.get("imports", "torch") for one in programs})), str(out)]
    words += [str(folder / one.path.name) for one in programs]
    whole = _observe(words if depth is None else _recorded(folder.parent / "run.gtrace", depth, words), folder)
    seen = {}
    for one in programs:
        status = out / f"{one.name}.status"
        if not status.exists():
            seen[one.name] = whole
            continue
        stdout, stderr = ((out / f"{one.name}.{stream}").read_bytes() for stream in ("stdout", "stderr"))
        seen[one.name] = _masked(int(status.read_text("utf-8")), stdout, stderr)
    return seen


def _recorded(recording: Path, options: Sequence[str], words: Sequence[str]) -> list[str]:
    return ["-m", "gradtrace", "record", "-o", str(recording), *options, *words]


def _observe(words: Sequence[str], folder: Path, program: Program | None = None) -> Seen:
    command = [sys.executable, *words]
    if program is not None and "shell" in program.wishes:
        command = ["bash", "-c", '"$@" ' + program.wishes["shell"], "bash", *command]
    cache = folder.parent / "cache"
    shutil.rmtree(cache, ignore_errors=True)
    environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", OMP_NUM_THREADS="1", TORCHINDUCTOR_CACHE_DIR=str(cache))
    running = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env=environment,
        start_new_session=True,  # what hangs is ended with its children
    )
    try:
        stdout, stderr = running.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, signal.SIGKILL)
        stdout, stderr = running.communicate()
        return Seen("never ended", stdout, stderr)
    return _masked(running.returncode, stdout, stderr)


def _masked(status: int, stdout: bytes, stderr: bytes) -> Seen:
    for pattern, mask in MASKS:
        stdout, stderr = pattern.sub(mask, stdout), pattern.sub(mask, stderr)
    theirs = b"\n".join(line for line in stderr.split(b"\n") if not line.startswith(b"gradtrace:"))
    return Seen(status, stdout, theirs, has_failed=bool(FAILED.search(stderr)))


def _difference(bare: Seen, traced: Seen, program: Program | None = None) -> str:
    rows = [] if bare.status == traced.status else [f"    status: {bare.status} -> {traced.status}"]
    is_listed = program is not None and "listed" in program.wishes
    for what in () if is_listed else ("stdout", "stderr"):
        before, after = getattr(bare, what), getattr(traced, what)
        if before != after:
            rows += [f"    {what}:", *_changed_lines(before, after)]
    if traced.has_failed:
        rows.append("    the recorder failed")
    return "\n".join(rows)


def _changed_lines(before: bytes, after: bytes, limit: int = 14) -> Iterator[str]:
    texts = (text.decode("utf-8", "backslashreplace").split("\n") for text in (before, after))
    changed = difflib.unified_diff(*texts, "bare", "traced", lineterm="", n=0)
    return (f"      {line:.200}" for _, line in zip(range(limit), changed, strict=False))


def main() -> int:
    """Compare the programs of a folder and print what differs; the status is 1 if anything does."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--batch", type=int, default=1)
    given = parser.parse_args()
    programs = [one for one in programs_of(given.folder) if not given.names or one.name in given.names]
    depth = FULL if given.full else ()
    differing = 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for found in pool.map(lambda batch: differences(batch, depth), batches(programs, given.batch)):
            differing += len(found)
            for name, text in found.items():
                sys.stdout.write(f"{name} differs\n{text}\n")
                sys.stdout.flush()
    sys.stdout.write(f"{len(programs)} programs, {differing} differences\n")
    return int(differing > 0)


if __name__ == "__main__":
    sys.exit(main())
