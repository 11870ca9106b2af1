"""How a notebook shows what belongs to the model; the room that can draw puts its function here."""

from collections.abc import Callable
from typing import Any


def _nothing(_: Any) -> dict[str, Any]:
    return {}


draw: Callable[[Any], dict[str, Any]] = _nothing
"""By media type what is shown of a trace; nothing where nobody is there who can draw: then it is its `repr`."""
