"""The last lines of a diagnosis: what was found, and what stands against "nothing wrong"."""

from collections.abc import Iterator

from gradtrace.analysis.coverage import Gap, coverage, n_passes
from gradtrace.analysis.outcome import fatal_error, first_poisoned, has_bad_root, poisoned_in_ledger, untrained
from gradtrace.model import Blind, Trace
from gradtrace.text.coverage_words import advice, ended, said, sentence
from gradtrace.text.escape import one_line
from gradtrace.text.wording import at, count, listing

_COUNTED = {"error": "error", "warning": "warning", "info": "note"}
_MOST_NAMES = 4


def summary(trace: Trace) -> Iterator[str]:
    """The sentences, the answer first."""
    numbers = {severity: sum(finding.severity == severity for finding in trace.findings) for severity in _COUNTED}
    counts = [count(number, _COUNTED[severity]) for severity, number in numbers.items() if number]
    gaps = coverage(trace)
    open_ = [gap for gap in gaps if gap.is_open]
    n = n_passes(trace)
    if counts:
        yield f"Found {', '.join(counts)}."
        yield f"To read more about one: gradtrace rule {one_line(trace.findings[0].rule)}"
        yield from (f"Not all was looked at: {said(gap)}." for gap in open_)
    elif open_:
        lead = f"Found nothing in {count(n, 'pass')}, but could not look at everything" if n else "Could not look"
        yield _could_not(lead, open_[0])
        yield from (_could_not("And", gap) for gap in open_[1:])
        yield from (f"{text[:1].upper()}{text[1:]}." for text in _against(trace, gaps))
    else:
        yield _nothing(trace, gaps)
    yield from (f"Note: {said(gap)}." for gap in gaps if not gap.is_open and not _is_told(gap))


def _could_not(lead: str, gap: Gap) -> str:
    todo = advice(gap)
    return f"{lead}: {sentence(gap)}.{f' {todo[:1].upper()}{todo[1:]}.' if todo else ''}"


def _is_told(gap: Gap) -> bool:
    """Whether the answer itself says it."""
    return gap.spot.reason in {Blind.PASSES_NOT_RECORDED, Blind.KILLED}


def _nothing(trace: Trace, gaps: tuple[Gap, ...]) -> str:
    """The answer when no finding is shown and all was looked at."""
    n = n_passes(trace)
    passes = count(n, "pass")
    against = "; ".join(_against(trace, gaps))
    if against:
        return f"No finding{f' in {passes}' if n else ''}, but {against}."
    if not n:
        return "No backward pass ran: there was nothing to check."
    n_full = sum(one.graph is not None and not one.is_drawn_only for one in trace.passes)
    return f"Found nothing wrong in {passes}{f', {n_full:,} of them recorded in full' if n_full < n else ''}."


def _against(trace: Trace, gaps: tuple[Gap, ...]) -> Iterator[str]:
    """Facts that do not go with "nothing wrong"."""
    error = fatal_error(trace)
    if error is not None:
        yield f"the program ended with {one_line(error.type)}{at(error.frames[-1] if error.frames else None)}"
    elif trace.run.torch and trace.run.status and not any(_is_of_a_signal(gap) for gap in gaps):
        yield ended(trace.run.status)
    poisoned = first_poisoned(trace)
    if poisoned is not None:
        what = "the value at which it began" if has_bad_root(poisoned) else "a gradient"
        yield f"in pass {poisoned.index} {what} is not finite"
    else:
        counted = poisoned_in_ledger(trace)
        if counted is not None:
            yield f"{counted} is not finite"
    leaves = untrained(trace)
    reached = {row.leaf for one in trace.passes for row in one.accumulations if row.contribution is not None}
    names = [one_line(leaf.name) for leaf in leaves if leaf.id not in reached]
    if names:
        yield (
            f"no pass gave {listing(names, _MOST_NAMES)} a gradient, for an optimizer to use:"
            f" `gradtrace why TARGET {names[0]}` says where it is lost"
        )
    zeros = [one_line(leaf.name) for leaf in leaves if leaf.id in reached]
    if zeros:
        yield (
            f"each gradient that {listing(zeros, _MOST_NAMES)} got was exactly 0:"
            f" `gradtrace why TARGET {zeros[0]}` says why"
        )


def _is_of_a_signal(gap: Gap) -> bool:
    """Whether it has said already how the program ended."""
    return gap.is_open and gap.spot.reason == Blind.KILLED
