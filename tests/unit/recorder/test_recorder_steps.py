"""What `step()` did: numbers that the test works out itself, on what the recorder writes of real optimizers."""

import gc
import math
import threading
import warnings
import weakref

import pytest
import torch
from recorder_session import recorded
from torch import nn

from gradtrace.analysis.training_steps import consumed
from gradtrace.model import Blind, EventKind, Recorded
from gradtrace.recorder import parameter_changes, step_watch
from gradtrace.recorder.session import current


def net_and_loss(seed=0):
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    data = torch.randn(5, 3)
    return net, lambda: net(data).pow(2).mean()


def train(net, loss, optimizer, steps=1):
    for _ in range(steps):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()


def failures(trace):
    return [spot.text for spot in trace.run.blind_spots if spot.reason == Blind.OBSERVATION_FAILED]


def by_name(trace, step):
    return {trace.leaves[change.leaf].name: change for change in step.changes}


OPTIMIZERS = {
    "SGD": lambda ps: torch.optim.SGD(ps, lr=0.1),
    "SGD, momentum": lambda ps: torch.optim.SGD(ps, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    "SGD, one by one": lambda ps: torch.optim.SGD(ps, lr=0.1, foreach=False),
    "SGD, fused": lambda ps: torch.optim.SGD(ps, lr=0.1, fused=True),
    "Adam, foreach": lambda ps: torch.optim.Adam(ps, lr=0.1, foreach=True, amsgrad=True),
    "AdamW, fused": lambda ps: torch.optim.AdamW(ps, lr=0.1, fused=True),
    "Adam, lr in a tensor": lambda ps: torch.optim.Adam(ps, lr=torch.tensor(0.1)),
    "RMSprop": lambda ps: torch.optim.RMSprop(ps, lr=0.1),
    "Adagrad": lambda ps: torch.optim.Adagrad(ps, lr=0.1),
    "Rprop": lambda ps: torch.optim.Rprop(ps, lr=0.1),
    "Adafactor": lambda ps: torch.optim.Adafactor(ps, lr=0.1),
    "NAdam": lambda ps: torch.optim.NAdam(ps, lr=0.1),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_parameter_is_told_before_and_after(name, tmp_path):
    """Norms of the parameter, of its change and of its gradient are those that the program itself finds."""
    net, loss = net_and_loss()
    expected = []
    with recorded(tmp_path, value_limit=4) as session:
        optimizer = OPTIMIZERS[name](net.parameters())
        for _ in range(2):
            optimizer.zero_grad()
            loss().backward()
            before = [one.detach().clone() for one in net.parameters()]
            grads = [one.grad.clone() for one in net.parameters()]
            optimizer.step()
            after = [one.detach().clone() for one in net.parameters()]
            expected.append((before, grads, after))

    trace = session.trace()
    assert [(one.number, one.pass_index, one.began_after) for one in trace.steps] == [(0, 1, 1), (1, 2, 2)]
    names = [name for name, _ in net.named_parameters()]
    for step, (before, grads, after) in zip(trace.steps, expected, strict=True):
        found = by_name(trace, step)
        assert list(found) == names
        for change, old, grad, new in zip(found.values(), before, grads, after, strict=True):
            assert change.before == pytest.approx(old.norm().item())
            assert change.after == pytest.approx(new.norm().item())
            assert change.change == pytest.approx((new - old).norm().item(), rel=1e-4)
            assert change.gradient == pytest.approx(grad.norm().item())
            assert change.change > 0 or name == "Rprop"
            assert change.has_gradient
            values = (old.tolist(), new.tolist()) if old.numel() <= 4 else (None, None)
            assert (change.value_before, change.value_after) == values
        assert step.groups[0].rate("lr") == pytest.approx(0.1)
        assert (step.is_skipped, step.scale, step.autocast, step.n_others) == (None, None, None, 0)
    assert failures(trace) == []


def test_the_event_knows_its_step(tmp_path):
    """One after the other; also where the event is counted, after the last pass that was recorded in full."""
    net, loss = net_and_loss()
    with recorded(tmp_path, passes=((1, 2),)) as session:
        train(net, loss, torch.optim.SGD(net.parameters(), lr=0.1), steps=6)

    trace = session.trace()
    events = [event for event in trace.events if event.kind == EventKind.STEP]
    assert [(one.pass_index, one.count, one.step and one.step.number) for one in events] == [
        (1, 1, 0),
        (2, 4, 1),
        (6, 1, None),
    ]
    assert all(event.step.location == event.location and event.step.call == "SGD.step" for event in events[:2])


def test_moments_are_told_by_torch_s_name(tmp_path):
    """Norms of what the optimizer keeps, and its own counts."""
    net, loss = net_and_loss()
    with recorded(tmp_path) as session:
        optimizer = torch.optim.Adam(net.parameters(), lr=0.1, betas=(0.8, 0.9))
        train(net, loss, optimizer, steps=2)

    step = session.trace().steps[-1]
    assert step.groups[0].rate("betas") == [0.8, 0.9]
    moments = dict(step.changes[0].moments)
    kept = optimizer.state[net[0].weight]
    assert moments["step"] == 2
    assert moments["exp_avg"] == pytest.approx(kept["exp_avg"].norm().item())
    assert moments["exp_avg_sq"] == pytest.approx(kept["exp_avg_sq"].norm().item())


def test_rates_are_those_of_the_group_when_the_step_began(tmp_path):
    """Each parameter has its group; what a scheduler set is what is told."""
    net, loss = net_and_loss()
    with recorded(tmp_path) as session:
        groups = [{"params": net[0].parameters(), "weight_decay": 0.5}, {"params": net[2].parameters(), "lr": 0.01}]
        optimizer = torch.optim.SGD(groups, lr=0.1)
        schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
        for _ in range(2):
            train(net, loss, optimizer)
            schedule.step()

    trace = session.trace()
    rates = [[(group.rate("lr"), group.rate("weight_decay")) for group in step.groups] for step in trace.steps]
    assert rates == [[(0.1, 0.5), (0.01, 0)], [(0.05, 0.5), (0.005, 0)]]
    assert [one.group for one in trace.steps[0].changes] == [0, 0, 1, 1]
    assert trace.steps[0].groups[0].rate("nothing") is None


@pytest.mark.parametrize(("decay", "moved"), [(0.1, 3), (0.0, 0)])
def test_rows_that_move_without_a_gradient_are_told(decay, moved, tmp_path):
    """Weight decay moves the rows of an embedding that nobody looked up; without it they stay."""
    torch.manual_seed(0)
    with recorded(tmp_path) as session:
        table = nn.Embedding(5, 2)
        optimizer = torch.optim.AdamW(table.parameters(), lr=0.1, weight_decay=decay)
        table(torch.tensor([1, 2])).sum().backward()
        optimizer.step()

    (change,) = session.trace().steps[0].changes
    assert change.n_moved_rows == moved
    assert change.moved_rows == ((0, 3, 4) if moved else ())


@pytest.mark.parametrize(
    ("quiet", "density", "dtype"),
    [
        ((), 0.6, torch.float32),
        ((7, 1_900), 0.6, torch.bfloat16),
        ((7, 1_900), 0.1, torch.float32),
        (tuple(range(3, 2_000)), 0.6, torch.float32),
        ((7, 1_900), 0.1, torch.complex64),
    ],
)
def test_quiet_rows_of_a_large_gradient_are_told(quiet, density, dtype, tmp_path):
    """Zeros elsewhere do not make a row quiet, nor do tiny numbers."""
    torch.manual_seed(0)
    gradient = (torch.rand(2_000, 40) < density).to(dtype)
    gradient[:, 33] = torch.finfo(dtype).tiny
    gradient[list(quiet)] = 0
    with recorded(tmp_path) as session:
        weight = nn.Parameter(torch.ones(2_000, 40, dtype=dtype))
        optimizer = torch.optim.SGD([weight], lr=0.1, weight_decay=0.5)
        (weight * gradient.conj()).sum().abs().backward()
        weight.grad = gradient
        optimizer.step()

    (change,) = session.trace().steps[0].changes
    assert (change.n_moved_rows, change.moved_rows) == (len(quiet), quiet[:8])


def test_momentum_moves_rows_without_a_gradient(tmp_path):
    """A row that had a gradient once goes on moving."""
    with recorded(tmp_path) as session:
        table = nn.Embedding(40, 2)
        optimizer = torch.optim.SGD(table.parameters(), lr=0.1, momentum=0.9)
        for rows in (torch.arange(20), torch.tensor([30])):
            optimizer.zero_grad()
            table(rows).sum().backward()
            optimizer.step()

    first, second = (step.changes[0] for step in session.trace().steps)
    assert (first.n_moved_rows, first.moved_rows) == (0, ())
    assert (second.n_moved_rows, second.moved_rows) == (20, tuple(range(8)))


def test_sparse_gradients_are_told(tmp_path):
    """SparseAdam moves the rows that were looked up alone."""
    torch.manual_seed(0)
    with recorded(tmp_path) as session:
        table = nn.Embedding(5, 2, sparse=True)
        optimizer = torch.optim.SparseAdam(table.parameters(), lr=0.1)
        table(torch.tensor([1, 1, 2])).sum().backward()
        optimizer.step()

    (change,) = session.trace().steps[0].changes
    assert change.gradient == pytest.approx(math.sqrt(2 * 4 + 2 * 1))
    assert (change.n_moved_rows, change.change > 0) == (0, True)
    assert failures(session.trace()) == []


def test_gradients_of_none_and_of_zeros_are_told_apart(tmp_path):
    """A parameter without a gradient stays; one with zeros may move."""
    with recorded(tmp_path) as session:
        used, unused, dead = (torch.ones(2, requires_grad=True) for _ in range(3))
        optimizer = torch.optim.SGD([used, unused, dead], lr=0.5, weight_decay=0.5)
        optimizer.zero_grad()
        (used * 2 + dead * 0).sum().backward()
        optimizer.step()

    trace = session.trace()
    found = [(one.has_gradient, one.gradient, one.value_after) for one in trace.steps[0].changes]
    assert found == [
        (True, pytest.approx(math.sqrt(8)), [-0.25, -0.25]),
        (False, None, [1.0, 1.0]),
        (True, 0.0, [0.75, 0.75]),
    ]


def test_a_step_that_runs_passes_itself_is_told_as_a_whole(tmp_path):
    """LBFGS calls the closure several times; its first step has no pass before it."""
    net, loss = net_and_loss()
    with recorded(tmp_path) as session:
        optimizer = torch.optim.LBFGS(net.parameters(), lr=0.5, max_iter=3, line_search_fn="strong_wolfe")
        began = net[0].weight.detach().clone()

        def closure():
            optimizer.zero_grad()
            value = loss()
            value.backward()
            return value

        optimizer.step(closure)
        ended = net[0].weight.detach().clone()
        optimizer.step(closure)

    trace = session.trace()
    first, second = trace.steps
    assert (first.began_after, second.began_after) == (0, first.pass_index)
    assert list(first.own_passes) == list(range(1, first.pass_index + 1))
    assert len(first.own_passes) > 1
    assert first.changes[0].change == pytest.approx((ended - began).norm().item())
    assert consumed(trace, first)[-1] == first.pass_index
    assert first.groups[0].rate("max_iter") == 3
    assert {"func_evals", "n_iter"} <= dict(first.changes[0].moments).keys()


def test_passes_whose_gradients_add_up_are_all_consumed(tmp_path):
    """Since `.grad` was last empty, however it was emptied."""
    net, loss = net_and_loss()
    with recorded(tmp_path, passes=((1, 4),)) as session:
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        for step in range(3):
            for _ in range(2 + step):
                loss().backward()
            optimizer.step()
            for one in net.parameters():
                one.grad.zero_() if step else optimizer.zero_grad(set_to_none=False)

    trace = session.trace()
    assert [consumed(trace, one) for one in trace.steps] == [(1, 2), (3, 4, 5)]


def test_what_is_never_cleared_is_consumed_again(tmp_path):
    """The second step uses the gradient of the first pass too."""
    net, loss = net_and_loss()
    with recorded(tmp_path) as session:
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        for _ in range(3):
            loss().backward()
            optimizer.step()

    trace = session.trace()
    assert [consumed(trace, one) for one in trace.steps] == [(1,), (1, 2), (1, 2, 3)]


def test_two_optimizers_step_for_themselves(tmp_path):
    """Each is looked at when a pass recorded in full has reached its own parameters."""
    maker, critic = nn.Linear(2, 2), nn.Linear(2, 1)
    with recorded(tmp_path, passes=((1, 3),)) as session:
        first = torch.optim.SGD(critic.parameters(), lr=0.1)
        second = torch.optim.SGD(maker.parameters(), lr=0.1)
        for _ in range(4):
            made = maker(torch.ones(3, 2))
            critic.zero_grad()
            critic(made.detach()).sum().backward()
            first.step()
            maker.zero_grad()
            critic(made).sum().backward()
            second.step()

    trace = session.trace()
    full = {one.index for one in trace.passes if one.recorded == Recorded.FULL}
    assert full == {1, 2, 3, 5, 6}
    assert [(one.optimizer, one.pass_index) for one in trace.steps if one.pass_index in full] == [
        *((0, 1), (1, 2), (0, 3), (0, 5), (1, 6))
    ]
    assert [consumed(trace, one) for one in trace.steps][:3] == [(1,), (2,), (3,)]


class Halving(torch.optim.Optimizer):
    """An optimizer as people write them: it leaves the param groups to torch, and adds a number of its own."""

    def __init__(self, params):
        super().__init__(params, {"lr": 0.5, "name": "half", "bound": float("inf")})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for one in group["params"]:
                one.mul_(group["lr"])


class Twice(torch.optim.SGD):
    """One whose `step` calls its parent's."""

    def step(self, closure=None):
        super().step(closure)
        return super().step()


class Wrapper:
    """A wrapper that is no optimizer."""

    def __init__(self, inner):
        self.inner = inner

    def __getattr__(self, name):
        raise AssertionError(f"{name} was asked for")

    def step(self):
        self.inner.step()


def test_optimizers_of_the_program_are_told(tmp_path):
    """Their own numbers too; text is left out."""
    with recorded(tmp_path) as session:
        w = torch.full((2,), 4.0, requires_grad=True)
        optimizer = Halving([w])
        w.sum().backward()
        Wrapper(optimizer).step()

    trace = session.trace()
    (step,) = trace.steps
    assert (step.call, step.changes[0].value_after) == ("Halving.step", [2.0, 2.0])
    assert step.groups[0].rates == (("lr", 0.5), ("bound", math.inf))


def test_a_step_that_calls_its_parent_s_is_one(tmp_path):
    """From before the first of them to after the last."""
    with recorded(tmp_path) as session:
        w = torch.full((2,), 4.0, requires_grad=True)
        torch.optim.SGD([torch.ones(1)], lr=1.0)
        optimizer = Twice([w], lr=1.0)
        w.sum().backward()
        optimizer.step()

    (step,) = session.trace().steps
    assert (step.changes[0].value_before, step.changes[0].value_after) == ([4.0, 4.0], [2.0, 2.0])


class Watchful(torch.optim.SGD):
    """Every question that it could be asked is an error."""

    def _refuse(self, *args):
        raise AssertionError("it was asked")

    __len__ = __bool__ = __eq__ = __repr__ = _refuse
    secret = property(_refuse)

    def __hash__(self):
        raise AssertionError("it was asked")


def test_optimizers_are_not_asked(tmp_path):
    """No method and no property of theirs runs."""
    with recorded(tmp_path) as session:
        w = torch.full((2,), 4.0, requires_grad=True)
        optimizer = torch.optim.SGD.__new__(Watchful)
        torch.optim.SGD.__init__(optimizer, [w], lr=1.0)
        w.sum().backward()
        optimizer.step()

    assert session.trace().steps[0].changes[0].value_after == [3.0, 3.0]
    assert failures(session.trace()) == []


class Marked(torch.Tensor):
    """A subclass of the program's."""


def test_subclasses_are_named_and_not_looked_into(tmp_path):
    """Their class is told, and nothing else."""
    with recorded(tmp_path) as session:
        w = torch.ones(2).as_subclass(Marked).requires_grad_()
        optimizer = torch.optim.SGD([w], lr=1.0)
        w.sum().backward()
        optimizer.step()

    (change,) = session.trace().steps[0].changes
    assert (change.type, change.before, change.has_gradient) == ("Marked", None, None)


def test_parameters_that_no_pass_has_met_are_counted(tmp_path):
    """They are no leaves of the trace."""
    with recorded(tmp_path) as session:
        w = torch.ones(2, requires_grad=True)
        optimizer = torch.optim.SGD([w, torch.ones(3), torch.ones(1, requires_grad=True)], lr=1.0)
        w.sum().backward()
        optimizer.step()

    (step,) = session.trace().steps
    assert (len(step.changes), step.n_others) == (1, 2)


def test_a_step_that_raises_leaves_nothing_behind(tmp_path):
    """It is not told; what was kept for it is let go with the next pass."""
    with recorded(tmp_path) as session:
        w = torch.ones(2, requires_grad=True)
        optimizer = torch.optim.SGD([w], lr=1.0)

        def closure():
            (w * 2).sum().backward()
            raise KeyError("the program's")

        for _ in range(2):
            with pytest.raises(KeyError):
                optimizer.step(closure)
        watch = current().steps
        assert len(watch._running) == 1
        (kept,) = next(iter(watch._running.values()))
        copy = weakref.ref(kept.changes._batches[0].copy)
        del kept
        (w * 2).sum().backward()
        gc.collect()
        assert (watch._running, copy()) == ({}, None)
        optimizer.step()

    assert [one.pass_index for one in session.trace().steps] == [3]


def test_steps_in_a_hook_belong_to_the_pass_that_runs(tmp_path):
    """An optimizer for each parameter, that steps as soon as its gradient is there."""
    torch.manual_seed(0)
    with recorded(tmp_path, passes=((1, 2),)) as session:
        net = nn.Linear(2, 1)
        optimizers = {one: torch.optim.SGD([one], lr=0.1) for one in net.parameters()}

        def step(one):
            optimizers[one].step()
            optimizers[one].zero_grad()

        for one in net.parameters():
            one.register_post_accumulate_grad_hook(step)
        for _ in range(4):
            net(torch.ones(3, 2)).sum().backward()

    trace = session.trace()
    assert [one.pass_index for one in trace.steps] == [1, 1, 2, 2]
    assert [consumed(trace, one) for one in trace.steps] == [(1,), (1,), (2,), (2,)]


def test_threads_step_for_themselves(tmp_path):
    """Each thread's steps are told, of its own parameters."""
    with recorded(tmp_path) as session:

        def work(rate):
            w = torch.ones(2, requires_grad=True)
            optimizer = torch.optim.SGD([w], lr=rate)
            for _ in range(5):
                optimizer.zero_grad()
                (w * 2).sum().backward()
                optimizer.step()

        threads = [threading.Thread(target=work, args=(rate,)) for rate in (0.25, 0.5)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()

    trace = session.trace()
    assert failures(trace) == []
    for rate, last in ((0.25, -1.5), (0.5, -4.0)):
        mine = [step for step in trace.steps if step.groups[0].rate("lr") == rate]
        assert len(mine) == 5
        assert len({change.leaf for step in mine for change in step.changes}) == 1
        assert mine[-1].changes[0].value_after == [last, last]


def test_names_of_rates_may_be_any_text(tmp_path):
    """Also what is no Unicode."""
    with recorded(tmp_path) as session:
        w = torch.ones(2, requires_grad=True)
        optimizer = torch.optim.SGD([{"params": [w], "\udcff\x1b": 2, 5: 3}], lr=0.5)
        w.sum().backward()
        optimizer.step()

    assert session.trace().steps[0].groups[0].rate("\\udcff\x1b") == 2


def test_nothing_is_looked_at_where_only_structure_is_wanted(tmp_path):
    """Nor in passes that are only counted."""
    for options in ({"level": "structure"}, {"passes": ((100, 100),)}):
        net, loss = net_and_loss()
        with recorded(tmp_path, **options) as session:
            train(net, loss, torch.optim.SGD(net.parameters(), lr=0.1), steps=3)
        assert session.trace().steps == ()


def test_numbers_of_the_program_stay_the_same(tmp_path):
    """Bit for bit, with the state of the random generator."""

    def run():
        net, loss = net_and_loss()
        optimizer = torch.optim.AdamW(net.parameters(), lr=0.1)
        train(net, loss, optimizer, steps=4)
        versions = [one._version for one in net.parameters()]
        return [one.tolist() for one in net.parameters()], torch.get_rng_state().tolist(), versions

    alone = run()
    with recorded(tmp_path):
        assert run() == alone


def test_steps_are_looked_at_up_to_a_limit(tmp_path, monkeypatch):
    """And the recording says so."""
    monkeypatch.setattr(step_watch, "_MOST_STEPS", 3)
    net, loss = net_and_loss()
    with recorded(tmp_path) as session:
        train(net, loss, torch.optim.SGD(net.parameters(), lr=0.1), steps=6)

    trace = session.trace()
    assert len(trace.steps) == 3
    assert trace.run.notes == ("what steps did to parameters is recorded of the first 3 only",)


def test_of_large_parameters_the_change_is_not_copied(tmp_path, monkeypatch):
    """Smaller ones come first; of the others the norms alone are told."""
    monkeypatch.setattr(parameter_changes, "_COPIED", 40)
    net, loss = net_and_loss()
    with recorded(tmp_path) as session:
        train(net, loss, torch.optim.SGD(net.parameters(), lr=0.1))

    trace = session.trace()
    found = by_name(trace, trace.steps[0])
    assert [found[name].change is None for name in ("2.bias", "0.bias", "2.weight", "0.weight")] == [
        *(False, False, True, True)
    ]
    assert all(one.before is not None and one.after is not None for one in found.values())


def test_of_the_latest_pass_alone_the_latest_step_is_told(tmp_path):
    """Where every pass takes the place of the one before."""
    net, loss = net_and_loss()
    with recorded(tmp_path, passes="last") as session:
        train(net, loss, torch.optim.SGD(net.parameters(), lr=0.1), steps=4)

    assert [one.pass_index for one in session.trace().steps] == [4]


# Autocast and scaling.


def test_a_step_inside_autocast_is_told(tmp_path):
    """By its dtype; outside there is none."""
    net, loss = net_and_loss()
    with recorded(tmp_path) as session:
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        with torch.autocast("cpu", torch.bfloat16):
            loss().backward()
            optimizer.step()
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    assert [one.autocast for one in session.trace().steps] == ["bfloat16", None]


@pytest.mark.parametrize("fused", [False, True])
def test_scaled_steps_are_told_and_those_that_were_skipped(fused, tmp_path):
    """With the scale that each step used, and what became of it."""
    with recorded(tmp_path) as session:
        w = torch.ones(2, requires_grad=True)
        optimizer = torch.optim.SGD([w], lr=0.5, fused=fused)
        scaler = torch.amp.GradScaler("cpu", init_scale=8.0, growth_interval=2)
        for factor in (2.0, float("inf"), 2.0, 2.0):
            optimizer.zero_grad()
            scaler.scale((w * factor).sum()).backward()
            scaler.step(optimizer)
            scaler.update()

    trace = session.trace()
    assert [(one.scale, one.is_skipped, one.pass_index) for one in trace.steps] == [
        (8.0, False, 1),
        (8.0, True, 2),
        (4.0, False, 3),
        (4.0, False, 4),
    ]
    values = [step.changes[0].value_after for step in trace.steps]
    assert values == [[0.0, 0.0], [0.0, 0.0], [-1.0, -1.0], [-2.0, -2.0]]
    assert [(one.before, one.after, one.pass_index) for one in trace.scale_updates] == [
        (8.0, 8.0, 1),
        (8.0, 4.0, 2),
        (4.0, 4.0, 3),
        (4.0, 8.0, 4),
    ]
    told = [event.step.number for event in trace.events if event.kind == EventKind.STEP]
    assert told == ([0, 1, 2, 3] if fused else [0, 2, 3])
    assert all(one.location.text.strip() == "scaler.update()" for one in trace.scale_updates)


def test_a_scaler_that_is_off_is_no_scaler(tmp_path):
    """The step is a plain one."""
    with recorded(tmp_path) as session:
        w = torch.ones(2, requires_grad=True)
        optimizer = torch.optim.SGD([w], lr=0.5)
        scaler = torch.amp.GradScaler("cpu", enabled=False)
        scaler.scale(w.sum()).backward()
        scaler.step(optimizer)
        scaler.update()

    trace = session.trace()
    assert [(one.scale, one.is_skipped) for one in trace.steps] == [(None, None)]
    assert trace.scale_updates == ()


def test_a_scaler_s_errors_and_warnings_are_the_program_s(tmp_path):
    """A second step before the update is an error; the warning for old optimizers names the program's line."""

    class Old(torch.optim.SGD):
        _step_supports_amp_scaling = True

        def step(self, closure=None, grad_scaler=None):
            return super().step(closure)

    def run():
        w = torch.ones(2, requires_grad=True)
        scaler = torch.amp.GradScaler("cpu")
        optimizer = torch.optim.SGD([w], lr=0.5)
        scaler.scale(w.sum()).backward()
        scaler.step(optimizer)
        with pytest.raises(RuntimeError, match="already been called") as caught:
            scaler.step(optimizer)
        frames = [entry.name for entry in caught.traceback]
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            old = Old([w], lr=0.5)
            w.sum().backward()
            scaler.step(old)
        return frames, [(str(one.message), one.filename) for one in seen]

    alone = run()
    with recorded(tmp_path):
        assert run() == alone


def test_steps_that_are_alike_have_one_form(tmp_path):
    """However many there are, and whatever their numbers: what is the same is written once."""
    net, loss = net_and_loss()
    with recorded(tmp_path, passes=None) as session:
        optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
        train(net, loss, optimizer, steps=3)
        optimizer.param_groups[0]["lr"] = 0.05
        train(net, loss, optimizer, steps=3)
        lines = session.stream.read_bytes()

    assert (lines.count(b'{"t":"step_form"'), lines.count(b'{"t":"step_numbers"')) == (1, 6)
    rates = [step.groups[0].rate("lr") for step in session.trace().steps]
    assert rates == [0.1] * 3 + [0.05] * 3
