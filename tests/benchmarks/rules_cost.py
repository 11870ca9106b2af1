"""What the rules cost as the graph grows: recurrences of a thousand to a hundred thousand nodes."""

from __future__ import annotations

import time

from table import table

from gradtrace.diagnosis.registry import RULES
from gradtrace.model import (
    Accumulation,
    BackwardPass,
    Edge,
    Graph,
    Leaf,
    Location,
    Node,
    NodeOutput,
    Root,
    Run,
    TensorStats,
    Trace,
)

SIZES = (1_000, 10_000, 100_000)
_TEXT = """## Rules

All rules over one pass through a recurrence of N nodes, in which every value is used by the next two steps, so that
the number of ways through it doubles every other step.
"""
_KINDS = ("AddBackward0", "MmBackward0", "TanhBackward0", "MulBackward0", "SigmoidBackward0", "ViewBackward0")
_MOST = 1.5


def rules_cost() -> str:
    """The section."""
    rows, each = [], []
    for size in SIZES:
        trace = _recurrence(size)
        spent: dict[str, float] = {}
        for rule in RULES:
            start = time.process_time()
            list(rule.check(trace))
            spent[rule.name] = time.process_time() - start
        slowest = max(spent, key=lambda name: spent[name])
        each.append(sum(spent.values()) / size)
        rows.append([f"{size:,}", f"{each[-1] * 1e6:.0f}", f"{sum(spent.values()):.2f} s", slowest])
    growth = each[-1] / each[-2]
    verdict = f"- cost a node from the second longest to the longest: x{growth:.2f}, aim: linear: "
    verdict += "**met**\n" if growth < _MOST else "**missed**\n"
    return "\n".join([_TEXT, table(["N", "µs a node", "in all", "the slowest rule"], rows), verdict])


def _recurrence(n_nodes: int) -> Trace:
    one = TensorStats((4, 4), "float32", 16, norm=1.0, nan=0, inf=0, zero=0)
    place = Location("train.py", 3, function="<module>", text="h = (h @ w + x).tanh()")
    nodes = [
        Node(
            i,
            _KINDS[i % len(_KINDS)],
            _KINDS[i % len(_KINDS)].partition("Backward")[0].lower(),
            location=place,
            outputs=(NodeOutput(0, (4, 4), "float32", received=one, value=one),),
            order=i,
        )
        for i in range(n_nodes)
    ]
    nodes.append(Node(n_nodes, "AccumulateGrad", "leaf", leaf=0, order=n_nodes))
    edges = [
        Edge(i, min(target, n_nodes), slot, sent=one)
        for i in range(n_nodes)
        for slot, target in enumerate((i + 1, i + 2))
    ]
    one_pass = BackwardPass(
        1, "Tensor.backward", place, (Root(0, "loss", one, gradient=one),), retain_graph=False, create_graph=False,
        recorded="full", graph=Graph(tuple(nodes), tuple(edges)),
        accumulations=(Accumulation(0, None, one, one, "created"),),
    )  # fmt: skip
    run = Run("train.py", (), "", "", "", "cpu")
    return Trace(run, (Leaf(0, "w", "parameter", (4, 4), "float32"),), passes=(one_pass,))
