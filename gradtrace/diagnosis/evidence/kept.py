"""Results with a graph that stand where only leaves may: in what is copied, or sent to another process."""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.errors import failure, notes, of_pass
from gradtrace.model import Finding, Severity, Trace


def uncopied(trace: Trace, rule: str, pattern: str, complaint: str, here: str, advice: str = "") -> Iterator[Finding]:
    """The finding for an exception about such a result: at the line that stored it, if that is known.

    Args:
        trace: what was recorded.
        rule: whose finding it is.
        pattern: what torch says.
        complaint: what cannot be done, as the end of a sentence.
        here: what happens at the line that failed.
        advice: what to do instead, where it is not to keep the tensor without its graph.
    """
    found = failure(trace, pattern)
    if found is None:
        return
    kept = next(iter(trace.run.error.kept if trace.run.error is not None else ()), None)
    is_variable = kept is None or kept.name.isidentifier()
    stored = (kept.location or kept.made) if kept is not None and not is_variable else None
    if not advice and kept is not None and stored is not None:
        attribute = kept.name.rpartition(".")[2]
        advice = f"Keep it without its graph (`self.{attribute} = ....detach()`), or set it to None before this."
    elif not advice:
        advice = "Keep `.detach()` of the tensor (`self.state = h.detach()`), or copy `model.state_dict()`."
    place = stored or found.place
    related = tuple(note for note in notes((found.place, here)) if note.location != place)
    message = f"{kept.name} has a graph and {complaint}" if kept is not None else f"A tensor with a graph {complaint}"
    yield Finding(rule, Severity.ERROR, message, place, related, advice, (), of_pass(found.backward))
