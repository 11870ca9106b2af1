"""The directory through which the launcher and the recorders below it talk."""

import json
import os
import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from gradtrace.launch.settings import Settings
from gradtrace.launch.target import Target
from gradtrace.model import Level
from gradtrace.model.format import VALUE_LIMIT

_BOOTSTRAP = Path(__file__).parent / "bootstrap"


class Session:
    """A temporary directory for one run: `config.json` goes down; streams and words (`started`, `refused`) come back.

    A context manager; the directory is gone afterwards, unless it is to be kept.
    """

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="gradtrace-"))
        self._is_kept = False

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
        """Writes what the recorders read when torch is imported."""
        expression = target.expression
        config: dict[str, object] = {
            "target": target.text,
            "argv": target.argv,
            "passes": settings.passes,
            "device": settings.device,
            "seed": settings.seed,
            "dtype": settings.dtype,
            "stop_after": settings.stop_after,
            "announce": settings.announce,
            "roots": settings.roots,
            "expression": expression.source if expression else None,
            "value_limit": 0 if settings.level == Level.STRUCTURE else VALUE_LIMIT,
            "level": settings.level,
            "facts": settings.facts,
        }
        if expression:
            config["expression_spec"] = {
                "bindings": [[item.name, item.source, item.is_leaf] for item in expression.bindings],
                "grad_output": expression.grad_output,
                "repeat": expression.repeat,
                "zero": expression.zero,
            }
        (self.directory / "config.json").write_text(json.dumps(config), encoding="utf-8")

    def environment(self) -> dict[str, str]:
        """This process's environment, with what makes every Python below record."""
        environment = dict(os.environ)
        users = environment.get("PYTHONPATH")
        inherited = [entry for entry in users.split(os.pathsep) if entry != str(_BOOTSTRAP)] if users else []
        environment["PYTHONPATH"] = os.pathsep.join([str(_BOOTSTRAP), *inherited])
        environment["GRADTRACE_SESSION"] = str(self.directory)
        return environment

    @property
    def python_started(self) -> bool:
        """Whether some Python below ran the bootstrap."""
        return (self.directory / "started").exists()

    @property
    def torch_started(self) -> bool:
        """Whether some recorder began a stream."""
        return any(self.directory.glob("*.stream"))

    @property
    def missed_torch(self) -> str | None:
        """The interpreter below that looked for torch and found none."""
        return self._read("no_torch")

    @property
    def refusal(self) -> str | None:
        """Why the run did not begin, in the child's words."""
        return self._read("refused")

    @property
    def failure(self) -> str | None:
        """Why a process below could not be recorded."""
        return self._read("failed")

    def _read(self, name: str) -> str | None:
        try:
            return (self.directory / name).read_text(encoding="utf-8", errors="replace").strip() or None
        except FileNotFoundError:
            return None
