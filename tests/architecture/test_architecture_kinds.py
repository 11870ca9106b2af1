"""One vocabulary: what the recorder writes is what the model declares and what the readers ask for."""

import ast
import dataclasses
import typing
from collections.abc import Iterator
from enum import StrEnum
from functools import cache
from pathlib import Path

import msgspec
import pytest

from gradtrace.model import everything, kinds
from gradtrace.recording import records

ROOT = Path(__file__).resolve().parents[2] / "gradtrace"
DECLARED = ROOT / "model" / "kinds.py"
KINDS = {
    name: kind
    for name, kind in vars(kinds).items()
    if isinstance(kind, type) and issubclass(kind, StrEnum) and kind.__members__
}
FIELDS = {
    "kind": (
        "EventKind",
        "CutKind",
        "ObservationKind",
        "LeafKind",
        "HolderKind",
        "ModuleFactKind",
        "BystanderKind",
        "VariableKind",
        "SharingKind",
        "SwitchKind",
    ),
    "call": ("PassCall",),
    "recorded": ("Recorded",),
    "effect": ("Effect",),
    "severity": ("Severity",),
    "level": ("Level",),
}
"""Fields whose text is a kind, and of which vocabulary."""

COMMON_WORDS = frozenset(
    {"backward", "buffer", "created", "data", "default", "detach", "error", "full", "gradient", "info", "item"}
    | {"new_tensor", "none", "not stored", "number", "numpy", "ops", "parameter", "requires_grad", "step", "structure"}
    | {"tensor", "tolist", "unknown", "variable", "warning", "zero_grad"}
)
"""Kinds whose text is also a word of Python, of torch or of a sentence; all others occur in model/kinds.py alone."""

WRITERS = ("recorder", "launch")
READERS = ("analysis", "diagnosis", "renderers", "text", "recording", "model", "cli")
CHOSEN = {"Severity": ("diagnosis",), "Level": ("cli", "launch"), "ReductionKind": ("analysis",)}
"""Vocabularies that no recorder writes: which rooms choose a member."""

PRINTED = {"PassCall": "call", "Recorded": "recorded", "ReductionKind": "reduced"}
"""Vocabularies that pages print as they are: a member needs no reader of its own, but the field does."""


def files(*rooms: str) -> Iterator[Path]:
    """The Python files of some rooms, by default of all."""
    for folder in [ROOT / room for room in rooms] or [ROOT]:
        yield from sorted(folder.rglob("*.py"))


def trees(*rooms: str) -> Iterator[tuple[Path, ast.Module]]:
    for path in files(*rooms):
        yield path, ast.parse(path.read_text("utf-8"))


def members(*rooms: str) -> set[tuple[str, str]]:
    """Every `Vocabulary.MEMBER` that some rooms name; `list(Vocabulary)` and the like name all."""
    return {member for room in rooms for member in members_of(room)}


@cache
def members_of(room: str) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for _, tree in trees(room):
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in KINDS:
                found.add((node.value.id, node.attr))
            iterated = node.iter if isinstance(node, ast.comprehension) else None
            if isinstance(iterated, ast.Name) and iterated.id in KINDS:
                found |= {(iterated.id, member.name) for member in KINDS[iterated.id]}
    return found


def literal_kinds(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Lines and texts where a kind is compared, passed or written as a bare string."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and isinstance(node.left, ast.Attribute):
            yield from texts(node.left.attr, node.comparators)
        elif isinstance(node, ast.keyword) and node.arg is not None:
            yield from texts(node.arg, [node.value])
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    yield from texts(key.value, [value])
        elif isinstance(node, ast.Constant) and node.value in telling():
            yield node.lineno, str(node.value)


def texts(field: str, values: list[ast.expr]) -> Iterator[tuple[int, str]]:
    known = {member.value for name in FIELDS.get(field, ()) for member in KINDS[name]}
    for value in values:
        inside = value.elts if isinstance(value, ast.Set | ast.Tuple | ast.List) else [value]
        if isinstance(value, ast.IfExp):
            inside = [value.body, value.orelse]
        for one in inside:
            if isinstance(one, ast.Constant) and one.value in known:
                yield one.lineno, one.value


@cache
def telling() -> frozenset[str]:
    return frozenset(member.value for kind in KINDS.values() for member in kind) - COMMON_WORDS


NOT_KINDS = {
    ("cli/messages.py", "error"),  # `kind` of a line on stderr
    ("renderers/picture/scene/compose.py", "none"),  # the state of an arrow
    ("analysis/ledger.py", "ledger"),  # a function's name
}


def test_no_kind_is_a_bare_string() -> None:
    """A misspelt member is an error when it is read; a misspelt string is a rule that never fires."""
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text!r}"
        for path, tree in trees()
        if path != DECLARED
        for line, text in literal_kinds(tree)
        if (path.relative_to(ROOT).as_posix(), text) not in NOT_KINDS
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "if event.kind == 'step': pass",
        "if cut.kind in {'item', 'number'}: pass",
        "Finding(severity='error')",
        "write({'kind': 'leaf' if small else 'tensor'})",
        "add('grad_cleared')",
        "if row.effect != 'not stored': pass",
    ],
)
def test_bare_strings_are_found(source: str) -> None:
    """Compared alone or in a set, passed by name, written into a line, or telling by themselves."""
    assert list(literal_kinds(ast.parse(source)))


@pytest.mark.parametrize("name", sorted(KINDS))
def test_every_kind_is_written_and_read(name: str) -> None:
    """A kind that nothing writes makes dead code of what waits for it; one that nobody reads is dead weight."""
    declared = {(name, member.name) for member in KINDS[name] if member.name != "UNKNOWN"}
    written = members(*CHOSEN.get(name, WRITERS))
    assert declared - written == set()
    if name in PRINTED:
        readers = [path for path, tree in trees("renderers", "text") if reads_field(tree, PRINTED[name])]
        assert readers
    else:
        rooms = ("recorder", *READERS) if name in CHOSEN else READERS
        assert declared - members(*rooms) == set()


def reads_field(tree: ast.Module, field: str) -> bool:
    return any(isinstance(node, ast.Attribute) and node.attr == field for node in ast.walk(tree))


def test_nothing_writes_what_nobody_knows() -> None:
    """`UNKNOWN` is what a reader makes of a newer recording."""
    assert {name for name, member in members(*WRITERS) if member == "UNKNOWN"} == set()


def test_fields_of_the_model_and_of_recordings_have_types() -> None:
    """A field that holds a kind is of a vocabulary, in the model and in the line from which it is read."""
    models = [one for one in vars(everything).values() if dataclasses.is_dataclass(one)]
    structs = [one for one in vars(records).values() if isinstance(one, type) and issubclass(one, msgspec.Struct)]
    named = {"kind", "effect", "recorded", "severity"}
    for one in (*models, *structs):
        for field, annotation in typing.get_type_hints(one).items():
            if field in named:
                assert annotation in KINDS.values(), f"{one.__name__}.{field}"
    assert typing.get_type_hints(everything.BackwardPass)["call"] is kinds.PassCall
    assert typing.get_type_hints(records.PassRecord)["call"] is kinds.PassCall
