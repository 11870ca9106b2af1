"""The directory through which the launcher and the recorders below it talk."""

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from gradtrace.errors import RecordingError
from gradtrace.formulas.user_cache import cache_directory
from gradtrace.launch.settings import Settings
from gradtrace.launch.target import Target
from gradtrace.model.format import VALUE_LIMIT
from gradtrace.model.kinds import Level

_BOOTSTRAP = Path(__file__).parent / "bootstrap"

_PREFIX = "gradtrace-"
_FORGOTTEN = 30 * 24 * 3600.0
"""Seconds after which a session that nobody has written to is one whose launcher was killed."""

_SAYINGS = {
    "announced": "the asked-for passes are recorded; the program goes on, at pass {} (Ctrl-C shows them now)",
    "failed": "this process is not recorded: {}",
    "stopped": "the recorder failed and has switched itself off ({}); the program goes on without it",
    "backward_failed": "backward failed: {}",
}
"""What is shown to the user of the words that recorders leave, by the file they are in; each is ended by a NUL."""

_OF_A_RUNNING_PROGRAM = "announced"

_PATIENCE = 1.0
"""Seconds that a program goes on after the asked-for passes before the user is notified."""

_UNWRITTEN = "it could not write why: is the disk full?"


class Session:
    """A temporary directory for one run: `config.json` goes down; streams and words come back.

    Where the user's caches are, not among the temporary files: those a program may clean away while it runs. A context
    manager; the directory is gone afterwards, unless it is to be kept.
    """

    def __init__(self) -> None:
        self.directory = _make_directory()
        self._is_kept = False
        self._said: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def keep(self) -> Path:
        """Leaves the directory where it is; for when its streams could not be saved."""
        self._is_kept = True
        return self.directory

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._is_kept:
            shutil.rmtree(self.directory, ignore_errors=True)

    def configure(self, target: Target, settings: Settings) -> None:
        """Writes what the recorders read when torch is imported.

        Raises:
            RecordingError: if nothing can be written there.
        """
        expression = target.expression
        config: dict[str, object] = {
            **settings.plain(),
            "target": target.text,
            "argv": target.argv,
            "expression": expression.source if expression else None,
            "notebooks": target.notebooks,
            "value_limit": 0 if settings.level == Level.STRUCTURE else VALUE_LIMIT,
        }
        if expression:
            config["expression_spec"] = {
                "bindings": [[item.name, item.source, item.is_leaf] for item in expression.bindings],
                "grad_output": expression.grad_output,
                "repeat": expression.repeat,
                "zero": expression.zero,
            }
        try:
            (self.directory / "config.json").write_text(json.dumps(config), encoding="utf-8")
        except OSError as error:
            raise RecordingError(f"cannot write into {self.directory}: {error.strerror}") from error

    def environment(self) -> dict[str, str]:
        """This process's environment, with what makes every Python below record."""
        environment = dict(os.environ)
        users = environment.get("PYTHONPATH")
        inherited = [entry for entry in users.split(os.pathsep) if entry != str(_BOOTSTRAP)] if users else []
        environment["PYTHONPATH"] = os.pathsep.join([str(_BOOTSTRAP), *inherited])
        environment["GRADTRACE_SESSION"] = str(self.directory)
        return environment

    # What is known afterwards, of all processes below.

    @property
    def is_lost(self) -> bool:
        """Whether the program removed the directory, and all that was recorded with it."""
        return not (self.directory / "config.json").exists()

    @property
    def python_started(self) -> bool:
        """Whether some Python below ran the bootstrap."""
        return (self.directory / "started").exists()

    @property
    def torch_started(self) -> bool:
        """Whether some recorder began a stream."""
        return any(self.directory.glob("*.stream"))

    @property
    def refusal(self) -> str | None:
        """Why the run did not begin, in the child's words."""
        return self._text("refused").strip() or None

    @property
    def failure(self) -> str | None:
        """Why a process below could not be recorded at all: what the first of them says."""
        return next(iter(self._words("failed")), None)

    @property
    def stopped(self) -> str | None:
        """Why the recorder of a process below switched itself off: what the first of them says."""
        return next(iter(self._words("stopped")), None)

    @property
    def import_failure(self) -> str | None:
        """What the import of torch raised in some process below; the program may have tried again."""
        return next(iter(self._words("import_failed")), None)

    @property
    def missed_torch(self) -> str | None:
        """The interpreter below that looked for torch and found none."""
        return next(iter(self._words("no_torch")), None)

    # What is shown to the user.

    def news(self, *, is_over: bool = False) -> Iterator[str]:
        """What the recorders have left to be said since the last call; some of it is true of a running program only."""
        for name, saying in _SAYINGS.items():
            for word in self._words(name):
                if word == _UNWRITTEN and not is_over:
                    continue  # the file has been made, and the word is on its way
                text = saying.format(word)
                if text not in self._said and (name != _OF_A_RUNNING_PROGRAM or self._goes_on(is_over=is_over)):
                    self._said.add(text)
                    yield text

    def _goes_on(self, *, is_over: bool) -> bool:
        """Whether the program has been running for a while since the asked-for passes were in."""
        try:
            since = (self.directory / _OF_A_RUNNING_PROGRAM).stat().st_mtime
        except OSError:
            return False
        return not is_over and time.time() - since > _PATIENCE

    def _words(self, name: str) -> list[str]:
        """The words of a file, up to the last that is whole."""
        whole = [word.strip() for word in self._text(name).split("\0")[:-1]]
        is_unwritten = not whole and (self.directory / name).exists()
        return [_UNWRITTEN] if is_unwritten else whole

    def _text(self, name: str) -> str:
        try:
            return (self.directory / name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""


def _make_directory() -> Path:
    """A new one that only this user can enter.

    Raises:
        RecordingError: if there is no place for it.
    """
    for find_place in (_sessions, _temporary):
        place = find_place()
        directory = place.absolute() / f"{_PREFIX}{os.urandom(6).hex()}"
        with suppress(OSError):
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            directory.mkdir(mode=0o700)
            return directory
    raise RecordingError(
        f"there is no place for what is recorded: neither {_sessions()} nor {_temporary()} can be written"
    )


def _sessions() -> Path:
    return cache_directory() / "sessions"


def _temporary() -> Path:
    import tempfile  # noqa: PLC0415  it takes longer to import than to make a directory

    return Path(tempfile.gettempdir())


def remove_old(place: Path) -> None:
    """Removes what killed launchers left beside a session; while its program runs, which need not wait for that."""
    for old in place.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            newest = max(one.stat().st_mtime for one in (old, *old.iterdir()))
            if time.time() - newest > _FORGOTTEN:
                shutil.rmtree(old, ignore_errors=True)
