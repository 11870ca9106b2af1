"""What several edges bring to one leaf, and whether it adds up."""

from gradtrace.model import BackwardPass, TensorStats
from gradtrace.text import wording
from gradtrace.text.steps.arrays import Array

_MOST_SUMMANDS = 4
_LONGEST_SUM = 40


def summands(parts: list[TensorStats], total: TensorStats) -> str:
    """How a gradient arose from several edges: ` = 1 + 1`; for larger tensors how many they are.

    Nothing is said where the parts do not add up to the total, because a hook changed it.
    """
    if len(parts) < 2 or not adds_up(parts, total):  # noqa: PLR2004
        return ""
    texts = [wording.gradient(part) for part in parts]
    text = f" = {' + '.join(texts)}".replace("+ -", "− ")
    if len(parts) <= _MOST_SUMMANDS and len(text) <= _LONGEST_SUM and all("|" not in one for one in texts):
        return text
    return f" (sum of {len(parts)})"


def adds_up(parts: list[TensorStats], total: TensorStats) -> bool:
    """Whether a gradient is the sum of others, as far as their elements were recorded."""
    if total.value is None or any(part.value is None for part in parts):
        return True  # too large to have been recorded element by element
    expected, sums = Array.read(total.value), Array.read(parts[0].value)
    for part in parts[1:]:
        more = Array.read(part.value)
        sums = sums.zip(more, lambda a, b: a + b) if sums is not None and more is not None else None
    return expected is None or (sums is not None and sums.is_close(expected))


def sent_to_leaves(one: BackwardPass) -> dict[int, list[TensorStats]]:
    """For every leaf what each of its edges brought, in the graph's order."""
    if one.graph is None:
        return {}
    leaf_of = {node.id: node.leaf for node in one.graph.nodes if node.leaf is not None}
    sent: dict[int, list[TensorStats]] = {}
    for edge in one.graph.edges:
        leaf = leaf_of.get(edge.target)
        if leaf is not None and edge.sent is not None:
            sent.setdefault(leaf, []).append(edge.sent)
    return sent
