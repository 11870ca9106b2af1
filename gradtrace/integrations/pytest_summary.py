"""What gradtrace says at the end of a pytest run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from gradtrace.text.wording import count

_MOST = 100
"""Lines that are shown of one kind."""
_BORROWED = (
    "another gradtrace records this whole run, and keeps what a line did once for all tests: a test may have more"
    " wrong than was found here; without it each test is recorded by itself"
)


def lines(told: Sequence[tuple[str, dict[str, Any]]], *, shows_findings: bool) -> list[str]:
    """The lines of the section; none when there is nothing to say.

    Args:
        told: for each test that was recorded its name, and its findings, gaps and the number of milder ones.
        shows_findings: whether the findings themselves are listed, where no failure shows them.
    """
    found = [(name, one) for name, seen in told for one in seen["found"]]
    gaps = [(name, one) for name, seen in told for one in seen["gaps"]]
    shown: list[str] = []
    if shows_findings:
        shown += _listed(found)
    if gaps:
        shown += [*_listed(gaps), f"could not look at all of {count(len({name for name, _ in gaps}), 'test')}"]
    if any(seen["borrowed"] for _, seen in told):
        shown.append(_BORROWED)
    n_milder, in_tests = sum(seen["milder"] for _, seen in told), sum(seen["milder"] > 0 for _, seen in told)
    if n_milder:
        count_it = "counts it" if n_milder == 1 else "counts them"
        which = f"{count(n_milder, 'warning')} in {count(in_tests, 'test')}"
        shown.append(f"{which} {'does' if n_milder == 1 else 'do'} not count: --gradtrace-severity warning {count_it}")
    if found:
        tests = count(len({name for name, _ in found}), "test")
        shown.append(f"{count(len(found), 'finding')} in {tests} of {len(told):,} that were recorded")
    return shown


def _listed(pairs: Sequence[tuple[str, str]]) -> Iterator[str]:
    for name, text in pairs[:_MOST]:
        yield f"{name}: {text}"
    if len(pairs) > _MOST:
        yield f"and {len(pairs) - _MOST:,} more"
