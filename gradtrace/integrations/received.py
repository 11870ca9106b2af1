"""Which leaves of a trace have received a gradient."""

from __future__ import annotations

from collections.abc import Collection

from gradtrace.analysis.reasons import Reason, Subject
from gradtrace.model import STORED, Trace

_HAVE = frozenset({Reason.GRADIENT, Reason.RETAINED, Reason.CLEARED, Reason.ASSIGNED, Reason.NOT_STORED})
_ZEROS = frozenset({Reason.ZERO, Reason.HOOK, Reason.CANCELLED, Reason.ZERO_ROOT})


def received(trace: Trace, *, allow_zero: bool) -> frozenset[int]:
    """The leaves to which some pass added a gradient that is not known to be zeros.

    Args:
        trace: what was recorded.
        allow_zero: zeros are enough.
    """
    return frozenset(
        row.leaf
        for one in trace.passes
        if not one.is_drawn_only
        for row in one.accumulations
        if row.effect in STORED and (allow_zero or row.contribution is None or row.contribution.norm != 0)
    )


def accepted(subject: Subject, *, allow_zero: bool) -> bool:
    """Whether what is said of a leaf amounts to a gradient, although no pass added one to its `.grad`."""
    return subject.reason in _HAVE or (allow_zero and subject.reason in _ZEROS)


def got(lost: Collection[Subject]) -> str:
    """What those got who are not accepted, in words."""
    zeros = [one.reason in _ZEROS for one in lost]
    if not any(zeros):
        return "no gradient"
    return "only zeros" if all(zeros) else "no gradient, or only zeros,"
