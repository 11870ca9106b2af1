"""What `explain` tells a reader about the examples: the numbers, and the verdict on each leaf's history."""

import example_runs
import pytest


def told(name: str, *argv: str) -> str:
    """The explanation on one line, so that its wrapping does not matter."""
    return " ".join(example_runs.explained(name, *argv).split())


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("product", "w: zeroed once, before pass 3, by Tensor.grad = None at product.py:30."),
        ("two_layer_net", "zeroed once, before pass 3, by Module.zero_grad at two_layer_net.py:53."),
        ("sgd_loop", "zeroed before each of 15 passes by SGD.zero_grad at sgd_loop.py:25"),
        ("sgd_loop", "read by step() at sgd_loop.py:28 after each pass."),
        ("accumulate", "accumulates over 4 passes at a time (passes 2-13)"),
        ("in_place", "w: zeroed between its 2 passes by Tensor.grad = None at in_place.py:32."),
        ("shapes", "bias: pass 1 alone added to .grad."),
    ],
)
def test_verdict(name: str, verdict: str) -> None:
    """The history of `.grad` is told in words, with the line that zeroed it."""
    assert verdict in told(name)


def test_product_is_told_step_by_step() -> None:
    """Each factor of the chain rule stands with its number, and the two ways into w are added up."""
    story = told("product")
    assert "x = w * w value 0.25 gradient 2 = 1 × y (2)" in story
    assert "w leaf adds 1 = 2 × w (0.5)" in story
    assert "w 0.5 None 2 = 1 + 1 2" in story
    assert "x = w * w is not a leaf, so it keeps no .grad" in story


def test_broadcast_is_told() -> None:
    """A leaf that was broadcast gets a sum, and the story says so."""
    assert (
        "bias leaf adds [3, 3, 3, 3] = gradient, passed on, summed over dimension 0, because bias was broadcast"
        in told("shapes")
    )


def test_conflict_is_told() -> None:
    """A failed pass is told too: torch's message, and the operation whose saved tensor was overwritten."""
    story = told("in_place", "conflict")
    assert "modified by an inplace operation" in story
    assert "pass 2 raised RuntimeError at sigmoid (torch.sigmoid(w), in_place.py:33)" in story
