"""Mutates recordings of real programs, and reads, checks and shows each: it goes well, or is refused in words.

python tests/soak/fuzz.py [N]
"""

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from gradtrace.diagnosis.examine import examine
from gradtrace.diagnosis.selection import Selection
from gradtrace.errors import GradtraceError
from gradtrace.recording import load
from gradtrace.renderers.document import trace as trace_document

PROGRAMS = Path(__file__).parent.parent / "programs"
SEEDS = ("graphs_kept.py", "gradient_penalty.py", "edge_cases.py", "errors_and_warnings.py")
TOKENS = (
    b"null",
    b"-1",
    b"1e999",
    b"99999999999999999999",
    b'"nan"',
    b"[]",
    b"{}",
    b'"\\ud800"',
    b"\n",
    b"\0",
    b"true",
)


def mutated(content: bytes, chance: random.Random) -> bytes:
    """Some bytes, tokens or lines of it overwritten, removed, doubled or exchanged."""
    for _ in range(chance.randint(1, 4)):
        how = chance.randrange(5)
        at = chance.randrange(len(content) + 1)
        lines = content.splitlines(keepends=True)
        line = chance.randrange(len(lines)) if lines else 0
        if how == 0:
            content = content[:at] + bytes([chance.randrange(256)]) + content[at + 1 :]
        elif how == 1:
            content = content[:at] + chance.choice(TOKENS) + content[at + chance.randrange(9) :]
        elif how == 2 and lines:
            content = b"".join(lines[:line] + lines[line + 1 :])
        elif how == 3 and lines:
            content = b"".join([*lines[: line + 1], *lines[line:]])
        else:
            content = content[:at]
    return content


def main() -> int:
    """Print how many were read, refused, and wrong."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    chance = random.Random(0)
    counts = {"read": 0, "refused": 0, "wrong": 0}
    slowest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        contents = []
        for name in SEEDS:
            target = Path(folder) / f"{name}.gtrace"
            command = [sys.executable, "-m", "gradtrace", "record", "-q", "--facts", "-o", target, PROGRAMS / name]
            subprocess.run(command, capture_output=True, check=False)
            contents.append(target.read_bytes())
        path = Path(folder) / "mutated.gtrace"
        for number in range(n):
            content = mutated(contents[number % len(contents)], chance)
            path.write_bytes(content)
            begin = time.perf_counter()
            try:
                trace = load(path)
                trace_document.render(trace, trace_document.Options())
                examine(trace, Selection())
                counts["read"] += 1
            except GradtraceError:
                counts["refused"] += 1
            except Exception as error:  # noqa: BLE001  what is looked for
                counts["wrong"] += 1
                sys.stdout.write(f"mutation {number}: {type(error).__name__}: {error}\n"[:300])
            slowest = max(slowest, time.perf_counter() - begin)
    sys.stdout.write(f"{n} mutations: {counts}, the slowest took {slowest:.1f} s\n")
    return int(counts["wrong"] > 0)


if __name__ == "__main__":
    sys.exit(main())
