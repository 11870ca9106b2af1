"""Looks for the pyproject.toml whose settings count."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradtrace.errors import UsageError
from gradtrace.files import read_regular

if TYPE_CHECKING:
    from gradtrace.project.settings import ProjectSettings

_LARGEST = 10_000_000
"""Bytes of a file of settings."""


def find_settings(start: Path) -> ProjectSettings | None:
    """The table in the nearest pyproject.toml that has one, in this folder or above it; None where none has.

    Args:
        start: an absolute path.

    Raises:
        UsageError: such a file cannot be read, or a key or value in the table means nothing.
    """
    for folder in (start, *start.parents):
        path = folder / "pyproject.toml"
        try:
            if not path.is_file():
                continue
            content = read_regular(path, _LARGEST)
            table = _table(content) if b"gradtrace" in content else None
        except (OSError, ValueError) as error:
            raise UsageError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
        if table is not None:
            from gradtrace.project.settings import decoded  # noqa: PLC0415

            return decoded(table, path)
    return None


def _table(content: bytes) -> Any:
    import tomllib  # noqa: PLC0415

    tool = tomllib.loads(content.decode("utf-8")).get("tool")
    return tool.get("gradtrace") if isinstance(tool, dict) else None
