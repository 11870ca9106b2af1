"""What an op does to a gradient, in words and as a rule, for steps that the recorded numbers cannot show."""

import math
import re
from collections.abc import Iterator

from gradtrace.analysis.calls import is_joined
from gradtrace.formulas import traits
from gradtrace.formulas.formula import Formula
from gradtrace.model import BackwardPass, Edge, Graph, Leaf, Node, TensorStats
from gradtrace.text import wording
from gradtrace.text.blocks import Block, Heading, Paragraph
from gradtrace.text.steps.calls import formula_in_words, formula_of, word
from gradtrace.text.steps.losses import OPS_OF_LOSS, loss_words, softmax_minus_one_hot
from gradtrace.text.steps.operands import Operands
from gradtrace.text.steps.step import step, summed

_MOST_OPS = 8
_MOST_NODES = 400
_LONGEST_RULE = 140
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def rule(operands: Operands, edge: Edge) -> str:
    """The formula of what an edge sends, in the reader's names: `= gradient · y · (1 - y)`; empty without one."""
    loss = softmax_minus_one_hot(operands.graph, operands.node)
    if loss:
        return loss
    formula = formula_of(operands.node)
    to = next((one for one in formula.gradients if one.input.rstrip("*") == edge.input), None)
    if to is None or formula.source != "catalogue" or _is_another(operands.node):
        return ""
    known = {
        "result",
        *operands.positional,
        *(other.input or "" for other in operands.edges),
        *(saved.name for saved in operands.node.saved),
    }
    scale = "|".join(name for name, value in operands.node.arguments if name in {"alpha", "beta"} and value == "1")
    maths = re.sub(rf"\b({scale}) · ", "", to.maths) if scale else to.maths
    numbers = _numbers(operands, edge)
    text = _NAME.sub(lambda match: numbers.get(match[0]) or _named(operands, match[0], known), maths)
    if numbers.get("reduction") == _REDUCED_TO_SUM:
        text = text.removesuffix(" / n")
    text = _first_power(text).replace("ᵀᵀ", "")
    if len(text) > _LONGEST_RULE:
        return ""
    return f"= {text}{_shapes(operands, edge)}"


def _is_another(node: Node) -> bool:
    """Whether the formula of a call holds only for the plain one: without weights, smoothing or another reduction."""
    return is_joined(node) and (
        node.op == "cross_entropy" or (node.op.endswith("_loss") and not node.type.endswith(" MeanBackward0"))
    )


def _numbers(operands: Operands, edge: Edge) -> dict[str, str]:
    """What the names of numbers in a formula stand for here: `{"exponent": "2", "n": "20"}`."""
    found: dict[str, str] = {}
    for name, text in operands.node.arguments:
        try:
            number = float(text)
        except ValueError:
            continue
        if abs(number) < _LARGEST:
            found[name] = f"{'dim ' if name.startswith('dim') else ''}{wording.number(number)}"
    received, sent = operands.node.received, edge.sent
    is_mean = operands.node.op == "mean" or found.get("reduction") == _REDUCED_TO_MEAN
    if _counts_elements(operands.node) and is_mean and received is not None and sent is not None and received.numel:
        found["n"] = f"{sent.numel // received.numel}"
    return found


_REDUCED_TO_MEAN, _REDUCED_TO_SUM = "1", "2"

_LARGEST = 1e6
"""A number from here on stands for something else: torch keeps -1 as the largest unsigned number."""


def _counts_elements(node: Node) -> bool:
    """Whether n in the formula of an op is how many elements there are for each that arrives."""
    op = traits.of(node)
    return op.is_mean or op.compares or node.op == "binary_cross_entropy"


def _first_power(text: str) -> str:
    """`x^(3-1)` as `x^2`, and `x^(2-1)` as `x`."""
    return _ONE_LESS.sub(lambda match: "" if match[1] == "2" else f"^{int(match[1]) - 1}", text)


_ONE_LESS = re.compile(r"\^\(([2-9])-1\)")


def _named(operands: Operands, name: str, known: set[str]) -> str:
    if name == "grad":
        return "gradient"
    if name not in known:
        return name
    text = operands.text(name).removeprefix("the ")
    return f"({text})" if re.fullmatch(r"[a-z]+ [a-z ]+", text) else text


def _shapes(operands: Operands, edge: Edge) -> str:
    """How the shape changed on the way, if it did."""
    node, received, sent = operands.node, operands.node.received, edge.sent
    if received is None or sent is None or received.shape == sent.shape or len(node.outputs) > 1:
        return ""
    op = traits.of(node)
    is_broadcast = op.is_elementwise or (op.addend and edge.input == op.addend)
    change = f"   {_spec(received)} → {_spec(sent)}"
    if is_broadcast and math.prod(sent.shape) < math.prod(received.shape):
        return f"{change}: {summed(operands, edge)}"
    return change


def _spec(stats: TensorStats) -> str:
    return wording.spec(stats.shape, stats.dtype)


def words(one: BackwardPass, leaves: tuple[Leaf, ...], *, verbose: bool = False, aten: bool = False) -> Iterator[Block]:
    """A sentence for each op of a small graph whose step was not told by numbers (or for all of them).

    Args:
        one: the pass.
        leaves: of the trace.
        verbose: all ops.
        aten: nodes are called as torch calls them.
    """
    if one.graph is None or one.is_drawn_only or (len(one.graph.nodes) > _MOST_NODES and not verbose):
        return
    told = _told(one.graph, leaves, verbose=verbose, aten=aten)
    loss = loss_words(one.graph)
    if told or loss:
        yield Heading("What these ops do to a gradient")
    if loss:
        told = {op: formula for op, formula in told.items() if op not in OPS_OF_LOSS}
        yield Paragraph(loss, "cross_entropy", "word")
    for op, formula in list(told.items())[: None if verbose else _MOST_OPS]:
        yield Paragraph(formula.backward, op, "word")
    if len(told) > _MOST_OPS and not verbose:
        yield Paragraph(f"… and {wording.count(len(told) - _MOST_OPS, 'more op')}: --verbose shows all", style="word")


def _told(graph: Graph, leaves: tuple[Leaf, ...], *, verbose: bool, aten: bool) -> dict[str, Formula]:
    """The formula of each op of which some step was not told by numbers, by its name."""
    by_source: dict[int, list[Edge]] = {}
    for edge in graph.edges:
        by_source.setdefault(edge.source, []).append(edge)
    told: dict[str, Formula] = {}
    for node in graph.nodes:
        edges = tuple(by_source.get(node.id, ()))
        operands = Operands(graph, leaves, node, edges)
        if node.leaf is None and (verbose or any(edge.sent is not None and not step(operands, edge) for edge in edges)):
            told.setdefault(node.op if aten else word(node), formula_of(node) if aten else formula_in_words(node))
    return told
