"""The answer as one strict JSON object, for other programs."""

import json
from typing import Any

import msgspec

from gradtrace.analysis.reasons import Answer, Subject
from gradtrace.renderers.why.advice import advice
from gradtrace.renderers.why.words import headline

FORMAT_NAME = "gradtrace-answer"

FORMAT_VERSION = (1, 1)
"""History: 1.0 the first; 1.1 findings."""

_LARGEST_EXACT = 2**53


def render(answer: Answer) -> str:
    """ASCII text with a newline at its end."""
    document = {
        "format": FORMAT_NAME,
        "version": FORMAT_VERSION,
        "asked": answer.asked,
        "answers": [_subject(one) for one in answer.subjects],
    }
    return json.dumps(_strict(msgspec.to_builtins(document)), indent=2, allow_nan=False) + "\n"


def _subject(one: Subject) -> dict[str, Any]:
    return {
        "names": [one.name, *one.same],
        "kind": one.kind,
        "reason": one.reason.value,
        "message": headline(one),
        "help": advice(one),
        "location": one.place,
        "pass": one.backward.index if one.backward is not None else None,
        "node": one.node,
        "leaf": one.leaf.id if one.leaf is not None else None,
        "gradient": one.gradient,
        "before": one.before,
        "after": one.after,
        "culprit": one.culprit,
        "cuts": one.cuts,
        "route": one.reentry,
        "events": one.events,
        "passes": one.passes,
        "optimizers": [owner.id for owner in one.owners],
        "error": one.error,
        "findings": one.findings,
        "ways": _ways(one),
    }


def _ways(one: Subject) -> dict[str, Any] | None:
    ways = one.ways
    if ways is None:
        return None
    return {
        "paths": _count(ways.n_paths),
        "meeting": ways.meeting,
        "route": ways.route,
        "trunk": ways.trunk,
        "ways": [
            {"edge": way.edge, "source": way.source, "sent": way.sent, "paths": _count(way.n_paths)}
            for way in ways.ways
        ],
    }


def _count(n: int) -> int | str:
    """A number that every reader keeps exactly; a larger one in hexadecimal, as text."""
    return n if n <= _LARGEST_EXACT else hex(n)


def _strict(value: Any) -> Any:
    """Numbers that JSON cannot hold, and lone surrogates, as text."""
    match value:
        case float() if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124
            return str(value)
        case str():
            return value.encode("utf-8", "backslashreplace").decode("utf-8")
        case dict():
            return {key: _strict(item) for key, item in value.items()}
        case list() | tuple():
            return [_strict(item) for item in value]
        case _:
            return value
