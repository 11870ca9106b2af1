"""Parameters of which each rank holds a part, and the whole ones that stand in for them while a module runs.

`FullyShardedDataParallel` trains one flat parameter for each unit, whose part the optimizer holds.

`fully_shard` gathers the parts before a module runs into a parameter that exists for that time only. The graph ends at
that one; the module, the optimizer and `.grad` know the part. So a pass that meets the whole one speaks of the part.
"""

from __future__ import annotations

import weakref
from typing import Any

import torch

from gradtrace.recorder import looking, torch_facts


class Shards:
    """Which part of a parameter belongs to which whole; neither is kept alive."""

    def __init__(self) -> None:
        self._is_one_of_several = False
        self._by_whole: dict[int, tuple[weakref.ref[torch.Tensor], weakref.ref[torch.Tensor]]] = {}
        """By id of the whole parameter: that one, and the part."""
        self._by_part: dict[int, tuple[weakref.ref[torch.Tensor], weakref.ref[Any]]] = {}
        """By id of the part: that one, and what torch knows of the parameter."""
        self._flat: dict[int, tuple[weakref.ref[torch.Tensor], tuple[int, ...]]] = {}
        """By id of a flat parameter, or of a view of one: that one, and the ranks that each hold a part."""

    def learn(self, models: list[torch.nn.Module]) -> None:
        """Look at all modules that are sharded now; none is before the process has joined others."""
        self._is_one_of_several = self._is_one_of_several or torch_facts.world() is not None
        if not self._is_one_of_several or not torch_facts.may_shard():
            return
        self._by_whole.clear()
        self._by_part.clear()
        self._flat.clear()
        for model in models:
            for _, module in looking.modules(model):
                for known in torch_facts.sharded_parameters(module):
                    self._know(known)
                self._know_flat(module)

    def _know(self, known: Any) -> None:
        found = looking.attributes(known)
        whole, part = found.get("_unsharded_param"), found.get("sharded_param")
        if looking.is_tensor(part):
            self._by_part[id(part)] = (weakref.ref(part), weakref.ref(known))
            if looking.is_tensor(whole):
                self._by_whole[id(whole)] = (weakref.ref(whole), weakref.ref(part))

    def _know_flat(self, module: torch.nn.Module) -> None:
        found = torch_facts.flat_parameter(module)
        if found is not None and found[2]:
            flat, views, ranks = found
            for one in (flat, *views):
                if looking.is_tensor(one):
                    self._flat[id(one)] = (weakref.ref(one), ranks)

    def spread(self, tensor: torch.Tensor) -> tuple[tuple[int, ...], int] | None:
        """Over which ranks a parameter is spread, and how many of them hold the same part; None for a whole one."""
        flat = self._flat.get(id(tensor))
        if flat is not None and flat[0]() is tensor:
            return flat[1], 1
        return torch_facts.spread(tensor)

    def part_of(self, tensor: torch.Tensor) -> torch.Tensor:
        """The part that a whole parameter stands in for; any other tensor itself."""
        known = self._by_whole.get(id(tensor))
        part = known[1]() if known is not None and known[0]() is tensor else None
        return tensor if part is None else part

    def whole_of(self, part: torch.Tensor) -> torch.Tensor | None:
        """The whole parameter that stands in for a part, if it was needed already."""
        found = self._known(part).get("_unsharded_param")
        return found if looking.is_tensor(found) else None

    def gradient(self, tensor: torch.Tensor) -> torch.Tensor | None:
        """The `.grad` of a leaf; of a part that has none, what its rank has added up and not shared with others yet."""
        grad = tensor.grad
        if grad is not None or id(tensor) not in self._by_part:
            return grad
        found = self._known(tensor)
        waiting = found.get("unsharded_accumulated_grad")
        whole = found.get("_unsharded_param")
        if waiting is None and looking.is_tensor(whole):
            waiting = whole.grad
        return waiting if looking.is_tensor(waiting) else None

    def _known(self, part: torch.Tensor) -> dict[str, Any]:
        own = self._by_part.get(id(part))
        known = own[1]() if own is not None and own[0]() is part else None
        return {} if known is None else looking.attributes(known)
