"""Runs programs one after another, each in a fork of this process, which has imported torch, and other modules, once.

    python one_fork_each.py MODULE,... FOLDER PROGRAM...

What a program says goes to FOLDER/NAME.stdout and FOLDER/NAME.stderr, and how it ended to FOLDER/NAME.status. A program
costs a fraction of a second this way, alone or below `gradtrace record`: a fork is recorded as any worker is.
"""

import atexit
import importlib
import os
import signal
import sys
import threading
import types
from pathlib import Path
from typing import NoReturn

PATIENCE = 120
"""Seconds for one program."""


def main() -> None:
    """Fork once for each program, and wait for it."""
    modules, folder = sys.argv[1].split(","), Path(sys.argv[2]).resolve()
    programs = [Path(word).resolve() for word in sys.argv[3:]]
    import torch

    torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)  # the first optimizer imports for a second
    for module in modules:
        importlib.import_module(module)
    for program in programs:
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            _become(program, folder)
        _, how = os.waitpid(child, 0)
        (folder / f"{program.stem}.status").write_text(str(os.waitstatus_to_exitcode(how)), "utf-8")


def _become(program: Path, folder: Path) -> NoReturn:
    """Be the program, as Python itself would run it, and never come back."""
    status = 1
    try:
        signal.alarm(PATIENCE)
        for number, stream in ((1, "stdout"), (2, "stderr")):
            file = os.open(folder / f"{program.stem}.{stream}", os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
            os.dup2(file, number)
            os.close(file)
        scratch = folder / program.stem
        scratch.mkdir()
        os.chdir(scratch)
        status = _run(program)
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status)


def _run(program: Path) -> int:
    main_module = types.ModuleType("__main__")
    main_module.__file__ = str(program)
    sys.modules["__main__"] = main_module
    sys.argv = [str(program)]
    sys.path[0] = str(program.parent)
    try:
        exec(compile(program.read_text("utf-8"), str(program), "exec"), vars(main_module))
    except SystemExit as ending:
        if isinstance(ending.code, str):
            sys.stderr.write(ending.code + "\n")
        return ending.code if isinstance(ending.code, int) else int(ending.code is not None)
    except BaseException as error:  # noqa: BLE001  whatever ends a program
        sys.excepthook(type(error), error, error.__traceback__)
        return 1
    return 0


if __name__ == "__main__":
    main()
