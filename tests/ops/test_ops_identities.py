"""Every differentiable op of torch's own op database, recorded: the numbers are torch's, and they add up.

Each sample is run twice on copies of the same inputs with the same seed: once alone, once recorded.
"""

from __future__ import annotations

import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from gradient_identities import broken_identities, numbers
from recorder_session import recorded
from torch.utils._pytree import tree_leaves, tree_map

from gradtrace.model import BackwardPass
from gradtrace.recorder.slot_names import slot_inputs

N_SAMPLES = 3
N_SHARDS = 6
SKIPPED = {
    "no derivative": "torch says that it supports no autograd, or none in float64 on the CPU",
    "needs a library": "its samples need a library that is not installed",
    "nothing to run backward": "none of its first results requires grad",
}
"""Why an op may not be recorded."""


def plain_run(operation: Any, sample: Any) -> tuple[list[torch.Tensor], list[torch.Tensor], list[torch.Tensor]]:
    """Fresh leaves, the differentiable results of the op on them, and gradients to start with."""
    copies: dict[int, torch.Tensor] = {}

    def copy(value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return value
        if id(value) not in copies:
            copies[id(value)] = value.detach().clone().requires_grad_(value.requires_grad)
        return copies[id(value)]

    arguments, keywords = tree_map(copy, ((sample.input, *sample.args), sample.kwargs))
    torch.manual_seed(0)
    given = operation(*arguments, **keywords)  # the line at which every node is made
    results = [one for one in tree_leaves(given) if isinstance(one, torch.Tensor) and one.requires_grad]
    generator = torch.Generator().manual_seed(1)
    starts = [torch.randn(one.shape, dtype=one.dtype, generator=generator) for one in results]
    return [one for one in copies.values() if one.requires_grad], results, starts


def structure(roots: list[torch.Tensor]) -> list[tuple[str, int]]:
    """Type and number of slots of each node, in order of discovery: depth first, slot by slot."""
    found: dict[Any, tuple[str, int]] = {}
    waiting = [root.grad_fn if root.grad_fn is not None else gradient_node(root) for root in reversed(roots)]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in found:
            found[node] = (node.name().rpartition("::")[2], len(node.next_functions))
            waiting.extend(child for child, _ in reversed(node.next_functions))
    return list(found.values())


def gradient_node(leaf: torch.Tensor) -> Any:
    return torch.autograd.graph.get_gradient_edge(leaf).node


def problems_of(one: BackwardPass, nodes: list[tuple[str, int]], expected: list[torch.Tensor | None]) -> list[str]:
    """What is wrong with a recorded sample."""
    graph = one.graph
    if graph is None:
        return ["not recorded in full"]
    problems = broken_identities(one)
    kinds = [node.type for node in graph.nodes]
    if [kind.removesuffix("Backward") for kind in kinds] != [kind.removesuffix("Backward") for kind, _ in nodes]:
        problems.append(f"nodes are {kinds}, torch's are {[kind for kind, _ in nodes]}")
    for edge in graph.edges:
        names = slot_inputs(graph.nodes[edge.source].type, nodes[edge.source][1])
        if names is not None and edge.input != names[edge.slot]:
            problems.append(f"slot {edge.slot} of {kinds[edge.source]} is called {edge.input}")
    for node in graph.nodes:
        if node.leaf is None and (node.location is None or "operation(*arguments" not in node.location.text):
            problems.append(f"{node.type} comes from {node.location}")
    received = sorted(_exactly(item.contribution.value) for item in one.accumulations if item.contribution)
    if received != sorted(_exactly(grad.to_dense().tolist()) for grad in expected if grad is not None):
        problems.append("contributions are not torch's gradients")
    return problems


def _exactly(value: Any) -> str:
    """All bits of the numbers, as text."""
    return repr([str(one) for one in numbers(value)])


def prove(op: Any, directory: Path, counts: Counter[str]) -> list[str]:
    """Records the first samples of an op, and returns what is wrong."""
    if not op.supports_autograd or torch.float64 not in op.supported_backward_dtypes("cpu"):
        counts["no derivative"] += 1
        return []
    try:
        samples = [sample for _, sample in zip(range(N_SAMPLES), op.sample_inputs("cpu", torch.float64, requires_grad=True), strict=False)]
    except ImportError:
        counts["needs a library"] += 1
        return []
    expected = []
    for sample in samples:
        leaves, results, starts = plain_run(op, sample)
        if results:
            torch.autograd.backward(results, starts)
        expected.append([leaf.grad for leaf in leaves])
    shapes = []
    with recorded(directory) as session:
        for sample in samples:
            leaves, results, starts = plain_run(op, sample)
            if results:
                shapes.append(structure(results))
                torch.autograd.backward(results, starts)
    if not shapes:
        counts["nothing to run backward"] += 1
        return []
    counts["ops"] += 1
    counts["samples"] += len(shapes)
    passes = session.trace().passes
    with_pass = [grads for grads in expected if any(grad is not None for grad in grads)] if len(expected) != len(shapes) else expected
    assert len(passes) == len(shapes)
    return [
        f"{op.full_name} sample {number}: {problem}"
        for number, (one, nodes, grads) in enumerate(zip(passes, shapes, with_pass, strict=True))
        for problem in problems_of(one, nodes, grads)
    ]


@pytest.mark.parametrize("shard", range(N_SHARDS))
def test_every_op_is_recorded_with_torchs_own_numbers(shard, tmp_path, capsys):
    """What arrives is the sum of what was sent, and what a leaf gets is, bit for bit, what it gets without us."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_methods_invocations import op_db

        counts: Counter[str] = Counter()
        problems = [problem for op in op_db[shard::N_SHARDS] for problem in prove(op, tmp_path, counts)]

    skipped = ", ".join(f"{counts[reason]} skipped: {reason}" for reason in SKIPPED if counts[reason])
    with capsys.disabled():
        print(f"\nshard {shard + 1}/{N_SHARDS}: {counts['ops']} ops, {counts['samples']} samples recorded; {skipped}")
    assert problems == []
    assert counts["ops"] > 50
