"""Steps in where every pass begins: `_engine_run_backward`, by which `backward()` and `autograd.grad()` call torch."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gradtrace.recorder import torch_facts
from gradtrace.recorder.invisible import hide, skipped_by_warnings
from gradtrace.recorder.sites import Place, is_internal

if TYPE_CHECKING:
    from gradtrace.recorder.session import Recorder


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the engine, as the program made it.

    Attributes:
        roots: tensors or gradient edges at which the pass starts.
        gradients: what it starts with there.
        inputs: tensors to whose gradients the pass is confined; empty for all leaves.
        accumulates: results go into `.grad` (backward), not back to the caller (grad).
        parent: index of the pass that is running on this thread.
        is_drawn_only: no pass at all: a graph that is described without being run.
    """

    name: str
    place: Place | None
    roots: tuple[Any, ...]
    gradients: tuple[Any, ...] = ()
    retain_graph: bool = False
    create_graph: bool = False
    inputs: tuple[Any, ...] = ()
    accumulates: bool = True
    parent: int | None = None
    thread: int = 0
    is_drawn_only: bool = False

    @property
    def reaches_engine(self) -> bool:
        """Whether torch lets the pass begin: every root must be part of a graph."""
        return all(not hasattr(root, "requires_grad") or root.requires_grad for root in self.roots)


def _name_and_place(frame: types.FrameType | None) -> tuple[str, Place | None]:
    """Which function of torch was called, and by which line of the user's."""
    name = "autograd.backward"
    first = True
    while frame is not None and is_internal(frame.f_code):
        function = frame.f_code.co_name
        if frame.f_code.co_filename.startswith(torch_facts.TORCH_DIRECTORY):
            if first:
                name = "autograd.grad" if function == "grad" else "autograd.backward"
                first = False
            elif function == "backward" and frame.f_code.co_filename.endswith("_tensor.py"):
                name = "Tensor.backward"
        frame = frame.f_back
    return name, None if frame is None else Place(frame.f_code, frame.f_lasti, name)


def describe_call(
    frame: types.FrameType | None,
    roots: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    *,
    parent: int | None,
    thread: int,
) -> Call:
    """Read the arguments of torch's `_engine_run_backward`.

    They are (roots, gradients, keep_graph, create_graph, inputs, allow_unreachable, accumulate_grad).
    """
    name, place = _name_and_place(frame)
    given = dict(zip(("gradients", "keep_graph", "create_graph", "inputs"), args, strict=False))
    accumulates = kwargs.get("accumulate_grad", args[5] if len(args) > 5 else False)  # noqa: PLR2004
    return Call(
        name=name,
        place=place,
        roots=tuple(roots),
        gradients=tuple(given.get("gradients") or ()),
        retain_graph=bool(given.get("keep_graph")),
        create_graph=bool(given.get("create_graph")),
        inputs=tuple(given.get("inputs") or ()),
        accumulates=bool(accumulates),
        parent=parent,
        thread=thread,
    )


def watch_engine(original: Callable[..., Any], recorder: Recorder) -> Callable[..., Any]:
    """Wrap the engine's entry."""

    def _engine_run_backward(t_outputs: Any, *args: Any, **kwargs: Any) -> Any:
        if torch_facts.is_compiling():
            return original(t_outputs, *args, **kwargs)
        ticket = recorder.before_pass(sys._getframe(1), t_outputs, args, kwargs)
        try:
            result = original(t_outputs, *args, **kwargs)
        except BaseException as error:
            recorder.after_pass(ticket, None, error)
            hide(error)
            raise
        recorder.after_pass(ticket, result, None)
        if recorder.cuts is not None:
            with recorder.guard():
                recorder.cuts.gradients_returned(result, t_outputs, sys._getframe(1))
        return result

    return skipped_by_warnings(_engine_run_backward)
