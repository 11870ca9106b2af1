"""Every differentiable op of torch's own op database, recorded: the numbers are torch's, and they add up.

Each sample is run twice on copies of the same inputs with the same seed: once alone, once recorded.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from gradient_identities import broken_identities, numbers
from recorder_session import recorded
from torch.utils._pytree import tree_leaves, tree_map

from gradtrace.model import BackwardPass, TensorStats
from gradtrace.recorder.slot_names import slot_inputs

N_SAMPLES = 3
N_SHARDS = 6
N_VALUES = 20_000


def plain_run(operation: Any, sample: Any) -> tuple[list[torch.Tensor], list[torch.Tensor], list[torch.Tensor]]:
    """Fresh leaves, the differentiable results of the op on them, and gradients to start with."""
    copies: dict[int, torch.Tensor] = {}

    def copy(value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return value
        if id(value) not in copies:
            copies[id(value)] = as_leaf(value)
        return copies[id(value)]

    arguments, keywords = tree_map(copy, ((sample.input, *sample.args), sample.kwargs))
    torch.manual_seed(0)
    given = sample.output_process_fn_grad(operation(*arguments, **keywords))  # the line at which every node is made
    results = [one for one in tree_leaves(given) if isinstance(one, torch.Tensor) and one.requires_grad]
    generator = torch.Generator().manual_seed(1)
    starts = [torch.randn(one.shape, dtype=one.dtype, generator=generator) for one in results]
    return [one for one in copies.values() if one.requires_grad], results, starts


def as_leaf(value: torch.Tensor) -> torch.Tensor:
    """A copy; where torch has looked beyond the tensor's own elements (`as_strided`), of its whole storage."""
    flat = value.detach()
    if flat.layout is torch.strided and not flat.is_conj() and not flat.is_neg():
        whole = flat.new_empty(0).set_(flat.untyped_storage().clone(), flat.storage_offset(), flat.shape, flat.stride())
        return whole.requires_grad_(value.requires_grad)
    return flat.clone().requires_grad_(value.requires_grad)


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


def problems_of(one: BackwardPass, nodes: list[tuple[str, int]], expected: list[str]) -> list[str]:
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
    got = sorted(_bits(item.contribution) for item in one.accumulations if item.contribution)
    if got != sorted(expected):
        problems.append(f"contributions are {got}, torch's gradients {sorted(expected)}")
    return problems


def _bits(stats: TensorStats) -> str:
    """All numbers, as text that keeps every bit; of a large tensor the norm."""
    return repr(stats.norm) if stats.value is None else repr([str(one) for one in numbers(stats.value)])


def _bits_of(tensor: torch.Tensor) -> str:
    """The same of a tensor, among them zeros that torch never wrote anywhere."""
    value = tensor.to_dense().clone()
    if value.numel() > N_VALUES:
        return repr(value.norm().item())
    return repr([str(one) for one in numbers(value.tolist())])


def has_derivative(op: Any) -> bool:
    """Whether torch can differentiate the op in float64 on the CPU."""
    return bool(op.supports_autograd and torch.float64 in op.supported_backward_dtypes("cpu"))


def prove(op: Any, directory: Path) -> tuple[int, list[str]]:
    """Records the first samples of an op; returns how many those were, and what is wrong."""
    offered = op.sample_inputs("cpu", torch.float64, requires_grad=True)
    samples = [sample for _, sample in zip(range(N_SAMPLES), offered, strict=False)]
    expected, nodes = [], []
    for sample in samples:
        leaves, results, starts = plain_run(op, sample)
        if results:
            torch.autograd.backward(results, starts)
            expected.append([_bits_of(leaf.grad) for leaf in leaves if leaf.grad is not None])
    with recorded(directory, value_limit=N_VALUES) as session:
        for sample in samples:
            _, results, starts = plain_run(op, sample)
            if results:
                nodes.append(structure(results))
                torch.autograd.backward(results, starts)
    passes = session.trace().passes
    return len(passes), [
        f"{op.full_name} sample {number}: {problem}"
        for number, (one, found, grads) in enumerate(zip(passes, nodes, expected, strict=True))
        for problem in problems_of(one, found, grads)
    ]


@pytest.mark.parametrize("shard", range(N_SHARDS))
def test_every_op_is_recorded_with_torchs_own_numbers(shard, tmp_path, record_property):
    """What arrives is the sum of what was sent, and what a leaf gets is, bit for bit, what it gets without us."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_methods_invocations import op_db

        ops = op_db[shard::N_SHARDS]
        done = {op.full_name: prove(op, tmp_path) for op in ops if has_derivative(op)}

    skipped = [op.full_name for op in ops if not has_derivative(op)]
    n_samples = sum(n for n, _ in done.values())
    record_property("summary", f"{len(done)} ops, {n_samples} samples recorded, identities checked; {len(skipped)} ops")
    record_property("summary", f"  skipped because torch has no derivative of them: {', '.join(skipped)}")
    problems = [problem for _, found in done.values() for problem in found]
    assert not problems, f"{len(problems)} problems:\n" + "\n".join(problem[:1000] for problem in problems[:40])
    assert [name for name, (n, _) in done.items() if not n] == []
    assert len(done) > len(skipped)
