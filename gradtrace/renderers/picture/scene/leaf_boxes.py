"""Boxes of leaves: what each is, and the story of its `.grad` as rows of before, added, after."""

from collections.abc import Iterator, Sequence

from gradtrace.analysis.ledger import Contribution, History
from gradtrace.model import CLEARING, Accumulation, Edge, Effect, Event, EventKind, Leaf, LeafKind
from gradtrace.renderers.picture.scene.model import Row, Span, Step
from gradtrace.text import wording
from gradtrace.text.added import MARK, reduction, told
from gradtrace.text.escape import visible

_CELL = 26
"""Longest text in a cell of the ledger."""
_MOST_TERMS = 4
"""A sum with more terms than this is not written out."""
HEAD = Step("head", ("pass", ".grad before", "this pass adds", ".grad after"))


def leaf_rows(leaf: Leaf, *, n_uses: int = 1) -> tuple[Row, ...]:
    """Name, kind, shape and value of a leaf."""
    first = [Span(visible(leaf.name or f"leaf {leaf.id}", 40), "title")]
    if leaf.kind != LeafKind.TENSOR:
        first.append(Span(leaf.kind, "muted"))
    second = [Span(wording.spec(leaf.shape, leaf.dtype, leaf.device), "muted")]
    if leaf.value is not None:
        text = wording.elements(leaf.value)
        if len(text) <= _CELL:
            second += [Span("=", "muted"), Span(text)]
    rows = [tuple(first), tuple(second)]
    if n_uses > 1:
        rows.append((Span(f"used {n_uses:,} times, drawn at each use", "muted"),))
    return tuple(rows)


def leaf_steps(history: History, drawn: int, incoming: Sequence[Edge], limit: int) -> tuple[Step, ...]:
    """The ledger of a leaf in at most about `limit` passes: the first ones, the drawn one and the last one.

    Args:
        history: all that happened to it.
        drawn: index of the pass that the picture shows.
        incoming: the edges of that pass which bring it gradient, for the sum.
        limit: how many passes may be shown.
    """
    entries = history.entries
    places = [
        i for i, entry in enumerate(entries) if isinstance(entry, Contribution) and entry.accumulation.is_measured
    ]
    if not places:
        return ()
    shown = set(places if len(places) <= limit else [*places[: max(1, limit - 1)], places[-1]])
    shown |= {i for i in places if _index(entries[i]) == drawn}
    measured = [entry.accumulation for i, entry in enumerate(entries) if i in shown if isinstance(entry, Contribution)]
    reduced = reduction(measured)
    told = _told(measured)
    steps = [HEAD if reduced is None else Step("head", (*HEAD.cells[:2], "this rank adds", str(reduced)))]
    between: list[Event] = []
    skipped = 0
    for i, entry in enumerate(entries):
        if isinstance(entry, Event):
            if skipped == 0:
                between.append(entry)
            continue
        if i not in shown:
            skipped += entry.backward.count
            between = []
            continue
        if skipped:
            steps.append(Step("more", (f"… {wording.count(skipped, 'more pass')} …",)))
            skipped = 0
        steps += _between(between)
        between = []
        steps.append(_pass(entry, next(told), drawn, incoming, is_titled=reduced is not None))
    if skipped:
        steps.append(Step("more", (f"… {wording.count(skipped, 'more pass')}",)))
    return (*steps, *_between(between))


def _index(entry: Contribution | Event) -> int:
    return entry.backward.index if isinstance(entry, Contribution) else 0


def _told(rows: Sequence[Accumulation]) -> Iterator[tuple[str, str, str]]:
    """Before, added and after of each pass, all in one way."""
    texts = iter(wording.gradients([stats for row in rows for stats in (row.before, row.contribution, row.after)]))
    return zip(texts, texts, texts, strict=True)


def _pass(
    entry: Contribution, told: tuple[str, str, str], drawn: int, incoming: Sequence[Edge], *, is_titled: bool
) -> Step:
    backward, what = entry.backward, entry.accumulation
    is_drawn = backward.index == drawn
    last = backward.index + backward.count - 1
    numbers = str(backward.index) if backward.count == 1 else f"{backward.index}-{last}"
    before, adds, after = told
    if what.contribution is None:
        adds = "nothing"
    elif what.effect == Effect.NOT_STORED:
        adds = f"{adds} (returned)"
    elif is_drawn:
        adds = _sum(adds, incoming)
    if what.reduced is not None and not is_titled:
        after = f"{after}, {what.reduced.how}"
    cells = (numbers, before, adds, after)
    return Step("drawn" if is_drawn else "pass", tuple(visible(cell, _CELL + 8) for cell in cells))


def _sum(total: str, incoming: Sequence[Edge]) -> str:
    """`2 = 1 + 1` where several edges add up."""
    if len(incoming) < 2:  # noqa: PLR2004
        return total
    terms = [wording.gradient(edge.sent) for edge in incoming if edge.sent is not None]
    is_short = len(terms) == len(incoming) <= _MOST_TERMS and not any("=" in term or "[" in term for term in terms)
    if is_short:
        return f"{total} = {' + '.join(terms)}".replace("+ -", "- ")
    return f"{total}, sum of {len(incoming):,}"


def _between(events: Sequence[Event]) -> list[Step]:
    """What happened between two passes, in one line: `SGD.step(), SGD.zero_grad() → None`."""
    words: dict[str, str] = {}
    for event in events:
        call = visible(event.call or event.kind, 40)
        text = (
            call if call.endswith(")") or event.is_assignment or event.kind == EventKind.GRAD_CLEARED else f"{call}()"
        )
        if event.kind in CLEARING and not event.is_assignment:
            text += " → None" if event.set_to_none else " → 0" if event.set_to_none is False else ""
        words[text] = text + wording.at(event.location)
    if len(words) == 1:
        return [Step("between", (visible(next(iter(words.values())), 64),))]
    return [Step("between", (visible(wording.listing(list(words), 3), 64),))] if words else []


def short_story(history: History, drawn: int) -> Row:
    """The drawn pass in one line, for pictures with many leaves: `.grad  None + 2 → 2`."""
    for entry in history.contributions:
        what = entry.accumulation
        if entry.backward.index == drawn and what.contribution is not None:
            before, after = wording.gradient(what.before), wording.gradient(what.after)
            if what.reduced is not None:
                text = f"adds {wording.gradient(what.contribution)}, {what.reduced.how} {after}"
                return (Span(".grad", "muted"), Span(text))
            if what.before is None or what.effect == Effect.NOT_STORED:
                return (Span(".grad", "muted"), Span(wording.gradient(what.contribution)))
            adds = wording.gradient(what.contribution)
            text = told([what], (before, adds, after), is_norm="|" in adds).removesuffix(MARK)
            return (Span(".grad", "muted"), Span(text))
    return (Span("no gradient", "muted"),)
