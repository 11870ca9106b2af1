"""The terms that a step is said to be made of are, summed up, what the optimizer of torch did to real tensors."""

from dataclasses import replace

import pytest
import torch
from recorder_session import recorded

from gradtrace.text.step_terms import step_parts

OPTIMIZERS = {
    "SGD": lambda ps: torch.optim.SGD(ps, lr=0.1),
    "SGD, nesterov": lambda ps: torch.optim.SGD(ps, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    "SGD, dampening": lambda ps: torch.optim.SGD(ps, lr=0.1, momentum=0.9, dampening=0.3, maximize=True),
    "Adam": lambda ps: torch.optim.Adam(ps, lr=0.01),
    "Adam, decay": lambda ps: torch.optim.Adam(ps, lr=0.01, weight_decay=0.1, amsgrad=True),
    "AdamW": lambda ps: torch.optim.AdamW(ps, lr=0.01),
    "RMSprop": lambda ps: torch.optim.RMSprop(ps, lr=0.01, momentum=0.5, centered=True),
    "Adagrad": lambda ps: torch.optim.Adagrad(ps, lr=0.01, lr_decay=0.1),
    "Adadelta": torch.optim.Adadelta,
    "Adamax": torch.optim.Adamax,
    "NAdam": torch.optim.NAdam,
    "RAdam": torch.optim.RAdam,
    "ASGD": torch.optim.ASGD,
    "Rprop": torch.optim.Rprop,
}


def _train(optimizer, parameters, steps=7):
    w, b = parameters
    for _ in range(steps):
        optimizer.zero_grad()
        ((w * w).sum() + b**2 * w[0] + b).backward()
        optimizer.step()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_terms_of_a_step_add_up_to_it(name, tmp_path):
    """Of every step, of a vector and of a single number."""
    parameters = [torch.tensor([3.0, 4.0], requires_grad=True), torch.tensor(0.5, requires_grad=True)]
    with recorded(tmp_path, value_limit=4) as session:
        _train(OPTIMIZERS[name](parameters), parameters)
    trace = session.trace()
    assert len(trace.steps) == 7
    for step in trace.steps:
        for change in step.changes:
            parts = step_parts(trace, step, change)
            assert parts, (step.number, change)
            total = sum(torch.tensor(part.value, dtype=torch.float64) for part in parts)
            moved = torch.tensor(change.value_after, dtype=torch.float64) - torch.tensor(
                change.value_before, dtype=torch.float64
            )
            torch.testing.assert_close(total, moved, rtol=2e-3, atol=4e-6)


@pytest.mark.parametrize(("maximize", "maths"), [(True, "-lr · (-grad)"), (False, "-lr · grad")])
def test_a_term_says_whether_the_step_climbs(maximize, maths, tmp_path):
    """With `maximize` the gradient is taken with its sign changed, and so it is written."""
    weight = torch.tensor([3.0], requires_grad=True)
    with recorded(tmp_path, value_limit=4) as session:
        optimizer = torch.optim.SGD([weight], lr=0.5, maximize=maximize)
        (weight * weight).sum().backward()
        optimizer.step()
    trace = session.trace()
    (part,) = step_parts(trace, trace.steps[0], trace.steps[0].changes[0])

    assert (part.term.maths, part.value) == (maths, [3.0 if maximize else -3.0])


MATRICES = {
    "Muon": (lambda ps: torch.optim.Muon(ps, lr=0.1), {"orthogonal momentum": 0.0, "weight decay": 0.1 * 0.1}),
    "Adafactor": (lambda ps: torch.optim.Adafactor(ps, lr=0.1), {"scaled gradient": 0.0}),
}
"""And how much of the parameter each term takes."""


@pytest.mark.parametrize("name", MATRICES)
def test_the_terms_of_a_rule_for_matrices_are_the_decay_and_the_rest(name, tmp_path):
    """The decay is what torch subtracts, and with the other term it is all that moved the parameter."""
    make, shares = MATRICES[name]
    weight = torch.tensor([[3.0, 4.0], [1.0, -2.0]], requires_grad=True)
    optimizer = make([weight])
    with recorded(tmp_path, value_limit=4) as session:
        for _ in range(2):
            optimizer.zero_grad()
            (weight * weight).sum().backward()
            optimizer.step()
    trace = session.trace()
    for step in trace.steps:
        (change,) = step.changes
        parts = {part.term.name: _tensor(part.value) for part in step_parts(trace, step, change)}
        before, after = _tensor(change.value_before), _tensor(change.value_after)
        assert list(parts) == list(shares)
        torch.testing.assert_close(sum(parts.values()), after - before)
        if "weight decay" in parts:
            torch.testing.assert_close(parts["weight decay"], -shares["weight decay"] * before)
            directions = torch.linalg.svdvals(parts["orthogonal momentum"])
            assert directions.min() > 0.05
            assert directions.max() < 0.13
        else:
            assert torch.equal(parts["scaled gradient"].sign(), -_tensor(change.value_gradient).sign())


def _tensor(nested):
    return torch.tensor(nested, dtype=torch.float64)


def test_what_is_not_borne_out_has_no_terms(tmp_path):
    """Where the step before was not looked at, nobody knows what the optimizer had kept."""
    parameters = [torch.tensor([3.0, 4.0], requires_grad=True), torch.tensor(0.5, requires_grad=True)]
    with recorded(tmp_path, value_limit=4) as session:
        _train(torch.optim.Adam(parameters, lr=0.1), parameters)
    trace = session.trace()
    fifth = replace(trace.steps[4], number=1)
    parted = replace(trace, steps=(trace.steps[0], fifth))
    assert step_parts(trace, trace.steps[4], fifth.changes[0])
    assert step_parts(parted, fifth, fifth.changes[0]) == ()


def test_gradients_and_moments_are_recorded_element_by_element(tmp_path):
    """As the step found the gradient, clipped, and as it left the moments."""
    w = torch.tensor([[3.0, 4.0]], requires_grad=True)
    with recorded(tmp_path, value_limit=4) as session:
        optimizer = torch.optim.Adam([w], lr=0.1)
        (w * w).sum().backward()
        torch.nn.utils.clip_grad_norm_([w], 1.0)
        found = w.grad.tolist()
        optimizer.step()
        kept = {name: value.tolist() for name, value in optimizer.state[w].items() if value.dim()}
    change = session.trace().steps[0].changes[0]
    assert change.value_gradient == found
    assert dict(change.value_moments) == kept
