"""What clipping and other writes did to `.grad`: norms before and after that the test works out itself."""

import pytest
import torch
from recorder_session import recorded
from torch import nn

from gradtrace.model import Blind, EventKind
from gradtrace.recorder import grad_norms


def changes(trace):
    return [event for event in trace.events if event.kind == EventKind.GRAD_MODIFIED and event.writes]


def failures(trace):
    return [spot.text for spot in trace.run.blind_spots if spot.reason == Blind.OBSERVATION_FAILED]


def net_and_loss():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    data = torch.randn(5, 3)
    return net, lambda: net(data).pow(2).mean()


def clip_norm(parameters):
    nn.utils.clip_grad_norm_(parameters, 0.01)


def clip_norm_one_by_one(parameters):
    nn.utils.clip_grad_norm_(parameters, 0.01, foreach=False)


def clip_value(parameters):
    nn.utils.clip_grad_value_(parameters, 0.01, foreach=False)


def scale(parameters):
    for one in parameters:
        one.grad *= 0.5


def scale_by_method(parameters):
    for one in parameters:
        one.grad.mul_(0.5)


def divide(parameters):
    for one in parameters:
        one.grad /= 4


def scale_together(parameters):
    torch._foreach_mul_([one.grad for one in parameters], 3.0)


def assign(parameters):
    for one in parameters:
        one.grad = one.grad * 3 + 1


def clamp_data(parameters):
    for one in parameters:
        one.grad.data.clamp_(-0.001, 0.001)


def write_a_part(parameters):
    for one in parameters:
        one.grad[0] = 7.0


def copy_into(parameters):
    for one in parameters:
        one.grad.copy_(torch.ones_like(one.grad))


CHANGES = {
    clip_norm: "clip_grad_norm_",
    clip_norm_one_by_one: "clip_grad_norm_",
    clip_value: "clip_grad_value_",
    scale: "mul_",
    scale_by_method: "mul_",
    divide: "div_",
    scale_together: "_foreach_mul_",
    assign: "Tensor.grad = ...",
    clamp_data: "clamp_",
    write_a_part: "Tensor.grad[...] = ...",
    copy_into: "copy_",
}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_write_is_told_before_and_after(change, tmp_path):
    """Of each leaf, with the call and its line; the total over all of them."""
    net, loss = net_and_loss()
    with recorded(tmp_path, value_limit=4) as session:
        loss().backward()
        before = [one.grad.norm().item() for one in net.parameters()]
        change(list(net.parameters()))
        after = [one.grad.norm().item() for one in net.parameters()]

    trace = session.trace()
    found = {}
    for event in changes(trace):
        assert event.location.function == change.__name__
        assert event.call == CHANGES[change]
        for one in event.writes:
            name = trace.leaves[one.leaf].name
            found[name] = (found.get(name, (one.before,))[0], one.after)
    assert list(found) == [name for name, _ in net.named_parameters()]
    assert [old for old, _ in found.values()] == pytest.approx(before)
    assert [new for _, new in found.values()] == pytest.approx(after)
    assert failures(trace) == []


def test_totals_are_over_all_leaves(tmp_path):
    """What `clip_grad_norm_` returns is the total before; the limit is the total after."""
    net, loss = net_and_loss()
    with recorded(tmp_path) as session:
        loss().backward()
        total = nn.utils.clip_grad_norm_(net.parameters(), 0.01).item()

    (event,) = changes(session.trace())
    assert event.norm_before == pytest.approx(total)
    assert event.norm_after == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize("assign", [lambda one: one.grad, lambda one: one.grad.detach(), lambda one: one.grad.data])
def test_giving_a_leaf_the_gradient_that_it_has_changes_nothing(tmp_path, assign):
    """`p.grad *= mask` does so after it has multiplied."""
    w = torch.ones(4, requires_grad=True)
    with recorded(tmp_path, facts=True) as session:
        (w * 2).sum().backward()
        w.grad *= 3
        w.grad = assign(w)
        w.grad = assign(w) + 1
    trace = session.trace()
    assert [event.call for event in trace.events if event.kind == EventKind.GRAD_MODIFIED] == [
        "mul_",
        "Tensor.grad = ...",
    ]
    assert [(event.norm_before, event.norm_after) for event in changes(trace)] == [(4, 12), (12, 14)]


def test_each_write_goes_on_from_the_one_before(tmp_path):
    """Whatever measured it: the pass, a write, a clearing to zeros."""
    with recorded(tmp_path) as session:
        w = torch.ones(4, requires_grad=True)
        (w * 2).sum().backward()
        w.grad.mul_(2)
        w.grad.add_(1)
        w.grad = w.grad / 5
        w.grad.zero_()
        w.grad.add_(3)

    found = [(one.before, one.after) for event in changes(session.trace()) for one in event.writes]
    assert found == [pytest.approx(pair) for pair in ((4, 8), (8, 10), (10, 2), (0, 6))]


def test_what_nobody_saw_is_not_guessed(tmp_path):
    """After a write that no mode sees, the norm before the next is unknown; that after it is measured."""
    with recorded(tmp_path) as session:
        w = torch.ones(4, requires_grad=True)
        (w * 2).sum().backward()
        with torch._C.DisableTorchFunction():
            w.grad.mul_(10)
        w.grad.mul_(0.5)

    (event,) = changes(session.trace())
    assert [(one.before, one.after) for one in event.writes] == [(None, pytest.approx(20))]
    assert (event.norm_before, event.norm_after) == (None, pytest.approx(20))


def test_a_gradient_that_is_cleared_and_made_again_is_a_new_one(tmp_path):
    """`zero_grad` and None end what was known."""
    with recorded(tmp_path) as session:
        w = torch.ones(4, requires_grad=True)
        optimizer = torch.optim.SGD([w], lr=0.1)
        for to_none in (True, False):
            (w * 2).sum().backward()
            optimizer.zero_grad(set_to_none=to_none)
            w.grad = torch.full((4,), 0.5)

    found = [(one.before, one.after) for event in changes(session.trace()) for one in event.writes]
    assert found == [(None, pytest.approx(1)), (None, pytest.approx(1))]


def test_an_accumulated_gradient_is_known_from_the_last_pass(tmp_path):
    """The second pass adds to what was clipped after the first."""
    with recorded(tmp_path) as session:
        w = torch.ones(4, requires_grad=True)
        for _ in range(2):
            (w * 2).sum().backward()
            nn.utils.clip_grad_norm_([w], 1.0)

    found = [(one.before, one.after) for event in changes(session.trace()) for one in event.writes]
    assert found == [pytest.approx(pair, rel=1e-4) for pair in ((4, 1), (5, 1))]


def test_counted_passes_end_what_was_known(tmp_path):
    """What a pass left that only the ledger knows was not measured."""
    with recorded(tmp_path, passes=((1, 1), (3, 3))) as session:
        w = torch.ones(4, requires_grad=True)
        optimizer = torch.optim.SGD([w], lr=0.1)
        for _ in range(4):
            (w * 2).sum().backward()
            w.grad.mul_(0.5)
        optimizer.zero_grad()

    trace = session.trace()
    found = [(one.pass_index, one.writes[0].before, one.writes[0].after) for one in changes(trace)]
    assert found == [(2, None, pytest.approx(3))]
    assert failures(trace) == []


def test_a_hook_that_writes_to_what_has_arrived(tmp_path):
    """Inside the pass: from what the pass had left in `.grad`; the next write goes on from there."""
    with recorded(tmp_path) as session:
        w = torch.ones(4, requires_grad=True)

        def halve(tensor):
            tensor.grad.mul_(0.5)

        w.register_post_accumulate_grad_hook(halve)
        for _ in range(2):
            (w * 2).sum().backward()
        w.grad.mul_(10)

    trace = session.trace()
    found = [(one.pass_index, one.writes[0].before, one.writes[0].after) for one in changes(trace)]
    assert found == [
        (1, pytest.approx(4), pytest.approx(2)),
        (2, pytest.approx(6), pytest.approx(3)),
        (2, pytest.approx(3), pytest.approx(30)),
    ]
    assert [row.after.norm for one in trace.passes for row in one.accumulations] == [4, 6]


def test_unscaling_is_a_write(tmp_path):
    """By the scaler's own call, also where `step` does it."""
    with recorded(tmp_path) as session:
        w = torch.ones(4, requires_grad=True)
        optimizer = torch.optim.SGD([w], lr=0.1)
        scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
        for unscales in (True, False):
            optimizer.zero_grad()
            scaler.scale((w * 2).sum()).backward()
            if unscales:
                scaler.unscale_(optimizer)
            scaler.step(optimizer)
            scaler.update()

    trace = session.trace()
    told = [(one.call, one.writes[0].before, one.writes[0].after) for one in changes(trace)]
    assert told == [("unscale_", 32, 4), ("GradScaler.step", 32, 4)]


def test_gradients_that_are_not_finite_are_told_as_they_are(tmp_path):
    """An infinity before, NaN after."""
    with recorded(tmp_path, value_limit=1) as session:
        w = torch.ones(4, requires_grad=True)
        (w * float("inf")).sum().backward()
        nn.utils.clip_grad_norm_([w], 1.0)

    (event,) = changes(session.trace())
    assert event.norm_before == float("inf")
    assert event.norm_after != event.norm_after


def test_subclasses_half_and_complex_gradients(tmp_path):
    """Half precision and complex numbers have norms; into a subclass nobody looks."""

    class Marked(torch.Tensor):
        pass

    with recorded(tmp_path, value_limit=1) as session:
        half = torch.ones(4, dtype=torch.bfloat16, requires_grad=True)
        numbers = torch.ones(4, dtype=torch.complex64, requires_grad=True)
        marked = torch.ones(4, requires_grad=True)
        for one in (half, numbers, marked):
            (one * 2).abs().sum().backward()
        half.grad.mul_(0.5)
        numbers.grad.mul_(0.5)
        marked.grad = torch.ones(4).as_subclass(Marked)

    trace = session.trace()
    assert [(one.writes[0].before, one.writes[0].after) for one in changes(trace)] == [(4, 2), (4, 2)]
    assert failures(trace) == []


def test_nothing_is_measured_where_only_structure_is_wanted(tmp_path):
    """Events are told without numbers."""
    with recorded(tmp_path, level="structure") as session:
        w = torch.ones(4, requires_grad=True)
        (w * 2).sum().backward()
        w.grad.mul_(0.5)

    events = [event for event in session.trace().events if event.kind == EventKind.GRAD_MODIFIED]
    assert [event.writes for event in events] == [()]


def test_writes_are_measured_up_to_a_limit(tmp_path, monkeypatch):
    """The events go on."""
    monkeypatch.setattr(grad_norms, "_MOST", 3)
    with recorded(tmp_path) as session:
        w = torch.ones(4, requires_grad=True)
        (w * 2).sum().backward()
        for _ in range(5):
            w.grad.mul_(0.5)

    events = [event for event in session.trace().events if event.kind == EventKind.GRAD_MODIFIED]
    assert [len(event.writes) for event in events] == [1, 1, 1, 0, 0]


def test_versions_and_numbers_of_gradients_stay_the_same(tmp_path):
    """Bit for bit."""

    def run():
        net, loss = net_and_loss()
        seen = []
        for _ in range(3):
            loss().backward()
            nn.utils.clip_grad_norm_(net.parameters(), 0.1)
            seen += [(one.grad.tolist(), one.grad._version) for one in net.parameters()]
        return seen, torch.get_rng_state().tolist()

    alone = run()
    with recorded(tmp_path):
        assert run() == alone
