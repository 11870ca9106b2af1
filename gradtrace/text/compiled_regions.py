"""What torch.compile made of parts of a pass: its regions, the graph breaks between them, and their backward graphs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from gradtrace.analysis.recomputed import disagreement
from gradtrace.analysis.topology import forward_order
from gradtrace.model import BackwardPass, CompiledOp, CompiledRegion, Graph, GraphBreak, Node, TensorStats
from gradtrace.text.blocks import Block, Cell, Heading, Paragraph, Table
from gradtrace.text.compiled import is_recomputed, ops_inside, result, values_inside
from gradtrace.text.wording import at, count, location, number, source_text, spec

_FEW = 12
_LONGEST = 80


def regions(one: BackwardPass) -> list[CompiledRegion]:
    """The compiled regions of a pass, each once, in the order of the forward pass."""
    return list({region.id: region for node in _nodes(one) if (region := node.region) is not None}.values())


def _nodes(one: BackwardPass) -> list[Node]:
    """The nodes that stand for compiled regions, in the order of the forward pass."""
    if one.graph is None:
        return []
    nodes = (one.graph.nodes[number] for number in forward_order(one.graph))
    return [node for node in nodes if node.region is not None]


def compiled(one: BackwardPass, *, verbose: bool, shows_all: str = "--verbose") -> Iterator[Block]:
    """What a reader of a pass should know of its compiled regions.

    Args:
        one: the pass, with each node of its own.
        verbose: every op of every backward graph.
        shows_all: what a person asks for to see all of them.
    """
    found, nodes = regions(one), _nodes(one)
    if not found or one.graph is None:
        return
    where = list(dict.fromkeys(at(node.location) for node in one.graph.nodes if node.region and node.location))
    places = where[0] if len(where) == 1 else ""
    of_graphs = f" of {count(len(found), 'graph')}" if len(nodes) > len(found) else ""
    yield Heading(f"What torch.compile made: {count(len(nodes), 'compiled region')}{of_graphs}{places}")
    yield Paragraph(_kind(found, nodes))
    breaks = [each for region in found for each in region.breaks]
    if breaks:
        yield Paragraph(f"{count(len(breaks), 'graph break')}, each of which ends a region:")
        yield Table((), tuple(map(_break, breaks)))
    opened = [node for node in nodes if node.recomputed is not None] or _first_of_each(nodes)
    for position, node in enumerate(opened, 1):
        title = f"region {position}: " if len(opened) > 1 else ""
        yield from _ops(node, title, None if verbose else shows_all)
        yield from _notes(one.graph, node)


def _first_of_each(nodes: Sequence[Node]) -> list[Node]:
    """One node of each compiled graph."""
    return list({node.region.id: node for node in reversed(nodes) if node.region is not None}.values())[::-1]


def _kind(found: list[CompiledRegion], nodes: list[Node]) -> str:
    best = max(nodes, key=lambda node: (is_recomputed(node), node.region is not None and node.region.is_fused))
    text = values_inside(best).capitalize()
    if is_recomputed(best):
        text += (
            "; each op of the backward graph was run once more, by itself, on what the region had saved and received"
        )
    if not any(region.ops for region in found):
        return f"{text}."
    again = "" if any(node.recomputed is not None for node in nodes) else " --level full recomputes the values inside."
    return (
        f"{text}; below is the backward graph before it was compiled.{again} TORCH_TRACE=FOLDER and the tool tlparse "
        "show what the compiler did."
    )


def _break(one: GraphBreak) -> tuple[Cell, ...]:
    return Cell(location(one.location), "name"), Cell(source_text(one.location)), Cell(one.reason[:_LONGEST], "muted")


def _ops(node: Node, title: str, shows_all: str | None) -> Iterator[Block]:
    region = node.region
    if region is None:
        return
    if region.ops is None:
        yield Paragraph(
            f"{title}it came from a cache of compiled code, so that its backward graph was not seen. "
            "TORCHINDUCTOR_FORCE_DISABLE_CACHES=1 compiles it anew.",
            "note",
        )
        return
    has_values = is_recomputed(node)
    shown = list(islice(ops_inside(region, node), None if shows_all is None else _FEW))
    rows = [_op(one, value, has_values=has_values) for one, value in shown]
    if len(shown) < len(region.ops):
        rest = Cell(f"{len(region.ops) - len(shown):,} more; {shows_all} shows all", "muted")
        rows.append((rest, *[Cell("")] * (4 + has_values)))
    recomputed = ("recomputed",) if has_values else ()
    header = (f"{title}backward op", "result", *recomputed, "of module", "line", "source")
    yield Table(header, tuple(rows), is_list=True, optional=(3, 1) if has_values else (2, 1))


def _notes(graph: Graph, node: Node) -> Iterator[Block]:
    """What keeps a reader from trusting, or from having, the values inside."""
    if node.recomputed is None:
        return
    if node.recomputed.reason and node.region is not None and node.region.ops is not None:
        what = "Not all of it was recomputed" if is_recomputed(node) else "Its values were not recomputed"
        yield Paragraph(f"{what}: {node.recomputed.reason}.", "note")
    apart = disagreement(graph, node)
    if apart is not None:
        yield Paragraph(
            f"What was recomputed is not what the region computed: it sent a gradient of norm {number(apart[0])}, "
            f"and recomputed that has norm {number(apart[1])}.",
            "note",
        )


def _op(one: CompiledOp, value: TensorStats | None, *, has_values: bool) -> tuple[Cell, ...]:
    recomputed = (Cell(result(one, value), "" if one.is_forward else "gradient"),) if has_values else ()
    return (
        Cell(one.name, "name"),
        Cell(spec(one.shape, one.dtype)),
        *recomputed,
        Cell(one.module or ""),
        Cell(location(one.location)),
        Cell(source_text(one.location), "muted"),
    )
