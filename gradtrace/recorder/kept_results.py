"""Results with a graph that the program still held when an exception ended it, and where it had stored them.

For two exceptions the tensor is the cause, and a person knows it by what holds it: a graph that is walked a second time
hangs on something that was kept, and what is deep-copied or sent to another process holds a result.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any

import torch

from gradtrace.recorder import torch_facts
from gradtrace.recorder.forward_table import ForwardTable
from gradtrace.recorder.journal import Journal
from gradtrace.recorder.looking import is_tensor, message
from gradtrace.recorder.scope import Scope, codes_of
from gradtrace.recorder.sites import Place, frames_of, is_internal, is_own, locals_of
from gradtrace.recorder.stores import stored_by
from gradtrace.recorder.stream import plain_text
from gradtrace.recorder.switches import blocks_at

_SECOND_TIME = "backward through the graph a second time"
_UNCOPYABLE = ("support the deepcopy protocol", "refusing to serialize non-leaf")
_CACHE = "cached"
"""`torch.nn.utils.parametrize.cached`, which holds what it computes where no variable leads."""
_MOST = 20
_MRO = type.__dict__["__mro__"].__get__


def kept_at(error: BaseException, journal: Journal, table: ForwardTable | None) -> list[list[Any]]:
    """Rows of name, stored, made: what was held that explains the exception, if it is one of those."""
    said = message(error)
    frames = list(frames_of(error))
    own = [frame for frame, _ in frames if is_own(frame.f_code)]
    if not own:
        return []
    if any(words in said for words in _UNCOPYABLE):
        wanted = [one for frame, _ in frames if is_internal(frame.f_code) for one in _results_of(frame)]
        return list(_rows(Scope(own[-1]), journal, table, wanted))
    if _SECOND_TIME in said and table is not None:
        cached = [
            [f"{_CACHE}()", journal.place(place), None]
            for frame, offset in frames
            for place, names in blocks_at(frame.f_code, offset)
            if _is_cache(names, frame)
        ]
        return [*cached, *_rows(Scope(own[-1]), journal, table, None)]
    return []


def _is_cache(names: tuple[str, ...], frame: types.FrameType) -> bool:
    """Whether the manager of a `with` is the cache of parametrizations: `cached`, `parametrize.cached`, `P.cached`."""
    if not names or names[-1] != _CACHE:
        return False
    thing = locals_of(frame).get(names[0], frame.f_globals.get(names[0]))
    for name in names[1:]:
        thing = vars(thing).get(name) if type(thing) is types.ModuleType else None
    return thing is torch.nn.utils.parametrize.cached


def _results_of(frame: types.FrameType) -> Iterator[torch.Tensor]:
    """The results with a graph among the variables of a frame of torch's: what it was asked to copy."""
    for value in locals_of(frame).values():
        if is_tensor(value) and _is_result(value):
            yield value


def _is_result(value: Any) -> bool:
    return (
        is_tensor(value)
        and type(value) in torch_facts.PLAIN_TYPES
        and value.requires_grad
        and not torch_facts.is_written_view(value)
        and not torch_facts.is_leaf(value)
    )


def _rows(
    scope: Scope, journal: Journal, table: ForwardTable | None, wanted: list[torch.Tensor] | None
) -> Iterator[list[Any]]:
    n_told = 0
    for path, tensor, holder in scope.held():
        if n_told == _MOST:
            return
        if not _is_result(tensor) or (wanted is not None and not any(tensor is one for one in wanted)):
            continue
        if wanted is None and not _is_freed(tensor, table):
            continue
        n_told += 1
        stored = journal.place(stored_in(scope, path, holder))
        yield [plain_text(path), stored, journal.place(_made(tensor, table))]


def stored_in(scope: Scope, path: str, holder: object) -> Place | None:
    """The line that stores it: of an attribute the one in the class of what holds it, if that is the only one."""
    name = path.rpartition(".")[2]
    if holder is None or not name.isidentifier():
        return stored_by(scope.codes(), path)
    return stored_by([code for kind in _MRO(type(holder)) for code in codes_of(kind)], f"self.{name}")


def _is_freed(tensor: torch.Tensor, table: ForwardTable | None) -> bool:
    node = tensor.grad_fn
    return table is not None and node is not None and node._sequence_nr() in table.freed


def _made(tensor: torch.Tensor, table: ForwardTable | None) -> Place | None:
    node = tensor.grad_fn
    position = -1 if table is None or node is None else table.find(node._sequence_nr())
    return None if table is None or position < 0 else table.origins[table.origin_numbers[position]].place
