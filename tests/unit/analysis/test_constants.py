"""What took part without a gradient is found by what nodes save and no edge leads to."""

from gradtrace.analysis.constants import constants
from gradtrace.model import Edge, Graph, Node, SavedTensor


def _saved(*names: str) -> tuple[SavedTensor, ...]:
    return tuple(SavedTensor(name, (2,), "float32", 8) for name in names)


def _found(node: Node, *inputs: str | None) -> list[str]:
    leaf = Node(1, "AccumulateGrad", "leaf", leaf=0)
    edges = tuple(Edge(0, 1, slot, input=name) for slot, name in enumerate(inputs))
    return [one.saved.name for one in constants(Graph((node, leaf), edges))]


def test_an_argument_without_an_edge_is_a_constant() -> None:
    """`x @ w` keeps both factors, and an edge leads to `w` alone."""
    assert _found(Node(0, "MmBackward0", "mm", saved=_saved("self", "mat2")), "mat2") == ["self"]


def test_a_result_is_no_constant() -> None:
    """`exp` keeps its result, `nll_loss` the target and the weight in all."""
    assert _found(Node(0, "ExpBackward0", "exp", saved=_saved("result")), "self") == []
    assert _found(Node(0, "NllLossBackward0", "nll_loss", saved=_saved("target", "total_weight")), "self") == ["target"]


def test_indices_are_an_argument_of_embedding_alone() -> None:
    """`max` finds its own indices."""
    assert _found(Node(0, "EmbeddingBackward0", "embedding", saved=_saved("indices")), "weight") == ["indices"]
    assert _found(Node(0, "MaxBackward0", "max", saved=_saved("indices")), "self") == []


def test_where_edges_have_no_names_nothing_is_said() -> None:
    """A function of the user's, and a type that the table does not know."""
    assert _found(Node(0, "MulBackward0", "mul", saved=_saved("self", "other")), None) == []
    assert _found(Node(0, "MyBackward", "My", saved=_saved("self"), is_custom=True), "other") == []


def test_what_was_cut_off_is_not_said_twice() -> None:
    """The cut stands there already."""
    assert _found(Node(0, "MulBackward0", "mul", saved=_saved("self", "other"), cuts=(0,)), "self") == []
