"""Trains for 2,000 steps and for 200,000 tiny passes below gradtrace: memory, and the recording, stop growing.

The program prints its own memory at a tenth, half, and the end of the way; what it grows by in the second half must be
next to nothing, and the recording must stay small.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

N_STEPS, N_TINY = int(os.environ.get("STEPS", "2000")), int(os.environ.get("TINY", "200000"))
GROWTH = 4 << 20
"""Bytes by which a process may grow in its second half."""
SIZE = 8 << 20
"""Bytes of a recording, at the default depth."""

STEPS = """
import torch
net = torch.nn.Sequential(*[torch.nn.Linear(32, 32) for _ in range(10)])
optimizer = torch.optim.Adam(net.parameters())
def step():
    optimizer.zero_grad()
    net(torch.randn(8, 32)).pow(2).mean().backward()
    optimizer.step()
"""
TINY = """
import torch
w = torch.ones(3, requires_grad=True)
def step():
    w.grad = None
    (w * 2).sum().backward()
"""
LOOP = """
def memory():
    import gc
    gc.collect()
    return int(open("/proc/self/statm").read().split()[1]) * 4096
for number in range(1, {n} + 1):
    step()
    if number in ({n} // 10, {n} // 2, {n}):
        print(memory(), flush=True)
"""


def observe(name: str, program: str, n: int, options: list[str]) -> bool:
    """Run one program at one depth, print its figures, and say whether they are in bounds."""
    with tempfile.TemporaryDirectory() as folder:
        script, recording = Path(folder) / "program.py", Path(folder) / "run.gtrace"
        script.write_text(program + LOOP.format(n=n))
        command = [sys.executable, "-m", "gradtrace", "record", *options, "-o", str(recording), str(script)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        size = recording.stat().st_size if recording.exists() else -1
    try:
        early, middle, late = map(int, done.stdout.split())
    except ValueError:
        early = middle = late = 0
    failed = done.returncode != 0 or "failed" in done.stderr or late == 0 or size < 0
    figures = f"{early >> 10} K, {middle >> 10} K, {late >> 10} K of memory; recording {size >> 10} K"
    sys.stdout.write(f"{n} {name} {' '.join(options) or '(default)'}: {figures}{'; failed' if failed else ''}\n")
    return not failed and late - middle <= GROWTH and size <= SIZE


def main() -> int:
    """All programs and depths."""
    rows = [
        observe(name, program, n, options)
        for name, program, n in (("steps", STEPS, N_STEPS), ("tiny passes", TINY, N_TINY))
        for options in ([], ["--facts", "--level", "full"], ["--passes", "last"])
    ]
    return int(not all(rows))


if __name__ == "__main__":
    sys.exit(main())
