"""JSON Schemas, made from the structs of which documents consist."""

import inspect
import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from gradtrace.renderers.document.layout import Part

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_VALUES = {
    "title": "Values",
    "description": "A number (the special ones, and complex ones, as text), a truth value, or a list of such.",
    "anyOf": [
        {"type": ["number", "string", "boolean"]},
        {"type": "array", "items": {"$ref": "#/$defs/Values"}},
    ],
}

_ATTRIBUTE = re.compile(r"(?m)^    (\w+): ((?:.|\n(?=        ))*)")

Json = dict[str, Any]


def schema(root: Any, name: str, version: tuple[int, int]) -> Json:
    """The JSON Schema of a document, or of a line of one.

    Args:
        root: the struct, or a union of structs.
        name: what the document is called: `gradtrace-trace`.
        version: of the document.
    """
    (whole,), parts = msgspec.json.schema_components((root,), ref_template="#/$defs/{name}")
    for struct in _structs(root):
        _describe(parts[struct.__name__], struct)
    if any("#/$defs/Values" in str(part) for part in parts.values()):
        parts["Values"] = _VALUES
    version_text = ".".join(map(str, version))
    head = {"$schema": DIALECT, "$id": f"urn:{name}:{version_text}", "title": f"{name} {version_text}"}
    return {**head, **whole, "$defs": dict(sorted(parts.items()))}


def meanings(struct: type[msgspec.Struct]) -> dict[str, str]:
    """What the docstring says of each field, by the name that is written."""
    _, _, listed = (inspect.getdoc(struct) or "").partition("Attributes:\n")
    found = {name: " ".join(text.split()) for name, text in _ATTRIBUTE.findall(listed)}
    written = dict(zip(struct.__struct_fields__, struct.__struct_encode_fields__, strict=True))
    return {written[name]: text for name, text in found.items()}


def _describe(part: Json, struct: type[msgspec.Struct]) -> None:
    """What the docstring says in general, and of each property in particular."""
    general, _, _ = (inspect.getdoc(struct) or "").partition("Attributes:\n")
    part["description"] = " ".join(general.split())
    if issubclass(struct, Part):
        for name, text in meanings(struct).items():
            part["properties"][name]["description"] = text[:1].upper() + text[1:]


def _structs(root: Any) -> Iterator[type[msgspec.Struct]]:
    """The structs that are reachable from a type, each once."""
    seen: dict[type[msgspec.Struct], None] = {}
    found = [msgspec.inspect.type_info(root)]
    while found:
        one = found.pop()
        if isinstance(one, msgspec.inspect.StructType):
            if one.cls in seen:
                continue
            seen[one.cls] = None
        found += _within(one)
    yield from seen


def _within(kind: msgspec.inspect.Type) -> Iterable[msgspec.inspect.Type]:
    match kind:
        case msgspec.inspect.StructType():
            return [field.type for field in kind.fields]
        case msgspec.inspect.UnionType():
            return kind.types
        case msgspec.inspect.TupleType():
            return kind.item_types
        case msgspec.inspect.DictType():
            return (kind.value_type,)
        case msgspec.inspect.CollectionType():
            return (kind.item_type,)
        case _:
            return ()
