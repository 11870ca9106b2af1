"""What the inputs of a node are called, and their values where the recording holds them."""

from bisect import bisect_left
from dataclasses import dataclass

from gradtrace.formulas import traits
from gradtrace.model import Edge, Graph, Leaf, Node
from gradtrace.text import wording
from gradtrace.text.source_maths import maths, operands, span
from gradtrace.text.steps.arrays import Array

_LONGEST = 24
"""A longer text for an operand would hide the step that it belongs to."""

_GENERIC = {"self": "the input", "other": "the other operand", "result": "the result"}


@dataclass(frozen=True, slots=True)
class Operands:
    """The inputs of one node, by torch's argument names."""

    graph: Graph
    leaves: tuple[Leaf, ...]
    node: Node
    edges: tuple[Edge, ...]

    def value(self, name: str) -> Array | None:
        """The value of an input, of `result`, or of a numeric argument (`exponent`); None when it was not recorded."""
        for saved in self.node.saved:
            if saved.name == name and saved.value is not None:
                return Array.read(saved.value)
        if name == "result":
            stats = self.node.value
            return Array.read(stats.value) if stats is not None and stats.value is not None else None
        for argument, text in self.node.arguments:
            if argument == name:
                return _number(text)
        target = self._target(name)
        return self._value_of(target) if target is not None else None

    def text(self, name: str) -> str:
        """What a person calls an input, as maths: `y`, `w·w`, `(a + b)`."""
        text = self._text(name) or self._constant(name) or self.positional.get(name, "")
        if not text or len(text) > _LONGEST:
            return _GENERIC.get(name, name)
        return f"({text})" if " " in text and not text.endswith(")") else text

    def known_text(self, name: str) -> str | None:
        """Like `text`, but None where the program has no name for it."""
        text = self.text(name)
        return None if text in {name, _GENERIC.get(name)} else text

    @property
    def positional(self) -> dict[str, str]:
        """What the program wrote for the arguments of a call, where their order is known: `{"index": "i"}`."""
        op = self.node.op.removesuffix("_")
        names = traits.of(self.node).arguments
        sources = operands(span(self.node.location), op) if names else ()
        return {name: maths(source) for name, source in zip(names, sources, strict=False)}

    def _text(self, name: str) -> str:
        if name == "result":
            return self.node.name or own_text(self.node)
        target = self._target(name)
        if target is None:
            return ""
        if target.leaf is not None:
            return self.leaves[target.leaf].name
        return target.name or own_text(target) or self._transposed_leaf(target)

    def _transposed_leaf(self, node: Node) -> str:
        """`fc.weightᵀ`: a linear layer multiplies by its weight, transposed, and no source line says so."""
        if node.op != "t":
            return ""
        first = bisect_left(self.graph.edges, node.id, key=lambda edge: edge.source)
        if first == len(self.graph.edges) or self.graph.edges[first].source != node.id:
            return ""
        target = self.graph.nodes[self.graph.edges[first].target]
        return f"{self.leaves[target.leaf].name}ᵀ" if target.leaf is not None else ""

    def _constant(self, name: str) -> str:
        """An input that needs no gradient has no edge; the source tells it, as what remains beside the other input."""
        value = self.value(name)
        sources = operands(span(self.node.location), self.node.op)
        if name == "self" and (len(sources) == 1 or (sources and self.node.op == "pow")):
            return maths(sources[0])
        others = {self._text(other) for other in ("self", "other", "exponent") if other != name} - {""}
        remaining = [maths(source) for source in sources if maths(source) not in others]
        if len(sources) == 2 and len(remaining) == 1 and name in {"self", "other"}:  # noqa: PLR2004
            return remaining[0]
        return wording.number(value.flat[0]) if value is not None and value.shape == () else ""

    def _target(self, name: str) -> Node | None:
        return next((self.graph.nodes[edge.target] for edge in self.edges if edge.input == name), None)

    def _value_of(self, node: Node) -> Array | None:
        if node.value is not None and node.value.value is not None:
            return Array.read(node.value.value)
        if node.leaf is not None and self.leaves[node.leaf].value is not None:
            return Array.read(self.leaves[node.leaf].value)
        return None


def own_text(node: Node) -> str:
    """The source of a node's value as maths, when its source is that one operation; else empty."""
    source = span(node.location)
    return maths(source) if operands(source, node.op) else ""


def _number(text: str) -> Array | None:
    try:
        return Array((), (float(text),))
    except ValueError:
        return None
