"""The log of in-place writes: who overwrote a tensor after a node had saved it.

torch counts the writes to a tensor's data in its version. By the address of the storage, the log keeps the latest
writes with the version that each left behind; when a pass fails because a saved tensor has changed, it names them
all.
"""

from __future__ import annotations

import re
import types
from typing import Any

import torch

from gradtrace.recorder import torch_facts
from gradtrace.recorder.journal import Journal
from gradtrace.recorder.leaves import Leaves
from gradtrace.recorder.looking import is_tensor
from gradtrace.recorder.measure import is_readable
from gradtrace.recorder.sites import Place, user_place

_MAX_STORAGES = 20_000
_MAX_WRITES = 64
_CHANGED = re.compile(
    r"modified by an inplace operation: \[(?P<type>[\w.]+)(?: \[(?P<shape>[\d, ]*)\])?\].*?"
    r"is at version (?P<found>\d+); expected version (?P<expected>\d+)",
    re.DOTALL,
)

_Write = tuple[int, Place | None, str]
"""The version that a write left behind, where it was, and what wrote."""


class Writes:
    """The latest writes to each storage."""

    def __init__(self, journal: Journal, leaves: Leaves) -> None:
        self._journal = journal
        self._leaves = leaves
        self._by_storage: dict[int, list[_Write]] = {}

    def saw(self, targets: Any, call: str, frame: types.FrameType | None) -> None:
        """Note an in-place write to these tensors."""
        place: Place | None = None
        for target in targets:
            if not is_tensor(target) or not is_readable(target) or target.layout is not torch.strided:
                continue
            if target.is_inference():  # nothing saves it, and it has no version
                continue
            place = place or user_place(frame, call)
            if len(self._by_storage) > _MAX_STORAGES:
                self._by_storage.clear()
            written = self._by_storage.setdefault(torch_facts.storage_pointer(target), [])
            version = target._version
            while written and written[-1][0] >= version:  # of a tensor that is gone, whose memory this one has got
                written.pop()
            written.append((version, place, call))
            if len(written) > _MAX_WRITES:
                del written[0]

    def conflict(
        self, error: BaseException, node: Any, number: int, place: Place | None = None
    ) -> dict[str, Any] | None:
        """What torch's complaint about an in-place write is about, when it is one.

        Args:
            error: what the engine raised.
            node: the node at which it did.
            number: the number of the node.
            place: where the node was made.
        """
        said = _CHANGED.search(str(error))
        if said is None:
            return None
        shape = [int(extent) for extent in (said["shape"] or "").replace(" ", "").split(",") if extent]
        expected, found = int(said["expected"]), int(said["found"])
        name, saved_name = None, ""
        for kept_name, tensor in _saved_tensors(node):
            if list(tensor.shape) == shape and tensor._version == found:
                saved_name = kept_name
                pointer = torch_facts.storage_pointer(tensor)
                name = self._name(pointer)
                writes = self._by_storage.get(pointer, [])
                break
        else:
            writes = self._written_at(place, expected, found)
        return {
            "name": name,
            "shape": shape,
            "dtype": said["type"].rpartition(".")[2],
            "saved_by": number,
            "saved_name": saved_name,
            "expected": expected,
            "found": found,
            "writes": [
                [call, self._journal.place(at), version] for version, at, call in writes if expected < version <= found
            ],
        }

    def _written_at(self, place: Place | None, expected: int, found: int) -> list[_Write]:
        """The writes to the one tensor to which a place wrote the version that is missed, and others up to this one.

        A node that stands for a write into a view shows nothing of what it saved.
        """
        fits = [
            writes
            for writes in list(self._by_storage.values())
            if writes[-1][0] == found and any(version == expected and at == place for version, at, _ in writes)
        ]
        return fits[0] if place is not None and len(fits) == 1 else []

    def _name(self, pointer: int) -> str | None:
        for state in self._leaves.states.copy().values():
            tensor = state.reference()
            if tensor is not None and is_readable(tensor) and torch_facts.storage_pointer(tensor) == pointer:
                return state.name
        return None


def _saved_tensors(node: Any) -> list[tuple[str, torch.Tensor]]:
    found: list[tuple[str, torch.Tensor]] = []
    if not torch_facts.SAVED_TENSORS_SHOW_DATA:
        return found
    for attribute in dir(node):
        if attribute.startswith("_raw_saved_"):
            kept = getattr(node, attribute)
            for one in kept if isinstance(kept, tuple) else (kept,):
                tensor = getattr(one, "data", None)
                if is_tensor(tensor) and tensor.layout is torch.strided:
                    found.append((attribute.removeprefix("_raw_saved_"), tensor))
    return found
