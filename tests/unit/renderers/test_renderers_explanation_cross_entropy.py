"""What is said of a cross-entropy, worked out with real tensors and held against torch's own gradient."""

from __future__ import annotations

import re

import forked_runs
import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from gradtrace.api import why
from gradtrace.model import Graph, Trace
from gradtrace.text.steps.calls import in_calls
from gradtrace.text.steps.losses import loss_words, softmax_minus_one_hot

SETTINGS: dict[str, str] = {
    "plain": "",
    "summed": "reduction='sum'",
    "weighted": "weight=w",
    "weighted_summed": "weight=w, reduction='sum'",
    "smoothed": "label_smoothing=0.2",
    "smoothed_summed": "label_smoothing=0.2, reduction='sum'",
    "weighted_smoothed": "weight=w, label_smoothing=0.2",
    "ignored": "ignore_index=1",
    "weighted_ignored": "weight=w, ignore_index=1",
    "smoothed_ignored": "label_smoothing=0.2, ignore_index=1",
}
FORMULAS = {
    "plain": "= (softmax − one-hot of y) ÷ 5",
    "weighted": "= weight[y] · (softmax − one-hot of y) ÷ 12",
    "smoothed": "= (softmax − 0.8 · one-hot of y − 0.05) ÷ 5",
    "weighted_smoothed": "= (0.8 · weight[y] · (softmax − one-hot of y) + 0.05 · (10 · softmax − weight)) ÷ 12",
    "ignored": "= (softmax − one-hot of y) ÷ 3, 0 where y is 1",
}
HEAD = (
    "import torch\nimport torch.nn.functional as F\nx = (torch.arange(20.0).reshape(5, 4) / 7).sin().requires_grad_()\n"
    "y = torch.tensor([0, 1, 2, 3, 1])\nw = torch.tensor([1.0, 2.0, 3.0, 4.0])\n"
)


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Trace]:
    """A loss with each of the settings, and one with probabilities."""
    folder = tmp_path_factory.mktemp("cross_entropy")
    calls = {name: f"F.cross_entropy(x, y, {given})" for name, given in SETTINGS.items()}
    calls["probabilities"] = "F.cross_entropy(x, torch.softmax(x.detach(), 1))"
    calls["module"] = "torch.nn.CrossEntropyLoss(weight=w)(x, y)"
    calls["named"] = "F.cross_entropy(target=y, weight=w, input=x)"
    paths = [folder / f"{name}.py" for name in calls]
    for path, call in zip(paths, calls.values(), strict=True):
        path.write_text(f"{HEAD}loss = {call}\nloss.backward()\n", "utf-8")
    return dict(zip(calls, forked_runs.record(paths), strict=True))


@pytest.fixture(scope="module")
def graphs(traces: dict[str, Trace]) -> dict[str, Graph]:
    """Their graphs, with what one call made as one node."""
    found = {name: in_calls(trace.passes[0]).graph for name, trace in traces.items()}
    return {name: graph for name, graph in found.items() if graph is not None}


def formula(graph: Graph) -> str:
    """The one that is told."""
    return next((text for node in graph.nodes if (text := softmax_minus_one_hot(graph, node))), "")


@pytest.mark.parametrize("name", SETTINGS)
def test_the_formula_gives_torchs_gradient(name: str, graphs: dict[str, Graph]) -> None:
    """With weights, smoothing, classes that do not count, a mean and a sum."""
    x = (torch.arange(20.0).reshape(5, 4) / 7).sin().requires_grad_()
    y, w = torch.tensor([0, 1, 2, 3, 1]), torch.tensor([1.0, 2.0, 3.0, 4.0])
    (wanted,) = torch.autograd.grad(eval(f"F.cross_entropy(x, y, {SETTINGS[name]})"), x)
    text, _, ignored = formula(graphs[name]).removeprefix("= ").partition(", 0 where y is ")
    assert bool(ignored) == ("ignore_index" in SETTINGS[name])
    names = {"one-hot of y": "hot", "weight[y]": "own", "·": "*", "÷": "/", "−": "-"}
    code = re.sub("|".join(map(re.escape, names)), lambda match: names[match[0]], text)
    values = {"softmax": x.detach().softmax(1), "hot": F.one_hot(y, 4), "own": w[y].unsqueeze(1), "weight": w}
    given = eval(code, values).masked_fill((y == int(ignored or -1)).unsqueeze(1), 0)
    torch.testing.assert_close(given, wanted)


def test_the_formula_is_in_the_readers_names(graphs: dict[str, Graph]) -> None:
    """Also where a module makes the call; nothing is claimed of a target of probabilities."""
    assert {name: formula(graphs[name]) for name in FORMULAS} == FORMULAS
    assert formula(graphs["module"]) == formula(graphs["named"]) == FORMULAS["weighted"]
    assert formula(graphs["probabilities"]) == loss_words(graphs["probabilities"]) == ""


def test_the_words_say_what_was_asked_for(graphs: dict[str, Graph]) -> None:
    """Weights are told, and what a mean divides by."""
    assert loss_words(graphs["weighted"]) == (
        "Each score gets its softmax probability, that of the right class minus 1 (softmax minus one-hot), times "
        "the weight of the right class, divided by the sum of the weights of all targets; so the gradients of a row "
        "sum to 0."
    )
    assert "minus the smoothed target, which is 0.05 for each class and 0.8 more for the right one" in loss_words(
        graphs["smoothed"]
    )


def test_ways_that_part_within_the_call_are_one(traces: dict[str, Trace]) -> None:
    """Torch makes two of smoothing; who wrote the call sees one step, unless asked for more."""
    assert "Step by step, with the gradient that arrives at each:" in why(traces["smoothed"], "x")
    assert "It comes by 2 ways" in why(traces["smoothed"], "x", verbose=True)
