"""Steps in where every pass begins: `_engine_run_backward`, by which `backward()` and `autograd.grad()` call torch."""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from torch import is_grad_enabled

from gradtrace.model.kinds import PassCall
from gradtrace.recorder import torch_facts
from gradtrace.recorder.invisible import hide, skipped_by_warnings
from gradtrace.recorder.looking import is_tensor
from gradtrace.recorder.sections import put_grad_mode_back
from gradtrace.recorder.sites import Place, is_internal, place_at


@dataclass(slots=True, eq=False)
class Call:
    """One call of the engine, as the program made it; not frozen, which would make it several times as slow.

    Attributes:
        roots: tensors or gradient edges at which the pass starts.
        gradients: what it starts with there.
        inputs: tensors to whose gradients the pass is confined; empty for all leaves.
        accumulates: results go into `.grad` (backward), not back to the caller (grad).
        parent: index of the pass that is running on this thread.
        is_drawn_only: no pass at all: a graph that is described without being run.
    """

    name: PassCall
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
        return all(not is_tensor(root) or torch_facts.requires_grad(root) for root in self.roots)


def _name_and_place(frame: types.FrameType | None) -> tuple[PassCall, Place | None]:
    """Which function of torch was called, and by which line of the user's."""
    name = PassCall.AUTOGRAD_BACKWARD
    first = True
    while frame is not None and is_internal(frame.f_code):
        function = frame.f_code.co_name
        if frame.f_code.co_filename.startswith(torch_facts.TORCH_DIRECTORY):
            if first:
                name = PassCall.AUTOGRAD_GRAD if function == "grad" else PassCall.AUTOGRAD_BACKWARD
                first = False
            elif function == "backward" and frame.f_code.co_filename.endswith("_tensor.py"):
                name = PassCall.TENSOR_BACKWARD
        frame = frame.f_back
    return name, None if frame is None else place_at(frame, name)


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


class PassObserver(Protocol):
    """What is notified of passes. Neither method raises anything of ours."""

    def before_pass(
        self, frame: types.FrameType, roots: Any, args: tuple[Any, ...], kwargs: dict[str, Any], *, is_compiled: bool
    ) -> Any:
        """A pass begins, perhaps in a compiled region; what this returns is handed to `after_pass`."""

    def after_pass(self, ticket: Any, result: Any, error: BaseException | None, frame: types.FrameType) -> None:
        """The pass is over; it may raise what the program is to get, such as Ctrl-C while the engine ran."""


def watch_engine(original: Callable[..., Any], observer: PassObserver) -> Callable[..., Any]:
    """Wrap the engine's entry."""
    set_eval_frame = torch_facts.set_eval_frame

    @functools.wraps(original)
    def _engine_run_backward(t_outputs: Any, *args: Any, **kwargs: Any) -> Any:
        # Dynamo skips this frame for its file; what it calls of ours would be compiled as the program is.
        grad_mode = is_grad_enabled()
        eval_frame = set_eval_frame(None)
        try:
            is_compiled = eval_frame is not None and eval_frame is not False
            ticket = observer.before_pass(sys._getframe(1), t_outputs, args, kwargs, is_compiled=is_compiled)
            set_eval_frame(eval_frame)
            try:
                result = original(t_outputs, *args, **kwargs)
            except BaseException as error:
                set_eval_frame(None)
                observer.after_pass(ticket, None, error, sys._getframe(1))
                hide(error)
                raise
            set_eval_frame(None)
            observer.after_pass(ticket, result, None, sys._getframe(1))
            return result
        finally:
            put_grad_mode_back(grad_mode)
            set_eval_frame(eval_frame)

    return skipped_by_warnings(_engine_run_backward)
