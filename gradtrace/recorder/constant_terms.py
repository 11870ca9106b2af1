"""Losses that were computed from nothing that requires grad, and then added to something that does.

Only when facts for a diagnosis are asked for. The result of a loss function that has no graph, with gradients on, is
followed by weak references until it is added to a value with a graph: a term that trains nothing.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any

import torch

from gradtrace.recorder import torch_facts
from gradtrace.recorder.cuts import tensors_among
from gradtrace.recorder.forward_mode import TorchCall
from gradtrace.recorder.journal import Journal
from gradtrace.recorder.names import assigned_names
from gradtrace.recorder.sites import user_place

_MAX_PLACES = 200
_MAX_FOLLOWED = 1_000
_MAX_NODES = 10_000
_MAX_PASSES = 64
_LOSSES = frozenset(
    {"kl_div", "cross_entropy", "binary_cross_entropy", "binary_cross_entropy_with_logits", "pairwise_distance"}
)
_SUMS = frozenset({"add", "add_", "__add__", "__radd__", "__iadd__", "stack", "cat", "hstack"})
"""A difference is none: what is taken away is an offset, or what another is compared with."""
_plain_ids = frozenset(map(id, torch_facts.PLAIN_TYPES))


class ConstantTerms:
    """Writes a line for each loss function's place whose result was added so, and again when more is known."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._known: dict[tuple[int, ...], dict[str, Any]] = {}
        self._followed: dict[int, tuple[weakref.ref[torch.Tensor], tuple[int, ...]]] = {}
        self._nodes: dict[int, dict[str, Any]] = {}
        """By sequence number of a node that took one in: the record."""
        self._written: dict[int, tuple[int, int, int]] = {}

    def saw(self, seen: TorchCall) -> None:
        """Look at one call."""
        name: str = getattr(seen.func, "__name__", "")
        result = seen.result
        if name in _LOSSES or name.endswith("_loss"):
            if id(type(result)) in _plain_ids and torch.is_grad_enabled():
                self._loss(name, result, seen)
            return
        if not self._followed:
            return
        origins = [key for one in tensors_among(seen.args, seen.kwargs) if (key := self._origin(one)) is not None]
        if not origins:
            return
        if not seen.made_nodes:
            if id(type(result)) in _plain_ids and result.is_floating_point() and not result.requires_grad:
                self._follow(result, origins[0])
        elif name in _SUMS and all(map(_is_single, tensors_among(seen.args, seen.kwargs))):
            for key in dict.fromkeys(origins):
                self._enters(key, seen)

    def _loss(self, name: str, result: torch.Tensor, seen: TorchCall) -> None:
        place = user_place(seen.frame, name)
        if place is None:
            return
        known = self._known.get(place.key)
        if result.requires_grad:
            if known is not None:
                known["n_tracked"] += 1
            elif len(self._known) < _MAX_PLACES:
                self._known[place.key] = {"n_tracked": 1, "count": 0}
            return
        if known is None:
            if len(self._known) >= _MAX_PLACES:
                return
            location = self._journal.place(place)
            names = () if location is None else assigned_names(self._journal.location(location))
            self._known[place.key] = {
                "t": "constant_term",
                "id": len(self._known),
                "call": name,
                "location": location,
                "name": names[0] if len(names) == 1 else None,
                "entered": None,
                "passes": [],
                "count": 0,
                "n_tracked": 0,
            }
        self._follow(result, place.key)

    def _follow(self, tensor: torch.Tensor, key: tuple[int, ...]) -> None:
        if len(self._followed) >= _MAX_FOLLOWED:
            self._followed = {number: one for number, one in self._followed.copy().items() if one[0]() is not None}
        if len(self._followed) < _MAX_FOLLOWED:
            self._followed[id(tensor)] = (weakref.ref(tensor), key)

    def _origin(self, tensor: torch.Tensor) -> tuple[int, ...] | None:
        known = self._followed.get(id(tensor))
        return known[1] if known is not None and known[0]() is tensor and not tensor.requires_grad else None

    def _enters(self, key: tuple[int, ...], seen: TorchCall) -> None:
        record = self._known[key]
        if "t" not in record:  # it had a graph before
            return
        record["count"] += 1
        if record["entered"] is None:
            record["entered"] = self._journal.place(user_place(seen.frame, ""))
        if len(self._nodes) >= _MAX_NODES:
            self._nodes.clear()
        self._nodes.update((number, record) for number in range(seen.before, seen.after))

    def graph_walked(self, sequence_numbers: Iterable[int], index: int) -> None:
        """Note which terms the graph of a pass has taken in."""
        if not self._nodes:
            return
        for number in sequence_numbers:
            record = self._nodes.get(number)
            if record is not None and index not in record["passes"] and len(record["passes"]) < _MAX_PASSES:
                record["passes"].append(index)

    def after_fork(self) -> None:
        """The stream is a new one, and nothing of the other stands in it."""
        self._known, self._followed, self._nodes, self._written = {}, {}, {}, {}

    def write(self) -> None:
        """Write every record again of which more is known by now."""
        for record in list(self._known.values()):
            if not record["count"]:
                continue
            known = (record["count"], record["n_tracked"], len(record["passes"]))
            if self._written.get(record["id"]) != known:
                self._written[record["id"]] = known
                self._journal.write(record)


def _is_single(tensor: torch.Tensor) -> bool:
    """Whether it is one number, as a loss is: with several, a constant may be what others are compared with."""
    return id(type(tensor)) in _plain_ids and tensor.numel() == 1
