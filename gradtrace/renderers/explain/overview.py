"""The first lines of a story: what ran, loss and gradients over the run, who zeroes and who steps, what looks wrong."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from gradtrace.analysis.coverage import coverage
from gradtrace.analysis.ledger import Actor, Ledger
from gradtrace.analysis.outcome import first_poisoned, untrained
from gradtrace.analysis.training_steps import inner
from gradtrace.model import STORED, BackwardPass, EventKind, Location, Severity, Trace
from gradtrace.renderers.explain.leaves import module_norms
from gradtrace.renderers.explain.moves import moved_by_program
from gradtrace.text import wording
from gradtrace.text.blocks import Block, Fact, Facts, Paragraph
from gradtrace.text.ranks import rank_of
from gradtrace.text.source_maths import span
from gradtrace.text.terminal import Terminal

_MOST_SPANS = 4
_LONGEST_MESSAGE = 150
_MOST_RATES = 3
_MOST_LINES = 15
"""What a person sees without scrolling, with the line of the command."""


@dataclass(frozen=True, slots=True)
class _Detail:
    """How much is said.

    Attributes:
        calls: so many places that started passes.
        values: so many numbers over the passes.
        actors: so many that clear, change or step.
        findings: so many.
        is_full: with the source of the calls, and what norms are of.
        is_short: without what follows from the rest.
    """

    calls: int = 3
    values: int = 4
    actors: int = 2
    findings: int = 2
    is_full: bool = True
    is_short: bool = False


_DETAILS = (
    _Detail(),
    _Detail(is_full=False),
    _Detail(values=2, is_full=False),
    _Detail(values=2, actors=1, findings=1, is_full=False, is_short=True),
)
"""From the fullest on; the first is taken that is short enough."""


def overview(
    trace: Trace, ledger: Ledger, width: int | None, *, is_explained: bool = False, is_examined: bool = False
) -> Iterator[Block]:
    """How many passes ran, and what a reader asks first about them, in few lines.

    Args:
        trace: the run.
        ledger: the history of its leaves.
        width: of the lines; None where they are not broken.
        is_explained: what ended the program stands above already.
        is_examined: rules have looked for what is wrong.
    """
    n, full = ledger.n_passes, ledger.n_full
    if not n:
        return
    depth = "all recorded in full" if full == n else f"{full:,} recorded in full, the others only counted"
    depth = "recorded in full" if n == full == 1 else depth
    ran = Paragraph(
        f"{trace.run.target} ran {wording.count(n, 'backward pass')}{rank_of(trace)}, {depth}{_ending(trace)}."
    )
    for detail in _DETAILS:
        facts = [*_calls(trace, detail), *_gradients(trace, detail), *_acts(trace, ledger, detail)]
        if not is_explained:
            facts += _wrong(trace, detail, is_examined=is_examined)
        blocks = (ran, Facts(tuple(facts)))
        if width is None or Terminal(width, color=False, ascii_only=False).write(blocks).count("\n") <= _MOST_LINES:
            break
    yield from blocks


def _ending(trace: Trace) -> str:
    status = trace.run.status
    if status is not None and status < 0:
        return f"; it was killed by signal {-status}"
    if status:
        return f"; it ended with status {status}"
    return "" if trace.run.complete else "; the recording is incomplete"


# Where the passes began, and at which values.


def _calls(trace: Trace, detail: _Detail) -> Iterator[Fact]:
    """A line for every place that started passes: the root's values, which passes, and where."""
    places: dict[tuple[str, Location | None], list[BackwardPass]] = {}
    for one in trace.passes:
        if not one.is_drawn_only and not _is_unplaced(one):
            places.setdefault((one.call, one.location), []).append(one)
    together = [one for one in trace.passes if _is_unplaced(one)]
    for number, ((call, location), passes) in enumerate(places.items()):
        if number == detail.calls:
            yield Fact("", f"… and {wording.count(len(places) - number, 'more place')} that started passes")
            break
        name, values = _roots(passes, detail.values)
        source = f"{span(location) or call}{wording.at(location)}"
        where = f"{_indices(passes)}: {source}"
        if not detail.is_full and location is not None:
            n = sum(one.count for one in passes)
            where = f"{wording.count(n, 'pass')}, {wording.location(location)}"
        if detail.is_short and values and location is not None:
            yield Fact(name, f"{values}{wording.at(location)}")
        else:
            yield Fact(name, f"{values + '   ' if values else ''}({where})")
    if together:
        yield Fact("", f"{_indices(together)} were counted together, from wherever they began")


def _is_unplaced(one: BackwardPass) -> bool:
    """Whether it stands for passes of several places, of which nobody knows which was which."""
    return one.location is None and one.count > 1 and not one.accumulations


def _indices(passes: Sequence[BackwardPass]) -> str:
    spans = [(one.index, one.index + one.count - 1) for one in passes]
    n = sum(one.count for one in passes)
    first, last = spans[0][0], max(end for _, end in spans)
    if last - first + 1 == n:
        return f"pass {first}" if n == 1 else f"passes {first}-{last}"
    if len(spans) > _MOST_SPANS:
        return f"{wording.count(n, 'pass')} from {first} to {last}"
    return f"passes {wording.ranges(index for span in spans for index in span)}"


def _roots(passes: list[BackwardPass], most: int) -> tuple[str, str]:
    """The root's name and its values over the passes, as far as they were seen: `0.5 → 0.4 → 0.3 in passes 1-3`."""
    seen = [one for one in passes if len(one.roots) == 1 and one.roots[0].value is not None]
    names = list(dict.fromkeys(root.name for one in passes for root in one.roots if root.name))
    name = names[0] if len(names) == 1 else "root"
    if not seen or len({len(one.roots) for one in seen}) > 1:
        return name, ""
    values = [(one.index, wording.value(one.roots[0].value)) for one in seen]
    counted = [(one.index + one.count - 1, one.last_value) for one in passes if one not in seen]
    values += [(index, wording.number(value)) for index, value in counted if value is not None]
    return name, _over_passes(passes, sorted(values), most)


def _over_passes(all_passes: Sequence[BackwardPass], seen: Sequence[tuple[int, str]], most: int) -> str:
    """Numbers of some passes, thinned out, and of which passes they are where it is not all of them."""
    shown = _thinned(seen, most)
    text = " → ".join(number for _, number in shown)
    if len(shown) == sum(one.count for one in all_passes):
        return text
    return f"{text} in passes {', '.join(str(index) for index, _ in shown)}" if len(shown) > 1 else text


def _thinned(many: Sequence[tuple[int, str]], most: int) -> list[tuple[int, str]]:
    """The first, the last, and some at even distances between them."""
    if len(many) <= most:
        return list(many)
    step = (len(many) - 1) / (most - 1)
    return [many[round(number * step)] for number in range(most)]


# What came to the leaves.


def _gradients(trace: Trace, detail: _Detail) -> Iterator[Fact]:
    """The norm over all that each pass added to `.grad`, and the modules with the largest and smallest part of it."""
    inside = inner(trace)
    filling = [one for one in trace.passes if one.index not in inside and any(_is_stored(one))]
    measured = [(one, norm) for one in filling if (norm := _norm(one)) is not None]
    if not measured:
        return
    numbers = [(one.index, wording.number(norm)) for one, norm in measured]
    last, end = measured[-1][0].index, max(one.index + one.count - 1 for one in filling)
    notes = ["of all that a pass adds to .grad"] if detail.is_full else []
    notes += [f"not measured after pass {last:,}"] if end > last and not detail.is_short else []
    said = f"   ({'; '.join(notes)})" if notes else ""
    yield Fact("gradient norm", f"{_over_passes(filling, numbers, detail.values)}{said}")
    first = measured[0][0]
    norms = sorted(module_norms(trace, first), key=lambda row: -row[1])
    if len(norms) > 1:
        (largest, most), (smallest, least) = norms[0], norms[-1]
        yield Fact(
            "by module",
            f"largest {largest} {wording.number(most)}, smallest {smallest} {wording.number(least)}   "
            f"({f'of {len(norms)} modules, ' if detail.is_full else ''}in pass {first.index})",
        )


def _is_stored(one: BackwardPass) -> Iterator[bool]:
    return (row.effect in STORED for row in one.accumulations)


def _norm(one: BackwardPass) -> float | None:
    """The 2-norm over all leaves; None where some of it was not measured."""
    rows = [row.contribution for row in one.accumulations if row.effect in STORED]
    norms = [stats.norm for stats in rows if stats is not None and stats.norm is not None]
    return math.hypot(*norms) if norms and len(norms) == len(rows) and one.count == 1 else None


# Who acts on it.


def _acts(trace: Trace, ledger: Ledger, detail: _Detail) -> Iterator[Fact]:
    """Who clears, changes and uses `.grad`."""
    verdicts = [group.verdict for group in ledger.groups]
    clearers = _actors((actor for one in verdicts for actor in one.clearers), detail.actors)
    steppers = _actors((actor for one in verdicts for actor in one.steppers), detail.actors)
    modifiers = _actors((actor for one in verdicts for actor in one.modifiers), detail.actors)
    adds_up = any(one.n_passes > 1 for one in verdicts)
    if clearers or adds_up:
        yield Fact("zeroed by", clearers or "nobody: what each pass adds stays in .grad")
    if modifiers:
        yield Fact("changed by", modifiers)
    held = any(leaf.optimizers for group in ledger.groups for leaf in group.leaves)
    by_hand = moved_by_program(trace)
    if steppers:
        others = f"; {by_hand}" if by_hand else ""
        yield Fact("stepped by", f"{steppers}{_rates(trace)}{others}")
    elif by_hand:
        yield Fact("stepped by", by_hand)
    elif held:
        yield Fact("stepped by", "nobody: the parameters of an optimizer, and no step() was seen")


def _actors(many: Iterable[Actor], most: int) -> str:
    texts = list(dict.fromkeys(f"{one.call or 'the program'}{wording.at(one.location)}".strip() for one in many))
    more = f" and {len(texts) - most:,} more" if len(texts) > most else ""
    return f"{', '.join(texts[:most])}{more}"


def _rates(trace: Trace) -> str:
    """`, lr 0.1 → 0.01`, over the steps that were looked at; of groups that differ each."""
    if len({step.optimizer for step in trace.steps}) != 1:
        return ""
    by_group: dict[int, list[str]] = {}
    for step in trace.steps:
        for number, group in enumerate(step.groups):
            rate = group.rate("lr")
            if rate is not None:
                by_group.setdefault(number, []).append(wording.elements(rate))
    ends = (list(dict.fromkeys([texts[0], texts[-1]])) for texts in by_group.values())
    said = list(dict.fromkeys(" → ".join(each) for each in ends))
    if not said:
        return ""
    seen = trace.steps[-1].pass_index
    goes_on = any(event.pass_index + event.count - 1 > seen for event in trace.events if event.kind == EventKind.STEP)
    until = f" until pass {seen:,}; not read after it" if goes_on else ""
    return f" (lr {wording.listing(said, _MOST_RATES)}{until})"


# What is wrong.


def _wrong(trace: Trace, detail: _Detail, *, is_examined: bool) -> Iterator[Fact]:
    """The findings by name, or why none can be told."""
    if not is_examined and not trace.findings:
        why = "recorded without facts (record --facts)" if not trace.run.facts else "gradtrace check does"
        yield Fact("looks wrong", f"not looked for: {why}", "muted")
        return
    if not trace.findings:
        is_open = any(gap.is_open for gap in coverage(trace)) or trace.run.error is not None
        is_open = is_open or any(one.error is not None for one in trace.passes)
        if not is_open and first_poisoned(trace) is None and not untrained(trace):
            yield Fact("looks wrong", "nothing that a rule knows", "muted")
        return
    for number, one in enumerate(trace.findings[: detail.findings]):
        message = one.message if len(one.message) <= _LONGEST_MESSAGE else f"{one.message[:_LONGEST_MESSAGE]}…"
        style = "alarm" if one.severity == Severity.ERROR else ""
        label = "" if number else "looks wrong"
        yield Fact(label, f"{one.rule}{wording.at(one.location)}: {message}", style)
    hidden = len(trace.findings) - detail.findings
    if hidden > 0:
        yield Fact("", f"and {wording.count(hidden, 'more finding')}, at the end")
