"""The beginning and the end of the program: device and seed before; graphs without a pass and the exception after."""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Callable
from typing import Any

import torch

from gradtrace.recorder import torch_facts
from gradtrace.recorder.checkpoint import Checkpoint
from gradtrace.recorder.config import Config
from gradtrace.recorder.forward_table import ForwardTable
from gradtrace.recorder.holders import write_holders
from gradtrace.recorder.journal import Journal
from gradtrace.recorder.kept_results import kept_at
from gradtrace.recorder.kernel_cells import failed_cell, is_cell
from gradtrace.recorder.looking import message, type_name
from gradtrace.recorder.sites import Place, is_internal
from gradtrace.recorder.stream import plain_text

_MAX_FRAMES = 50
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep  # noqa: PTH100, PTH120 - as frames say

ended_by: BaseException | None = None
"""What ended the program, where that program is ours and does not let it out: an expression."""


def prepare(config: Config) -> None:
    """Set what the run was asked for; an impossible request ends the process before the program uses torch."""
    if config.device is not None:
        try:
            torch.empty(1, device=config.device)
            torch.set_default_device(config.device)
        except (RuntimeError, AssertionError, NotImplementedError) as error:
            _refuse(
                config,
                f"there is no device {config.device!r} here ({_first_line(error)}); devices: {', '.join(devices())}",
            )
    if config.dtype is not None:
        dtype = getattr(torch, config.dtype, None)
        if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
            _refuse(
                config,
                f"{config.dtype!r} is not a floating point dtype of torch; use float32, float64, bfloat16 or float16",
            )
        else:
            torch.set_default_dtype(dtype)
    if config.seed is not None:
        import random

        random.seed(config.seed)
        torch.manual_seed(config.seed)
        numpy = sys.modules.get("numpy")
        if numpy is not None:
            numpy.random.seed(config.seed % 2**32)


def devices() -> list[str]:
    """The devices that tensors can be placed on here."""
    found = ["cpu"]
    found += [f"cuda:{number}" for number in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        found.append("mps")
    if hasattr(torch, "xpu") and torch.xpu.is_available():
        found += [f"xpu:{number}" for number in range(torch.xpu.device_count())]
    return found


def _refuse(config: Config, text: str) -> None:
    (config.session / "refused").write_text(plain_text(text), encoding="utf-8")
    os._exit(2)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def write(
    journal: Journal,
    table: ForwardTable | None,
    checkpoint: Checkpoint,
    draw: Callable[[list[torch.Tensor], Any], None],
    look: Callable[[Any], None],
    rejected: Callable[[BaseException], dict[str, Any] | None],
) -> None:
    """Leave what is known only at the end.

    Args:
        journal: where to.
        table: the forward table of this thread.
        checkpoint: writes what has grown until now.
        draw: describes a graph that was never run backward, from its roots, and names from a frame.
        look: tells what the variables hold that can be seen from a frame.
        rejected: what is known of the call of torch's that raised.
    """
    main = sys.modules.get("__main__")
    error = ended_by or _uncaught(main) or failed_cell()
    if error is not None:
        write_error(journal, error, table, rejected(error))
    if isinstance(main, types.ModuleType):
        if not journal.last_pass_index:
            _write_undriven(journal, vars(main), draw)
        if journal.config.facts:
            write_holders(journal, table, FrameLike(vars(main)))  # type: ignore[arg-type]
            look(FrameLike(vars(main)))
    checkpoint.write()


def _uncaught(main: object) -> BaseException | None:
    """The exception that ended the program: `sys.last_value`, if it came through the outermost call of all.

    Others leave there what they only show: pytest the failure of a test, a debugger what it looks at.
    """
    error = getattr(sys, "last_value", None)
    traceback = error.__traceback__ if isinstance(error, BaseException) else None
    if traceback is None:
        return None
    code, names = traceback.tb_frame.f_code, traceback.tb_frame.f_globals
    is_script = code.co_name == "<module>" and isinstance(main, types.ModuleType) and names is vars(main)
    is_module = code.co_filename == "<frozen runpy>" and code.co_name == "_run_module_as_main"
    return error if is_script or is_module else None


def write_error(
    journal: Journal, error: BaseException, table: ForwardTable | None, rejected: dict[str, Any] | None
) -> None:
    """Leave the exception that ended what is recorded, with the calls that it came through.

    Args:
        journal: where to.
        error: the exception.
        table: the forward table of this thread.
        rejected: what is known of the call of torch's that raised.
    """
    frames: list[int | None] = []
    traceback = _from_cell(error.__traceback__)
    while traceback is not None and len(frames) < _MAX_FRAMES:
        code = traceback.tb_frame.f_code
        if is_of_the_program(code):
            frames.append(journal.place(Place(code, traceback.tb_lasti, "")))
        traceback = traceback.tb_next
    unread = _unread_line(journal, error)
    if unread is not None:
        frames.append(unread)
    said = {"type": type_name(error), "message": plain_text(message(error))[:4000]}
    kept = kept_at(error, journal, table) if journal.config.facts else []
    call = {} if rejected is None else {"call": rejected}
    journal.write({"t": "error", **said, "frames": frames, **({"kept": kept} if kept else {}), **call})


def _unread_line(journal: Journal, error: BaseException) -> int | None:
    """The place at which a text of the program cannot be read."""
    if type(error) not in (SyntaxError, IndentationError, TabError):
        return None
    file, line, column, text = error.filename, error.lineno, error.offset, error.text  # type: ignore[attr-defined]
    if type(file) is not str or type(line) is not int or file.startswith("<"):
        return None
    n_before = len(text) - len(text.lstrip()) if type(text) is str else 0
    span = (max(0, column - 1 - n_before), 1) if type(column) is int else None
    return journal.line(file, line, "<module>", span)


def _from_cell(traceback: types.TracebackType | None) -> types.TracebackType | None:
    """The calls from the cell of a kernel on; all where there is none."""
    inner = traceback
    while inner is not None and not is_cell(inner.tb_frame.f_code.co_filename):
        inner = inner.tb_next
    return inner or traceback


def is_of_the_program(code: types.CodeType) -> bool:
    """Whether a frame with this code is neither torch's nor ours."""
    return not is_internal(code) and not code.co_filename.startswith(_PACKAGE)


def _write_undriven(
    journal: Journal, variables: dict[str, Any], draw: Callable[[list[torch.Tensor], Any], None]
) -> None:
    """Draw the graphs of a program that never ran one backward: from the asked-for roots, else from its globals."""
    tensors = {
        name: value
        for name, value in list(variables.items())
        if type(value) in torch_facts.PLAIN_TYPES and value.grad_fn is not None and not name.startswith("__")
    }
    wanted = [name for name in journal.config.roots if name in tensors]
    if journal.config.roots:
        missing = [name for name in journal.config.roots if name not in tensors]
        for name in missing:
            why = "has no grad_fn" if name in variables else "is not a global variable"
            journal.note(f"--root {name}: {name} {why}; results with a graph: {', '.join(tensors) or 'none'}")
        roots = [tensors[name] for name in wanted]
    else:
        roots = _last_results(list(tensors.values()))
    if roots:
        draw(roots, FrameLike(variables))


class FrameLike:
    """Stands for the frame of the main module, which has ended; or is a notebook's, between two cells."""

    def __init__(self, variables: dict[str, Any]) -> None:
        self.f_locals = self.f_globals = variables
        self.f_code = (lambda: None).__code__.replace(co_filename="<program>")
        self.f_back = None


def _last_results(tensors: list[torch.Tensor]) -> list[torch.Tensor]:
    """Those from which no other derives."""
    nodes = {tensor.grad_fn: None for tensor in tensors}
    reached: set[Any] = set()
    stack = [child for node in nodes if node is not None for child, _ in node.next_functions if child is not None]
    while stack:
        node = stack.pop()
        if node in reached:
            continue
        reached.add(node)
        stack.extend(child for child, _ in node.next_functions if child is not None)
    roots: dict[Any, torch.Tensor] = {}
    for tensor in tensors:
        if tensor.grad_fn not in reached:
            roots.setdefault((tensor.grad_fn, tensor.output_nr), tensor)
    return list(roots.values())
