"""What torch.compile made of parts of a pass: its regions, the graph breaks between them, and their backward graphs."""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.analysis.topology import forward_order
from gradtrace.model import BackwardPass, CompiledOp, CompiledRegion, GraphBreak, Location
from gradtrace.model.compiled import unmeasured
from gradtrace.text.blocks import Block, Cell, Heading, Paragraph, Table
from gradtrace.text.wording import at, count, location, spec

_FEW = 12
_LONGEST = 80


def regions(one: BackwardPass) -> list[CompiledRegion]:
    """The compiled regions of a pass, each once, in the order of the forward pass."""
    if one.graph is None:
        return []
    nodes = (one.graph.nodes[number] for number in forward_order(one.graph))
    return list({node.region.id: node.region for node in nodes if node.region is not None}.values())


def compiled(one: BackwardPass, *, verbose: bool) -> Iterator[Block]:
    """What a reader of a pass should know of its compiled regions.

    Args:
        one: the pass, with each node of its own.
        verbose: every op of every backward graph.
    """
    found = regions(one)
    if not found or one.graph is None:
        return
    where = list(
        dict.fromkeys(at(node.location) for node in one.graph.nodes if node.region is not None and node.location)
    )
    places = where[0] if len(where) == 1 else ""
    n_nodes = sum(node.region is not None for node in one.graph.nodes)
    of_graphs = f" of {count(len(found), 'graph')}" if n_nodes > len(found) else ""
    yield Heading(f"What torch.compile made: {count(n_nodes, 'compiled region')}{of_graphs}{places}")
    yield Paragraph(_kind(found))
    breaks = [each for region in found for each in region.breaks]
    if breaks:
        yield Paragraph(f"{count(len(breaks), 'graph break')}, each of which ends a region:")
        yield Table((), tuple(map(_break, breaks)))
    for number, region in enumerate(found, 1):
        yield from _ops(region, f"region {number}: " if len(found) > 1 else "", verbose=verbose)


def _kind(found: list[CompiledRegion]) -> str:
    text = unmeasured(is_fused=any(region.is_fused for region in found)).capitalize()
    if not any(region.ops for region in found):
        return f"{text}."
    return (
        f"{text}; below is the backward graph before it was compiled. TORCH_TRACE=FOLDER and the tool tlparse show "
        "what the compiler did."
    )


def _break(one: GraphBreak) -> tuple[Cell, ...]:
    return Cell(location(one.location), "name"), Cell(_source(one.location)), Cell(one.reason[:_LONGEST], "muted")


def _source(place: Location | None) -> str:
    return "" if place is None else " ".join(place.text.split())


def _ops(region: CompiledRegion, title: str, *, verbose: bool) -> Iterator[Block]:
    if region.ops is None:
        yield Paragraph(
            f"{title}it came from a cache of compiled code, so that its backward graph was not seen. "
            "TORCHINDUCTOR_FORCE_DISABLE_CACHES=1 compiles it anew.",
            "note",
        )
        return
    shown = region.ops if verbose else region.ops[:_FEW]
    rows = [_op(one) for one in shown]
    if len(shown) < len(region.ops):
        rows.append((Cell(f"{len(region.ops) - len(shown):,} more; --verbose shows all", "muted"), *[Cell("")] * 4))
    header = (f"{title}backward op", "result", "of module", "line", "source")
    yield Table(header, tuple(rows), is_list=True, optional=(2, 1))


def _op(one: CompiledOp) -> tuple[Cell, ...]:
    return (
        Cell(one.name, "name"),
        Cell(spec(one.shape, one.dtype)),
        Cell(one.module or ""),
        Cell(location(one.location)),
        Cell(_source(one.location), "muted"),
    )
