"""Custom functions that keep their own output on their context: a cycle that only the garbage collector breaks."""

from __future__ import annotations

import dis
import types
from typing import Any

from gradtrace.model.kinds import HolderKind
from gradtrace.recorder import torch_facts
from gradtrace.recorder.journal import Journal
from gradtrace.recorder.looking import attributes
from gradtrace.recorder.sites import Place


class KeptOutputs:
    """Writes a line for each attribute of a custom function's context that is its own output, once."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._told: set[tuple[str, str]] = set()

    def look(self, node: Any) -> None:
        """Look at the attributes of a custom node."""
        for attribute, value in attributes(node).items():
            if type(value) not in torch_facts.PLAIN_TYPES:
                continue
            key = (type(node).__name__, attribute)
            if key in self._told or value.grad_fn is not node:
                continue
            self._told.add(key)
            self._journal.write(
                {
                    "t": "holder",
                    "name": f"ctx.{attribute}",
                    "kind": HolderKind.OWN_OUTPUT,
                    "location": self._journal.place(_stored(node, attribute)),
                    "n_tensors": 1,
                    "n_nodes": 1,
                    "n_passes": 1,
                    "pass_index": self._journal.last_pass_index,
                }
            )


def _stored(node: Any, attribute: str) -> Place | None:
    """Where `forward` stores it on the context."""
    function = getattr(node, "_forward_cls", None)
    for method in ("forward", "setup_context"):
        code = getattr(getattr(function, method, None), "__code__", None)
        if isinstance(code, types.CodeType):
            for one in dis.get_instructions(code):
                if one.opname == "STORE_ATTR" and one.argval == attribute:
                    return Place(code, one.offset, attribute)
    return None
