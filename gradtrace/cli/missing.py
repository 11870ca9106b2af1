"""A module that a program could not import: whether another interpreter has it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from gradtrace.launch import TargetKind, interpreter

if TYPE_CHECKING:
    from gradtrace.cli.request import Request
    from gradtrace.launch import Session
    from gradtrace.model import Trace

_LARGEST = 10_000_000
"""Bytes of a program that is looked into."""

_MISSING = re.compile(r"No module named '([^'.]+)")


def missing_before_torch(request: Request, python: str, session: Session) -> str | None:
    """The module for want of which a failed program never came to import torch; None where it is not known.

    Args:
        request: what was run.
        python: with which interpreter.
        session: what its processes left.
    """
    if session.torch_started:
        return None
    if session.missed_torch is not None:
        return "torch"
    refused = _MISSING.search(session.refusal or "")
    if refused is not None:
        return refused[1]
    names = _imported(request.target.path) if request.target.kind is TargetKind.SCRIPT else ()
    return next(iter(interpreter.lacks(python, names)), None) if names else None


def missing_in(trace: Trace) -> str | None:
    """The module that the exception which ended a program names; None for another exception."""
    error = trace.run.error
    if error is None or not error.type.endswith("ModuleNotFoundError"):
        return None
    named = _MISSING.search(error.message)
    return None if named is None else named[1]


def hint(request: Request, python: str, module: str) -> str | None:
    """Where a missing module is, or that the interpreter was ours; None where `--python` is no help.

    Args:
        request: what was run.
        python: with which interpreter.
        module: the name of the outermost package.
    """
    if request.target.kind is TargetKind.COMMAND:
        return None
    other = interpreter.elsewhere(module, python, request.sources)
    if other is not None:
        return f"{python} has no module {module}, and {other} has it: add --python {shlex.quote(other)}"
    is_told = module == "torch" and request.target.kind is not TargetKind.EXPRESSION  # with what was not recorded
    if interpreter.is_ours(python) and not is_told:
        return f"{python} has no module {module}; it is the one gradtrace is installed for: --python PATH runs another"
    return None


def _imported(script: Path) -> tuple[str, ...]:
    """The packages that a script must have to begin: imported by its outermost statements, and not its neighbours."""
    import ast
    import sys

    from gradtrace.files import read_regular

    try:
        body = ast.parse(read_regular(script, _LARGEST)).body
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
        return ()
    names = [alias.name for statement in body if isinstance(statement, ast.Import) for alias in statement.names]
    names += [one.module or "" for one in body if isinstance(one, ast.ImportFrom) and not one.level]
    outermost = dict.fromkeys(name.partition(".")[0] for name in names)
    near = script.parent
    return tuple(
        name
        for name in outermost
        if name not in sys.stdlib_module_names and not (near / name).exists() and not (near / f"{name}.py").exists()
    )
