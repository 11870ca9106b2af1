"""How long a person waits before anything is shown."""

import shutil
import sys
from statistics import median

from children import Used, use
from table import table

_ROUNDS = 9
_EXPRESSION = """
import torch
w = torch.tensor(0.5, requires_grad=True)
y = torch.tensor(2.0, requires_grad=True)
(w * w * y).backward()
print(w.grad, y.grad)
"""
_TEXT = """## Start-up

Medians over rounds in which the commands take turns, all modules compiled; wall-clock ratios depend on what else the
machine does, those of processor time hardly.
"""


def start_up() -> str:
    """The section."""
    gradtrace = shutil.which("gradtrace", path=str(sys.executable).rpartition("/")[0]) or "gradtrace"
    commands = {
        "`python -c pass`": [sys.executable, "-c", "pass"],
        "`gradtrace --help`": [gradtrace, "--help"],
        "`python -c 'import torch'`": [sys.executable, "-c", "import torch"],
        "python: import torch, run the expression": [sys.executable, "-c", _EXPRESSION],
        "`gradtrace explain 'w*w*y' w=0.5 y=2`": [gradtrace, "explain", "w*w*y", "w=0.5", "y=2"],
    }
    seen: dict[str, list[Used]] = {name: [] for name in commands}
    for number in range(_ROUNDS + 1):
        for name, command in commands.items():
            used = use(command)
            if number:  # the first compiles modules
                seen[name].append(used)
    rows = [
        [name, f"{median(one.cpu for one in all_):.2f} s", f"{median(one.wall for one in all_):.2f} s"]
        for name, all_ in seen.items()
    ]
    base, told = list(seen.values())[-2:]
    cpu = median(b.cpu / a.cpu for a, b in zip(base, told, strict=True))
    wall = median(b.wall / a.wall for a, b in zip(base, told, strict=True))
    helped = median(one.cpu for one in seen["`gradtrace --help`"])
    quick, near = ("met" if one else "missed" for one in (helped <= 0.15, max(wall, cpu) <= 1.3))
    against = f"x{wall:.2f} of wall clock, x{cpu:.2f} of processor time"
    lines = [
        f"- `--help`: {helped:.2f} s of processor, aim 0.15 s: **{quick}**",
        f"- `explain` against importing torch and running the expression: {against}; aim 1.3 for both: **{near}**",
    ]
    return "\n".join([_TEXT, table(["", "processor", "wall clock"], rows), *lines, ""])
