"""The file of a notebook, read as far as it says whether it can be run."""

import json
from pathlib import Path
from typing import Any

from gradtrace.errors import TargetError
from gradtrace.files import read_regular

_LARGEST = 200_000_000
"""Bytes; pictures among the results make files large."""
_FORMAT = 4


def check_notebook(text: str, path: Path) -> None:
    """Make sure that it is a notebook of Python, before anything runs.

    Args:
        text: the file as the user named it.
        path: where it is.

    Raises:
        TargetError: it cannot be read, is something else, or its language is another.
    """
    try:
        document: Any = json.loads(read_regular(path, _LARGEST).decode("utf-8"))
    except OSError as error:
        raise TargetError(f"cannot read {text}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise TargetError(f"{text} is no notebook: it is not JSON ({error})") from None
    if not isinstance(document, dict) or ("cells" not in document and "worksheets" not in document):
        raise TargetError(f"{text} is no notebook: it has no cells")
    version = document.get("nbformat")
    if "cells" not in document or version != _FORMAT:
        raise TargetError(
            f"{text} has version {version} of the notebook format, and gradtrace reads version {_FORMAT}: open and "
            f"save it in Jupyter, or run jupyter nbconvert --to notebook --nbformat {_FORMAT} {text}"
        )
    cells = document["cells"]
    if not isinstance(cells, list) or not all(
        isinstance(cell, dict) and _is_text(cell.get("source")) for cell in cells
    ):
        raise TargetError(f"{text} is damaged: its cells are not those of a notebook")
    language = _language(document)
    if language is not None and language.lower() not in ("python", "python3", "ipython", "ipython3"):
        raise TargetError(f"{text} is a notebook of {language}, and gradtrace runs those of Python")
    if not any(cell.get("cell_type") == "code" and "".join(cell["source"]).strip() for cell in cells):
        raise TargetError(f"{text} has no cell with code: there is nothing to run")


def _is_text(source: object) -> bool:
    return isinstance(source, str) or (isinstance(source, list) and all(isinstance(line, str) for line in source))


def _language(document: dict[str, Any]) -> str | None:
    """The language of its kernel; None where the file does not say."""
    metadata = document.get("metadata")
    for key, name in (("kernelspec", "language"), ("language_info", "name"), ("kernelspec", "name")):
        about = metadata.get(key) if isinstance(metadata, dict) else None
        value = about.get(name) if isinstance(about, dict) else None
        if isinstance(value, str) and value:
            return value
    return None
