"""Measures what gradtrace costs, side by side with other tools, and writes `docs/performance.md`.

    python tests/benchmarks/run.py                              all of it, printed
    python tests/benchmarks/run.py --write docs/performance.md  the page
    python tests/benchmarks/run.py --only steps --work chain    a part of it

The machine may be noisy and shared. So every measurement is a process of its own in which the plain program and the
variant take turns, the time is the processor's (one thread), and what is reported is a ratio: of medians, and the
median over pairs of neighbours.
"""

import argparse
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path

from chains import chains
from command_line import command_line
from page_speed import page_speed
from render_cost import render_cost
from rules_cost import rules_cost
from start_up import start_up
from steps import steps

_INTRODUCTION = """# Performance

What recording costs, measured by `python tests/benchmarks/run.py --write docs/performance.md` (extra `bench`), which
wrote this page. Times are processor time with one torch thread, so that neighbours on the machine matter little; each
ratio is taken within one process, between steps that follow each other. Accelerators are measured by
`tests/device/run.sh`: on an H100 (torch 2.11) a step of a small model took 0.97 times as long in the ledger, 5.1 to 6.0
times when recorded in full, and its peak of memory was the same.
"""


def _machine() -> str:
    import torch

    n_cores = len(os.sched_getaffinity(0))
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    return f"Measured on {n_cores} cores ({platform.machine()}), {versions}."


def main() -> None:
    """Run the asked-for parts and print or write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", type=Path, metavar="FILE")
    parser.add_argument(
        "--only", action="append", choices=["steps", "chains", "start-up", "command-line", "rules", "drawing", "page"]
    )
    parser.add_argument("--work", action="append", choices=["chain", "mlp", "resnet", "gpt2"])
    parser.add_argument("--longest", type=int, default=1_000_000, metavar="N", help="longest chain")
    given = parser.parse_args()
    parts: dict[str, Callable[[], str]] = {
        "steps": lambda: steps(given.work or ["gpt2", "resnet", "chain", "mlp"]),
        "chains": lambda: chains(given.longest),
        "start-up": start_up,
        "command-line": command_line,
        "rules": rules_cost,
        "drawing": render_cost,
        "page": page_speed,
    }
    wanted = [part for name, part in parts.items() if not given.only or name in given.only]
    page = "\n".join([_INTRODUCTION, _machine(), "", *(part() for part in wanted)])
    if given.write:
        given.write.write_text(page, encoding="utf-8")
    sys.stdout.write(page)


if __name__ == "__main__":
    main()
