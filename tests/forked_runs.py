"""Runs many programs, each recorded for a diagnosis, in forks of one process that has imported torch once.

A program costs a fraction of a second this way, where `gradtrace check` has to import torch anew. What is observed is
the same; only the launcher is left out. `record` is for tests; as a script this is the process that forks.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import types
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradtrace.model import Trace

PATIENCE = 60
"""Seconds for one program."""


def record(programs: Sequence[Path], recordings: Sequence[Path] | None = None, n_at_once: int = 2) -> Iterator[Trace]:
    """The trace of each program, in order; `recordings` are files to be kept, one for each."""
    from gradtrace.diagnosis.diagnose import needs_of
    from gradtrace.diagnosis.registry import RULES
    from gradtrace.recording import load, merge

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, program in enumerate(programs):
            session = folder / str(number)
            session.mkdir()
            config = {
                "target": str(program),
                "argv": [str(program)],
                "passes": [[1, 20]],
                "facts": True,
                "needs": [one.plain() for one in needs_of(RULES)],
            }
            (session / "config.json").write_text(json.dumps(config), "utf-8")
        command = [sys.executable, __file__, str(folder), str(n_at_once), *map(str, programs)]
        alone = {**os.environ, "OMP_NUM_THREADS": "1"}  # threads that wait for each other cost more than they save
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, env=alone)
        for number in range(len(programs)):
            session = folder / str(number)
            status = int((session / "status").read_text("utf-8"))
            recording = session / "run.gtrace" if recordings is None else recordings[number]
            recording.parent.mkdir(parents=True, exist_ok=True)
            merge(session, status=status, target=recording)
            yield load(recording)


def _serve(folder: Path, n_at_once: int, programs: Sequence[str]) -> None:
    import torch

    torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)  # the first optimizer imports for a second
    import gradtrace.recorder  # noqa: F401

    running: dict[int, Path] = {}
    for number, program in enumerate(programs):
        if len(running) >= n_at_once:
            _note_one_end(running)
        session = folder / str(number)
        pid = os.fork()
        if pid == 0:
            _be(program, session)
        running[pid] = session
    while running:
        _note_one_end(running)


def _note_one_end(running: dict[int, Path]) -> None:
    pid, how = os.wait()
    (running.pop(pid) / "status").write_text(str(os.waitstatus_to_exitcode(how)), "utf-8")


def _be(program: str, session: Path) -> None:
    """Becomes the program, and never comes back."""
    status = 1
    try:
        signal.alarm(PATIENCE)
        _leave_the_terminal(session)
        status = _run(program, session)
    finally:
        os._exit(status)


def _leave_the_terminal(session: Path) -> None:
    log = os.open(session / "log", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    scratch = session / "cwd"
    scratch.mkdir()
    os.chdir(scratch)


def _run(program: str, session: Path) -> int:
    from gradtrace import recorder
    from gradtrace.recorder.config import Config

    main = types.ModuleType("__main__")
    main.__file__ = program
    sys.modules["__main__"] = main
    sys.argv = [program]
    sys.path[0] = str(Path(program).parent)
    code = compile(Path(program).read_text("utf-8"), program, "exec")
    running = recorder.start(Config.of(session))
    status = 0
    try:
        exec(code, vars(main))
    except SystemExit as ending:
        status = ending.code if isinstance(ending.code, int) else int(ending.code is not None)
    except BaseException as error:  # noqa: BLE001  whatever ends a program
        outermost = error.__traceback__
        sys.last_value = error.with_traceback(outermost.tb_next if outermost else None)
        sys.excepthook(type(error), error, error.__traceback__)
        status = 1
    running._at_exit()
    sys.stdout.flush()
    return status


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
