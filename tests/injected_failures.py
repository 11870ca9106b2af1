"""Lets each function of the recorder fail once, one after another, below a small training, and says whom that reached.

    python tests/injected_failures.py [--calls 1,3] [--depth default|full] [NAME ...]

Each failure happens in a fork of one process, so that it costs a fraction of a second. What the training prints must be
what it prints alone, and a recording that lost something by the failure must say so.
"""

from __future__ import annotations

import argparse
import atexit
import functools
import importlib
import inspect
import os
import pkgutil
import shutil
import signal
import sys
import tempfile
import threading
import types
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

PATIENCE = 60
BOUNDARIES = frozenset(
    {
        "flow.Flow.ran",
        "invisible.hide",
        *(f"forward_mode.ForwardMode.{name}" for name in ("__torch_function__", "_caller", "_is_quick")),
        *(
            f"failures.{name}"
            for name in ("Failures.looking", "_Looking.__init__", "_Looking.__enter__", "_Looking.__exit__")
        ),
        *(f"fact_watches.FactWatches.{name}" for name in ("state_taken", "state_loads", "mode_switched")),
        *(f"full_pass.FullPass.{name}" for name in ("_ran", "_arrives_at_hooks", "_arrives_at_leaf", "_accumulated")),
        *(f"override_checks.module.has_torch_function{name}" for name in ("", "_unary", "_variadic")),
        *(f"passes.Passes.{name}" for name in ("before_pass", "after_pass")),
        *(f"sections.Quiet.{name}" for name in ("__enter__", "__exit__")),
        *(
            f"session.Recorder.{name}"
            for name in (
                *("_thread_begins", "_thread_ends", "_at_exit", "_made", "_parameter"),
                *("begin_zeroing", "end_zeroing", "zeroed"),
                *("scaler_steps", "scaler_has_stepped", "scaler_updated"),
            )
        ),
    }
)
"""What torch, the interpreter or a wrapper calls with nothing of ours around it: these hold the guards of all others.

Nothing could take an exception raised in place of one; each function that they call is tried.
"""
DEPTHS: dict[str, dict[str, Any]] = {
    "default": {},
    "full": {"passes": None, "level": "full", "facts": True},
}


class DefectError(Exception):
    """A failure of ours. An error of torch's own may mean no more than that a tensor cannot be measured."""


@dataclass(frozen=True)
class Place:
    """A function of the recorder, and all names under which it is called."""

    name: str
    owners: tuple[tuple[Any, str], ...]

    def fail_at(self, call: int, failed: Callable[[], None]) -> None:
        """Raise in place of a call, counted from 1."""
        owner, name = self.owners[0]
        original = vars(owner)[name]
        n_calls = 0

        def count() -> None:
            nonlocal n_calls
            n_calls += 1
            if n_calls == call:
                failed()
                raise DefectError(f"injected into {self.name}")

        for owner, name in self.owners:
            setattr(owner, name, _counted(original, count))

    def note_calls(self, count: Callable[[str], None]) -> None:
        """Say the name whenever it is called."""
        original = vars(self.owners[0][0])[self.owners[0][1]]
        for owner, name in self.owners:
            setattr(owner, name, _counted(original, functools.partial(count, self.name)))


def _counted(original: Any, count: Callable[[], None]) -> Any:
    """The same kind of thing, which counts before it does what it did."""
    if isinstance(original, property):
        return property(_counted(original.fget, count), original.fset, original.fdel)
    if isinstance(original, (staticmethod, classmethod)):
        return type(original)(_counted(original.__func__, count))

    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        count()
        return original(*args, **kwargs)

    return call


def places() -> Iterator[Place]:
    """All functions, methods and properties that the recorder's modules define."""
    import gradtrace.recorder as room

    modules = [importlib.import_module(f"{room.__name__}.{one.name}") for one in pkgutil.iter_modules(room.__path__)]
    for module in modules:
        inside = [(module, key) for key in vars(module)]
        classes = [one for one in vars(module).values() if inspect.isclass(one) and one.__module__ == module.__name__]
        inside += [(one, key) for one in classes for key in vars(one) if key not in {"__new__", "__class_getitem__"}]
        for owner, key in inside:
            one = vars(owner)[key]
            code = getattr(getattr(one, "fget", None) or getattr(one, "__func__", one), "__wrapped__", one)
            if not isinstance(one, (types.FunctionType, property, staticmethod, classmethod)):
                continue
            if isinstance(one, types.FunctionType) and getattr(code, "__module__", "") != module.__name__:
                continue  # it is another module's, and comes with that
            elsewhere = [
                (other, name) for other in [room, *modules] for name, value in vars(other).items() if value is one
            ]
            owners = elsewhere if owner is module else [(owner, key)]
            name = f"{owner.__module__ + '.' if owner is not module else ''}{owner.__name__}.{key}"
            if name.removeprefix(f"{room.__name__}.") not in BOUNDARIES:
                yield Place(name, tuple(owners))


def train() -> None:
    """A program with much of what the recorder watches; it prints all its numbers."""
    import torch
    from torch import nn
    from torch.utils.checkpoint import checkpoint

    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.2), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 1))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    net[0].weight.register_hook(lambda gradient: gradient * 2)

    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            return gradient * 2 * ctx.saved_tensors[0]

    for step in range(5):
        optimizer.zero_grad(set_to_none=step % 2 == 0)
        x = torch.randn(5, 3, requires_grad=True)
        hidden = checkpoint(net[0], x, use_reentrant=False)
        y = Square.apply(net[1:](hidden)).mean() + x.detach().sum() * 0.1
        slope = torch.autograd.grad(y, x, create_graph=True)[0]
        (y + slope.norm()).backward(retain_graph=step == 1)
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        with torch.no_grad():
            net[4].bias.data.clamp_(-1, 1)
    try:
        y.backward()
    except RuntimeError as error:
        sys.stdout.write(f"{error}\n"[:50])
    worker = threading.Thread(target=lambda: (net[4].weight * 2).sum().backward())
    worker.start()
    worker.join()
    numbers = [(one.tolist(), None if one.grad is None else one.grad.tolist()) for one in net.parameters()]
    sys.stdout.write(f"{numbers} {torch.get_rng_state().sum()} {torch.is_grad_enabled()}\n")


def _note_calls(counted: list[Place], file: Path) -> None:
    """Write the name of each place to the file whenever it is called, in whatever state the recorder is."""
    descriptor = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_APPEND)

    def note(name: str) -> None:
        os.write(descriptor, f"{name}\n".encode())

    for place in counted:
        place.note_calls(note)


def _child(
    folder: Path,
    place: Place | None,
    call: int,
    settings: dict[str, Any] | None,
    counted: list[Place] | None = None,
) -> NoReturn:
    """Be the program: recorded if there are settings, with a failure if there is a place."""
    status = 1
    try:
        signal.alarm(PATIENCE)
        for number, stream in ((1, "stdout"), (2, "stderr")):
            file = os.open(folder / stream, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
            os.dup2(file, number)
        if place is not None:
            place.fail_at(call, (folder / "failed").touch)
        if counted is not None:
            _note_calls(counted, folder / "calls")
        if settings is not None:
            _record(folder, settings)
        train()
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        status = 0
    except BaseException as error:  # noqa: BLE001  whatever ends a program
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _record(folder: Path, settings: dict[str, Any]) -> None:
    """Begin as the launcher's bootstrap does: what fails there is said, and the program goes on."""
    from gradtrace import recorder
    from gradtrace.recorder.config import Config

    try:
        recorder.start(Config(session=folder, **settings))
    except Exception as error:  # noqa: BLE001
        sys.stderr.write(f"gradtrace: this process is not recorded: {error}\n")


def _seen(folder: Path, status: int) -> tuple[int, str, str]:
    err = (folder / "stderr").read_text("utf-8", "replace").splitlines()
    theirs = "\n".join(line for line in err if not line.startswith("gradtrace:"))
    return status, (folder / "stdout").read_text("utf-8", "replace"), theirs


def _recorded(folder: Path) -> tuple[bytes, bool]:
    """What was written, and whether it, or a line on stderr, says that something is missing."""
    from gradtrace.errors import GradtraceError
    from gradtrace.recording import load

    streams = sorted(folder.glob("*.stream"))
    content = b"".join(path.read_bytes() for path in streams)
    pid = streams[0].stem.encode() if streams else b""
    said = "gradtrace:" in (folder / "stderr").read_text("utf-8", "replace")
    try:
        run = load(streams[0]).run if streams else None
    except GradtraceError:
        run = None
    return content.replace(pid, b"PID"), said or run is None or bool(run.notes) or b'{"t":"blind"' in content


def _run(
    place: Place | None,
    call: int,
    settings: dict[str, Any] | None,
    folder: Path,
    counted: list[Place] | None = None,
) -> Callable[[], int]:
    sys.stdout.flush()
    folder.mkdir()
    child = os.fork()
    if child == 0:
        _child(folder, place, call, settings, counted)
    return lambda: os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def failures(calls: list[int], depth: str, names: list[str], every: int = 1) -> Iterator[str]:
    """A line for each failure that the program noticed, or that the recording does not mention; then the numbers."""
    everything = [one for one in places() if not names or any(name in one.name for name in names)]
    settings = DEPTHS[depth]
    n_tried = n_wrong = 0
    root = Path(tempfile.mkdtemp())  # a TemporaryDirectory would be removed by each child as it ends
    try:
        alone = _seen(root / "alone", _run(None, 0, None, root / "alone")())
        whole = _seen(root / "whole", _run(None, 0, settings, root / "whole")())
        if whole != alone or alone[0] != 0:
            yield f"without a failure: {whole} instead of {alone}"
            n_wrong += 1
        expected, _ = _recorded(root / "whole")
        _run(None, 0, settings, root / "counted", everything)()
        n_calls = Counter((root / "counted" / "calls").read_text("utf-8").split())
        tries = [(place, call) for place in everything for call in calls if call <= n_calls[place.name]]
        tries = tries[::every]
        for at in range(0, len(tries), 2):
            pair = [(*one, root / f"{at + n}") for n, one in enumerate(tries[at : at + 2])]
            ends = [_run(place, call, settings, folder) for place, call, folder in pair]
            for (place, call, folder), end in zip(pair, ends, strict=True):
                status = end()
                if not (folder / "failed").exists():
                    continue
                n_tried += 1
                seen = _seen(folder, status)
                content, says_so = _recorded(folder)
                if seen != alone:
                    n_wrong += 1
                    yield f"{place.name}, call {call}: the program noticed: {_first_difference(alone, seen)}"
                elif not says_so and content != expected:
                    n_wrong += 1
                    yield f"{place.name}, call {call}: the recording lost something and does not say so"
    finally:
        shutil.rmtree(root)
    yield f"{len(everything)} functions, {n_tried} failures, {n_wrong} wrong"


def _first_difference(expected: tuple[int, str, str], seen: tuple[int, str, str]) -> str:
    pairs = zip(("status", "stdout", "stderr"), expected, seen, strict=True)
    return next(f"{what} {str(now)[-300:]!r}" for what, before, now in pairs if before != now)


def main() -> int:
    """Print what went wrong, and end with status 1 if anything did."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help="parts of the names of functions")
    parser.add_argument("--calls", default="1")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only each N-th of the failures")
    parser.add_argument("--depth", choices=sorted(DEPTHS), default="full")
    given = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)  # the first optimizer imports for a second
    torch.utils.checkpoint  # noqa: B018
    line = ""
    for line in failures([int(call) for call in given.calls.split(",")], given.depth, given.names, given.every):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    return int(not line.endswith(" 0 wrong"))


if __name__ == "__main__":
    sys.exit(main())
