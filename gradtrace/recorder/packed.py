"""What lies behind saved-tensor hooks: a checkpoint of torch keeps the inputs from which it recomputes the rest."""

from __future__ import annotations

import types
from typing import Any

from gradtrace.recorder.looking import attributes, listed, module_of

_CHECKPOINTS = "torch.utils.checkpoint"


def checkpoint_frame(hook: Any) -> Any:
    """The checkpoint that an unpack hook belongs to; None for the hook of anybody else."""
    if type(hook) is not types.FunctionType or hook.__module__ != _CHECKPOINTS:
        return None
    frame = _closed_over(hook).get("frame")
    return frame if module_of(type(frame)) == _CHECKPOINTS else None


def checkpoint_inputs(frame: Any) -> list[Any]:
    """What a checkpoint keeps: arguments, as tensors or as torch's `SavedTensor`s, those given by name at the end."""
    known = attributes(frame)
    saver = known.get("input_saver")  # up to torch 2.12 a node of its own
    inputs = listed(known.get("saved_args")) or listed(getattr(saver, "_raw_saved_tensors", None))
    named = _closed_over(known.get("recompute_fn")).get("kwargs")
    return [*inputs, *(named.values() if type(named) is dict else ())]


def _closed_over(function: Any) -> dict[str, Any]:
    """The variables of a function's closure by name; empty cells are left out."""
    if type(function) is not types.FunctionType:
        return {}
    found = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    return found
