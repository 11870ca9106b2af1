"""Sees the calls between passes that the ledger is about: `zero_grad`, an optimizer made, a parameter made, scaling."""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Callable
from typing import Any, Protocol

import torch

from gradtrace.recorder.invisible import disguised, hide, skipped_by_warnings
from gradtrace.recorder.sites import local, user_frame


class Zeroing(Protocol):
    """What is notified of `zero_grad`."""

    def begin_zeroing(self) -> None:
        """It begins: what it reads and clears is one event, and there may be thousands."""

    def end_zeroing(self) -> None:
        """It has ended."""

    def zeroed(self, owner: Any, frame: types.FrameType, *, set_to_none: bool, of_optimizer: bool) -> None:
        """It has cleared what it holds."""


def watch_zero_grad(original: Callable[..., None], zeroing: Zeroing, *, of_optimizer: bool) -> Callable[..., None]:
    """Wrap `Optimizer.zero_grad` or `Module.zero_grad`: one event instead of one for every parameter."""

    @functools.wraps(original)
    def zero_grad(self: Any, *args: Any, **kwargs: Any) -> None:
        zeroing.begin_zeroing()
        try:
            original(self, *args, **kwargs)
        except BaseException as error:
            hide(error)
            raise
        finally:
            zeroing.end_zeroing()
        set_to_none = bool(args[0] if args else kwargs.get("set_to_none", True))
        zeroing.zeroed(self, sys._getframe(1), set_to_none=set_to_none, of_optimizer=of_optimizer)

    return disguised(zero_grad, original)


def watch_optimizers(
    original: Callable[[Any], None], made: Callable[[torch.optim.Optimizer, types.FrameType | None], None]
) -> Callable[[Any], None]:
    """Wrap `_patch_step_function`, which `Optimizer.__init__` calls: it has returned before any other code runs."""

    @functools.wraps(original)
    def _patch_step_function(self: Any) -> None:
        original(self)
        made(self, sys._getframe(1))

    return disguised(_patch_step_function, original)


def outside_init(frame: types.FrameType | None, optimizer: object) -> types.FrameType | None:
    """The frame that constructs it, outside the `__init__`s of its own classes (the user's subclasses among them)."""
    while frame is not None and frame.f_code.co_name == "__init__" and local(frame, "self") is optimizer:
        frame = frame.f_back
    return user_frame(frame)


def watch_parameters(original: Any, made: Callable[[Any, torch.Tensor, types.FrameType], None]) -> Any:
    """Wrap `nn.Parameter.__new__`: a parameter made of a result is a place where a graph is cut."""
    make = original.__func__ if isinstance(original, staticmethod) else original

    @functools.wraps(make)
    def __new__(cls: Any, data: Any = None, *args: Any, **kwargs: Any) -> Any:  # noqa: N807
        try:
            parameter = make(cls, data, *args, **kwargs)
        except BaseException as error:
            hide(error)
            raise
        made(data, parameter, sys._getframe(1))
        return parameter

    return staticmethod(disguised(__new__, make))


class Scaling(Protocol):
    """What is notified of `GradScaler`."""

    def scaler_steps(self, scaler: Any, optimizer: Any) -> bool:
        """`step` begins; whether its end is of interest."""

    def scaler_has_stepped(self, scaler: Any, optimizer: Any, frame: types.FrameType, *, has_failed: bool) -> None:
        """`step` has ended."""

    def scaler_updated(self, scaler: Any, frame: types.FrameType) -> None:
        """`update` has run."""


def watch_scaler_step(original: Callable[..., Any], scaling: Scaling) -> Callable[..., Any]:
    """Wrap `GradScaler.step`: it leaves the optimizer alone where a gradient is not finite."""

    @functools.wraps(original)
    def step(*args: Any, **kwargs: Any) -> Any:
        scaler = args[0] if args else None
        optimizer = args[1] if len(args) > 1 else kwargs.get("optimizer")
        is_of_interest = scaling.scaler_steps(scaler, optimizer)
        try:
            result = original(*args, **kwargs)
        except BaseException as error:
            if is_of_interest:
                scaling.scaler_has_stepped(scaler, optimizer, sys._getframe(1), has_failed=True)
            hide(error)
            raise
        if is_of_interest:
            scaling.scaler_has_stepped(scaler, optimizer, sys._getframe(1), has_failed=False)
        return result

    return skipped_by_warnings(step)


class Clipping(Protocol):
    """What is notified of torch's clipping by norm."""

    def total_computed(self, total: Any, norm_type: Any) -> None:
        """The norm of some gradients together has been computed."""

    def clipped(self, parameters: Any, total: Any) -> None:
        """The gradients of some parameters have been scaled, given their norm."""


def watch_total_norm(original: Callable[..., Any], clipping: Clipping) -> Callable[..., Any]:
    """Wrap `torch.nn.utils.get_total_norm`: of what it returns, it is known which norm it is."""

    @functools.wraps(original)
    def get_total_norm(*args: Any, **kwargs: Any) -> Any:
        try:
            total = original(*args, **kwargs)
        except BaseException as error:
            hide(error)
            raise
        clipping.total_computed(total, args[1] if len(args) > 1 else kwargs.get("norm_type", 2.0))
        return total

    return skipped_by_warnings(get_total_norm)


def watch_clipping(original: Callable[..., Any], clipping: Clipping) -> Callable[..., Any]:
    """Wrap `torch.nn.utils.clip_grads_with_norm_`, which `clip_grad_norm_` calls."""

    @functools.wraps(original)
    def clip_grads_with_norm_(*args: Any, **kwargs: Any) -> Any:
        try:
            result = original(*args, **kwargs)
        except BaseException as error:
            hide(error)
            raise
        parameters = args[0] if args else kwargs.get("parameters")
        clipping.clipped(parameters, args[2] if len(args) > 2 else kwargs.get("total_norm"))  # noqa: PLR2004
        return result

    return skipped_by_warnings(clip_grads_with_norm_)


class Exchanging(Protocol):
    """What is notified of collective operations that write to what they are given."""

    def exchanged(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], frame: types.FrameType) -> None:
        """The operation of this name has returned to a frame, which gave it these arguments."""


def watch_collective(original: Callable[..., Any], name: str, exchanging: Exchanging) -> Callable[..., Any]:
    """Wrap `torch.distributed.all_reduce` or `broadcast`: no mode sees what they write.

    Args:
        original: the function.
        name: its name.
        exchanging: is notified.
    """

    @functools.wraps(original)
    def collective(*args: Any, **kwargs: Any) -> Any:
        try:
            work = original(*args, **kwargs)
        except BaseException as error:
            hide(error)
            raise
        exchanging.exchanged(name, args, kwargs, sys._getframe(1))
        return work

    return skipped_by_warnings(collective)


def watch_scaler_update(original: Callable[..., None], scaling: Scaling) -> Callable[..., None]:
    """Wrap `GradScaler.update`: it may change the scale."""

    @functools.wraps(original)
    def update(*args: Any, **kwargs: Any) -> None:
        try:
            original(*args, **kwargs)
        except BaseException as error:
            hide(error)
            raise
        scaling.scaler_updated(args[0], sys._getframe(1))

    return skipped_by_warnings(update)
