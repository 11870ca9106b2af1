"""Which nodes one call of torch made."""

from pathlib import Path

import torch
from recorder_session import recorded
from torch import nn
from torch.nn import functional

from gradtrace.model import Graph


def _calls(graph: Graph) -> list[tuple[str, int]]:
    """Each call with how many nodes it made, in the order of the nodes."""
    sizes: dict[int, int] = {}
    names: dict[int, str] = {}
    for node in graph.nodes:
        if node.leaf is None:
            assert node.call_number is not None
            sizes[node.call_number] = sizes.get(node.call_number, 0) + 1
            names[node.call_number] = node.call or ""
    return [(names[number], size) for number, size in sizes.items()]


def test_what_one_call_made_has_one_number(tmp_path: Path) -> None:
    """Whether it is written in C++ or in Python, called from a module or anew in a loop."""
    net = nn.Sequential(nn.Linear(3, 4), nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True))

    with recorded(tmp_path) as session:
        x = net(torch.ones(1, 2, 3))
        for _ in range(3):
            x = functional.normalize(x)
        functional.cross_entropy((x @ x.mT)[0], torch.tensor([0, 1])).backward()

    graph = session.trace().passes[0].graph
    assert graph is not None
    calls = _calls(graph)
    assert [name for name, _ in calls].count("normalize") == 3
    assert all(size > 1 for name, size in calls if name in {"normalize", "cross_entropy", "linear"})
    assert {name for name, _ in calls} >= {"matmul", "layer_norm", "scaled_dot_product_attention", "relu", "add"}


def test_what_a_backward_pass_made_belongs_to_no_call(tmp_path: Path) -> None:
    """The second derivative's graph has nodes of both kinds."""
    with recorded(tmp_path) as session:
        x = torch.tensor([0.5, 2.0], requires_grad=True)
        (slope,) = torch.autograd.grad((x.exp() * x).sum(), x, create_graph=True)
        slope.pow(2).sum().backward()

    graph = session.trace().passes[1].graph
    assert graph is not None
    numbers = [node.call_number for node in graph.nodes if node.leaf is None]
    assert 0 in numbers
    assert len({number for number in numbers if number}) == len([number for number in numbers if number]) >= 3
