"""From what was observed to a struct that has the same fields: for all that is not written by the thousand."""

from typing import Any, TypeVar

from gradtrace.model import Location as SourceLocation
from gradtrace.model import TensorStats
from gradtrace.renderers.document.layout import Part
from gradtrace.renderers.document.tensors import location, statistics
from gradtrace.text.strict_json import number

Shown = TypeVar("Shown", bound=Part)


def mirrored(kind: type[Shown], source: object, **others: Any) -> Shown:
    """A struct whose fields are the attributes of the same names.

    Args:
        kind: the struct.
        source: what was observed; its places, statistics and numbers become those of the document.
        **others: fields that are something else.
    """
    names = [name for name in kind.__struct_fields__ if name not in others]
    return kind(**{name: _shown(getattr(source, name)) for name in names}, **others)


def _shown(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_shown(item) for item in value]
    if isinstance(value, SourceLocation):
        return location(value)
    return statistics(value) if isinstance(value, TensorStats) else number(value)
