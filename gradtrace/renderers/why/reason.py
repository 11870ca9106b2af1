"""Answers why a tensor has the gradient that it has, or where it was lost: text, Markdown or JSON."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from gradtrace.analysis.reasons import HAS_GRADIENT, Answer, Reason, Subject
from gradtrace.formulas.operand_words import operand_word
from gradtrace.model import Cut, Location
from gradtrace.model.excerpt import excerpt
from gradtrace.model.location import same_place
from gradtrace.renderers.why import document as reason_json
from gradtrace.renderers.why import found as reason_found
from gradtrace.renderers.why import ways as reason_ways
from gradtrace.renderers.why import words as reason_words
from gradtrace.renderers.why.advice import advice
from gradtrace.text import wording
from gradtrace.text.blocks import Block, Cell, Heading, Paragraph, Table
from gradtrace.text.cut_words import cut_off
from gradtrace.text.markdown import Markdown
from gradtrace.text.terminal import Terminal

_WIDTH = 100
_NARROWEST = 40
_TOLD = 3
"""So many tensors with a gradient are told in full; more are a table."""
_ROWS = 20
_CUTS = 4
_MOST_RANKS = 4
_BY_WAYS = frozenset(
    {Reason.GRADIENT, Reason.RETAINED, Reason.NOT_RETAINED, Reason.NOT_STORED, Reason.CANCELLED, Reason.CLEARED}
)
"""Something came: the answer says by which ways."""


@dataclass(frozen=True, slots=True)
class Options:
    """How an answer is written; `format` is `text`, `markdown` or `json`, `verbose` leaves nothing out."""

    format: str = "text"
    color: bool = False
    width: int | None = None
    verbose: bool = False
    ascii_only: bool = False


def render(answer: Answer, options: Options) -> str:
    """The answer as text that ends in a line break."""
    if options.format == "json":
        return reason_json.render(answer)
    blocks = tuple(_blocks(answer, options))
    if options.format == "markdown":
        return Markdown().write(blocks)
    width = max(options.width or _WIDTH, _NARROWEST)
    return Terminal(width, options.color, options.ascii_only).write(blocks)


def _blocks(answer: Answer, options: Options) -> Iterator[Block]:
    flowing = [one for one in answer.subjects if one.reason is Reason.GRADIENT]
    others = [one for one in answer.subjects if one.reason is not Reason.GRADIENT]
    is_table = len(flowing) > _TOLD and not options.verbose
    told = [*others, *([] if is_table else flowing)]
    shown = told if options.verbose else told[:_ROWS]
    for one in shown:
        if len(answer.subjects) > 1:
            yield Heading(reason_words.who(one))
        yield from _subject(one, options)
    if len(shown) < len(told):
        yield Paragraph(f"… and {len(told) - len(shown):,} more; --verbose tells them all", "note")
    if is_table:
        yield from _table(flowing)


def _subject(one: Subject, options: Options) -> Iterator[Block]:
    yield Paragraph(reason_words.headline(one))
    if one.place is not None and not (one.reason is Reason.GRADIENT and one.ways is not None):
        yield from _excerpt(one.place)
    yield from _evidence(one, options)
    yield from reason_found.findings(one, _excerpt)
    help_ = "" if reason_found.has_help(one) else advice(one)
    if help_:
        yield Paragraph(help_, "help")


def _evidence(one: Subject, options: Options) -> Iterator[Block]:
    yield from _message(one)
    yield from _group(one, options)
    if one.reason in (Reason.CUT, Reason.CONSTANT):
        yield from _cuts(one, options)
    elif one.reason is Reason.NOT_RETAINED and one.gradient is not None:
        index, gradient = one.backward.index if one.backward is not None else 1, wording.gradient(one.gradient)
        if reason_words.is_root(one):
            yield Paragraph(f"Pass {index} begins there, with gradient {gradient}.")
        else:
            yield Paragraph(f"The gradient that went through it in pass {index}: {gradient}.")
    elif one.reason is Reason.ZERO:
        yield from _last_nonzero(one, options)
    elif one.reason is Reason.CLEARED and one.events[-1].location is not None:
        yield Paragraph(f"step(){wording.at(one.events[-1].location)} finds nothing:")
        yield from _excerpt(one.events[-1].location)
    yield from _ranks(one)
    if one.reason in _BY_WAYS:
        yield from reason_ways.told(one, verbose=options.verbose)
    yield from _other_passes(one)
    if one.reason is Reason.GRADIENT and one.cuts:
        yield Paragraph(f"Another way from it is cut off: {cut_off(one.cuts[0])}.", "note")


def _message(one: Subject) -> Iterator[Block]:
    if one.reason not in (Reason.FAILED, Reason.NO_BACKWARD):
        return
    error = one.backward.error if one.backward is not None else None
    if error is not None:
        yield Paragraph(f"{error.type}: {error.message}", "error", "alarm")
    elif one.error is not None:
        yield Paragraph(f"{one.error.type}: {one.error.message}", "error", "alarm")
    frames = one.error.frames if one.error is not None else ()
    if frames and frames[-1] != one.place:
        yield Paragraph(f"The program was{wording.at(frames[-1])}:")
        yield from _excerpt(frames[-1])


def _group(one: Subject, options: Options) -> Iterator[Block]:
    if len(one.same) > 1:
        names = wording.listing((one.name, *one.same), 10_000 if options.verbose else 12)
        yield Paragraph(f"The same goes for all of: {names}.")


def _cuts(one: Subject, options: Options) -> Iterator[Block]:
    first = one.cuts[0]
    times = f" ({wording.count(first.count, 'time')})" if first.count > 1 else ""
    if first.reentry is not None and not same_place(first.reentry, first.location):
        yield Paragraph(f"The result came back as a constant{wording.at(first.reentry)}{times}:")
        yield from _excerpt(first.reentry)
    elif times:
        yield Paragraph(f"That happened {wording.count(first.count, 'time')}.")
    if one.reason is Reason.CONSTANT and one.sources:
        names = wording.listing([leaf.name for leaf in one.sources])
        verb = "gets" if len(one.sources) == 1 else "get"
        yield Paragraph(f"It was computed from {names}, which {verb} nothing this way.")
    graph = one.backward.graph if one.backward is not None else None
    if graph is not None and len(one.reentry) > 1:
        yield Paragraph("From there the graph goes on to the root:")
        yield reason_ways.steps(graph, one.reentry, verbose=options.verbose)
    if one.reason is Reason.CUT and one.events:
        yield Paragraph("So backward() runs, and ends where it begins:")
        if one.events[0].location is not None:
            yield from _excerpt(one.events[0].location)
    others = _further(one.cuts[1:], options)
    if others:
        yield Paragraph(f"It is cut off elsewhere too: {'; '.join(others)}.")


def _further(cuts: tuple[Cut, ...], options: Options) -> list[str]:
    shown = cuts if options.verbose else cuts[:_CUTS]
    texts = list(dict.fromkeys(cut_off(cut) for cut in shown))
    if len(shown) < len(cuts):
        texts.append(f"and {len(cuts) - len(shown)} more")
    return texts


def _last_nonzero(one: Subject, options: Options) -> Iterator[Block]:
    graph = one.backward.graph if one.backward is not None else None
    if graph is None or one.culprit is None:
        return
    node = graph.nodes[one.culprit]
    operand = operand_word(node.op, one.operand) or "input"
    yield Paragraph(f"{wording.gradient(node.received)} arrived there, and 0 went on to its {operand}.")
    if len(one.reentry) > 1:
        yield Paragraph("The way from the root to there:")
        yield reason_ways.steps(graph, one.reentry, verbose=options.verbose)


def _other_passes(one: Subject) -> Iterator[Block]:
    if len(one.passes) > 1 and one.reason is Reason.GRADIENT:
        yield Paragraph(f"{_which(one.passes)} add to it.")
    if one.missed and one.reason is Reason.GRADIENT and not one.n_namesakes:
        yield Paragraph(f"{_which(one.missed)} did not reach it.")
    if one.frozen_by is not None:
        call = one.frozen_by.call or "requires_grad = False"
        yield Paragraph(
            f"{call}{wording.at(one.frozen_by.location)} switched its requires_grad off after pass "
            f"{one.frozen_by.pass_index}, and nothing switched it on again."
        )
    if one.reason in HAS_GRADIENT:
        yield from reason_found.history(one)


def _ranks(one: Subject) -> Iterator[Block]:
    """What the other ranks added to it, and what became of it all."""
    if one.reduced is None:
        return
    shown = one.by_rank if len(one.by_rank) <= _MOST_RANKS else (*one.by_rank[: _MOST_RANKS - 1], one.by_rank[-1])
    parts = [f"{rank} added {'nothing' if came is None else wording.gradient(came)}" for rank, came in shown]
    if len(shown) < len(one.by_rank):
        parts.insert(-1, f"{len(one.by_rank) - len(shown):,} others added theirs")
    added = wording.listing(parts, _MOST_RANKS + 1)
    yield Paragraph(f"In pass {one.reduced_in} {added}; {one.reduced}, .grad is {wording.gradient(one.reduced_to)}.")


def _which(passes: Sequence[int]) -> str:
    """`Passes 1-3, 5`; where that would be long, how many there are and from where to where."""
    text = wording.passes(passes)
    return text[0].upper() + text[1:]


def _excerpt(place: Location) -> Iterator[Block]:
    """The source line with carets, without its indentation."""
    first = place.text.split("\n", 1)[0]
    if not first.strip():
        return
    shift = len(first) - len(first.lstrip())
    flush = replace(
        place,
        text=first[shift:],
        column=max(1, place.column - shift),
        end_column=max(1, place.end_column - shift) if place.end_line <= place.line else len(first) + 1,
        end_line=place.line,
    )
    source, carets = excerpt(flush).split("\n")
    label = wording.location(place)
    indent = " " * (len(label) + 2)
    yield Table(
        (),
        ((Cell(f"{label}  {source.strip()}"),), (Cell(f"{indent}{carets[4:]}", "alarm"),)),
        is_drawing=True,
    )


def _table(flowing: list[Subject]) -> Iterator[Block]:
    yield Paragraph(f"{wording.count(len(flowing), 'tensor')} with a gradient:")
    rows = tuple(
        (
            Cell(f"{one.name} ×{one.n_namesakes + 1:,}" if one.n_namesakes else one.name, "name"),
            Cell(wording.gradient(one.gradient), "gradient"),
            Cell(f"pass {one.backward.index}" if one.backward is not None else ""),
            Cell("owned by no optimizer" if one.orphaned_by is not None else "", "alarm"),
        )
        for one in flowing
    )
    yield Table(("name", "gradient", "from", ""), rows)
    for help_ in dict.fromkeys(advice(one) for one in flowing):
        if help_:
            yield Paragraph(help_, "help")
