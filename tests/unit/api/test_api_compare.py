"""`norms` and `diff` from Python: what the commands print, as values."""

import json

import pytest
import torch

import gradtrace
from gradtrace.errors import GradtraceError, NothingSeenError, UsageError


def _trained(rate: float, **options: object) -> gradtrace.Recording:
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(3, 1))
    optimizer = torch.optim.SGD(net.parameters(), lr=rate)
    inputs = torch.ones(4, 2)
    with gradtrace.record(facts=True, **options) as recording:
        for _ in range(3):
            optimizer.zero_grad()
            net(inputs).pow(2).mean().backward()
            optimizer.step()
    return recording


@pytest.fixture(scope="module")
def slow():
    return _trained(0.1, step_norms=1).trace


def test_norms_are_what_step_found(slow):
    """In each format, with the modules that were asked for."""
    document = json.loads(gradtrace.norms(slow, format="json"))
    (optimizer,) = document["optimizers"]
    assert (optimizer["name"], optimizer["parts"], len(optimizer["steps"])) == ("optimizer", ["0", "1"], 3)
    gradients = [one.contribution.norm for one in slow.passes[0].accumulations]
    assert optimizer["steps"][0]["total"] == pytest.approx(sum(norm * norm for norm in gradients) ** 0.5, rel=1e-5)
    assert gradtrace.norms(slow, format="csv").splitlines()[0].endswith(",0,1")
    assert gradtrace.norms(slow, format="svg").startswith("<svg ")
    text = gradtrace.norms(slow, width=60, ascii_only=True)
    assert text.isascii()
    assert "3 steps of optimizer (SGD)" in text
    assert text._repr_mimebundle_() == {"text/plain": text}


def test_parameters_are_told_apart_where_they_were_measured(slow):
    """Recorded with 0 levels they are."""
    each = _trained(0.1, step_norms=0).trace
    assert "0.weight" in gradtrace.norms(each, depth=None)


def test_norms_that_were_not_measured_are_an_error(slow):
    """And so is what means nothing."""
    with pytest.raises(NothingSeenError, match=r"record\(step_norms=1\) measures what every step\(\) finds"):
        gradtrace.norms(_trained(0.1).trace)
    with pytest.raises(UsageError, match="there is no format 'png' here: choose text, svg, csv, json"):
        gradtrace.norms(slow, format="png")
    with pytest.raises(UsageError, match="depth=0"):
        gradtrace.norms(slow, depth=0)
    with pytest.raises(UsageError, match="step_norms=-1 means nothing"):
        gradtrace.record(step_norms=-1)
    with gradtrace.record(), pytest.raises(GradtraceError, match="measures no norms: end it first"):
        gradtrace.record(step_norms=1).__enter__()
    with gradtrace.record(step_norms=1), pytest.raises(GradtraceError, match=r"of another depth \(step_norms=1\): end"):
        gradtrace.record(step_norms=2).__enter__()


def test_two_traces_part_where_they_differ(slow):
    """The object is false where they do not, and shown small."""
    found = gradtrace.diff(slow, _trained(0.2, step_norms=1).trace)
    assert found
    assert repr(found) == f"<gradtrace.Difference: {found.first}>"
    assert found.first == "SGD.step has lr 0.1 in OLD, 0.2 in NEW"
    assert str(found) == found.render(width=80)
    assert "Where they part first" in str(found)
    assert json.loads(found.render("json"))["first"]["kind"] == "rates"
    assert "\n| 1.bias | " in found.render("markdown")
    same = gradtrace.diff(slow, slow)
    assert (bool(same), same.first, repr(same)) == (False, None, "<gradtrace.Difference: none>")


def test_what_cannot_be_compared_is_an_error(slow):
    """Nothing in common is never no difference."""
    with gradtrace.record() as nothing:
        pass
    with pytest.raises(NothingSeenError, match="no pass and no leaf in common"):
        gradtrace.diff(slow, nothing.trace)
    with pytest.raises(UsageError, match="there is no format 'html' here"):
        gradtrace.diff(slow, slow).render("html")
