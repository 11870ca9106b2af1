"""Findings of one rule at one place, told as one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from gradtrace.model import Finding


def merged(findings: Iterable[Finding]) -> list[Finding]:
    """The findings, of which those of equal rule, severity and place are one, with all their leaves and passes.

    What the first says stands for all. Where its leaves do not tell that there are others, it says how many.
    """
    groups: dict[object, list[Finding]] = {}
    for number, one in enumerate(dict.fromkeys(findings)):
        place = one.location
        key = number if place is None else (one.rule, one.severity, place.file, place.line, place.column)
        groups.setdefault(key, []).append(one)
    return [group[0] if len(group) == 1 else _together(group) for group in groups.values()]


def _together(group: list[Finding]) -> Finding:
    first = group[0]
    others = {one.message for one in group} - {first.message}
    leaves = tuple(dict.fromkeys(leaf for one in group for leaf in one.leaves))
    is_told = not others or len(leaves) > len(first.leaves)
    return replace(
        first,
        message=first.message if is_told else f"{first.message} (and {len(others)} more here)",
        related=tuple(dict.fromkeys(related for one in group for related in one.related)),
        leaves=leaves,
        passes=tuple(sorted({index for one in group for index in one.passes})),
    )
