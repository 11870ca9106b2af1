"""Boxes that stand for many nodes: closed modules, loops shown once, stretches of ops."""

from collections.abc import Iterable, Sequence

from gradtrace.analysis.view import Item
from gradtrace.model import Node, TensorStats
from gradtrace.renderers.picture.scene.boxes import is_bad, is_bad_node, node_rows
from gradtrace.renderers.picture.scene.model import Labels, Row, Span
from gradtrace.text import wording
from gradtrace.text.escape import visible


def times(n: int) -> tuple[Span, ...]:
    """`×12` for what stands for twelve."""
    return (Span(f"×{n:,}", "badge"),) if n > 1 else ()


def folded_rows(item: Item, nodes: Sequence[Node], contributions: Sequence[TensorStats | None]) -> tuple[Row, ...]:
    """Name, size and gradients of a folded item.

    Args:
        item: what is folded.
        nodes: the nodes for which it stands, those of all repetitions.
        contributions: what the drawn pass added to the leaves among them.
    """
    rows: list[Row] = [(Span(visible(item.label, 40), "title"), *times(item.count))]
    n_leaves = sum(node.leaf is not None for node in nodes)
    n_ops = len(nodes) - n_leaves
    sizes = [wording.count(n // item.copies, noun) for n, noun in ((n_ops, "op"), (n_leaves, "leaf")) if n]
    words = [visible(item.module_type, 30)] if item.module_type and item.module_type != item.label else []
    size = " and ".join(sizes) + (" each" if item.copies > 1 else "")
    rows.append((Span(", ".join([*words, size]), "muted"),))
    if n_ops == item.copies:
        rows += repeated_rows([node for node in nodes if node.leaf is None])
    if contributions:
        rows += contribution_rows(contributions)
    bad = sum(is_bad_node(node) for node in nodes)
    if bad:
        rows.append((Span(f"NaN or Inf at {wording.count(bad, 'node')}", "alarm"),))
    return tuple(rows)


def rest_rows(node: Node) -> tuple[Row, ...]:
    """What a picture of a part leaves out."""
    n_ops, n_leaves = (int(text) for _, text in node.arguments)
    sizes = [wording.count(n, noun) for n, noun in ((n_ops, "op"), (n_leaves, "leaf")) if n]
    return ((Span(node.op, "title"),), (Span(" and ".join(sizes), "muted"),))


def card_rows(
    item: Item, op: Node, leaves: Sequence[Node], contributions: Sequence[TensorStats | None], labels: Labels
) -> tuple[Row, ...]:
    """A closed module of one op: what the op says, and what each leaf got."""
    title: list[Span] = [Span(visible(item.label, 40), "title")]
    if item.module_type and item.module_type != item.label:
        title.append(Span(visible(item.module_type, 30), "muted"))
    if op.name:
        title.append(Span(visible(op.name, 32), "name"))
    rows: list[Row] = [tuple(title), *node_rows(op, detail=1, root=None, error=None, findings=[], labels=labels)[1:]]
    for leaf, stats in zip(leaves, contributions, strict=True):
        name = visible((leaf.name or "leaf").removeprefix(f"{item.path}."), 40)
        role = "alarm" if stats is None or is_bad(stats) else "plain"
        rows.append((Span(name, "strong"), Span(wording.gradient(stats) if stats else "no gradient", role)))
    return tuple(rows)


def repeated_rows(nodes: Sequence[Node]) -> list[Row]:
    """The range of the gradients that arrive at the same op in every repetition."""
    rows: list[Row] = []
    text = norm_range(node.received for node in nodes)
    if text:
        rows.append((Span(text),))
    bad = sum(map(is_bad_node, nodes))
    if bad:
        rows.append((Span(f"NaN or Inf in {bad:,} of {len(nodes):,}", "alarm"),))
    return rows


def contribution_rows(contributions: Sequence[TensorStats | None]) -> list[Row]:
    """The range of what several leaves got, and how many got nothing."""
    rows: list[Row] = []
    text = norm_range(contributions)
    if text:
        rows.append((Span("leaf grads", "muted"), Span(text)))
    missing = sum(stats is None for stats in contributions)
    if missing:
        rows.append((Span(f"no gradient for {wording.count(missing, 'leaf')}", "alarm"),))
    bad = sum(is_bad(stats) for stats in contributions)
    if bad:
        rows.append((Span(f"NaN or Inf in {wording.count(bad, 'leaf')}", "alarm"),))
    return rows


def norm_range(many: Iterable[TensorStats | None]) -> str:
    """`|g| = 0.1 … 0.3`, or one number when all are alike; empty when none was measured."""
    norms = sorted(stats.norm for stats in many if stats is not None and stats.norm is not None and not is_bad(stats))
    if not norms:
        return ""
    low, high = wording.number(norms[0]), wording.number(norms[-1])
    return f"|g| = {low}" if low == high else f"|g| = {low} … {high}"
