"""The documents that have a JSON Schema: their names, and from which structs it is made."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from gradtrace.errors import UsageError
from gradtrace.suggest import did_you_mean


@dataclass(frozen=True, slots=True)
class Document:
    """A document for other programs.

    Attributes:
        name: what `gradtrace schema` calls it.
        summary: which command writes it.
        format: what its key `format` says.
        root: module and name of the struct, below `gradtrace`.
        version: module and name of its version.
    """

    name: str
    summary: str
    format: str
    root: tuple[str, str]
    version: tuple[str, str]

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        from gradtrace.renderers.document.schema import schema  # noqa: PLC0415 - a list of names needs no structs

        return schema(_found(*self.root), self.format, _found(*self.version))


DOCUMENTS = (
    Document(
        "trace",
        "what explain -f json and render -f json write",
        "gradtrace-trace",
        ("renderers.document.trace", "TraceDocument"),
        ("renderers.document.trace", "FORMAT_VERSION"),
    ),
    Document(
        "check",
        "what check -f json writes",
        "gradtrace-check",
        ("renderers.findings.document", "CheckDocument"),
        ("renderers.findings.document", "FORMAT_VERSION"),
    ),
    Document(
        "why",
        "what why -f json writes",
        "gradtrace-answer",
        ("renderers.why.document", "WhyDocument"),
        ("renderers.why.document", "FORMAT_VERSION"),
    ),
    Document(
        "diff",
        "what diff -f json writes",
        "gradtrace-diff",
        ("renderers.diff.document", "DiffDocument"),
        ("renderers.diff.document", "FORMAT_VERSION"),
    ),
    Document(
        "norms",
        "what norms -f json writes",
        "gradtrace-norms",
        ("renderers.norms.document", "NormsDocument"),
        ("renderers.norms.document", "FORMAT_VERSION"),
    ),
    Document(
        "memory",
        "what memory -f json writes",
        "gradtrace-memory",
        ("renderers.memory.document", "MemoryDocument"),
        ("renderers.memory.document", "FORMAT_VERSION"),
    ),
    Document(
        "recording",
        "a line of a .gtrace recording",
        "gradtrace-recording",
        ("recording.records", "AnyRecord"),
        ("model.format", "FORMAT_VERSION"),
    ),
)


def find(name: str) -> Document:
    """The document of this name.

    Raises:
        UsageError: with the list, if there is none.
    """
    for known in DOCUMENTS:
        if known.name == name:
            return known
    names = [known.name for known in DOCUMENTS]
    meant = did_you_mean(name, names, most=1)
    raise UsageError(f"there is no schema {name!r}: choose {', '.join(names)}{f'; {meant}' if meant else ''}")


def _found(module: str, name: str) -> Any:
    return getattr(importlib.import_module(f"gradtrace.{module}"), name)
