"""What happened to `.grad` between passes, told by what the passes found there."""

from __future__ import annotations

from dataclasses import replace

from gradtrace.analysis.by_value import by_value
from gradtrace.model import Accumulation, BackwardPass, Event, Leaf, Location, Run, TensorStats, Trace

RUN = Run("train.py", (), "3.11", "2.13.0", "0", "cpu")


def stats(x: float | None) -> TensorStats | None:
    return None if x is None else TensorStats((), "float32", 1, norm=abs(x), value=x)


def one(index: int, before: float | None, added: float, **fields: object) -> BackwardPass:
    """A pass that found `before` in the leaf's `.grad` and added something."""
    effect = "created" if before is None else "accumulated"
    row = Accumulation(0, stats(before), stats(added), stats((before or 0) + added), effect)
    return BackwardPass(index, "Tensor.backward", None, (), False, False, "full", accumulations=(row,), **fields)  # type: ignore[arg-type]


def change(after: int, call: str, line: int = 7) -> Event:
    return Event(0, "grad_modified", after, (0,), Location("train.py", line), call=call)


def told(passes: list[BackwardPass], *events: Event) -> list[tuple[str, int, str, bool | None]]:
    """The events between passes: kind, pass that came before, call, whether None was left."""
    every = [*(Event(0, "backward", each.index, (0,)) for each in passes), *events]
    every.sort(key=lambda event: (event.pass_index, event.kind != "backward"))
    numbered = tuple(
        Event(i, e.kind, e.pass_index, e.leaves, e.location, e.set_to_none, call=e.call) for i, e in enumerate(every)
    )
    trace = by_value(Trace(RUN, (Leaf(0, "w", "parameter", (), "float32"),), passes=tuple(passes), events=numbered))
    assert [event.order for event in trace.events] == list(range(len(trace.events)))
    return [(e.kind, e.pass_index, e.call, e.set_to_none) for e in trace.events if e.kind != "backward"]


def test_a_change_that_left_zeros_is_clearing() -> None:
    """Whatever it is called; and two events of one line are one act."""
    passes = [one(1, None, 2), one(2, 0, 3)]
    assert told(passes, change(1, "mul_"), change(1, "Tensor.grad = ...")) == [("grad_cleared", 1, "mul_", False)]


def test_a_change_that_left_something_is_none() -> None:
    """Clipping stays a change, also where clearing follows in another line."""
    passes = [one(1, None, 2), one(2, 1, 3)]
    assert told(passes, change(1, "clip_grad_norm_")) == [("grad_modified", 1, "clip_grad_norm_", None)]
    passes = [one(1, None, 2), one(2, 0, 3)]
    clip, copy = change(1, "clip_grad_norm_", 5), change(1, "copy_", 9)
    assert told(passes, clip, copy) == [
        ("grad_modified", 1, "clip_grad_norm_", None),
        ("grad_cleared", 1, "copy_", False),
    ]


def test_what_cleared_before_cleared_after_the_last_pass_too() -> None:
    """No pass comes to look there."""
    passes = [one(1, None, 2), one(2, 0, 3)]
    found = told(passes, change(1, "fill_"), change(2, "fill_"))
    assert found == [("grad_cleared", 1, "fill_", False), ("grad_cleared", 2, "fill_", False)]


def test_zeros_after_zeros_prove_nothing() -> None:
    """The first pass had added zeros: nobody cleared anything."""
    assert told([one(1, None, 0), one(2, 0, 3), one(3, 3, 1)]) == []


def test_none_and_zeros_that_nobody_set_are_clearing_that_nobody_saw() -> None:
    """None after zeros proves it as well: a pass leaves a tensor."""
    assert told([one(1, None, 2), one(2, 0, 3)]) == [("grad_cleared", 1, "", False)]
    assert told([one(1, None, 2), one(2, None, 3)]) == [("grad_cleared", 1, "", True)]
    assert told([one(1, None, 0), one(2, None, 3)]) == [("grad_cleared", 1, "", True)]


def test_none_cannot_be_changed() -> None:
    """A write that seems to be to a `.grad` that is None was to something else in the same memory."""
    passes = [one(1, None, 2), one(2, None, 3)]
    zero = Event(0, "zero_grad", 1, (0,), set_to_none=True, call="SGD.zero_grad")
    assert told(passes, zero, change(1, "load_state_dict")) == [("zero_grad", 1, "SGD.zero_grad", True)]


def test_a_pass_inside_another_and_one_of_another_thread_prove_nothing() -> None:
    """They began before the other one had ended."""
    assert told([one(1, None, 2), one(2, None, 1, parent=1)]) == []
    assert told([one(1, None, 2), one(2, None, 1, thread=1)]) == []


def test_a_gradient_that_stays_none_is_not_cleared_again() -> None:
    """A pass that brought the leaf nothing left it as it was."""
    nothing = replace(one(2, None, 0), accumulations=(Accumulation(0, None, None, None, "unchanged"),))
    cleared = Event(0, "grad_cleared", 1, (0,), set_to_none=True, call="Tensor.grad = None")
    passes = [one(1, None, 2), nothing, one(3, None, 4)]
    assert told(passes, cleared) == [("grad_cleared", 1, "Tensor.grad = None", True)]
