"""The commands on a program with one chain of 100,000 nodes."""

import sys
import tempfile
from pathlib import Path

from children import use
from table import table

_PROGRAM = """
import torch
x = torch.ones(1, requires_grad=True)
y = x
for i in range(100_000):
    y = y * 1.00001
y.sum().backward()
"""
_TEXT = """## A chain of 100,000 nodes on the command line

Processor time and highest memory of each command, once; all but the first two read the recording.
"""


def command_line() -> str:
    """The section."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        program, recording = Path(folder) / "chain.py", Path(folder) / "chain.gtrace"
        program.write_text(_PROGRAM, encoding="utf-8")
        commands = {
            "`python chain.py`": [str(program)],
            "`gradtrace record -o chain.gtrace chain.py`": ["record", "-q", "-o", str(recording), str(program)],
            "`gradtrace explain chain.gtrace`": ["explain", str(recording)],
            "`gradtrace render -f tree chain.gtrace`": ["render", "-f", "tree", str(recording)],
            "`gradtrace render -o chain.svg chain.gtrace`": ["render", str(recording), "-o", f"{folder}/chain.svg"],
            "`gradtrace render -o chain.html chain.gtrace`": ["render", str(recording), "-o", f"{folder}/chain.html"],
            "`gradtrace render -o chain.json chain.gtrace`": ["render", str(recording), "-o", f"{folder}/chain.json"],
        }
        for name, words in commands.items():
            how = [] if words == [str(program)] else ["-m", "gradtrace"]
            used = use([sys.executable, *how, *words])
            status = "" if used.status == 0 else f" (status {used.status})"
            rows.append([name + status, f"{used.cpu:.1f} s", f"{used.wall:.1f} s", f"{used.peak_mib:,.0f} MiB"])
    return "\n".join([_TEXT, table(["", "processor", "wall clock", "memory"], rows)])
