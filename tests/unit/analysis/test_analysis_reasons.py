"""Why a tensor has its gradient, or none: on traces made by hand, one for each reason."""

from dataclasses import replace

import pytest
from builders import (
    Story,
    Tape,
    accumulate_trace,
    at,
    chain,
    diamond,
    empty_trace,
    failed_trace,
    hooked_trace,
    module_net_trace,
    product_trace,
    run,
    scalar,
    tensor,
    trace_of,
)

from gradtrace.analysis.paths import ways
from gradtrace.analysis.reasons import Reason, why
from gradtrace.errors import UnknownNameError
from gradtrace.model import (
    Accumulation,
    Cut,
    Event,
    EventKind,
    Leaf,
    Location,
    OptimizerInfo,
    ProgramError,
)


def _only(trace, name):
    (subject,) = why(trace, name).subjects
    return subject


def _squared(**fields):
    """`h = w * w`, `loss = h * 3`."""
    tape = Tape()
    w = tape.leaf("w", scalar(0.5))
    h = tape.mul(w, w, name="h", location=at(4, "h = w * w", "w * w"))
    loss = tape.mul(h, tape.constant(scalar(3)), name="loss", location=at(5, "loss = h * 3", "h * 3"))
    story = Story(tape, run(), kind="tensor", **fields)
    story.backward(tape, loss, location=at(6, "loss.backward()"))
    return story.trace()


def _with_leaf(trace, leaf, **fields):
    return replace(trace, leaves=(*trace.leaves, leaf), **fields)


def _other(trace, name="encoder.weight", **fields):
    return Leaf(len(trace.leaves), name, "parameter", (2,), "float32", **fields)


def test_a_leaf_is_told_by_its_ways():
    """`w * w * y`: two edges into `w`, of 1 each."""
    subject = _only(product_trace(), "w")

    assert subject.reason is Reason.GRADIENT
    assert subject.gradient.value == 2
    assert [way.sent.value for way in subject.ways.ways] == [1, 1]
    assert (subject.ways.n_paths, subject.passes) == (2, (1, 2, 3))


def test_paths_are_counted_not_walked():
    """Forty doublings have 2^40 paths."""
    tape = Tape()
    value = tape.leaf("x", scalar(1))
    for _ in range(40):
        value = tape.add(value, value)
    trace = trace_of(tape.backward(value)[0])
    found = ways(trace.passes[0], next(node.id for node in trace.passes[0].graph.nodes if node.leaf is not None))

    assert found.n_paths == 2**40
    assert [way.n_paths for way in found.ways] == [2**39, 2**39]


def test_a_way_of_many_nodes_needs_no_recursion():
    """A chain is one way, and its only meeting is the root."""
    trace = trace_of(chain(20_000))
    found = ways(trace.passes[0], 20_000)

    assert (found.n_paths, found.ways, found.meeting, len(found.trunk)) == (1, (), 0, 20_000)


def test_ways_are_ordered_by_what_they_bring():
    """At `h` of the diamond 6 and 3 meet."""
    trace = trace_of(diamond())
    subject = _only(trace, "h")

    assert [way.sent.value for way in subject.ways.ways] == sorted(
        (way.sent.value for way in subject.ways.ways), reverse=True
    )
    assert sum(way.sent.value for way in subject.ways.ways) == subject.gradient.value


def test_a_result_keeps_no_gradient():
    """What went through it is told all the same."""
    subject = _only(_squared(), "h")

    assert (subject.reason, subject.place.line, subject.gradient.value) == (Reason.NOT_RETAINED, 4, 3)
    assert [leaf.name for leaf in subject.sources] == ["w"]


def test_a_retained_result_has_one():
    """`retain_grad()` was called."""
    trace = _squared()
    one = trace.passes[0]
    nodes = tuple(
        replace(node, outputs=tuple(replace(out, retains_grad=node.name == "h") for out in node.outputs))
        for node in one.graph.nodes
    )
    trace = replace(trace, passes=(replace(one, graph=replace(one.graph, nodes=nodes)),))

    assert _only(trace, "h").reason is Reason.RETAINED


def test_a_cut_that_came_back_is_the_reason():
    """Its line answers, before mere looking at the value; the way from there to the root is shown."""
    trace = _squared()
    leaf = _other(trace)
    looked = Cut(0, "item", "item", at(9, "print(h.item())", "h.item()"), leaves=(leaf.id,))
    cut = Cut(
        1,
        "detach",
        "detach",
        at(3, "c = encode(x).detach()", "encode(x).detach()"),
        source="encode(x)",
        name="c",
        leaves=(leaf.id,),
        reentry=at(4, "h = w * w", "w * w"),
        passes=(1,),
    )
    one = trace.passes[0]
    nodes = tuple(replace(node, cuts=(cut.id,)) if node.name == "h" else node for node in one.graph.nodes)
    trace = replace(trace, passes=(replace(one, graph=replace(one.graph, nodes=nodes)),))
    subject = _only(_with_leaf(trace, leaf, cuts=(looked, cut)), "encoder.weight")

    assert (subject.reason, subject.place.line, subject.cuts) == (Reason.CUT, 3, (cut,))
    assert [trace.passes[0].graph.nodes[node].name for node in subject.reentry] == ["loss", "h"]


def test_the_result_of_a_cut_is_a_constant():
    """Its name is known from the assignment alone."""
    trace = _squared()
    cut = Cut(0, "detach", "detach", at(3, "c = h.detach()", "h.detach()"), "h", "c", (0,))
    subject = _only(replace(trace, cuts=(cut,)), "c")

    assert (subject.reason, subject.place.line) == (Reason.CONSTANT, 3)
    assert [leaf.name for leaf in subject.sources] == ["w"]


def test_a_cut_without_a_name_is_called_after_what_its_line_gives_it_to():
    """Its line may be asked for too, and is answered once however many cuts of its kind it made."""
    line = at(3, "rows = [float(v) for v in h]", "float(v)")
    cuts = tuple(Cut(number, "number", "__float__", line, leaves=(0,)) for number in range(2))
    subject = _only(replace(_squared(), cuts=cuts), "train.py:3")

    assert (subject.name, subject.reason) == ("rows", Reason.CONSTANT)


def test_a_value_that_was_only_looked_at_is_no_cut():
    """`w.item()` for the log takes nothing away; nor does a copy of it."""
    trace = replace(
        _squared(),
        cuts=(
            Cut(0, "item", "item", at(9, "print(w.item())", "w.item()"), leaves=(0,)),
            Cut(1, "detach", "detach", at(2, "start = w.detach()", "w.detach()"), leaves=(0,)),
        ),
    )

    assert _only(trace, "w").reason is Reason.GRADIENT
    assert _only(trace, "w").cuts == ()


def _switched(leaf: Leaf, place: Location, *, requires_grad: bool) -> Event:
    call = f"requires_grad = {requires_grad}"
    return Event(9, EventKind.REQUIRES_GRAD, 0, (leaf.id,), place, call=call, requires_grad=requires_grad)


def test_a_frozen_leaf_says_who_froze_it():
    """The line that switched `requires_grad` off."""
    trace = _squared()
    leaf = _other(trace, requires_grad=False)
    event = _switched(leaf, at(2, "p.requires_grad = False"), requires_grad=False)
    subject = _only(_with_leaf(trace, leaf, events=(*trace.events, event)), "encoder.weight")

    assert (subject.reason, subject.place.line, subject.events) == (Reason.FROZEN, 2, (event,))


def test_a_leaf_switched_on_too_late_says_where():
    """`requires_grad_(True)` after the forward pass."""
    trace = _squared()
    leaf = _other(trace, "image")
    event = _switched(leaf, at(5, "image.requires_grad_(True)"), requires_grad=True)
    subject = _only(_with_leaf(trace, leaf, events=(*trace.events, event)), "image")

    assert (subject.reason, subject.place.line) == (Reason.SWITCHED_ON, 5)


def test_a_zero_factor_is_found():
    """`mask * w`: the product is where the gradient becomes zero."""
    tape = Tape()
    w = tape.leaf("w", tensor([1, 2]))
    product = tape.mul(tape.constant(tensor([0, 0])), w, location=at(3, "h = mask * w", "mask * w"))
    story = Story(tape, run())
    story.backward(tape, tape.sum(product, name="loss"), location=at(5, "loss.backward()"))
    subject = _only(story.trace(), "w")

    assert (subject.reason, subject.place.line, subject.operand) == (Reason.ZERO, 3, "other")


def test_a_hook_that_returns_zeros_is_found():
    """Something arrived, and zeros went on."""
    tape = Tape()
    w = tape.leaf("w", scalar(3))
    h = tape.mul(w, tape.constant(scalar(2)), name="h", location=at(6, "h = w * 2", "w * 2"))
    h.op.rewrites[0] = lambda grad: grad.map(lambda _: 0.0)
    story = Story(tape, run(), kind="tensor")
    story.backward(tape, tape.mul(h, h, name="loss", location=at(8, "loss = h * h", "h * h")))

    assert _only(story.trace(), "w").reason is Reason.HOOK


def test_a_hook_that_scales_is_no_loss():
    """The gradient is there."""
    assert _only(hooked_trace(), "w").reason is Reason.GRADIENT


def test_gradients_that_cancel_are_not_lost():
    """`w + (-w)`: 1 and -1 arrived."""
    tape = Tape()
    w = tape.leaf("w", scalar(3))
    negative = tape.unary("NegBackward0", "neg", w, lambda x: -x, lambda _: -1.0)
    story = Story(tape, run())
    story.backward(tape, tape.add(w, negative, name="loss"))
    subject = _only(story.trace(), "w")

    assert subject.reason is Reason.CANCELLED
    assert sorted(way.sent.value for way in subject.ways.ways) == [-1, 1]


def test_autograd_grad_stores_nothing():
    """It returned the gradient."""
    trace = _squared()
    one = trace.passes[0]
    rows = (Accumulation(0, None, one.accumulations[0].contribution, None, "not stored"),)
    trace = replace(trace, passes=(replace(one, call="autograd.grad", accumulations=rows),))

    assert (_only(trace, "w").reason, _only(trace, "w").place.line) == (Reason.NOT_STORED, 6)


def test_what_is_cleared_before_step_was_for_nothing():
    """backward, zero_grad, step: the wrong order."""
    trace = _squared(optimizer=OptimizerInfo(0, "SGD"))
    events = (
        *trace.events,
        Event(1, "zero_grad", 1, (0,), at(7, "opt.zero_grad()"), True, 0, "SGD.zero_grad"),
        Event(2, "step", 1, (0,), at(8, "opt.step()"), None, 0, "SGD.step"),
    )
    subject = _only(replace(trace, events=events), "w")

    assert (subject.reason, subject.place.line) == (Reason.CLEARED, 7)
    assert _only(replace(trace, events=(events[0], events[2], events[1])), "w").reason is Reason.GRADIENT


def test_a_training_loop_clears_nothing_unread():
    """zero_grad, backward, step: as it should be; and so is accumulation."""
    assert {one.reason for one in why(module_net_trace(), "*").subjects} == {Reason.GRADIENT}
    assert _only(accumulate_trace(), "w").reason is Reason.GRADIENT


def test_a_leaf_that_no_optimizer_owns_is_told_so():
    """Another one's optimizer steps."""
    trace = accumulate_trace()
    leaves = tuple(replace(leaf, optimizers=()) for leaf in trace.leaves)

    assert _only(replace(trace, leaves=leaves), "w").orphaned_by == trace.optimizers[0]
    assert _only(trace, "w").orphaned_by is None


def test_a_module_beside_shows_where_it_is_missing():
    """`net.layers.0.aux` never ran, its neighbours did."""
    trace = module_net_trace()
    inside = _other(trace, "net.layers.0.fc0.scale")
    beside = _other(trace, "net.layers.0.aux.weight")

    assert _only(_with_leaf(trace, inside), inside.name).reason is Reason.UNUSED
    subject = _only(_with_leaf(trace, beside), beside.name)
    assert subject.reason is Reason.OUTSIDE
    assert subject.backward.graph.nodes[subject.culprit].module.startswith("net.layers.0")


def test_a_failed_pass_is_the_reason():
    """The leaf had a gradient from the pass before; the result has none."""
    trace = failed_trace()
    second = replace(trace, passes=trace.passes[1:])

    assert _only(trace, "w").reason is Reason.GRADIENT
    assert (_only(second, "w").reason, _only(second, "w").place.line) == (Reason.FAILED, 4)


def test_without_a_backward_pass_there_is_nothing():
    """The leaf is known all the same."""
    trace = empty_trace()

    assert _only(_with_leaf(trace, _other(trace, "w")), "w").reason is Reason.NO_BACKWARD


def test_a_name_of_which_the_program_died():
    """It never got so far that a tensor of that name was seen."""
    place = at(7, "positions = torch.tensor([0, 1], requires_grad=True)")
    trace = replace(empty_trace(), run=run(status=1, error=ProgramError("RuntimeError", "only floats", (place,))))

    assert (_only(trace, "positions").reason, _only(trace, "positions").place) == (Reason.FAILED, place)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("net.head.weight", ["net.head.weight"]),
        ("head.weight", ["net.head.weight"]),
        ("model.net.head.weight", ["net.head.weight"]),
        ("net.head", ["net.head.weight", "net.head.bias"]),
        ("net.layers.[01].fc0.bias", ["net.layers.0.fc0.bias", "net.layers.1.fc0.bias"]),
        ("net.head.bias.grad", ["net.head.bias"]),
        ("loss", ["loss"]),
    ],
)
def test_names_are_understood_as_people_write_them(asked, found):
    """Exact names, parts of them, modules, patterns, and with `.grad` behind."""
    assert [one.name for one in why(module_net_trace(), asked).subjects] == found


def test_a_place_means_what_is_made_there():
    """The result of the line, not each op inside."""
    subject = _only(_squared(), "train.py:4")

    assert (subject.name, subject.reason) == ("h", Reason.NOT_RETAINED)


def test_tensors_with_the_same_reason_share_an_answer():
    """A frozen model is one answer."""
    trace = _squared()
    first = _other(trace, "net.weight", requires_grad=False)
    second = replace(first, id=first.id + 1, name="net.bias")
    trace = replace(trace, leaves=(*trace.leaves, first, second))

    assert (_only(trace, "net").name, _only(trace, "net").same) == ("net.weight", ("net.bias",))


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("wieght", "there are w, loss, h"),
        ("los", "did you mean loss?"),
        ("train.py:99", "in that file there are some at lines 4, 5"),
        ("other.py:4", "tensors were made in train.py"),
    ],
)
def test_an_unknown_name_says_what_there_is(asked, words):
    """Close names first, else all of them."""
    with pytest.raises(UnknownNameError, match=words.replace("?", r"\?")):
        why(_squared(), asked)
