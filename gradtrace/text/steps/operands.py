"""What the inputs of a node are called, and their values where the recording holds them."""

import ast
from bisect import bisect_left
from dataclasses import dataclass

from gradtrace.analysis.once import once
from gradtrace.formulas import traits
from gradtrace.formulas.operand_words import arguments_of_call, operand_word
from gradtrace.model import Edge, Graph, Leaf, Node
from gradtrace.text import wording
from gradtrace.text.source_maths import maths, operands, parsed, span
from gradtrace.text.steps.arrays import Array
from gradtrace.text.steps.outputs import is_several, name_of

_LONGEST = 24
"""A longer text for an operand would hide the step that it belongs to."""

_TWO = frozenset({"self", "other", "mat2", "vec", "tensor"})
"""Torch's names of the operands of what is written with two."""

_GENERIC = {"self": "the input", "result": "the result"}


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
        edge = self._edge(name)
        return self._value_of(edge) if edge is not None else None

    def text(self, name: str) -> str:
        """What a person calls an input, as maths: `y`, `w·w`, `(a + b)`."""
        text = self._text(name) or self._constant(name) or self.positional.get(name, "")
        if not text or len(text) > _LONGEST:
            return self._role(name)
        is_sum = " " in text and not text.endswith(")")
        return f"({text})" if is_sum or text.startswith("−") else text

    def known_text(self, name: str) -> str | None:
        """Like `text`, but None where the program has no name for it."""
        text = self.text(name)
        return None if text in {name, self._role(name)} else text

    def _role(self, name: str) -> str:
        """What an operand is where nothing better is known: `the right factor`."""
        if name in _GENERIC:
            return _GENERIC[name]
        word = operand_word(self.node.op, name)
        return f"the {word}" if word != name.replace("_", " ") and word else name

    @property
    def positional(self) -> dict[str, str]:
        """What the program wrote for the arguments of a call, where their order is known: `{"index": "i"}`."""
        op = self.node.op.removesuffix("_")
        names = traits.of(self.node).arguments or arguments_of_call(op)
        source = span(self.node.location)
        sources = (operands(source, op) or module_input(self.node, source)) if names else ()
        return {name: maths(source) for name, source in zip(names, sources, strict=False)}

    def _text(self, name: str) -> str:
        if name == "result":
            return self._apart(self.node) or own_text(self.node)
        edge = self._edge(name)
        if edge is None:
            return ""
        target = self.graph.nodes[edge.target]
        if target.leaf is not None:
            return self.leaves[target.leaf].name
        if is_several(target):
            return name_of(target, edge.output)
        return self._apart(target) or own_text(target) or self._transposed_leaf(target)

    def _apart(self, node: Node) -> str:
        """The name of a value, with its line where another value of the graph has the same name."""
        name, place = node.name or "", node.location
        if name and place is not None and len(lines_of_names(self.graph).get(name, ())) > 1:
            return f"{name} (line {place.line})"
        return name

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
        known = {*("self", "other", "exponent"), *(edge.input or "" for edge in self.edges)} - {name, ""}
        others = {self._text(other) for other in known} - {""}
        remaining = [maths(source) for source in sources if maths(source) not in others]
        if len(sources) == 2 and len(remaining) == 1 and name in _TWO:  # noqa: PLR2004
            return remaining[0]
        return wording.number(value.flat[0]) if value is not None and value.shape == () else ""

    def _edge(self, name: str) -> Edge | None:
        return next((edge for edge in self.edges if edge.input == name), None)

    def _value_of(self, edge: Edge) -> Array | None:
        node = self.graph.nodes[edge.target]
        value = next((output.value for output in node.outputs if output.index == edge.output), None)
        if value is not None and value.value is not None:
            return Array.read(value.value)
        if node.leaf is not None and self.leaves[node.leaf].value is not None:
            return Array.read(self.leaves[node.leaf].value)
        return None


def module_input(node: Node, source: str) -> tuple[str, ...]:
    """What a layer or a loss was called with, where its own call is what stands there: `x` of `self.fc(x)`."""
    tree = parsed(source)
    if not isinstance(tree, ast.Call) or tree.keywords or any(isinstance(one, ast.Starred) for one in tree.args):
        return ()
    is_made_here = isinstance(tree.func, ast.Call) and _name(tree.func.func).endswith("Loss")  # nn.MSELoss()(x, y)
    is_loss = is_made_here or (node.module_type or "").endswith("Loss")
    if (len(tree.args) != 1 and not is_loss) or not (is_made_here or _is_call_of(node, tree.func)):
        return ()
    return tuple(ast.get_source_segment(source.strip(), one) or "" for one in tree.args)


def _is_call_of(node: Node, function: ast.expr) -> bool:
    """Whether what is called is the module in which a node was made."""
    layer, name = (node.module or "").rpartition(".")[2], _name(function)
    is_own = bool(name) and (layer == name or (node.module is None and isinstance(function, ast.Name)))
    return node.module_type is not None and is_own


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


@once
def lines_of_names(graph: Graph) -> dict[str, frozenset[int]]:
    """By name, the lines at which values of that name were made."""
    found: dict[str, set[int]] = {}
    for node in graph.nodes:
        if node.name and node.leaf is None and node.location is not None:
            found.setdefault(node.name, set()).add(node.location.line)
    return {name: frozenset(lines) for name, lines in found.items()}


def own_text(node: Node) -> str:
    """The source of a node's value as maths, when its source is that one operation; else empty."""
    source = span(node.location)
    return maths(source) if operands(source, node.op) else ""


def _number(text: str) -> Array | None:
    try:
        return Array((), (float(text),))
    except ValueError:
        return None
