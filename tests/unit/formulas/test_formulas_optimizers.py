"""The rules of optimizers against torch's own steps, on real tensors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
import torch

from gradtrace.formulas.lookup import UnknownOpError, find
from gradtrace.formulas.optimizers import RULES, rule_of
from gradtrace.formulas.optimizers.working_out import WorkedStep, work_out

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SHARED = ({}, {"lr": 0.3}, {"lr": 0.05, "maximize": True})
DECAYED = (*SHARED, {"lr": 0.1, "weight_decay": 0.2})
ADAPTIVE = (*DECAYED, {"lr": 0.1, "betas": (0.5, 0.7), "eps": 1e-3, "weight_decay": 0.1})
DECOUPLED = (*ADAPTIVE, {"lr": 0.1, "weight_decay": 0.3, "decoupled_weight_decay": True})
AMSGRAD = ({"lr": 0.2, "amsgrad": True, "betas": (0.3, 0.4)},)
SETTINGS: dict[str, tuple[dict[str, Any], ...]] = {
    "SGD": (
        *DECAYED,
        *(
            {"lr": 0.1, "momentum": 0.9, "weight_decay": decay} | more
            for decay in (0.0, 0.2)
            for more in ({}, {"nesterov": True}, {"dampening": 0.4}, {"maximize": True})
        ),
    ),
    "Adam": (*DECOUPLED, *AMSGRAD),
    "AdamW": (*ADAPTIVE, *AMSGRAD),
    "NAdam": (*DECOUPLED, {"momentum_decay": 0.3}),
    "RAdam": (*DECOUPLED, {"lr": 0.1, "betas": (0.9, 0.9)}),
    "Adamax": ADAPTIVE,
    "SparseAdam": (*SHARED, {"lr": 0.1, "betas": (0.5, 0.7), "eps": 1e-3}),
    "RMSprop": (
        *DECAYED,
        {"alpha": 0.5, "centered": True, "weight_decay": 0.1},
        {"momentum": 0.9, "centered": True, "eps": 1e-3},
        {"momentum": 0.5, "weight_decay": 0.1},
    ),
    "Adagrad": (*DECAYED, {"lr": 0.1, "lr_decay": 0.3, "initial_accumulator_value": 0.2, "eps": 1e-3}),
    "Adadelta": (*DECAYED, {"rho": 0.5, "eps": 1e-2, "weight_decay": 0.1}),
    "Adafactor": (*DECAYED, {"beta2_decay": -0.3, "eps": (1e-2, 1e-1), "d": 1.2}),
    "Muon": (
        {},
        {"lr": 0.1, "nesterov": False, "weight_decay": 0.0},
        {"lr": 0.1, "adjust_lr_fn": "match_rms_adamw", "ns_steps": 2, "momentum": 0.5},
    ),
    "ASGD": (*DECAYED, {"lr": 0.1, "lambd": 0.1, "alpha": 0.5, "t0": 2, "weight_decay": 0.1}),
    "Rprop": (*SHARED, {"lr": 0.1, "etas": (0.3, 1.5), "step_sizes": (0.05, 0.12)}),
}
N_STEPS = 7

CASES = [(name, settings) for name, every in SETTINGS.items() for settings in every]


@pytest.fixture
def double() -> Iterator[None]:
    """Counters and rates that torch keeps in the default dtype lose nothing."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def gradients(name: str, shape: tuple[int, ...]) -> list[torch.Tensor]:
    """Different from step to step; some elements change their sign and some are 0."""
    generator = torch.Generator().manual_seed(7)
    drawn = [torch.randn(shape, generator=generator) for _ in range(N_STEPS)]
    drawn[2].view(-1)[0] = 0.0
    if name == "SparseAdam":
        for i, each in enumerate(drawn):
            each[i % shape[0]] = 0.0
        return [each.to_sparse(1) for each in drawn]
    return drawn


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize(("name", "settings"), CASES, ids=lambda value: value if isinstance(value, str) else "")
@pytest.mark.parametrize("shape", [(3, 2), (2, 4), (4,)])
def test_rule_is_torchs_own_step(name: str, settings: dict[str, Any], shape: tuple[int, ...]) -> None:
    """Parameter and state after each of several steps are torch's, and the parts of a step add up to it."""
    if len(shape) == 1 and name in ("SparseAdam", "Muon"):
        return
    rule = rule_of(name)
    param = torch.linspace(-1.5, 2.0, math.prod(shape)).reshape(shape)
    real = param.clone().requires_grad_()
    optimizer = getattr(torch.optim, name)([real], **settings)
    state: Mapping[str, Any] | None = None
    for grad in gradients(name, shape):
        real.grad = grad.clone()
        optimizer.step()
        step = work_out(rule, settings, param, grad, state, torch)
        torch.testing.assert_close(step.values["param"], real.detach(), rtol=1e-9, atol=1e-9)
        assert_same_state(step.state, optimizer.state[real])
        moved = sum(value for _, value in step.terms)
        torch.testing.assert_close(moved, step.values["param"] - param, rtol=1e-6, atol=1e-9)
        param, state = step.values["param"], step.state


def assert_same_state(ours: Mapping[str, Any], real: Mapping[str, Any]) -> None:
    """Under torch's names; what torch keeps as None is not there."""
    real = {name: value for name, value in real.items() if value is not None}
    assert ours.keys() == real.keys()
    for name, value in ours.items():
        torch.testing.assert_close(
            torch.as_tensor(value).broadcast_to(torch.as_tensor(real[name]).shape),
            torch.as_tensor(real[name]),
            rtol=1e-9,
            atol=1e-9,
            check_dtype=False,
        )


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize(
    ("name", "settings"), [case for case in CASES if rule_of(case[0]).is_elementwise], ids=lambda value: str(value)[:9]
)
def test_rule_holds_for_plain_numbers(name: str, settings: dict[str, Any]) -> None:
    """Without torch each element is stepped by itself, to the same numbers."""
    rule = rule_of(name)
    param = [1.5, -2.0]
    real = torch.tensor(param, requires_grad=True)
    optimizer = getattr(torch.optim, name)([real], **settings)
    states: list[Mapping[str, Any] | None] = [None, None]
    for grad in ([0.5, -1.0], [0.25, 2.0], [-1.0, 0.125]):
        real.grad = torch.tensor(grad)
        optimizer.step()
        steps: list[WorkedStep] = [work_out(rule, settings, *each) for each in zip(param, grad, states, strict=True)]
        for before, step, after in zip(param, steps, real.tolist(), strict=True):
            assert step.values["param"] == pytest.approx(after, rel=1e-9)
            assert sum(value for _, value in step.terms) == pytest.approx(after - before, rel=1e-6)
        param, states = [step.values["param"] for step in steps], [step.state for step in steps]


def test_every_optimizer_of_torch_has_a_rule_with_its_arguments() -> None:
    """None is missing, and each setting exists in torch with the default that the page shows."""
    import inspect

    base = torch.optim.Optimizer
    real = {name: kind for name, kind in vars(torch.optim).items() if isinstance(kind, type) and issubclass(kind, base)}
    assert {rule.name for rule in RULES} == real.keys() - {"Optimizer"}
    assert {rule.name for rule in RULES if not rule.iteration} == SETTINGS.keys()
    assert {rule.name for rule in RULES if rule.iteration} == {"LBFGS"}
    assert all(rule.lines for rule in RULES)
    for rule in RULES:
        arguments = inspect.signature(real[rule.name]).parameters
        assert {each.name: each.default for each in rule.settings} == {
            each.name: arguments[each.name].default for each in rule.settings
        }, rule.name
        unread = {"foreach", "fused", "capturable", "differentiable", "params"}
        assert arguments.keys() - unread == {each.name for each in rule.settings}, rule.name


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("settings", [{}, {"lr": 0.3}, {"lr": 0.5, "history_size": 2}], ids=str)
@pytest.mark.parametrize("shape", [(3, 2), (4,)])
def test_iteration_of_lbfgs_is_torchs(settings: dict[str, Any], shape: tuple[int, ...]) -> None:
    """Of steps of one iteration, parameter and state are torch's; pairs of no curvature are left out."""
    rule = rule_of("LBFGS")
    x = torch.linspace(-1.5, 2.0, math.prod(shape)).reshape(shape).requires_grad_()
    optimizer = torch.optim.LBFGS([x], max_iter=1, **settings)
    state: Mapping[str, Any] | None = None

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = (x**4 - x**2 + 0.3 * x).sum()
        loss.backward()
        return loss

    for _ in range(N_STEPS):
        closure()
        before, grad = x.detach().clone(), x.grad.clone()
        optimizer.step(closure)
        step = work_out(rule, settings, before, grad, state, torch)
        state = step.state
        torch.testing.assert_close(step.values["param"], x.detach(), rtol=1e-9, atol=1e-9)
        real = optimizer.state[x]
        assert real.keys() - {"al"} == state.keys()
        for name, value in real.items():
            if name not in ("al", "prev_loss"):
                ours, theirs = (_flat(one) for one in (state[name], value))
                torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-12)


def _flat(value: Any) -> torch.Tensor:
    """A number, a tensor or a list of either as one row."""
    parts = value if isinstance(value, list) else [value]
    return torch.cat([torch.as_tensor(part, dtype=torch.float64).reshape(-1) for part in parts] or [torch.zeros(0)])


@pytest.mark.parametrize("name", ["Adam", "adam", "torch.optim.Adam", "Adam.step", "Adam.step()", " ADAM "])
def test_person_finds_an_optimizer_by_any_of_its_names(name: str) -> None:
    """Class, call and any spelling lead to the same rule."""
    assert rule_of(name).name == "Adam"


def test_other_names_are_no_optimizer() -> None:
    """A class that is only called alike has no rule of torch's; close names are told."""
    assert rule_of("MyAdam") is None
    assert rule_of("") is None
    with pytest.raises(UnknownOpError, match="close to it: AdamW, Adam"):
        find("adamww")
