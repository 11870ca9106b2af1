"""What the command line asks to run."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from gradtrace.errors import TargetError, UsageError
from gradtrace.files import open_regular
from gradtrace.launch.expression import Expression, parse_expression
from gradtrace.launch.notebook import check_notebook
from gradtrace.suggest import close_names

_HINT = "put the program's own options after --"

_PROGRAMS = ("", ".py", ".pyw")
"""Suffixes of files that are run."""

_RECORDING = re.compile(rb'\s*\{(?=[^\n]*"gradtrace-recording")|\s*\{\s*"t"\s*:\s*"header"')
_SHEBANG = re.compile(rb"#!.*\bpython")
_BEGINNING = 1 << 16
"""Bytes of a file that are looked at."""


class TargetKind(StrEnum):
    """What a TARGET may be."""

    SCRIPT = "script"
    NOTEBOOK = "notebook"
    MODULE = "module"
    CODE = "code"
    DIRECTORY = "directory"
    RECORDING = "recording"
    EXPRESSION = "expression"
    COMMAND = "command"


_PATHS = frozenset({TargetKind.SCRIPT, TargetKind.NOTEBOOK, TargetKind.DIRECTORY, TargetKind.RECORDING})


@dataclass(frozen=True, slots=True)
class Target:
    """Something to run, or a recording of it.

    Attributes:
        text: as the user named it: a path, `-m module`, `-c code`, an expression, or a command line.
        words: what Python is given to run it (`train.py`; `-m`, `module`) or the whole command; none for an expression.
        argv: the program's own words; for an expression the definitions of its names.
        expression: the parsed expression, for one.
    """

    kind: TargetKind
    text: str
    words: tuple[str, ...] = ()
    argv: tuple[str, ...] = ()
    expression: Expression | None = None

    @property
    def path(self) -> Path:
        """The file of a script, a notebook or a recording, or a directory."""
        return Path(self.text)

    @property
    def is_path(self) -> bool:
        """Whether it is a file or a directory."""
        return self.kind in _PATHS

    @property
    def notebooks(self) -> list[str]:
        """The notebooks that the words of a command name, as absolute paths: a kernel runs the cells of one of them."""
        if self.kind is not TargetKind.COMMAND:
            return []
        return [os.path.abspath(word) for word in self.words if word.endswith(".ipynb")]  # noqa: PTH100 - a link stays

    @property
    def stem(self) -> str:
        """A name for files about it: `train` for `train.py`, `-m train` and `torchrun train.py`."""
        match self.kind:
            case TargetKind.SCRIPT | TargetKind.NOTEBOOK | TargetKind.RECORDING:
                stem = self.path.stem
            case TargetKind.DIRECTORY:
                stem = self.path.resolve().name
            case TargetKind.MODULE:
                stem = self.words[1].rpartition(".")[2]
            case TargetKind.COMMAND:
                scripts = [word for word in self.words if word.endswith((".py", ".ipynb"))]
                stem = Path((scripts or self.words)[0]).stem
            case _:
                stem = self.kind.value
        return re.sub(r"[^\w.+-]", "_", stem) or self.kind.value


def parse_target(
    words: Sequence[str],
    *,
    module: str | None = None,
    code: str | None = None,
    program_argv: Sequence[str] | None = None,
    grad_output: str | None = None,
) -> Target:
    """Says what is meant; looks at the file system, runs nothing.

    Args:
        words: TARGET and what follows it, without options.
        module: the value of `-m`.
        code: the value of `-c`.
        program_argv: the words after `--`; None when there was no `--`.
        grad_output: the expression that replaces the gradient 1 at the root of an expression.

    Raises:
        TargetError: if it cannot be found, read or run.
        UsageError: if the words contradict one another.
    """
    target = _parse(words, module, code, tuple(program_argv or ()), grad_output)
    if grad_output is not None and target.kind is not TargetKind.EXPRESSION:
        raise UsageError(f"--grad-output is for expressions; {target.text} is a {target.kind.value}")
    if program_argv and target.kind in (TargetKind.EXPRESSION, TargetKind.RECORDING):
        raise UsageError(f"words after -- go to a program, and {target.text} is {_article(target.kind)}")
    return target


def _parse(
    words: Sequence[str], module: str | None, code: str | None, argv: tuple[str, ...], grad_output: str | None
) -> Target:
    if module is not None or code is not None:
        if module is not None and code is not None:
            raise UsageError("-m and -c name two programs: give one")
        if words:
            raise UsageError(f"{words[0]!r} does not belong to {'-m' if code is None else '-c'}: {_HINT}")
        if module is not None:
            return Target(TargetKind.MODULE, f"-m {module}", ("-m", module), argv)
        return Target(TargetKind.CODE, f"-c {code}", ("-c", code or ""), argv)
    if not words:
        if argv:
            return Target(TargetKind.COMMAND, " ".join(argv), argv, argv[1:])
        raise UsageError(
            "nothing to run: give a script, a notebook, -m MODULE, -c CODE, an expression, a recording, or a command"
            " after --"
        )
    first, rest = words[0], words[1:]
    path = _existing_path(first)
    if path is None and Path(first).suffix not in (".py", ".ipynb", ".gtrace") and not _is_link(first):
        return Target(TargetKind.EXPRESSION, first, (), tuple(rest), parse_expression(first, rest, grad_output))
    if path is None:
        raise _missing(first)
    if rest:
        raise UsageError(f"{rest[0]!r} is one word too many after {first}: {_HINT}")
    return _path_target(first, path, argv)


def _existing_path(word: str) -> Path | None:
    try:
        return Path(word) if word and Path(word).exists() else None
    except PermissionError as error:
        raise TargetError(f"cannot read {word}: {error.strerror}") from error
    except (OSError, ValueError):  # too long for a path, or a null character in it: then it is none
        return None


def _is_link(word: str) -> bool:
    return os.path.islink(word)  # noqa: PTH114 - that of a Path raises for words that are too long for a path


def _path_target(text: str, path: Path, argv: tuple[str, ...]) -> Target:
    if path.is_dir():
        if (path / "__main__.py").exists():
            return Target(TargetKind.DIRECTORY, text, (text,), argv)
        if any(path.glob("*.stream")):
            return Target(TargetKind.RECORDING, text)
        raise TargetError(
            f"the directory {text} has no __main__.py, so python cannot run it, and no streams of a recording: name a "
            "script in it"
        )
    suffix = path.suffix.lower()
    beginning = b"" if not path.is_file() and suffix in _PROGRAMS else _beginning(text, path)
    if suffix == ".gtrace" or _RECORDING.match(beginning):
        return Target(TargetKind.RECORDING, text)
    if suffix == ".ipynb":
        check_notebook(text, path)
        return Target(TargetKind.NOTEBOOK, text, (text,), argv)
    if suffix not in _PROGRAMS and not _SHEBANG.match(beginning):
        raise TargetError(
            f"{text} is no recording, and its name is not that of a Python program (.py), so it is not run: if it is "
            f"one, give it after --, as in: -- python {text}"
        )
    # A name such as -x.py would be read as an option of python itself.
    return Target(TargetKind.SCRIPT, text, (f"./{text}" if text.startswith("-") else text,), argv)


def _beginning(text: str, path: Path) -> bytes:
    """The first bytes of a file, which say what it is, whatever its name."""
    try:
        with open_regular(path) as file:
            return file.read(_BEGINNING)
    except OSError as error:
        raise TargetError(f"cannot read {text}: {error.strerror}") from error


def _missing(text: str) -> TargetError:
    path = Path(text)
    if path.is_symlink():
        return TargetError(f"{text} is a link to {path.readlink()}, and there is no such file")
    folder = path.parent
    if not folder.is_dir():
        return TargetError(f"there is no file {text}: there is no directory {folder}")
    try:
        names = sorted(entry.name for entry in folder.iterdir() if entry.suffix == path.suffix)
    except OSError:
        names = []
    close = [str(folder / name) for name in close_names(path.name, names)]
    return TargetError(f"there is no file {text}" + (f"; did you mean {' or '.join(close)}?" if close else ""))


def _article(kind: TargetKind) -> str:
    return f"{'an' if kind is TargetKind.EXPRESSION else 'a'} {kind.value}"
