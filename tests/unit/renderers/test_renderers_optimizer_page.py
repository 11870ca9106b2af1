from dataclasses import replace

import pytest

from gradtrace.formulas.optimizers import RULES, rule_of
from gradtrace.formulas.worked_steps import ExampleStep, WorkedSteps, run_steps
from gradtrace.renderers.reference.optimizer_page import render, render_list
from gradtrace.renderers.reference.pages import Options

EXAMPLE = WorkedSteps([1.0], (ExampleStep([0.5], (("prev", [0.5]),), [0.9], agrees=True),))


def test_every_example_agrees_with_torch():
    """Each optimizer has an example that runs, and its rule gives torch's numbers at every step."""
    for rule, example in zip(RULES, run_steps(RULES), strict=True):
        assert [step.agrees for step in example.steps] == [True] * len(rule.example_grads), rule.name
        assert example.before != example.steps[0].param != example.steps[1].param


def test_page_has_words_rule_state_settings_and_steps():
    """Each part in its place; conditions stand beside what they are about."""
    page = render(rule_of("Rprop"), EXAMPLE, Options(width=80))

    assert page.startswith(
        "Rprop  torch.optim.Rprop\n  Gives every element a step size of its own and looks only at the sign of its"
    )
    assert "  prev       grad, 0 where agreement < 0\n" in page
    assert "  etas        factors by which a step size shrinks and grows (0.5, 1.2)\n" in page
    assert "\n  example  step 1\n  param    [1]\n  grad     [0.5]\n  prev     [0.5]\n  → param  [0.9]\n" in page
    assert "torch.optim.Rprop, stepped on the same tensors, gives the same." in page
    assert "torch.where" not in page
    assert "torch.where" in render(rule_of("Rprop"), None, Options(verbose=True))


def test_disagreement_is_an_alarm():
    """Should torch change a rule, the page says so itself."""
    other = replace(EXAMPLE, steps=(replace(EXAMPLE.steps[0], agrees=False),))

    page = render(rule_of("Rprop"), other, Options())

    assert "warning: torch.optim.Rprop gives something else: please report this." in page
    assert "gives the same" not in page


@pytest.mark.parametrize("width", [40, 60, 80])
def test_nothing_is_wider_than_the_line(width: int):
    """Formulas and sentences are continued on the next line; in ASCII too, without escapes."""
    for rule in RULES:
        page = render(rule, None, Options(width=width, verbose=True, ascii_only=True))
        assert max(map(len, page.splitlines())) <= width
        assert page.isascii()
        assert "\\u" not in page


def test_list_has_a_line_for_each():
    """Name and what it does."""
    assert len(render_list(RULES, Options(width=200)).splitlines()) == 1 + len(RULES)
