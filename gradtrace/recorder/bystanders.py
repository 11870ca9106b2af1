"""Tensors that carry a name in the program and take no part in the graph of a pass: inputs, targets, constants."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterator
from functools import partial
from types import CodeType
from typing import Any

import torch

from gradtrace.model.kinds import BystanderKind
from gradtrace.recorder import torch_facts
from gradtrace.recorder.births import Births
from gradtrace.recorder.cuts import CutWatch
from gradtrace.recorder.journal import Journal
from gradtrace.recorder.kept_results import stored_in
from gradtrace.recorder.leaves import Leaves
from gradtrace.recorder.looking import attributes, buffers, is_tensor, modules
from gradtrace.recorder.measure import is_readable
from gradtrace.recorder.names import Names
from gradtrace.recorder.scope import Scope
from gradtrace.recorder.sites import Place
from gradtrace.recorder.stores import stored_by
from gradtrace.recorder.stream import plain_text

_MAX_PER_PASS = 100
_MAX_NAMES = 2_000


class Bystanders:
    """Writes a line for each name, once."""

    def __init__(
        self, journal: Journal, leaves: Leaves, births: Births, cuts: CutWatch | None, names: Names | None = None
    ) -> None:
        self._journal = journal
        self._names = names
        self._leaves = leaves
        self._births = births
        self._cuts = cuts
        self._told: set[str] = set()

    def look(self, scope: Scope, index: int, nodes: Collection[Any], leaves: Container[int]) -> None:
        """Tell those that can be seen from the call of a pass.

        Args:
            scope: what can be seen.
            index: the pass.
            nodes: those of its graph; where there are none, what objects hold as attributes is recorded too.
            leaves: `id`s of the tensors that are leaves of its graph.
        """
        seen: list[tuple[str, torch.Tensor, Callable[[], Place | None]]] = [
            (name, tensor, partial(_assigned, scope, code, name))
            for name, tensor, code in scope.visible()
            if name not in self._told
        ]
        if not nodes:
            known = {id(tensor) for _, tensor, _ in seen}
            seen += [
                (name, tensor, partial(stored_in, scope, name, holder))
                for name, tensor, holder in scope.held()
                if holder is not None and id(tensor) not in known and name not in self._told
            ]
        n_told = 0
        for name, tensor, find_place in seen:
            if n_told == _MAX_PER_PASS or len(self._told) >= _MAX_NAMES:
                return
            kind_and_cut = self._part_of(name, tensor, nodes, leaves)
            if kind_and_cut is not None:
                n_told += 1
                finders = [find_place, *[find for _, one, find in seen if one is tensor]]
                place = next((place for find in finders if (place := find()) is not None), None)
                self._write(name, tensor, *kind_and_cut, index, place)
        for name, tensor in self._kept_by_modules() if self._journal.config.facts else ():
            if n_told == _MAX_PER_PASS or len(self._told) >= _MAX_NAMES:
                return
            kind_and_cut = self._part_of(name, tensor, nodes, leaves)
            if kind_and_cut is not None:
                n_told += 1
                kind = BystanderKind.BUFFER if kind_and_cut[0] == BystanderKind.REQUIRES_NO_GRAD else kind_and_cut[0]
                place = stored_by(scope.codes(), f"self.{name.rpartition('.')[2]}")
                self._write(name, tensor, kind, kind_and_cut[1], index, place)

    def _part_of(
        self, name: str, tensor: torch.Tensor, nodes: Container[Any], leaves: Container[int]
    ) -> tuple[BystanderKind, int | None] | None:
        """Why a tensor takes no part, and its cut, if its name was not recorded yet; from now on it was."""
        if name in self._told or not is_readable(tensor):
            return None
        kind, cut = self._kind(tensor, nodes, leaves)
        if kind is None:
            return None
        self._told.add(name)
        return kind, cut

    def _kept_by_modules(self) -> Iterator[tuple[str, torch.Tensor]]:
        """Buffers, and attributes that are tensors, under the path in their model."""
        for model in self._names.models() if self._names is not None else ():
            known = {id(one) for _, one in buffers(model)}
            for _, one in buffers(model):
                found = self._names.tensor(one) if self._names is not None else None
                if found is not None:
                    yield found[0], one
            for path, part in modules(model):
                for key, one in attributes(part).items():
                    if type(key) is str and is_tensor(one) and id(one) not in known and not key.startswith("_"):
                        yield f"{path}.{key}" if path else f"self.{key}", one

    def look_at_the_end(self, scope: Scope, index: int) -> None:
        """Tell those that are there when the program has ended; of results with a graph nobody knows whether one ran.

        Args:
            scope: what can be seen.
            index: the last pass.
        """
        met = {id(tensor) for _, tensor, _ in scope.visible() if self._leaves.find(tensor) is not None}
        results = {
            tensor.grad_fn
            for _, tensor, _ in scope.visible()
            if tensor.requires_grad and not torch_facts.is_written_view(tensor) and not torch_facts.is_leaf(tensor)
        }
        self.look(scope, index, results, met)

    def _kind(
        self, tensor: torch.Tensor, nodes: Container[Any], leaves: Container[int]
    ) -> tuple[BystanderKind | None, int | None]:
        """Why it takes no part, and the cut that it comes from; None if it does."""
        if tensor.requires_grad:
            if torch_facts.is_written_view(tensor):
                return None, None
            if tensor.is_leaf:
                is_known = id(tensor) in leaves or self._leaves.find(tensor) is not None
                return (None if is_known else BystanderKind.ELSEWHERE), None
            return (None if tensor.grad_fn in nodes else BystanderKind.ELSEWHERE), None
        if self._leaves.find(tensor) is not None:  # one that is frozen is recorded as a leaf
            return None, None
        cut = None if self._cuts is None else self._cuts.cut_of(tensor)
        if cut is not None:
            return BystanderKind.CUT_OFF, cut
        if not (tensor.is_floating_point() or tensor.is_complex()):
            return BystanderKind.INTEGERS, None
        return (BystanderKind.INFERENCE if tensor.is_inference() else BystanderKind.REQUIRES_NO_GRAD), None

    def _write(
        self, name: str, tensor: torch.Tensor, kind: BystanderKind, cut: int | None, index: int, place: Place | None
    ) -> None:
        place = self._births.place(tensor) or place
        self._journal.write(
            {
                "t": "bystander",
                "name": plain_text(name),
                "kind": kind,
                "shape": torch_facts.extents(torch_facts.any_shape(tensor)),
                "dtype": torch_facts.short_dtype(tensor.dtype),
                "device": str(tensor.device),
                "requires_grad": tensor.requires_grad,
                "is_leaf": torch_facts.is_leaf(tensor),
                "pass_index": index,
                "location": self._journal.place(place),
                "cut": cut,
            }
        )

    def after_fork(self) -> None:
        """The stream is a new one."""
        self._told.clear()


def _assigned(scope: Scope, code: CodeType | None, name: str) -> Place | None:
    """Where the program gives a tensor its name: in this code, or anywhere that can be seen."""
    return stored_by(scope.codes() if code is None else [code], name)
