"""Where a number that is not finite came from: found in what graphs hold, without a look at every result."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import recorder_session
import torch
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint

from gradtrace import recorder
from gradtrace.diagnosis.diagnose import diagnose
from gradtrace.model import Finding, Trace
from gradtrace.model.needs import USUALLY, Statistic, Tensors, need

NEEDS = (*USUALLY, need(Tensors.TROUBLE, Statistic.FINITE, Statistic.ZEROS, Statistic.EXTREMES))
ROWS = (8, 40)


def recorded(tmp_path: Path, program: Callable[[], Any], **options: Any) -> Trace:
    """The trace of a program, with what `gradtrace check` measures."""
    settings = {"value_limit": 16, "facts": True, "needs": NEEDS, **options}
    with recorder_session.recorded(tmp_path, **settings) as session:
        program()
    return session.trace()


def told(trace: Trace) -> list[tuple[str, str]]:
    """Rule and source line of each finding about numbers."""
    found: list[Finding] = [one for one in diagnose(trace).findings if one.severity == "error"]
    return [(one.rule, "" if one.location is None else (one.location.text).strip()) for one in found]


def log_of_softmax() -> None:
    w = (torch.linspace(-1, 1, 320).reshape(ROWS) * 2000).requires_grad_()
    p = torch.softmax(w, 1)
    loss = -p.log().mean()  # here
    loss.backward()


def exp_overflows() -> None:
    x = torch.linspace(0, 200, 100).requires_grad_()
    e = torch.exp(x)  # here
    torch.log(1 + e).mean().backward()


def division_by_norm() -> None:
    rows, w = torch.ones(6, 30), torch.ones(30, requires_grad=True)
    rows[2] = 0
    h = rows * w
    unit = h / h.norm(dim=1, keepdim=True)  # here
    unit.pow(2).sum().backward()


def division_that_nobody_saved() -> None:
    a, b = torch.ones(ROWS, requires_grad=True), torch.zeros(ROWS)
    q = a / b  # here
    (q + 1).mean().backward()


def fractional_power() -> None:
    x = torch.linspace(-1, 1, 50).requires_grad_()
    y = x.pow(0.5)  # here
    (y * 2).mean().backward()


def root_of_zero() -> None:
    x = torch.zeros(50, requires_grad=True)
    y = x.sqrt()  # here
    (y * 2).mean().backward()


def dropped_by_where() -> None:
    x = torch.linspace(0, 1, 50).requires_grad_()
    y = x.log()  # here
    torch.where(x > 0, y, torch.zeros(50)).sum().backward()


def mask_times_infinity() -> None:
    w, m = torch.ones(ROWS, requires_grad=True), torch.ones(ROWS)
    m[:, 5:] = 0
    s = w / m
    p = s * m  # here
    p.sum().backward()


def masked_softmax() -> None:
    w, m = torch.ones(ROWS, requires_grad=True), torch.zeros(ROWS, dtype=torch.bool)
    m[3] = True
    s = w.masked_fill(m, float("-inf"))
    p = s.softmax(1)  # here
    (p * 2).sum().backward()


def mean_of_nothing() -> None:
    w, m = torch.ones(ROWS, requires_grad=True), torch.zeros(ROWS, dtype=torch.bool)
    part = w[m].mean()  # here
    (part + w.pow(2).sum()).backward()


def every_target_ignored() -> None:
    w = torch.ones(ROWS, requires_grad=True)
    loss = cross_entropy(w, torch.full((8,), -100))  # here
    loss.backward()


def deviation_of_one() -> None:
    w = torch.ones(1, 40, requires_grad=True)
    s = (w * 2).std(0)  # here
    s.sum().backward()


def end_of_range() -> None:
    w = torch.linspace(-1, 1, 60).requires_grad_()
    x = torch.acos(w)  # here
    x.sum().backward()


def unknown_operation() -> None:
    w = torch.linspace(-1, 1, 60).requires_grad_()
    x = torch.erfinv(w)  # here
    x.sum().backward()


def product_overflows() -> None:
    w, x = torch.full((40, 40), 1e20, requires_grad=True), torch.full((40, 40), 1e20)
    h = x @ w  # here
    torch.relu(h).mean().backward()


def through_layers() -> None:
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(30, 30), torch.nn.Tanh(), torch.nn.Linear(30, 30))
    z = torch.rsqrt(net(torch.randn(20, 30)))  # here
    (z + 1).mean().backward()


def recomputed_by_checkpoint() -> None:
    w = torch.ones(ROWS, requires_grad=True)

    def part(x: torch.Tensor) -> torch.Tensor:
        return (x * 0).log()  # here

    checkpoint(part, w, use_reentrant=False).mean().backward()


CASES = [
    (log_of_softmax, "log-of-softmax-underflow"),
    (exp_overflows, "exp-overflow"),
    (division_by_norm, "divide-by-zero-norm"),
    (division_that_nobody_saved, "divide-by-zero-norm"),
    (fractional_power, "fractional-power-negative"),
    (root_of_zero, "sqrt-at-zero"),
    (dropped_by_where, "where-untaken-branch"),
    (mask_times_infinity, "mask-multiplies-inf"),
    (masked_softmax, "fully-masked-softmax"),
    (mean_of_nothing, "mean-of-empty-selection"),
    (every_target_ignored, "mean-of-empty-selection"),
    (deviation_of_one, "std-single-sample"),
    (end_of_range, "acos-at-boundary"),
    (unknown_operation, "not-finite"),
    (product_overflows, "not-finite"),
    (through_layers, "fractional-power-negative"),
    (recomputed_by_checkpoint, "log-of-softmax-underflow"),
]


@pytest.mark.filterwarnings("ignore:std")
@pytest.mark.parametrize(("program", "rule"), CASES, ids=lambda one: getattr(one, "__name__", one))
def test_line_is_named_by_a_single_pass(tmp_path, program: Callable[[], None], rule: str) -> None:
    """Of tensors that are too large to be recorded with their values, and with nobody looking at results."""
    found = told(recorded(tmp_path, program))
    assert [name for name, _ in found] == [rule]
    assert found[0][1].endswith("# here")


@pytest.mark.filterwarnings("ignore:std")
def test_same_is_found_when_every_result_is_looked_at(tmp_path) -> None:
    """As at `--level full`."""
    for program, rule in CASES:
        found = told(recorded(tmp_path, program, level="full"))
        assert [name for name, _ in found] == [rule], program.__name__


def steps(n: int, bad: int) -> Callable[[], None]:
    """A training of which one step divides by zero, and is skipped."""

    def program() -> None:
        torch.manual_seed(0)
        net = torch.nn.Linear(30, 30)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        for step in range(n):
            scale = torch.zeros(20, 1) if step == bad else torch.ones(20, 1)
            loss = (net(torch.randn(20, 30)) / scale).pow(2).mean()  # here
            optimizer.zero_grad()
            loss.backward()
            if step != bad:
                optimizer.step()

    return program


def test_step_that_never_comes_again_is_explained(tmp_path) -> None:
    """The third of five."""
    ((rule, line),) = told(recorded(tmp_path, steps(5, 2)))
    assert (rule, line.endswith("# here")) == ("divide-by-zero-norm", True)


def test_results_are_looked_at_after_something_was_not_finite(tmp_path) -> None:
    """For some passes; what happens without a graph is seen then, and not before."""

    def program() -> None:
        w = torch.ones(40, requires_grad=True)
        for step in range(6):
            w.grad = None
            with torch.no_grad():
                (torch.zeros(40) - step).log()
            (w * (float("inf") if step == 1 else 1.0)).sum().backward()

    seen = [one for one in recorded(tmp_path, program).non_finite if not one.is_tracked]
    assert [(one.call, one.before_pass, one.count) for one in seen] == [("log", 3, 3)]


def test_no_further_pass_is_recorded_where_every_result_is_looked_at_anyway(tmp_path) -> None:
    """As at `--level full`."""
    trace = recorded(tmp_path, steps(9, 1), passes=((1, 2),), level="full")
    assert [one.index for one in trace.passes if one.graph is not None] == [1, 2]


def test_passes_after_one_that_is_not_finite_are_recorded_too(tmp_path) -> None:
    """Three of them."""
    trace = recorded(tmp_path, steps(9, 1), passes=((1, 2),))
    assert [one.index for one in trace.passes if one.graph is not None] == [1, 2, 3, 4, 5]


def test_nothing_is_asked_while_all_is_finite(tmp_path, monkeypatch) -> None:
    """Neither of results nor of saved tensors."""
    from gradtrace.recorder import number_watch, origins

    def fail(_: torch.Tensor) -> bool:
        raise AssertionError

    monkeypatch.setattr(number_watch, "is_finite", fail)
    monkeypatch.setattr(origins, "is_finite", fail)
    trace = recorded(tmp_path, recorder_session.train)
    assert trace.run.notes == ()
    assert all(one.stats is None for done in trace.passes for node in done.graph.nodes for one in node.saved)


def test_root_of_a_counted_pass_is_looked_at_before_it_runs(tmp_path) -> None:
    """Its forward computation was not watched, so that only the line of `backward()` is known."""
    trace = recorded(tmp_path, steps(9, 6), passes=((1, 2),))
    full = [one.index for one in trace.passes if one.graph is not None]
    assert full == [1, 2, 7, 8, 9]
    assert told(trace) == [("divide-by-zero-norm", "loss.backward()")]
    assert any("pass 7 is recorded in full: a root is not finite" in note for note in trace.run.notes)


def test_place_is_marked_as_rough_if_what_went_in_is_not_known(tmp_path) -> None:
    """Of a sum nothing is saved but by whoever takes it in."""

    class Unknown(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            return x * float("inf")

        @staticmethod
        def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
            return grad

    def program() -> None:
        w = torch.ones(ROWS, requires_grad=True)
        y = Unknown.apply(w)  # here
        y.mean().backward()

    trace = recorded(tmp_path, program)
    (seen,) = trace.non_finite
    assert not seen.is_exact
    (finding,) = diagnose(trace).findings
    assert finding.location.text.strip().endswith("# here")
    assert "it may have been made shortly before" in (finding.help or "")


@pytest.mark.parametrize("n", [3, 50])
def test_what_is_saved_is_measured_where_a_gradient_breaks(tmp_path, n: int) -> None:
    """And what arrived there; of a small tensor the values are known besides."""

    def program() -> None:
        x = torch.zeros(n, requires_grad=True)
        (x.sqrt() * 2).mean().backward()

    nodes = recorded(tmp_path, program).passes[0].graph.nodes
    (node,) = [one for one in nodes if one.op == "sqrt"]
    (kept,) = node.saved
    assert (kept.name, kept.stats.zero, kept.stats.min, kept.stats.max) == ("result", n, 0, 0)
    assert kept.value == ([0.0] * n if n == 3 else None)
    assert node.outputs[0].received.zero == 0
    assert all(one.stats is None for other in nodes if other is not node for one in other.saved)


def test_what_nodes_hold_besides_alarms_nobody(tmp_path) -> None:
    """A mask of infinities is saved, and small results show it: no gradient is touched."""

    def program() -> None:
        for _ in range(4):
            w = torch.ones(4, requires_grad=True)
            (w + torch.tensor([0.0, 0.0, 0.0, float("-inf")])).softmax(0)[0].backward()

    trace = recorded(tmp_path, program, passes=((1, 2),))
    assert [one.index for one in trace.passes if one.graph is not None] == [1, 2]


def test_gradient_that_is_lost_to_half_precision_is_measured_closer(tmp_path) -> None:
    """What arrived, where all of it is zero afterwards."""

    def program() -> None:
        w = torch.ones(40, dtype=torch.float16, requires_grad=True)
        (w.float() * 1e-9).sum().backward()

    ((rule, _),) = [(one.rule, one) for one in diagnose(recorded(tmp_path, program)).findings]
    assert rule == "half-precision-underflow"


def test_numbers_are_the_same_bit_for_bit(tmp_path) -> None:
    """Also where results are computed again."""

    def program() -> list[Any]:
        torch.manual_seed(0)
        w = torch.randn(ROWS, requires_grad=True)
        out = []
        for step in range(4):
            w.grad = None
            loss = ((w * torch.randn(ROWS)).abs() / (0.0 if step == 1 else 1.0)).log().mean()
            loss.backward()
            out.append((loss.tolist(), w.grad.tolist(), torch.random.get_rng_state().tolist()))
        return out

    with recorder_session.recorded(tmp_path, value_limit=16, facts=True, needs=NEEDS):
        watched = program()
    assert recorder.current() is None
    assert repr(watched) == repr(program())
