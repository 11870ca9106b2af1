"""Frozen normalization layers: whether their running statistics move although all parameters around them stand still.

Between the beginning of one pass and that of the next the statistics are compared with a copy. A layer is of interest
while none of the parameters of the part that it is in requires grad, or none has a gradient, and while none of these is
written to: a network that follows another (a momentum encoder) is not frozen.
"""

from __future__ import annotations

import types
import weakref
from typing import Any

import torch

from gradtrace.recorder import looking, torch_facts
from gradtrace.recorder.journal import Journal
from gradtrace.recorder.leaves import Leaves
from gradtrace.recorder.names import Names
from gradtrace.recorder.readings import may_read
from gradtrace.recorder.scope import Scope
from gradtrace.recorder.sites import Place, user_place

_NORM = torch.nn.modules.batchnorm._NormBase
_FEWEST = 2
"""So often in a row they have to move."""
_MOST = 2_000
"""So many layers are looked at."""


class _Norm:
    """A layer, as it was when the last pass began."""

    def __init__(self, reference: weakref.ref[torch.nn.Module], around: list[weakref.ref[torch.Tensor]]) -> None:
        self.reference = reference
        self.around = around
        """The parameters of the part that it is in."""
        self.mark: tuple[tuple[int, int], ...] = ()
        self.mean: torch.Tensor | None = None
        self.count = 0
        self.follows = False
        """Something has written to these parameters."""
        self.written: dict[str, Any] | None = None
        """What was said of it."""


class Norms:
    """Looks at the models when passes begin, and learns who put layers into train mode."""

    def __init__(self, journal: Journal, names: Names, leaves: Leaves) -> None:
        self._journal = journal
        self._names = names
        self._leaves = leaves
        self._known: dict[int, _Norm] = {}
        self._modes: dict[int, tuple[weakref.ref[torch.nn.Module], bool, Place | None]] = {}
        self._n_written = 0

    def switched(self, module: torch.nn.Module, frame: types.FrameType, *, is_training: bool) -> None:
        """`train` or `eval` ran for a module: the line counts that changed its mode."""
        if not issubclass(type(module), _NORM):
            return
        known = self._modes.get(id(module))
        if known is not None and known[0]() is module and known[1] is is_training:
            return
        if len(self._modes) >= _MOST:
            self._modes = {number: one for number, one in self._modes.items() if one[0]() is not None}
        if len(self._modes) < _MOST:
            self._modes[id(module)] = (weakref.ref(module), is_training, user_place(frame, "train"))

    def look(self, scope: Scope) -> None:
        """A pass begins."""
        alive: set[int] = set()
        for model in self._names.models():
            parts = dict(looking.modules(model))
            for path, part in parts.items():
                if issubclass(type(part), _NORM) and id(part) not in alive and len(alive) < _MOST:
                    alive.add(id(part))
                    self._compare(path, part, parts, scope)
        self._known = {number: one for number, one in self._known.items() if number in alive}

    def _compare(self, path: str, part: torch.nn.Module, parts: dict[str, torch.nn.Module], scope: Scope) -> None:
        own = looking.attributes(part)
        mean = looking.copied(own.get("_buffers")).get("running_mean")
        mine = [one for _, one in looking.parameters(part)]
        if not mine or any(map(self._is_trained, mine)) or not may_read(mean):
            self._known.pop(id(part), None)
            return
        norm = self._known.get(id(part))
        if norm is None or norm.reference() is not part:
            references = [weakref.ref(one) for one in _around(path, mine, parts)]
            norm = self._known[id(part)] = _Norm(weakref.ref(part), references)
        around = [one for reference in norm.around if (one := reference()) is not None]
        if len(around) < len(norm.around) or any(map(self._is_trained, around)):
            del self._known[id(part)]
            return
        mark = _mark(around)
        has_moved = norm.mean is not None and norm.mean.shape == mean.shape and not torch.equal(norm.mean, mean)
        if norm.mean is not None and mark != norm.mark:
            norm.follows = True
            self._take_back(norm)
        norm.count = norm.count + 1 if has_moved and own.get("training") is True else 0
        norm.mark, norm.mean = mark, mean.detach().clone()
        if norm.count == _FEWEST and norm.written is None and not norm.follows:
            norm.written = self._write(part, mine, around, norm.count, scope)

    def _is_trained(self, parameter: torch.Tensor) -> bool:
        """Whether it is, or may be, trained: it requires grad and has a gradient, or an optimizer holds it."""
        if parameter.is_inference() or not parameter.requires_grad:
            return parameter.is_inference()
        state = self._leaves.find(parameter)
        return state is None or bool(state.owners) or state.has_grad

    def _write(
        self, part: torch.nn.Module, mine: list[torch.Tensor], around: list[torch.Tensor], count: int, scope: Scope
    ) -> dict[str, Any]:
        known = self._modes.get(id(part))
        place = known[2] if known is not None and known[0]() is part and known[1] else None
        record = {
            "t": "moving_norm",
            "id": self._n_written,
            "module": self._names.module_path(part),
            "module_type": looking.type_name(part),
            "leaves": [self._leaves.get(one, scope).id for one in mine],
            "n_around": len(around),
            "count": count,
            "pass_index": self._journal.last_pass_index,
            "location": self._journal.place(place),
            "is_frozen": not any(one.requires_grad for one in around),
        }
        self._journal.write(record)
        self._n_written += 1
        return record

    def _take_back(self, norm: _Norm) -> None:
        """A layer of which something was said is part of a network that follows another."""
        if norm.written is not None and norm.written["count"]:
            norm.written["count"] = 0
            self._journal.write(dict(norm.written))

    def after_fork(self) -> None:
        """The stream is a new one."""
        self._known.clear()
        self._n_written = 0


def _mark(parameters: list[torch.Tensor]) -> tuple[tuple[int, int], ...]:
    """What changes when something writes to parameters."""
    return tuple((torch_facts.pointer(one), one._version) for one in parameters)


def _around(path: str, mine: list[torch.Tensor], parts: dict[str, torch.nn.Module]) -> list[torch.Tensor]:
    """The parameters of the smallest part around a layer that has others than the layer's."""
    own = set(map(id, mine))
    while path:
        path = path.rpartition(".")[0]
        part = parts.get(path)
        found = [] if part is None else [one for _, one in looking.parameters(part)]
        if any(id(one) not in own for one in found):
            return found
    return mine
