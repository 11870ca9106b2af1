"""Which Python runs the program: the one that was named, that of the active environment, or this one."""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_OLDEST = (3, 11)
"""The version of Python that the recorder needs."""
_PATIENCE = 20.0
"""Seconds in which an interpreter must answer."""

_ASK = (
    "import importlib.util as u, os, sys; sys.path[:] = [one for one in sys.path if one]\n"
    "def has(name):\n"
    "    try: return u.find_spec(name) is not None\n"
    "    except (ImportError, ValueError): return False\n"
    "print(*sys.version_info[:2], *(name for name in sys.argv[1:] if has(name)))"
)


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python that can be started.

    Attributes:
        path: of its program.
        note: why it is this one, where that needs saying; None where it is what anybody expects.
    """

    path: str
    note: str | None = None


def choose(named: str | None) -> Interpreter:
    """The Python that runs a program.

    Args:
        named: the one that was asked for: a path, a command, or the directory of an environment; None for a choice.
    """
    if named:
        return Interpreter(_in_environment(named) if os.path.isdir(named) else named)  # noqa: PTH112  a word is no path
    for variable, folder in _active():
        if os.path.realpath(folder) in (os.path.realpath(sys.prefix), os.path.realpath(sys.exec_prefix)):
            break
        path = _in_environment(folder)
        if not os.access(path, os.X_OK) or (_is_base(variable) and _has_torch()):
            continue
        version, found = ask(path, ("torch",))
        if version < _OLDEST or not found:
            continue
        return Interpreter(path, f"running with {path}, because its environment is active ({variable})")
    return Interpreter(sys.executable)


def elsewhere(module: str, used: str, near: Sequence[Path]) -> str | None:
    """Another Python of this user's that has a module and torch: of an active environment, one in a folder, or on PATH.

    Args:
        module: the name of the module that is missing.
        used: the Python that lacks it.
        near: folders in which an environment may lie.
    """
    places = [folder for _, folder in _active()]
    places += [str(folder / name) for folder in near for name in (".venv", "venv", "env")]
    paths = [_in_environment(place) for place in places]
    paths += [found for found in map(shutil.which, ("python3", "python")) if found is not None]
    for path in dict.fromkeys(paths):
        if os.access(path, os.X_OK) and not _is_same(path, used):
            version, found = ask(path, (module, "torch"))
            if version >= _OLDEST and found >= {module, "torch"}:
                return path
    return None


def is_ours(python: str) -> bool:
    """Whether it is the Python that runs gradtrace, and no environment is active that would make it the user's own."""
    return _is_same(python, sys.executable) and not any(
        os.path.realpath(folder) == os.path.realpath(sys.prefix) for _, folder in _active()
    )


def lacks(python: str, modules: Sequence[str]) -> tuple[str, ...]:
    """Those of some modules that a Python has not; none where it does not answer.

    Args:
        python: the interpreter.
        modules: names of the outermost packages.
    """
    version, found = ask(python, modules)
    return tuple(name for name in modules if name not in found) if version > (0, 0) else ()


def ask(python: str, modules: Sequence[str]) -> tuple[tuple[int, int], frozenset[str]]:
    """The version of a Python, (0, 0) if it does not answer, and which of some modules it can find without an import.

    Args:
        python: the interpreter.
        modules: names of the outermost packages.
    """
    with suppress(OSError, subprocess.SubprocessError, ValueError):
        answer = subprocess.run(  # noqa: S603  an interpreter of the user's
            [python, "-c", _ASK, *modules],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=True,
        )
        major, minor, *found = answer.stdout.split()
        return (int(major), int(minor)), frozenset(found)
    return (0, 0), frozenset()


def _active() -> Iterator[tuple[str, str]]:
    """The environments that are active, by the variables that say so."""
    for variable in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        folder = os.environ.get(variable)
        if folder:
            yield variable, folder


def _is_base(variable: str) -> bool:
    """Whether it is conda's own environment, which nobody activates: it may be active all the time."""
    return variable == "CONDA_PREFIX" and os.environ.get("CONDA_DEFAULT_ENV", "base") == "base"


def _in_environment(folder: str) -> str:
    return str(Path(folder).absolute() / "bin" / "python")


def _has_torch() -> bool:
    return importlib.util.find_spec("torch") is not None


def _is_same(path: str, used: str) -> bool:
    """Whether it is the same program in the same environment: the pythons of two environments may be one file."""
    return os.path.abspath(path) == os.path.abspath(used)  # noqa: PTH100  links are left as they are
