"""The tables of `docs/trace-document.md`, made from the JSON Schemas that `gradtrace schema` prints."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from generated_part import remade

from gradtrace.analysis import reasons_answer
from gradtrace.analysis.diff import first
from gradtrace.model import blind_spot, kinds
from gradtrace.renderers import schemas
from gradtrace.renderers.findings import document as check_document

BEGIN = "<!-- generated from gradtrace/renderers/document/ by docs/build.py -->\n"
END = "<!-- end of the generated part -->\n"

TITLES = {
    "trace": "The trace document",
    "check": "What check writes",
    "why": "What why writes",
    "diff": "What diff writes",
    "norms": "What norms writes",
    "memory": "What memory writes",
}

ENUMERATED = (kinds, blind_spot, check_document, reasons_answer, first)
"""Where kinds are declared."""

Json = dict[str, Any]


def refresh(page: str) -> str:
    """Return the page with what stands between the two marks made anew; pages without marks stay as they are."""
    return remade(page, BEGIN, END, _tables)


def _tables() -> str:
    """List each document from the whole to its parts; a part that several have is listed once."""
    parts: list[str] = []
    known: dict[str, Json] = {}
    for name, title in TITLES.items():
        schema = schemas.find(name).schema()
        new = [part for part in _in_order(schema) if part not in known]
        known |= {part: schema["$defs"][part] for part in _in_order(schema)}
        parts += [f"## {title}", "", f"`gradtrace schema {name}`: {schemas.find(name).summary}.", ""]
        parts += [_section(schema["$defs"][part]) for part in new if "properties" in schema["$defs"][part]]
    enumerated = [name for name, part in known.items() if "enum" in part]
    return "\n".join(["", *parts, *_kinds(sorted(enumerated)), ""])


def _in_order(schema: Json) -> list[str]:
    """List the parts of a schema, each after the one that it is first named in."""
    found = [schema["$ref"].rpartition("/")[2]]
    for name in found:
        found += [one for one in dict.fromkeys(_named_in(schema["$defs"][name])) if one not in found]
    return found


def _named_in(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"].rpartition("/")[2]
        for value in part.values():
            yield from _named_in(value)
    elif isinstance(part, list):
        for value in part:
            yield from _named_in(value)


def _section(part: Json) -> str:
    required = part["required"]
    lines = [f"### {part['title']}", "", part["description"], "", "| key | type | meaning |", "| --- | --- | --- |"]
    for key, value in part["properties"].items():
        absent = "" if key in required else ", or absent"
        lines.append(f"| `{key}` | {_type(value)}{absent} | {value['description']} |")
    return "\n".join([*lines, ""])


def _type(value: Json) -> str:
    """Write a type in words: `list of [Node](#node)`, `number or null`."""
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        return "values" if name == "Values" else f"[{name}](#{name.lower()})"
    if "anyOf" in value:
        kinds_of = dict.fromkeys(_type(one) for one in value["anyOf"] if one.get("enum") != ["-inf", "inf", "nan"])
        return " or ".join(kinds_of)
    if "enum" in value:
        return " or ".join(f"`{one}`" for one in value["enum"])
    if value["type"] == "array":
        return f"list of {_plural(_type(value['items']))}" if value.get("items") else "`[major, minor]`"
    if value["type"] == "object":
        return f"object of {_plural(_type(value['additionalProperties']))}"
    return str(value["type"])


def _plural(words: str) -> str:
    """Write the plural of a type that is a plain word."""
    return re.sub(r"^(string|integer|number|object)\b", r"\1s", words)


def _kinds(names: list[str]) -> Iterator[str]:
    """List what may stand where a key is of a kind, with what it means."""
    meanings = {name: found for module in ENUMERATED for name, found in _members(module)}
    yield "## Kinds"
    for name in ["Blind", *names]:
        yield f"\n### {'Reasons of blind spots' if name == 'Blind' else name}\n"
        yield from ("| value | meaning |", "| --- | --- |")
        yield from (f"| `{value}` | {meaning} |" for value, meaning in meanings[name])


def _members(module: Any) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Read the members of each enumeration of a module, with the docstring below each."""
    tree = ast.parse(Path(module.__file__).read_text("utf-8"))
    for definition in tree.body:
        if isinstance(definition, ast.ClassDef):
            found: list[tuple[str, str]] = []
            for line in definition.body:
                match line:
                    case ast.Assign(value=ast.Constant(value=str(value))) if value != "unknown":
                        found.append((value, ""))
                    case ast.Expr(value=ast.Constant(value=str(text))) if found:
                        found[-1] = (found[-1][0], " ".join(text.split()))
            yield definition.name, found
