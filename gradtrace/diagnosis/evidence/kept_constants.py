"""What the `forward` of a custom Function computed and its `backward` takes in: a constant for a second derivative."""

from __future__ import annotations

from dataclasses import dataclass

from gradtrace.analysis.once import once
from gradtrace.model import BackwardPass, Cut, Location, SwitchKind, Trace

_METHODS = ("forward", "setup_context")


@dataclass(frozen=True, slots=True)
class Kept:
    """Such a value, and the pass that built a graph through the `backward`, if that is known."""

    cut: Cut
    function: str
    place: Location
    asked: BackwardPass | None


@once
def kept(trace: Trace) -> tuple[Kept, ...]:
    """Every one that came into the graph of a second derivative, once for each line of a `backward`."""
    found: dict[tuple[str, int], Kept] = {}
    for cut in trace.cuts:
        switch, place = cut.switch, cut.reentry
        if switch is None or switch.kind != SwitchKind.FUNCTION or place is None or not cut.passes:
            continue
        function, _, method = switch.call.rpartition(".")
        name = function.rpartition(".")[2]
        if method in _METHODS and cut.leaves and place.function.endswith(f"{name}.backward"):
            found.setdefault(place.source_line, Kept(cut, name, place, _asked(trace, cut)))
    return tuple(found.values())


def _asked(trace: Trace, cut: Cut) -> BackwardPass | None:
    """The last pass before that with a graph of its own."""
    before = [one for one in trace.passes if one.create_graph and one.index <= cut.passes[0]]
    return next(reversed([one for one in before if one.process == cut.process]), None)
