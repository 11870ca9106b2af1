"""What several tests read and takes long to make, made once for all the processes of a test run."""

from __future__ import annotations

import fcntl
import hashlib
import os
import pickle
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import forked_runs
import pytest

from gradtrace.model import Trace
from gradtrace.recording import load

Made = TypeVar("Made")


def shared_folder(factory: pytest.TempPathFactory) -> Path:
    """A folder that all the workers of a test run see."""
    folder = factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


def once(name: str, make: Callable[[], Made], factory: pytest.TempPathFactory) -> Made:
    """What is made under this name, by whichever worker asks first; the others wait for it."""
    file = shared_folder(factory) / f"{name}.pickle"
    with file.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not file.exists():
            with ThreadPoolExecutor(1) as short_stack:  # torch formats the whole stack whenever it seeds its generators
                made = short_stack.submit(make).result()
            file.write_bytes(pickle.dumps(made))
            return made
    known: Made = pickle.loads(file.read_bytes())
    return known


def recordings(programs: Sequence[Path], factory: pytest.TempPathFactory) -> list[Path]:
    """The recording of each program; a program runs once, whichever test and whichever worker asks for it."""
    folder = shared_folder(factory) / "recordings"
    folder.mkdir(exist_ok=True)
    kept = [folder / f"{hashlib.sha256(bytes(one)).hexdigest()[:16]}.gtrace" for one in programs]
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        missing = {program: file for program, file in zip(programs, kept, strict=True) if not file.exists()}
        if missing:
            list(forked_runs.record(list(missing), list(missing.values())))
    return kept


def traces(programs: Sequence[Path], factory: pytest.TempPathFactory) -> list[Trace]:
    """What the recordings hold."""
    return [load(file) for file in recordings(programs, factory)]
