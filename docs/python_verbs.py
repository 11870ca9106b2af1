"""The generated parts of `docs/python.md`: what its program prints, and the verbs with their docstrings."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from generated_part import remade

import gradtrace
from gradtrace import errors

_WIDTH = 100
"""Columns of a signature on one line."""

BEGIN = "<!-- generated from gradtrace/api by docs/build.py -->\n"
END = "<!-- end of the generated part -->\n"

VERBS = (
    *("record", "watch", "load"),
    *("explain", "render", "page", "to_graphviz"),
    *("check", "why", "norms", "memory", "diff"),
)
OBJECTS = ("Recording", "Diagnosis", "Difference")

_PROGRAM = re.compile(r"^```python\n(?P<code>.*?)^```\n\n```text\n.*?^```$", re.MULTILINE | re.DOTALL)
_SECTION = re.compile(r"^(Args|Returns|Raises|Attributes|Yields):\n", re.MULTILINE)
_ITEM = re.compile(r"^    (\w+): ", re.MULTILINE)


def refresh(page: str) -> str:
    """Return the page with its generated parts made anew; pages without marks stay as they are."""
    if BEGIN in page:
        page = _PROGRAM.sub(
            lambda found: f"```python\n{found['code']}```\n\n```text\n{_printed(found['code'])}```", page
        )
    return remade(page, BEGIN, END, _reference)


def _reference() -> str:
    made = [*map(_verb, VERBS), "\n## What they return\n", *map(_object, OBJECTS), "\n## Errors\n", _errors()]
    return f"{''.join(made)}\n"


def _printed(code: str) -> str:
    """Run a program in an empty folder; what it prints."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "program.py").write_text(code, "utf-8")
        done = subprocess.run(
            [sys.executable, "program.py"], cwd=folder, capture_output=True, encoding="utf-8", check=True
        )
    return "".join(f"{line.rstrip()}\n" for line in done.stdout.splitlines())


def _verb(name: str) -> str:
    function = getattr(gradtrace, name)
    return f"\n### {name}\n\n```python\n{_signature(name, function)}\n```\n\n{_documented(function)}"


def _signature(name: str, function: Callable[..., object]) -> str:
    """Write a signature as it stands in the source, a line for each parameter where it is long."""
    signature = inspect.signature(function)
    made: list[str] = []
    before: inspect.Parameter | None = None
    for one in signature.parameters.values():
        if before is not None and before.kind is one.POSITIONAL_ONLY and one.kind is not one.POSITIONAL_ONLY:
            made.append("/")
        if one.kind is one.KEYWORD_ONLY and (before is None or before.kind is not one.KEYWORD_ONLY):
            made.append("*")
        made.append(_parameter(one))
        before = one
    text = f"gradtrace.{name}({', '.join(made)}) -> {signature.return_annotation}"
    if len(text) <= _WIDTH:
        return text
    lines = "".join(f"    {one},\n" for one in made)
    return f"gradtrace.{name}(\n{lines}) -> {signature.return_annotation}"


def _parameter(one: inspect.Parameter) -> str:
    default = one.default
    if isinstance(default, str):
        default = str(default)  # a member of an enumeration is shown as the text that it is
    return f"{one.name}: {one.annotation}" + ("" if default is one.empty else f" = {default!r}")


def _object(name: str) -> str:
    """A class with what it has that is public."""
    kind = getattr(gradtrace, name)
    documented_as = _documented(kind)
    lines = [f"\n### {name}\n\n{documented_as}" + ("" if "\n- " in documented_as else "\n")]
    for member, value in vars(kind).items():
        documented = value.fget if isinstance(value, property) else value
        if member.startswith("_") or not callable(documented) or not documented.__doc__:
            continue
        call = "" if isinstance(value, property) else "(…)"
        lines.append(f"- `{member}{call}`: {_first(documented)}\n")
    return "".join(lines)


def _documented(what: object) -> str:
    """A docstring in Google's style as Markdown: prose, then a list for each section."""
    text = inspect.getdoc(what) or ""
    prose, *sections = _SECTION.split(text)
    made = [_prose(prose)]
    for title, body in zip(sections[::2], sections[1::2], strict=True):
        heading = {"Args": "", "Attributes": ""}.get(title, f"**{title}**\n\n")
        made.append(heading + _items(body))
    return "\n".join(made)


def _prose(text: str) -> str:
    """Paragraphs; what is indented after `::` is code."""
    made = []
    for paragraph in text.strip().split("\n\n"):
        if paragraph.startswith("    "):
            code = inspect.cleandoc(paragraph)
            made.append(f"```python\n{code}\n```")
        else:
            made.append(" ".join(paragraph.split()).replace("::", ":"))
    return "\n\n".join(made) + "\n"


def _items(body: str) -> str:
    parts = _ITEM.split(body.lstrip("\n"))
    if len(parts) == 1:
        return " ".join(body.split()) + "\n"
    pairs = zip(parts[1::2], parts[2::2], strict=True)
    return "".join(f"- `{name}`: {' '.join(text.split())}\n" for name, text in pairs)


def _first(documented: object) -> str:
    """The first paragraph of a docstring."""
    return " ".join((inspect.getdoc(documented) or "").split("\n\n")[0].split())


def _errors() -> str:
    """Every error, with what it is about."""
    kinds = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.GradtraceError)]
    rows = [f"| `{one.__name__}` | {_first(one)} |\n" for one in kinds]
    return "\nIn `gradtrace.errors`; all are `GradtraceError`s.\n\n| error | |\n| --- | --- |\n" + "".join(rows)
