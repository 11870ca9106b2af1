"""Copies of parameters that are none: they share the storage, so that they follow what they were to preserve.

What `state_dict` gives is known again by the tensors in it, also in another dictionary. Seen are `load_state_dict` of
such tensors into the module that they came from, `copy_` of a tensor onto itself, and a difference of a parameter to
itself.
"""

from __future__ import annotations

import types
import weakref
from typing import Any, NamedTuple

import torch

from gradtrace.model.kinds import SharingKind
from gradtrace.recorder import looking, torch_facts
from gradtrace.recorder.cuts import CutWatch
from gradtrace.recorder.forward_mode import TorchCall
from gradtrace.recorder.journal import Journal
from gradtrace.recorder.leaves import Leaves
from gradtrace.recorder.optimizers import owned
from gradtrace.recorder.sites import Place, is_internal, user_place

_MOST = 2_000
"""So many tensors of dictionaries are known again, and so many lines written."""
_KNOWN_EACH = 3
_DIFFERENCES = frozenset(
    {"sub", "__sub__", "subtract", "__rsub__", "rsub", "dist", "mse_loss", "l1_loss", "smooth_l1_loss", "cdist"}
)
_PAIR = 2


class _Taken(NamedTuple):
    """A tensor of a dictionary that `state_dict` gave."""

    reference: weakref.ref[torch.Tensor]
    place: Place | None
    at: int
    """How many steps any optimizer had taken."""
    version: int


class _Stepping:
    """An optimizer, when it stepped, and the version that its last step left of one of its parameters."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.reference = weakref.ref(optimizer)
        self.steps: list[int] = []
        self.first: weakref.ref[torch.Tensor] | None = None
        self.version = 0


class Copies:
    """Knows the dictionaries, and who has stepped since."""

    def __init__(self, journal: Journal, leaves: Leaves, cuts: CutWatch | None) -> None:
        self._journal = journal
        self._leaves = leaves
        self._cuts = cuts
        self._taken: dict[int, _Taken] = {}
        self._n_steps = 0
        self._stepped: dict[int, _Stepping] = {}
        self._trained: set[int] = set()
        """Leaves that an optimizer held when it stepped for the first time."""
        self._records: dict[Any, dict[str, Any]] = {}
        self._fresh: dict[Any, int] = {}
        """By place: how many steps there had been when a dictionary just taken was loaded there."""

    def taken(self, state: Any, frame: types.FrameType) -> None:
        """`state_dict` has given a dictionary."""
        tensors = [one for one in looking.copied(state).values() if type(one) in torch_facts.PLAIN_TYPES]
        if len(self._taken) > _MOST:
            self._taken = {number: one for number, one in self._taken.items() if one.reference() is not None}
        if tensors and len(self._taken) <= _MOST:
            place = user_place(frame, "state_dict")
            for tensor in (*tensors[: _KNOWN_EACH - 1], tensors[-1]):
                self._taken[id(tensor)] = _Taken(weakref.ref(tensor), place, self._n_steps, tensor._version)

    def stepped(self, optimizer: torch.optim.Optimizer) -> None:
        """An optimizer has stepped."""
        self._n_steps += 1
        known = self._stepped.get(id(optimizer))
        if known is None or known.reference() is not optimizer:
            if len(self._stepped) >= _MOST:
                self._stepped = {key: one for key, one in self._stepped.items() if one.reference() is not None}
            known = self._stepped[id(optimizer)] = _Stepping(optimizer)
            states = (self._leaves.find(one) for one in owned(optimizer))
            self._trained.update(state.id for state in states if state is not None)
        if self._taken:
            del known.steps[: -_MOST + 1]
            known.steps.append(self._n_steps)
            first = _first_of(optimizer)
            if first is not None and not first.is_inference():
                known.first, known.version = weakref.ref(first), first._version

    def has_trained(self, parameter: torch.Tensor) -> bool:
        """Whether an optimizer that holds the parameter has stepped."""
        state = self._leaves.find(parameter)
        return state is not None and state.id in self._trained

    def loads(self, module: torch.nn.Module, state: Any, frame: types.FrameType) -> None:
        """`load_state_dict` is about to copy from a dictionary."""
        given = looking.copied(state)
        if not given:
            return
        own = dict(looking.parameters(module))
        pairs = [(one, given[name]) for name, one in own.items() if name in given]
        if not pairs or not all(_is_same_memory(one, other) for one, other in pairs):
            return
        place = user_place(frame, "load_state_dict")
        taken = next((one for value in given.values() if (one := self._known(value)) is not None), None)
        since = [] if taken is None else self._stepped_since(taken.at, {id(one) for one, _ in pairs})
        n_steps = None if taken is None else sum(sum(1 for at in one.steps if at > taken.at) for one in since)
        if taken is not None and _is_written_through(taken, since):
            return
        key = (SharingKind.LOADED, None if place is None else place.key)
        if n_steps == 0 and not self._is_repeated(key):
            return
        self._tell(
            key,
            SharingKind.LOADED,
            "load_state_dict",
            place,
            [one for one, _ in pairs],
            made=None if taken is None else taken.place,
            n_steps=n_steps,
        )

    def _known(self, value: Any) -> _Taken | None:
        one = self._taken.get(id(value))
        return one if one is not None and one.reference() is value else None

    def _is_repeated(self, key: Any) -> bool:
        """Whether a fresh dictionary was loaded at this place before, and something has stepped since."""
        before = self._fresh.setdefault(key, self._n_steps)
        return self._n_steps > before

    def _stepped_since(self, at: int, wanted: set[int]) -> list[_Stepping]:
        """The optimizers that hold one of these parameters and have stepped since."""
        return [
            one
            for one in self._stepped.values()
            if one.steps
            and one.steps[-1] > at
            and (optimizer := one.reference()) is not None
            and any(id(held) in wanted for held in owned(optimizer))
        ]

    def saw(self, seen: TorchCall) -> None:
        """Look at a call: does it take a tensor and its own memory?"""
        name = seen.func.__name__
        is_copy = name == "copy_"
        if not (is_copy or name in _DIFFERENCES) or len(seen.args) < _PAIR:
            return
        one, other = seen.args[0], seen.args[1]
        if not _is_same_memory(one, other) or is_internal(seen.frame.f_code):
            return
        leaf = self._leaves.whose_memory(one)
        if leaf is None or not leaf.owners:
            return
        kind = SharingKind.COPIED if is_copy else SharingKind.SUBTRACTED
        place = user_place(seen.frame, name)
        cut = self._cut_of(one, other)
        tensor = leaf.reference()
        self._tell(
            (kind, None if place is None else place.key),
            kind,
            name,
            place,
            [] if tensor is None else [tensor],
            cut=cut,
            is_tracked=seen.made_nodes,
        )

    def _cut_of(self, *tensors: torch.Tensor) -> int | None:
        """The oldest of the cuts that they come from."""
        if self._cuts is None:
            return None
        return min((cut for one in tensors if (cut := self._cuts.cut_of(one)) is not None), default=None)

    def _tell(
        self,
        key: Any,
        kind: SharingKind,
        call: str,
        place: Place | None,
        tensors: list[torch.Tensor],
        *,
        made: Place | None = None,
        n_steps: int | None = None,
        cut: int | None = None,
        is_tracked: bool = False,
    ) -> None:
        known = self._records.get(key)
        leaves = {state.id for one in tensors if (state := self._leaves.find(one)) is not None}
        if known is None:
            if len(self._records) >= _MOST:
                return
            known = self._records[key] = {
                "t": "sharing",
                "id": len(self._records),
                "kind": kind,
                "call": call,
                "location": self._journal.place(place),
                "made": self._journal.place(made),
                "leaves": [],
                "n_tensors": 0,
                "n_steps": n_steps,
                "count": 0,
                "cut": cut,
                "is_tracked": is_tracked,
                "pass_index": self._journal.last_pass_index,
            }
        elif leaves.issubset(known["leaves"]) and known["count"] > 1:
            return
        if n_steps is not None and n_steps > (known["n_steps"] or 0):
            known["n_steps"] = n_steps
        new = sorted(leaves.difference(known["leaves"]))
        known["leaves"] = [*known["leaves"], *new]
        known["n_tensors"] = max(len(tensors), len(known["leaves"]))
        known["count"] += 1
        self._journal.write(known)

    def after_fork(self) -> None:
        """The stream is a new one."""
        self._taken.clear()
        self._records.clear()
        self._fresh.clear()
        self._trained.clear()


def _is_written_through(taken: _Taken, since: list[_Stepping]) -> bool:
    """Whether the program has written new values into the dictionary, and so into the module: it knows.

    Args:
        taken: from which dictionary.
        since: the optimizers that have stepped since it was taken.
    """
    if not since:
        tensor = taken.reference()
        return tensor is not None and tensor._version != taken.version
    firsts = ((one, one.first()) for one in since if one.first is not None)
    return any(first is not None and first._version != one.version for one, first in firsts)


def _first_of(optimizer: torch.optim.Optimizer) -> torch.Tensor | None:
    """The first parameter of an optimizer, without a look at the others."""
    for group in looking.listed(looking.attributes(optimizer).get("param_groups")):
        if type(group) is dict:
            return next((one for one in looking.listed(group.get("params")) if looking.is_tensor(one)), None)
    return None


def _is_same_memory(one: Any, other: Any) -> bool:
    """Whether two tensors are the same elements of one storage."""
    if type(one) not in torch_facts.PLAIN_TYPES or type(other) not in torch_facts.PLAIN_TYPES:
        return False
    pointer = torch_facts.pointer(one)
    return (
        pointer != 0
        and pointer == torch_facts.pointer(other)
        and one.dtype is other.dtype
        and one.shape == other.shape
        and one.stride() == other.stride()
        and one.numel() > 0
    )
