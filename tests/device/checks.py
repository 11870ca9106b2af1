"""Checks gradtrace on the device named by DEVICE (cuda, cuda:1, cpu): prints a line for each, and figures.

The status is 1 if anything is wrong. What only a CUDA device has is left out on others, and said to be.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from gradtrace.model import Trace
from gradtrace.recording import load

DEVICE = os.environ.get("DEVICE", "cuda")
KIND = DEVICE.partition(":")[0]
PROGRAMS = Path(__file__).parent / "programs.py"
EVERYTHING = ("--passes", "all", "--level", "full", "--facts")
PATIENCE = 100
MOST_MEMORY = 1.01
TOLERANCE = 1e-3

Row = tuple[bool | None, str]
"""Whether it is right, None where it does not apply; and a sentence."""


def run(words: list[str], device: str = DEVICE) -> subprocess.CompletedProcess[str]:
    """A command with DEVICE set."""
    environment = os.environ | {"DEVICE": device, "OMP_NUM_THREADS": "1"}
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=PATIENCE, env=environment)


def bare(name: str) -> subprocess.CompletedProcess[str]:
    """One of the programs, by Python alone."""
    return run([sys.executable, str(PROGRAMS), name])


def traced(name: str, *options: str, device: str = DEVICE) -> tuple[subprocess.CompletedProcess[str], Trace | None]:
    """One of the programs, recorded."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "run.gtrace"
        words = [sys.executable, "-m", "gradtrace", "record", "-o", str(target), *options, str(PROGRAMS), "--", name]
        done = run(words, device)
        return done, load(target) if target.exists() else None


def same(name: str) -> Iterator[Row]:
    """The program prints what it prints alone, at the default depth and at full, and the recorder does not give up."""
    alone = bare(name)
    for options in ((), EVERYTHING):
        done, trace = traced(name, *options)
        gave_up = [line for line in done.stderr.splitlines() if "failed" in line or "not recorded" in line]
        right = (done.returncode, done.stdout) == (alone.returncode, alone.stdout) and alone.returncode == 0
        depth = "full" if options else "default"
        n = sum(one.count for one in trace.passes) if trace else 0
        note = "" if right and not gave_up else f"; {alone.stderr[-200:]!r} -> {done.stderr[-300:]!r}"
        yield (
            right and not gave_up and n > 0,
            f"{depth}: {alone.stdout.split()} -> {done.stdout.split()}, {n} passes{note}",
        )


def placed() -> Iterator[Row]:
    """`--device` places what the program makes by default."""
    done, trace = traced("placed", "--device", DEVICE)
    devices = {leaf.device.partition(":")[0] for leaf in trace.leaves} if trace else set()
    yield (
        {word.partition(":")[0] for word in done.stdout.split()} == {KIND} == devices,
        f"{done.stdout.split()} {devices}",
    )


def norms(trace: Trace | None) -> list[float]:
    """The norm of each contribution to each leaf, in order."""
    rows = [row for one in trace.passes for row in one.accumulations] if trace else []
    return [row.contribution.norm for row in rows if row.contribution and row.contribution.norm is not None]


def as_on_the_cpu() -> Iterator[Row]:
    """Norms are those of the CPU, within what arithmetic allows."""
    here, there = norms(traced("plain", *EVERYTHING)[1]), norms(traced("plain", *EVERYTHING, device="cpu")[1])
    pairs = list(zip(here, there, strict=False))
    worst = max((abs(a - b) / max(abs(b), 1e-6) for a, b in pairs), default=math.inf)
    yield len(here) == len(there) > 0 and worst < TOLERANCE, f"{len(pairs)} norms, the worst differs by {worst:.1e}"


def lines() -> Iterator[Row]:
    """Nodes made by a double backward have their source lines."""
    _, trace = traced("double", *EVERYTHING)
    nodes = [
        node for one in (trace.passes if trace else ()) if one.graph for node in one.graph.nodes if node.leaf is None
    ]
    lost = [node.type for node in nodes if node.location is None]
    yield bool(nodes) and not lost, f"{len(nodes)} nodes, {len(lost)} without a line {sorted(set(lost))[:5]}"


def ratio(name: str, unit: str, limit: float | None, *options: str) -> Iterator[Row]:
    """A figure of the program alone and recorded."""
    alone, below = float(bare(name).stdout or "nan"), float(traced(name, *options)[0].stdout or "nan")
    quotient = below / alone if alone else 1.0
    yield (
        not math.isnan(quotient) and (limit is None or quotient <= limit),
        f"{alone:.4g} -> {below:.4g} {unit}: {quotient:.3f}",
    )


def ranks() -> Iterator[Row]:
    """Two ranks, with nccl where there are two devices."""
    start = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        str(PROGRAMS),
        "ranks",
    ]
    with tempfile.TemporaryDirectory() as folder:
        alone = run(start)
        target = Path(folder) / "run.gtrace"
        done = run([sys.executable, "-m", "gradtrace", "record", "-o", str(target), "--", *start])
        n = sum(one.count for one in load(target).passes) if target.exists() else 0
    right = (done.returncode, sorted(done.stdout.split())) == (0, sorted(alone.stdout.split()))
    yield right and n >= 6, f"{sorted(done.stdout.split())}, {n} passes{'' if right else done.stderr[-300:]}"


CHECKS: dict[str, tuple[Callable[[], Iterator[Row]], str]] = {
    "placement by --device": (placed, ""),
    "values and norms as on the CPU": (as_on_the_cpu, ""),
    "same bits": (lambda: same("plain"), ""),
    "no synchronisation inside a pass": (lambda: same("unsynchronised"), ""),
    "double backward": (lambda: same("double"), ""),
    "lines of a double backward": (lines, ""),
    "mixed precision with a scaler": (lambda: same("mixed"), ""),
    "streams": (lambda: same("streams"), "cuda"),
    "fused optimizers": (lambda: same("fused"), ""),
    "CUDA graphs": (lambda: same("graphs"), "cuda"),
    "peak of memory, default": (lambda: ratio("memory", "bytes", MOST_MEMORY), "cuda"),
    "peak of memory, full": (lambda: ratio("memory", "bytes", MOST_MEMORY, *EVERYTHING), "cuda"),
    "time of a step in the ledger": (lambda: ratio("cost", "ms", None), ""),
    "time of a step, all passes": (lambda: ratio("cost", "ms", None, "--passes", "all"), ""),
    "two ranks": (ranks, "two"),
}


def n_devices() -> int:
    """How many accelerators there are."""
    count = run([sys.executable, "-c", "import torch; print(torch.cuda.device_count())"]).stdout
    return int(count or 0)


def main() -> int:
    """Run all checks that apply, or those named."""
    n_wrong, available, wanted = 0, n_devices(), sys.argv[1:]
    if KIND == "cuda" and available == 0:
        sys.stdout.write("there is no CUDA device; DEVICE=cpu runs what a CPU can show\n")
        return 1
    for name, (check, needs) in CHECKS.items():
        if wanted and not any(word in name for word in wanted):
            continue
        if (needs == "cuda" and KIND != "cuda") or (needs == "two" and KIND == "cuda" and available < 2):
            sys.stdout.write(f"-      {name}: not on this machine\n")
            continue
        begin = time.perf_counter()
        try:
            rows = list(check())
        except Exception as error:  # noqa: BLE001  one check may fail, the others go on
            rows = [(False, f"{type(error).__name__}: {error}"[:400])]
        for right, text in rows:
            n_wrong += not right
            sys.stdout.write(
                f"{'right' if right else 'WRONG':6} {name}: {text} ({time.perf_counter() - begin:.0f} s)\n"
            )
            sys.stdout.flush()
    sys.stdout.write(f"{DEVICE}: {n_wrong} wrong\n")
    return int(n_wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
