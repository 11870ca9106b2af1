"""The ledger, cut into cycles from step to step."""

from gradtrace.diagnosis.evidence.timeline import cycles, is_whole, never_cleared, observed
from gradtrace.model import BackwardPass, Event, Leaf, OptimizerInfo, Run, Trace


def backward(order: int, index: int, leaf: int = 0) -> Event:
    return Event(order, "backward", index, (leaf,))


def step(order: int, index: int, leaf: int = 0, optimizer: int = 0) -> Event:
    return Event(order, "step", index, (leaf,), optimizer=optimizer)


def zero(order: int, index: int, leaf: int = 0, optimizer: int = 0) -> Event:
    return Event(order, "zero_grad", index, (leaf,), set_to_none=True, optimizer=optimizer)


def trace(*events: Event, recorded: str = "full", optimizer: str = "SGD") -> Trace:
    passes = tuple(
        BackwardPass(event.pass_index, "Tensor.backward", None, (), False, False, recorded)
        for event in events
        if event.kind == "backward"
    )
    return Trace(
        Run("x.py", (), "3", "2", "0", "cpu"),
        leaves=(Leaf(0, "w", "parameter", (), "float32", optimizers=(0,)),),
        optimizers=(OptimizerInfo(0, optimizer, "opt"),),
        passes=passes,
        events=events,
    )


def test_a_cycle_ends_with_each_step_and_the_last_has_none() -> None:
    """Three steps make three cycles and what comes after."""
    events = [backward(0, 1), step(1, 1), backward(2, 2), step(3, 2), backward(4, 3)]

    (history,) = cycles(trace(*events))

    assert [cycle.step is not None for cycle in history] == [True, True, False]
    assert [len(cycle.additions()) for cycle in history] == [1, 1, 1]


def test_a_window_starts_after_the_last_clearing() -> None:
    """What was cleared before the step is not part of what the step uses."""
    (history,) = cycles(trace(backward(0, 1), zero(1, 1), backward(2, 2), backward(3, 3), step(4, 3)))

    assert [event.pass_index for event in history[0].window()] == [2, 3]


def test_leaves_that_step_after_step_keep_their_gradients_are_never_cleared() -> None:
    """Two steps without clearing are enough."""
    told = trace(backward(0, 1), step(1, 1), backward(2, 2), step(3, 2))
    (history,) = cycles(told)

    assert never_cleared(told, history) == {0}


def test_clearing_after_each_step_is_clearing() -> None:
    """Where in a cycle gradients are cleared does not matter."""
    told = trace(backward(0, 1), step(1, 1), zero(2, 1), backward(3, 2), step(4, 2))
    (history,) = cycles(told)

    assert never_cleared(told, history) == frozenset()


def test_one_step_says_nothing_about_clearing() -> None:
    """A single step has nothing to accumulate upon."""
    told = trace(backward(0, 1), step(1, 1))
    (history,) = cycles(told)

    assert never_cleared(told, history) == frozenset()


def test_a_closure_of_lbfgs_is_judged_within_a_step() -> None:
    """LBFGS runs several passes within one step: each has to clear."""
    told = trace(backward(0, 1), backward(1, 2), step(2, 2), optimizer="LBFGS")
    (history,) = cycles(told)

    assert never_cleared(told, history) == {0}


def test_passes_that_are_only_counted_end_what_is_observed() -> None:
    """Events after the last full pass are not complete and are left out."""
    whole = trace(backward(0, 1), step(1, 1))
    counted = trace(backward(0, 1), step(1, 1), recorded="ledger")

    assert is_whole(whole)
    assert not is_whole(counted)
    assert observed(counted) == ()
