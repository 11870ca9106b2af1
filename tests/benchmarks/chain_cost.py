"""What recording a chain of N nodes costs, by phase, and how much memory at most; prints JSON."""

import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from gradtrace import recorder
from gradtrace.recorder import full_pass
from gradtrace.recorder.config import Config
from gradtrace.recorder.describer import Describer

_MIB = 1024  # ru_maxrss counts kibibytes
_spent: dict[str, float] = {}


def _clocked(owner: Any, name: str, phase: str) -> None:
    original: Callable[..., Any] = getattr(owner, name)

    def clocked(*args: Any) -> Any:
        begin = time.process_time()
        try:
            return original(*args)
        finally:
            _spent[phase] = _spent.get(phase, 0.0) + time.process_time() - begin

    setattr(owner, name, clocked)


def main() -> None:
    """Build and differentiate one chain, recorded or not."""
    torch.set_num_threads(1)
    length, is_recorded = int(sys.argv[1]), sys.argv[2] == "recorded"
    _clocked(full_pass, "Walk", "walk")
    _clocked(Describer, "describe", "write")
    (torch.ones(3, requires_grad=True) * 2).sum().backward()
    size = 0
    with tempfile.TemporaryDirectory() as folder:
        if is_recorded:
            recorder.start(Config(Path(folder), passes=None))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        begin = time.process_time()
        y = torch.ones(3, requires_grad=True)
        for _ in range(length):
            y = y * 1.0000001
        y.sum().backward()
        total = time.process_time() - begin
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        recorder.stop()
        size = sum(file.stat().st_size for file in Path(folder).iterdir())
    sys.stdout.write(json.dumps({"total": total, "peak_mib": peak / _MIB, "file_mib": size / _MIB / _MIB, **_spent}))


if __name__ == "__main__":
    main()
