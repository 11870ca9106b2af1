"""Arrows: the gradient that goes from one box to another."""

from collections.abc import Sequence
from math import sqrt

from gradtrace.formulas.operand_words import SELF_EVIDENT, operand_word
from gradtrace.model import Edge, Graph, NestedValue, TensorStats
from gradtrace.renderers.picture.scene.boxes import is_bad, statistics
from gradtrace.renderers.picture.scene.folded import norm_range
from gradtrace.renderers.picture.scene.model import Arrow, Row, Span
from gradtrace.text import wording
from gradtrace.text.escape import visible


def arrow(
    graph: Graph,
    ends: tuple[int, int],
    edges: Sequence[Edge],
    *,
    is_measured: bool,
    is_labelled: bool,
    is_told: bool = True,
) -> Arrow:
    """One arrow for one or more edges of the graph between two boxes; `is_told` gives it a tooltip."""
    sent = [edge.sent for edge in edges]
    state = _state(sent, is_measured=is_measured)
    norms = [norm for stats in sent if (norm := norm_of(stats)) is not None]
    norm = max(norms, default=None)
    label = _label(graph, edges, state) if is_labelled else ()
    return Arrow(*ends, state, norm, label, _tooltip(graph, edges, is_measured=is_measured) if is_told else "")


def norm_of(stats: TensorStats | None) -> float | None:
    """The finite norm of what was sent."""
    if stats is None or is_bad(stats):
        return None
    return _norm_of_elements(stats.value) if stats.norm is None else stats.norm


def _norm_of_elements(nested: NestedValue) -> float | None:
    """The norm by all elements, for small tensors whose norm was not measured."""
    total, waiting = 0.0, [nested]
    while waiting:
        one = waiting.pop()
        if isinstance(one, (list, tuple)):
            waiting += one
        elif isinstance(one, (int, float)):
            total += float(one) ** 2
        else:
            return None
    return sqrt(total)


def _state(sent: Sequence[TensorStats | None], *, is_measured: bool) -> str:
    if not is_measured:
        return "unknown"
    if any(map(is_bad, sent)):
        return "non-finite"
    if all(stats is None for stats in sent):
        return "none"
    norms = [norm_of(stats) for stats in sent if stats is not None]
    if all(norm == 0 for norm in norms):
        return "zero"
    return "sent" if any(norm is not None for norm in norms) else "unknown"


def _label(graph: Graph, edges: Sequence[Edge], state: str) -> Row:
    """What the operand is and the gradient; a range where the arrow stands for several."""
    role = "alarm" if state == "non-finite" else "plain"
    if len(edges) == 1:
        return _single(graph, edges[0], state, role)
    if state in {"none", "unknown"}:
        return ()
    text = "NaN or Inf" if state == "non-finite" else norm_range(edge.sent for edge in edges)
    return (Span(f"{len(edges):,}×", "muted"), Span(text, role)) if text else ()


def _single(graph: Graph, edge: Edge, state: str, role: str) -> Row:
    spans = []
    word = operand_word(graph.nodes[edge.source].op, edge.input)
    if word and word not in SELF_EVIDENT:
        spans.append(Span(visible(word, 20), "muted"))
    if state == "none":
        spans.append(Span("no gradient", "muted"))
    elif edge.sent is not None:
        spans.append(Span(visible(wording.gradient(edge.sent), 34), role))
    output = _output_name(graph, edge)
    if output:
        spans.append(Span(visible(output, 20), "muted"))
    return tuple(spans)


def _output_name(graph: Graph, edge: Edge) -> str:
    """Which output of the target the edge arrives at, where there are several."""
    outputs = graph.nodes[edge.target].outputs
    if len(outputs) < 2 and edge.output == 0:  # noqa: PLR2004
        return ""
    name = next((output.name for output in outputs if output.index == edge.output), None)
    return f"to {name}" if name else f"to output {edge.output}"


def _tooltip(graph: Graph, edges: Sequence[Edge], *, is_measured: bool) -> str:
    lines = []
    for edge in edges[:8]:
        source, target = graph.nodes[edge.source], graph.nodes[edge.target]
        what = statistics(edge.sent) if edge.sent is not None else "no gradient" if is_measured else "not measured"
        word = operand_word(source.op, edge.input)
        argument = f" for the {word}" if word else ""
        lines.append(f"{source.op}{argument} sends {target.name or target.op}: {what}")
    if len(edges) > len(lines):
        lines.append(f"and {len(edges) - len(lines):,} more")
    return "\n".join(visible(line, 160) for line in lines)
