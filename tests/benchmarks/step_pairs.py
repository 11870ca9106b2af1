"""One process's share: a plain step and a step in one variant, in turn; prints the times as JSON."""

import json
import sys
import tempfile
import time
from pathlib import Path

import torch
from variants import VARIANTS, Variant, plain
from workloads import WORKLOADS, Workload


def _timed(variant: Variant, work: Workload, session: Path) -> tuple[float, float]:
    with variant(work, session) as step:
        step()  # what is done once for a program is done now
        wall, cpu = time.perf_counter(), time.process_time()
        step()
        return time.process_time() - cpu, time.perf_counter() - wall


def main() -> None:
    """Measure one variant of one workload."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    work = WORKLOADS[sys.argv[1]]()
    variant = VARIANTS[sys.argv[2]]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        session = Path(folder)
        _timed(plain, work, session)
        _timed(variant, work, session)
        for number in range(work.pairs):
            order = (plain, variant) if number % 2 else (variant, plain)
            times = {one is variant: _timed(one, work, session) for one in order}
            rows.append([*times[False], *times[True]])
    sys.stdout.write(json.dumps({"title": work.title, "rows": rows}))


if __name__ == "__main__":
    main()
