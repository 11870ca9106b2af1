"""What a project has settled for `gradtrace check`: `[tool.gradtrace]` in its pyproject.toml."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradtrace.errors import UsageError
from gradtrace.files import read_regular
from gradtrace.model.kinds import Severity
from gradtrace.suggest import did_you_mean

_LARGEST = 10_000_000
"""Bytes of a file of settings."""


@dataclass(frozen=True, slots=True)
class CheckSettings:
    """The keys of the table; `baseline` is a path as seen from the file's own folder."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    severity: Severity | None = None
    baseline: Path | None = None
    exit_zero: bool = False


def find_settings(start: Path) -> CheckSettings:
    """The table in the nearest pyproject.toml that has one, in this folder or above it.

    Raises:
        UsageError: if such a file cannot be read, or a key or value in the table means nothing.
    """
    for folder in (start, *start.parents):
        path = folder / "pyproject.toml"
        try:
            document = tomllib.loads(read_regular(path, _LARGEST).decode("utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, ValueError) as error:
            raise UsageError(f"cannot read {path}: {error}") from error
        table = document.get("tool", {}).get("gradtrace")
        if table is not None:
            return _settings(table, path)
    return CheckSettings()


def _settings(table: object, path: Path) -> CheckSettings:
    if not isinstance(table, Mapping):
        raise UsageError(f"{path}: tool.gradtrace is no table: write [tool.gradtrace] above its keys")
    known = [name.replace("_", "-") for name in CheckSettings.__dataclass_fields__]
    for key in table:
        if key not in known:
            meant = did_you_mean(key.replace("_", "-"), known, most=1, alike=0.5)
            meant = meant or f"it may have {', '.join(known)}"
            raise UsageError(f"{path}: [tool.gradtrace] has a key {key!r}; {meant}")
    severity = _checked(
        table, "severity", path, lambda value: value in tuple(Severity), f"one of {', '.join(Severity)}"
    )
    baseline = _checked(table, "baseline", path, lambda value: isinstance(value, str), "the name of a file")
    return CheckSettings(
        select=tuple(_checked(table, "select", path, _is_names, "a list of names of rules") or ()),
        ignore=tuple(_checked(table, "ignore", path, _is_names, "a list of names of rules") or ()),
        severity=None if severity is None else Severity(severity),
        baseline=None if baseline is None else path.parent / baseline,
        exit_zero=bool(_checked(table, "exit-zero", path, lambda value: isinstance(value, bool), "true or false")),
    )


def _is_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _checked(table: Mapping[str, Any], key: str, path: Path, is_right: Any, wanted: str) -> Any:
    if key not in table:
        return None
    if not is_right(table[key]):
        raise UsageError(f"{path}: {key} in [tool.gradtrace] must be {wanted}")
    return table[key]
