"""What the lines of a process refer to, and the texts and shapes that they repeat."""

import re
from collections.abc import Hashable
from typing import Any

from gradtrace.recording.damage import Damage
from gradtrace.recording.tables import FlowTable, GraphTable, NodeKind, Spec, StateTable

_DTYPE = re.compile(r"[A-Za-z_][\w.]{0,63}", re.ASCII)
_DEVICE = re.compile(r"[A-Za-z_]\w{0,31}(?::\d{1,9})?", re.ASCII)


class Shared(dict[Any, Any]):
    """Gives back the first of all equal things, so that a million nodes of one type hold its name once."""

    def __missing__(self, key: Hashable) -> Any:
        self[key] = key
        return key


class _Checked(dict[Any, Any]):
    """The same for words that must be of a certain form; None, for an unknown one, is let through."""

    def __init__(self, form: re.Pattern[str], what: str) -> None:
        super().__init__({None: None})
        self._form = form
        self._what = what

    def __missing__(self, key: str) -> str:
        if not self._form.fullmatch(key):
            raise Damage(f"{key[:40]!r} is no {self._what}")
        self[key] = key
        return key


class _Defined(dict[Any, Any]):
    """What lines have defined, by number; None, where a line refers to nothing, stays None."""

    def __init__(self, what: str) -> None:
        super().__init__({None: None})
        self._what = what

    def __missing__(self, key: int) -> Any:
        raise Damage(f"there is no {self._what} {key}")


class Definitions:
    """All that a process has defined.

    Attributes:
        places: locations by id.
        leaves: ids that leaves have in the trace, by those that they have here.
        shared: texts, shapes and arguments.
        dtypes: their names, which are looked at once.
        devices: likewise.
        specs: shape, dtype and number of elements by id.
        kinds: descriptions of nodes by id.
        graphs, states, flows: tables of passes by id.
        leaf_words: name and module of the leaves, by the ids that they have in the trace.
    """

    def __init__(self) -> None:
        self.places: dict[int | None, Any] = _Defined("location")
        self.leaves: dict[int | None, Any] = _Defined("leaf")
        self.shared = Shared()
        self.dtypes = _Checked(_DTYPE, "dtype")
        self.devices = _Checked(_DEVICE, "device")
        self.specs: dict[int, Spec] = _Defined("spec")
        self.kinds: dict[int, NodeKind] = _Defined("kind of nodes")
        self.graphs: dict[int, GraphTable] = _Defined("graph")
        self.states: dict[int, StateTable] = _Defined("state")
        self.flows: dict[int, FlowTable] = _Defined("flow")
        self.leaf_words: dict[int, tuple[str, str | None]] = {}
