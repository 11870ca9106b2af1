"""The tables of `docs/recording-format.md`, made from the schema by which recordings are read."""

from __future__ import annotations

import re
import typing
from enum import StrEnum

import msgspec
from generated_part import remade

from gradtrace.recording import fact_records, pass_records, records, run_records, step_records

BEGIN = "<!-- generated from gradtrace/recording/records.py by docs/build.py -->\n"
END = "<!-- end of the generated part -->\n"
SUBJECTS = (pass_records, step_records, fact_records, run_records)
"""In the order of the page."""


def refresh(page: str) -> str:
    """Return the page with what stands between the two marks made anew; pages without marks stay as they are."""
    return remade(page, BEGIN, END, _tables)


def _tables() -> str:
    rows = [
        value
        for subject in SUBJECTS
        for value in vars(subject).values()
        if isinstance(value, type) and issubclass(value, msgspec.Struct) and value.__module__ == subject.__name__
    ]
    kinds = typing.get_args(records.AnyRecord)
    parts = [_section(f"`{kind.__struct_config__.tag}`", kind) for kind in kinds]
    parts += [
        _section(f"Row: {row.__name__.removesuffix('Row')}", row)
        for row in rows
        if row.__struct_config__.array_like and row not in kinds
    ]
    return "\n".join(["", *parts, _kinds(rows), ""])


def _kinds(structs: list[type[msgspec.Struct]]) -> str:
    """List what may stand in a field whose type is an enumeration, but for what a reader makes of the rest."""
    types = (field.type for struct in structs for field in msgspec.structs.fields(struct))
    kinds = dict.fromkeys(one for one in types if isinstance(one, type) and issubclass(one, StrEnum))
    lines = ["### Kinds of things", "", "| type | one of |", "| --- | --- |"]
    lines += [
        f"| `{kind.__name__}` | {', '.join(f'`{member}`' for member in kind if member.name != 'UNKNOWN')} |"
        for kind in sorted(kinds, key=lambda kind: kind.__name__)
    ]
    return "\n".join([*lines, ""])


def _section(title: str, struct: type[msgspec.Struct]) -> str:
    lines = [f"### {title}", "", _prose(struct.__doc__ or ""), ""]
    fields = msgspec.structs.fields(struct)
    if fields:
        lines += ["| field | type | when absent |", "| --- | --- | --- |"]
        lines += [f"| `{field.name}` | `{_type(field.type)}` | {_default(field)} |" for field in fields]
    return "\n".join([*lines, ""])


def _prose(docstring: str) -> str:
    return " ".join(docstring.split())


def _type(annotation: object) -> str:
    """Write an annotation the way the schema does, with `Num` for a number that may be text."""
    text = annotation.__name__ if isinstance(annotation, type) and not typing.get_args(annotation) else str(annotation)
    text = re.sub(r"ForwardRef\('([^']*)'\)", r"\1", text)
    text = re.sub(r"\b(?:typing|gradtrace\.recording\.\w+)\.", "", text)
    return text.replace("int | float | str", "Num").replace("|", "\\|")


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.default_factory is not msgspec.NODEFAULT:
        return f"`{field.default_factory()!r}`"
    return "required" if field.default is msgspec.NODEFAULT else f"`{field.default!r}`"
