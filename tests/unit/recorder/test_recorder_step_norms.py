"""Every step is measured: its norms are those that `clip_grad_norm_` returns, for all kinds of programs."""

import gc
import math
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from recorder_session import recorded
from torch import nn

from gradtrace.model import StepNorms, Trace
from gradtrace.recorder import norm_rows, step_norms

Program = Callable[[], Iterator[float]]

N_STEPS = 4


def whole(parameters: Any) -> float:
    """What torch says of these gradients, none of which it changes."""
    return float(nn.utils.clip_grad_norm_(list(parameters), math.inf))


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3))


def steps_of(model: nn.Module, optimizer: Any, accumulate: int = 1, dtype: Any = None) -> Iterator[float]:
    for _ in range(N_STEPS):
        optimizer.zero_grad()
        for _ in range(accumulate):
            model(torch.randn(6, 5, dtype=dtype)).float().pow(2).mean().backward()
        yield whole(model.parameters())
        optimizer.step()


def plain() -> Iterator[float]:
    model = net()
    yield from steps_of(model, torch.optim.SGD(model.parameters(), lr=0.1))


def accumulated() -> Iterator[float]:
    model = net()
    yield from steps_of(model, torch.optim.AdamW(model.parameters(), lr=0.1), accumulate=3)


def several_groups() -> Iterator[float]:
    model = net()
    groups = [{"params": model[0].parameters(), "lr": 0.1}, {"params": model[2].parameters(), "lr": torch.tensor(0.2)}]
    yield from steps_of(model, torch.optim.SGD(groups, lr=0.3))


def half() -> Iterator[float]:
    model = net().bfloat16()
    yield from steps_of(model, torch.optim.SGD(model.parameters(), lr=0.1), dtype=torch.bfloat16)


def mixed() -> Iterator[float]:
    """Parameters of two dtypes, and one that is frozen."""
    model = net()
    model[2].double()
    model[0].bias.requires_grad_(requires_grad=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(N_STEPS):
        optimizer.zero_grad()
        model[2](model[0](torch.randn(6, 5)).double()).pow(2).mean().backward()
        yield whole(model.parameters())
        optimizer.step()


def complex_numbers() -> Iterator[float]:
    torch.manual_seed(0)
    weight = nn.Parameter(torch.randn(4, 4, dtype=torch.complex64))
    optimizer = torch.optim.SGD([weight], lr=0.1)
    for _ in range(N_STEPS):
        optimizer.zero_grad()
        (weight @ weight).abs().sum().backward()
        yield whole([weight])
        optimizer.step()


def sparse() -> Iterator[float]:
    torch.manual_seed(0)
    table = nn.Embedding(10, 3, sparse=True)
    optimizer = torch.optim.SparseAdam(table.parameters())
    for _ in range(N_STEPS):
        optimizer.zero_grad()
        table(torch.tensor([1, 3, 1, 7])).pow(2).sum().backward()
        assert table.weight.grad is not None
        yield float(torch.linalg.vector_norm(table.weight.grad.to_dense()))  # clip_grad_norm_ takes no sparse ones
        optimizer.step()


def scaled(*, fused: bool = False) -> Iterator[float]:
    """Unscaled by hand before it is looked at, as everybody does who clips."""
    model = net()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, fused=fused)
    scaler = torch.amp.GradScaler("cpu", init_scale=256.0)
    for _ in range(N_STEPS):
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            loss = model(torch.randn(6, 5)).float().pow(2).mean()
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        yield whole(model.parameters())
        scaler.step(optimizer)
        scaler.update()


def scaled_and_fused() -> Iterator[float]:
    yield from scaled(fused=True)


def scaled_and_left_to_the_optimizer() -> Iterator[float]:
    """A fused optimizer finds the scaled gradients and unscales them itself."""
    model = net()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, fused=True)
    scaler = torch.amp.GradScaler("cpu", init_scale=256.0)
    for _ in range(N_STEPS):
        optimizer.zero_grad()
        scaler.scale(model(torch.randn(6, 5)).pow(2).mean()).backward()
        yield whole(model.parameters()) / 256.0
        scaler.step(optimizer)
        scaler.update()


def closure() -> Iterator[float]:
    """The norm of the gradients that the last call of the closure left."""
    model = net()
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=3)
    data = torch.randn(6, 5)
    for _ in range(N_STEPS):
        found: list[float] = []

        def again(found: list[float] = found) -> torch.Tensor:
            optimizer.zero_grad()
            loss = model(data).pow(2).mean()
            loss.backward()
            found.append(whole(model.parameters()))
            return loss

        optimizer.step(again)
        yield found[-1]


def on_a_thread() -> Iterator[float]:
    found: list[float] = []

    def run() -> None:
        model = net()
        found.extend(steps_of(model, torch.optim.SGD(model.parameters(), lr=0.1)))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    yield from found


def overridden() -> Iterator[float]:
    """A `step` that calls its parent's is one step."""

    class Mine(torch.optim.SGD):
        def step(self, closure: Any = None) -> Any:
            return super().step(closure)

    torch.optim.SGD(net().parameters(), lr=0.1)
    model = net()
    yield from steps_of(model, Mine(model.parameters(), lr=0.1))


PROGRAMS: list[Program] = [
    plain, accumulated, several_groups, half, mixed, complex_numbers, sparse, scaled, scaled_and_fused,
    scaled_and_left_to_the_optimizer, closure, on_a_thread, overridden,
]  # fmt: skip


def measured(directory: Path, program: Program) -> tuple[list[float], Trace]:
    with recorded(directory, passes=(), step_norms=1) as session:
        expected = list(program())
    return expected, session.trace()


@pytest.mark.parametrize("program", PROGRAMS)
def test_total_is_what_clipping_returns(program: Program, tmp_path: Path) -> None:
    """To the last bit where torch adds up in the dtype of the numbers, too; half precision has three digits."""
    expected, trace = measured(tmp_path, program)
    (series,) = trace.step_norms
    assert [step.number for step in series.steps] == list(range(1, N_STEPS + 1))
    close = pytest.approx(expected, rel=2**-7 if program is half else 1e-6)
    assert [step.total for step in series.steps] == close
    assert not [spot for spot in trace.run.blind_spots if "failed" in spot.reason]
    for step in series.steps:
        assert math.sqrt(sum(float(one) ** 2 for one in step.parts if one is not None)) == close_to(step.total)


def close_to(number: Any) -> Any:
    return pytest.approx(number, rel=1e-5)


def series_of(trace: Trace, name: str) -> tuple[StepNorms, ...]:
    number = next(one.id for one in trace.optimizers if one.name == name)
    return next(one.steps for one in trace.step_norms if one.optimizer == number)


def test_several_optimizers_and_both_norms_of_a_clipping(tmp_path: Path) -> None:
    """Each has its own steps, and a clipping belongs to the one whose gradients it scaled."""
    expected: dict[str, list[float]] = {"one": [], "other": []}
    with recorded(tmp_path, passes=(), step_norms=1) as session:
        first, second = net(), net()
        one, other = (torch.optim.SGD(model.parameters(), lr=0.1) for model in (first, second))
        for _ in range(N_STEPS):
            one.zero_grad()
            other.zero_grad()
            loss = 100 * second(first(torch.randn(6, 5))[:, [0, 1, 2, 0, 1]]).pow(2).mean()
            loss.backward()
            expected["one"].append(float(nn.utils.clip_grad_norm_(first.parameters(), 1.0)))
            expected["other"].append(float(nn.utils.clip_grad_norm_(second.parameters(), 2.0)))
            one.step()
            other.step()
    trace = session.trace()
    for name, limit in (("one", 1.0), ("other", 2.0)):
        steps = series_of(trace, name)
        assert [step.before for step in steps] == pytest.approx(expected[name], rel=1e-6)
        assert all(step.before is not None and step.before > limit for step in steps)
        assert [step.total for step in steps] == pytest.approx([limit] * N_STEPS, rel=1e-4)


def test_norm_before_is_told_only_where_it_is_the_same_norm(tmp_path: Path) -> None:
    """Not of another kind, not of other parameters, and not of a pass ago."""
    with recorded(tmp_path, passes=(), step_norms=1) as session:
        model = net()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for clip in (
            lambda: nn.utils.clip_grad_norm_(model.parameters(), 1.0, norm_type=1.0),
            lambda: nn.utils.clip_grad_norm_(model[0].parameters(), 0.01),
            lambda: (nn.utils.clip_grad_norm_(model.parameters(), 1.0), model(torch.ones(1, 5)).sum().backward()),
        ):
            optimizer.zero_grad()
            model(torch.randn(6, 5)).pow(2).mean().backward()
            clip()
            optimizer.step()
    steps = [step for series in session.trace().step_norms for step in series.steps]
    assert [step.before for step in steps] == [None] * 3


def test_update_loss_and_rate(tmp_path: Path) -> None:
    """SGD changes the parameters by lr times the gradient; the loss is the root."""
    losses = []
    with recorded(tmp_path, passes=(), step_norms=1) as session:
        model = net()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
        weights = float(torch.cat([one.detach().flatten() for one in model.parameters()]).norm())
        for _ in range(N_STEPS):
            optimizer.zero_grad()
            loss = model(torch.randn(6, 5)).pow(2).mean()
            losses.append(loss.item())
            loss.backward()
            optimizer.step()
            schedule.step()
    (series,) = session.trace().step_norms
    first = series.steps[0]
    assert first.weights == close_to(weights)
    assert first.total is not None
    assert first.change == pytest.approx(0.1 * first.total, rel=1e-4)
    assert [step.loss for step in series.steps] == losses
    assert [step.rates for step in series.steps] == [(0.1,), (0.05,), (0.025,), (0.0125,)]
    assert series.backward is not None
    assert series.backward.text.strip() == "loss.backward()"


@pytest.mark.parametrize("fused", [False, True])
def test_steps_that_a_scaler_skips(fused: bool, tmp_path: Path) -> None:
    """They are rows too, and say so; the numbers of the others go on."""
    with recorded(tmp_path, passes=(), step_norms=1) as session:
        model = net()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.1, fused=fused)
        scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
        for number in range(3):
            optimizer.zero_grad()
            factor = math.inf if number == 1 else 1.0
            scaler.scale(model(torch.randn(6, 5)).pow(2).mean() * factor).backward()
            scaler.step(optimizer)
            scaler.update()
    steps = sorted((step for one in session.trace().step_norms for step in one.steps), key=lambda step: step.number)
    assert [(step.number, step.is_skipped) for step in steps] == [(1, False), (2, True), (3, False)]
    assert not math.isfinite(steps[1].total or 0)
    assert all(step.is_scaled for step in steps)


def test_what_cannot_be_looked_at_has_no_norm(tmp_path: Path) -> None:
    """A tensor subclass runs code of the program's: neither its norm nor the total is told; no gradient is none."""

    class Tagged(torch.Tensor):
        pass

    with recorded(tmp_path, passes=(), step_norms=0) as session:
        odd = torch.ones(2).as_subclass(Tagged).requires_grad_()
        usual, unused = (nn.Parameter(torch.ones(2)) for _ in range(2))
        optimizer = torch.optim.SGD([odd, usual, unused], lr=0.1)
        (odd.sum() + (3 * usual).sum()).backward()
        optimizer.step()
    (step,) = session.trace().step_norms[0].steps
    assert step.total is None
    assert step.parts == (None, close_to(math.sqrt(18)), None)


def test_very_long_run_is_thinned_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the later steps half as many are kept, then half as many of these; a note says so."""
    monkeypatch.setattr(norm_rows, "_DENSE", 10)
    monkeypatch.setattr(norm_rows, "_A_STAGE", 5)
    with recorded(tmp_path, passes=(), step_norms=1) as session:
        weight = nn.Parameter(torch.ones(2))
        optimizer = torch.optim.SGD([weight], lr=0.1)
        for _ in range(40):
            optimizer.zero_grad()
            weight.sum().backward()
            optimizer.step()
    trace = session.trace()
    numbers = [step.number for step in trace.step_norms[0].steps]
    assert numbers == [*range(1, 11), 12, 14, 16, 18, 20, 24, 28, 32, 36, 40]
    (note,) = trace.run.notes
    assert "after step 10 those of every second step are kept" in note


def test_failed_observation_costs_its_step_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program goes on, the other steps are there, and the recording says that one is not."""
    original, calls = step_norms.norms_of, []

    def failing(*words: Any) -> Any:
        calls.append(words)
        if len(calls) == 2:
            raise ValueError("out of order")
        return original(*words)

    monkeypatch.setattr(step_norms, "norms_of", failing)
    expected, trace = measured(tmp_path, plain)
    assert [step.number for step in trace.step_norms[0].steps] == [1, 3, 4]
    assert [step.total for step in trace.step_norms[0].steps] == pytest.approx([expected[at] for at in (0, 2, 3)])
    assert any("out of order" in spot.text for spot in trace.run.blind_spots)


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    """Torch's functions are its own again, and no parameter or gradient is kept alive."""
    before = vars(torch.nn.utils.clip_grad).copy(), vars(torch.nn.utils).copy()
    with recorded(tmp_path, passes=(), step_norms=1):
        model = net()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        list(steps_of(model, optimizer))
        gone = [weakref.ref(one) for one in (*model.parameters(), *(one.grad for one in model.parameters()))]
        del model, optimizer
        gc.collect()
        assert [one() for one in gone] == [None] * len(gone)
    assert (vars(torch.nn.utils.clip_grad), vars(torch.nn.utils)) == before


def test_modules_of_a_large_net(tmp_path: Path) -> None:
    """Many parameters are told by module, as deep as there are few of these; the root of the squares adds them up."""
    with recorded(tmp_path, passes=(), step_norms=1) as session:
        torch.manual_seed(0)
        model = nn.ModuleDict({"body": nn.Sequential(*(nn.Linear(4, 4) for _ in range(20))), "head": nn.Linear(4, 1)})
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        model["head"](model["body"](torch.randn(3, 4))).sum().backward()
        expected = [whole(part.parameters()) for part in (*model["body"], model["head"])]
        optimizer.step()
    (series,) = session.trace().step_norms
    assert [part.name for part in series.parts] == [*(f"body.{number}" for number in range(20)), "head"]
    assert list(series.steps[0].parts) == pytest.approx(expected, rel=1e-5)
