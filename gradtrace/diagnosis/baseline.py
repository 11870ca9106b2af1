"""Findings that are known already: a file of them, so that only new ones are shown.

A finding is recognised by its rule, its file and the text of its line, so that it stays known when lines move.
"""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import Any

from gradtrace.errors import UsageError
from gradtrace.files import read_regular, replacing
from gradtrace.model import Finding

_FORMAT = "gradtrace-baseline"
_VERSION = 1
_LARGEST = 100_000_000

Fingerprint = tuple[str, str, str]


def fingerprint(finding: Finding, folder: PurePath) -> Fingerprint:
    """Rule, file as seen from the folder of the baseline, and text of the line."""
    place = finding.location
    if place is None:
        return finding.rule, "", finding.message
    file = PurePath(place.file)
    name = file.relative_to(folder) if file.is_relative_to(folder) else file
    return finding.rule, name.as_posix(), place.text.strip()


def write(path: Path, findings: Iterable[Finding]) -> None:
    """Saves what is found now as known.

    Raises:
        UsageError: if the file cannot be written.
    """
    counts = Counter(fingerprint(finding, path.parent) for finding in findings)
    rows = [
        json.dumps({"rule": rule, "file": file, "text": text, "count": count})
        for (rule, file, text), count in sorted(counts.items())
    ]
    body = ",\n".join(f"    {row}" for row in rows)
    text = f'{{\n  "format": "{_FORMAT}",\n  "version": {_VERSION},\n  "findings": [\n{body}\n  ]\n}}\n'
    try:
        with replacing(path) as file:
            file.write(text.encode("utf-8"))
    except OSError as error:
        raise UsageError(f"cannot write the baseline {path}: {error.strerror}") from error


def read(path: Path) -> Counter[Fingerprint]:
    """What is known, and how many times.

    Raises:
        UsageError: if the file cannot be read or is no baseline.
    """
    try:
        document: Any = json.loads(read_regular(path, _LARGEST).decode("utf-8"))
        if document["format"] != _FORMAT or document["version"] != _VERSION:
            raise UsageError(f"{path} is no baseline that this version of gradtrace can read")
        return Counter(
            {(str(row["rule"]), str(row["file"]), str(row["text"])): int(row["count"]) for row in document["findings"]}
        )
    except FileNotFoundError:
        raise UsageError(f"there is no baseline {path}: make it with --write-baseline") from None
    except OSError as error:
        raise UsageError(f"cannot read the baseline {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is no baseline: make it anew with --write-baseline") from error


def new(findings: Iterable[Finding], known: Counter[Fingerprint], folder: PurePath) -> tuple[Finding, ...]:
    """Those that are not known, in order; of several that look the same, as many as are known are left out."""
    left = Counter(known)
    fresh: list[Finding] = []
    for finding in findings:
        print_ = fingerprint(finding, folder)
        if left[print_] > 0:
            left[print_] -= 1
        else:
            fresh.append(finding)
    return tuple(fresh)
