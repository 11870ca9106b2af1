"""The history of every leaf's `.grad` and the pattern in it."""

from dataclasses import replace

import builders
import pytest

from gradtrace.analysis.ledger import Actor, Contribution, Pattern, Verdict, ledger
from gradtrace.model import Accumulation, BackwardPass, Event, Graph, Leaf, Location, Node, TensorStats, Trace

ZERO_AT = Location("train.py", 14)
STEP_AT = Location("train.py", 17)


def _stats(x: float | None) -> TensorStats | None:
    return None if x is None else TensorStats((), "float32", 1, norm=abs(x), value=x)


def _trace(script: str) -> Trace:
    """A run of one leaf: b backward (adds 1), n nothing arrives, g autograd.grad, z None, 0 zeros, s step, c clip.

    `?` clears without being seen; a digit after b repeats that pass.
    """
    grad: float | None = None
    passes: list[BackwardPass] = []
    events: list[Event] = []
    index = 0
    for turn in script.split():
        kind, number = turn[0], int(turn[1:] or 1)
        if kind in "bng":
            added = None if kind == "n" else 1.0
            effect = {"n": "unchanged", "g": "not stored"}.get(kind, "created" if grad is None else "accumulated")
            after = grad if effect in {"unchanged", "not stored"} else (grad or 0.0) + 1
            row = Accumulation(0, _stats(grad), _stats(added), _stats(after), effect)
            call = "autograd.grad" if kind == "g" else "Tensor.backward"
            passes.append(BackwardPass(index + 1, call, None, (), False, False, "full", None, None, (row,), number))
            index, grad = index + number, after
        elif kind == "?":
            grad = None
        else:
            name = {"z": "zero_grad", "0": "zero_grad", "s": "step", "c": "grad_modified"}[kind]
            place = {"s": STEP_AT, "c": None}.get(kind, ZERO_AT)
            call = {"s": "SGD.step", "c": "clip_grad_norm_"}.get(kind, "SGD.zero_grad")
            to_none = {"z": True, "0": False}.get(kind)
            events.append(Event(len(events), name, index, (0,), place, to_none, call=call, count=number))
            grad = {"z": None, "0": 0.0 if grad is not None else None}.get(kind, grad)
    return Trace(builders.run(), (Leaf(0, "w", "parameter", (), "float32"),), (), tuple(passes), tuple(events))


def _verdict(script: str) -> Verdict:
    return ledger(_trace(script)).verdicts[0]


@pytest.mark.parametrize(
    ("script", "pattern", "window"),
    [
        ("", Pattern.ABSENT, 0),
        ("n n", Pattern.NOTHING, 0),
        ("g g", Pattern.NOT_STORED, 0),
        ("b", Pattern.SINGLE, 1),
        ("z b s z b s z b s", Pattern.ZEROED, 1),
        ("b s 0 b s 0", Pattern.ZEROED, 1),
        ("b ? b ? b", Pattern.ZEROED, 1),
        ("b b b b s", Pattern.ACCUMULATES, 4),
        ("b b b b s z", Pattern.ACCUMULATES, 4),
        ("b b s z b b s z b b s z", Pattern.ACCUMULATES, 2),
        ("z b b s z b b s z b", Pattern.ACCUMULATES, 2),
        ("b b", Pattern.NEVER_ZEROED, 2),
        ("b s b s b s", Pattern.NEVER_ZEROED, 3),
        ("b b s b b s", Pattern.NEVER_ZEROED, 4),
        ("b b z b", Pattern.IRREGULAR, 0),
        ("b z b b", Pattern.IRREGULAR, 0),
        ("b s z b s z b97", Pattern.ZEROED, 1),
        ("b s b s b97", Pattern.NEVER_ZEROED, 99),
    ],
)
def test_pattern(script: str, pattern: Pattern, window: int) -> None:
    """The order of passes, clearings and steps gives the pattern, and how many passes add up in it."""
    verdict = _verdict(script)
    assert (verdict.pattern, verdict.window) == (pattern, window)


def test_zeroed_before_each() -> None:
    """It is known before which passes, by whom, where, and to what `.grad` was cleared, and who read it."""
    assert _verdict("z b s z b s") == Verdict(
        Pattern.ZEROED,
        passes=(1, 2),
        n_passes=2,
        window=1,
        cleared_before=(1, 2),
        clearers=(Actor("SGD.zero_grad", ZERO_AT, set_to_none=True),),
        n_steps=2,
        steps_each=1,
        steppers=(Actor("SGD.step", STEP_AT),),
    )
    assert _verdict("z b s z b s").is_cleared_before_first
    assert not _verdict("b s z b s z").is_cleared_before_first
    assert _verdict("b s z b s z").cleared_after_last


def test_steps_each() -> None:
    """How many passes stand before each step() is known when it is always the same."""
    assert _verdict("b b s z b b s z").steps_each == 2
    assert _verdict("b b s z b s z").steps_each is None
    assert _verdict("b b").steps_each is None


def test_counted_steps() -> None:
    """Steps that are only counted stand after each of the passes that are only counted."""
    assert _verdict("b s b s4 b4 s").steps_each == 1
    assert _verdict("b s4 z4 b4 s").steps_each == 1


def test_event_of_an_optimizer() -> None:
    """An event that names only its optimizer concerns the leaves which that optimizer owns."""
    trace = _trace("b s z b s z b s")
    leaves = (replace(trace.leaves[0], optimizers=(3,)), replace(trace.leaves[0], id=1))
    events = tuple(replace(event, leaves=(), optimizer=3) for event in trace.events)
    owned, other = ledger(replace(trace, leaves=leaves, events=events)).verdicts
    assert (owned.pattern, owned.n_steps, owned.steps_each) == (Pattern.ZEROED, 3, 1)
    assert other.pattern is Pattern.ABSENT


def test_counted_passes_count() -> None:
    """A pass that stands for many counts as many."""
    verdict = _verdict("b s z b97")
    assert (verdict.n_passes, verdict.passes) == (98, (1, 2))


def test_modification_is_no_clearing() -> None:
    """Clipping changes `.grad` and is counted, without starting anew."""
    verdict = _verdict("b c s b c s")
    assert verdict.pattern == Pattern.NEVER_ZEROED
    assert (verdict.n_modified, verdict.modifiers) == (2, (Actor("clip_grad_norm_", None),))


def test_nested_pass_is_part_of_the_outer_one() -> None:
    """What a pass inside another adds (reentrant checkpoint) counts with the outer pass."""
    trace = _trace("b b")
    inner = replace(trace.passes[1], parent=1)
    verdict = ledger(replace(trace, passes=(trace.passes[0], inner))).verdicts[0]
    assert (verdict.pattern, verdict.n_passes) == (Pattern.SINGLE, 1)


def test_history_is_in_order() -> None:
    """A leaf's history lists its passes and the events between them as they happened."""
    (history,) = ledger(_trace("z b s z b s")).histories
    kinds = ["pass" if isinstance(entry, Contribution) else entry.kind for entry in history.entries]
    assert kinds == ["zero_grad", "pass", "step", "zero_grad", "pass", "step"]
    assert [one.accumulation.effect for one in history.contributions] == ["created", "created"]


def test_leaves_that_share_a_verdict_are_one_group() -> None:
    """A model says its verdict once; a leaf of another optimizer stands apart."""
    trace = builders.module_net_trace()
    leaves = (replace(trace.leaves[0], optimizers=(1,)), *trace.leaves[1:])
    groups = ledger(replace(trace, leaves=leaves)).groups
    assert [(len(group.leaves), group.optimizers) for group in groups] == [(len(leaves) - 1, (0,)), (1, (1,))]
    assert {group.verdict.pattern for group in groups} == {Pattern.ZEROED}


def test_counts_of_the_run() -> None:
    """Passes recorded in full are told from those of which only the ledger is known; a graph never run is no pass."""
    trace = _trace("b b b97")
    passes = (*trace.passes[:2], replace(trace.passes[2], recorded="ledger"))
    never_run = BackwardPass(100, "none", None, (), False, False, "full")
    assert ledger(replace(trace, passes=(*passes, never_run))).n_passes == 99
    assert ledger(replace(trace, passes=(*passes, never_run))).n_full == 2


def test_product() -> None:
    """The expression's three passes: added up once, zeroed once."""
    verdicts = ledger(builders.product_trace()).verdicts
    assert {verdict.pattern for verdict in verdicts} == {Pattern.IRREGULAR}
    assert verdicts[0].cleared_before == (3,)


def test_empty() -> None:
    """A run without passes has an empty ledger."""
    assert ledger(builders.empty_trace()).groups == ()


def _counted(script: str, count: int) -> Verdict:
    """The verdict when the script is followed by passes of which only the ledger is known."""
    trace = _trace(script)
    row = Accumulation(0, None, None, None, "accumulated")
    last = trace.passes[-1]
    more = BackwardPass(last.index + 1, last.call, None, (), False, False, "ledger", None, None, (row,), count)
    return ledger(replace(trace, passes=(*trace.passes, more))).verdicts[0]


def test_counted_passes_do_what_the_measured_ones_did() -> None:
    """Zeros that were put there unseen are no accumulation, when the measured passes found zeros as well."""
    assert _counted("b 0 b 0 b", 20).pattern is Pattern.ZEROED
    assert _counted("b b b", 20).pattern is Pattern.NEVER_ZEROED
    assert _counted("b b 0 b", 20).pattern is not Pattern.ZEROED


def test_a_leaf_of_a_graph_that_was_not_asked_for_is_not_absent() -> None:
    """`autograd.grad` tells only of the inputs that it was given; the others are in its graph all the same."""
    trace = _trace("g")
    graph = Graph((Node(0, "AccumulateGrad", "leaf", leaf=1),), ())
    leaves = (trace.leaves[0], replace(trace.leaves[0], id=1), replace(trace.leaves[0], id=2))
    told = ledger(replace(trace, leaves=leaves, passes=(replace(trace.passes[0], graph=graph),)))
    assert [verdict.pattern for verdict in told.verdicts] == [Pattern.NOT_STORED, Pattern.NOTHING, Pattern.ABSENT]


def test_where_step_runs_among_passes_that_add_up() -> None:
    """After which of them, and how many passes there are from one step to the next, over the borders of windows."""
    verdict = _verdict("z b s b z b s b z b s b")
    assert (verdict.pattern, verdict.window, verdict.step_after) == (Pattern.ACCUMULATES, 2, 1)
    assert _verdict("b b s b b s b b s").steps_each == 2
    assert _verdict("b s b s b").steps_each is None


def test_passes_of_several_lines_are_no_split_batch() -> None:
    """Nor are passes between which some optimizer steps, or that reach other leaves."""
    split = _trace("b b s z b b s z")
    assert ledger(split).verdicts[0].is_split
    lines = tuple(replace(one, location=Location("train.py", 5 + one.index % 2)) for one in split.passes)
    (verdict,) = ledger(replace(split, passes=lines)).verdicts
    assert (verdict.is_split, [place.line for place in verdict.places]) == (False, [6, 5])
    assert not ledger(_trace("b s b z b s b z")).verdicts[0].is_split


def test_a_leaf_that_is_met_late_may_be_older() -> None:
    """It is told since when it is known, where passes before were only counted."""
    trace = _trace("b s z b s z")
    counted = BackwardPass(1, "Tensor.backward", None, (), False, False, "ledger", count=4)
    later = tuple(replace(one, index=one.index + 4) for one in trace.passes)
    events = tuple(replace(event, pass_index=event.pass_index + 4) for event in trace.events)
    assert ledger(trace).verdicts[0].since is None
    assert ledger(replace(trace, passes=(counted, *later), events=events)).verdicts[0].since == 5


def test_step_reads_nothing_of_a_leaf_without_a_gradient() -> None:
    """Of counted steps only the optimizer is known: those before the first pass of a leaf did not read it."""
    trace = _trace("b s z b s")
    leaves = (replace(trace.leaves[0], optimizers=(3,)),)
    early = Event(0, "step", 0, (), STEP_AT, optimizer=3, call="SGD.step", count=9)
    events = (early, *(replace(event, order=event.order + 1) for event in trace.events))
    assert ledger(replace(trace, leaves=leaves, events=events)).verdicts[0].n_steps == 2
