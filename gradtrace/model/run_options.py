"""The options of a run: what the launcher asks of the recorder, and how it reaches it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

from gradtrace.model.kinds import Level
from gradtrace.model.needs import Need, Needs

PassRange = tuple[int, int | None]
"""First and last pass, from 1; no last: to the end."""

PassRanges = tuple[PassRange, ...]
"""In ascending order."""

Passes = PassRanges | str | None
"""Ranges, `"last"`, or None for all."""


LEAST_SEED, LARGEST_SEED = -(2**63), 2**64 - 1
"""What `torch.manual_seed` takes."""


def is_within(index: int, ranges: PassRanges) -> bool:
    """Whether one of the ranges has this pass."""
    return any(first <= index and (last is None or index <= last) for first, last in ranges)


def reaches_beyond(index: int, ranges: PassRanges) -> bool:
    """Whether one of the ranges has any pass after this one."""
    return any(last is None or last > index for _, last in ranges)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How a run is recorded. A new option of a run is a field here, and its option on the command line.

    Attributes:
        passes: which passes are recorded in full.
        small_passes: of a program whose passes stay small, so many from the first on are recorded in full too.
        shown_pass: the index of a pass that is recorded in full besides, because it will be shown.
        device: where the program creates tensors by default; None leaves it as it is.
        seed: of torch's random numbers; None leaves them as they are.
        dtype: the default floating point type; None leaves it as it is.
        stop_after: the program is ended after that many passes.
        roots: names of the tensors to draw when the program never runs backward.
        level: how much is measured.
        announce: say on stderr when the asked-for passes are in.
        facts: watch also for what a diagnosis needs: where values leave the graph, who switches `requires_grad`.
        needs: what is measured at the default level, where somebody said what is read; None for what is usual.
        step_norms: the norms of the gradients that every step finds are measured, and this many levels of module names
            are told apart; 0: every parameter by itself; None: they are not measured.
        folders: where files of the program's own lie, besides that of its script and the one it was started in.
    """

    passes: Passes = ((1, 3),)
    small_passes: int = 0
    shown_pass: int | None = None
    device: str | None = None
    seed: int | None = None
    dtype: str | None = None
    stop_after: int | None = None
    roots: tuple[str, ...] = ()
    level: Level = Level.DEFAULT
    announce: bool = False
    facts: bool = False
    needs: Needs | None = None
    step_norms: int | None = None
    folders: tuple[str, ...] = ()

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        plain = {item.name: getattr(self, item.name) for item in fields(RunOptions)}
        if self.needs is not None:
            plain["needs"] = [need.plain() for need in self.needs]
        return plain

    @classmethod
    def read(cls, plain: dict[str, Any], **others: Any) -> Self:
        """The inverse of `plain`; keys that this version does not know are ignored.

        Args:
            plain: what `plain` made, after its way through JSON.
            **others: fields that a subclass adds.
        """
        known = {item.name: plain[item.name] for item in fields(RunOptions) if item.name in plain}
        for key in ("roots", "folders"):
            known[key] = tuple(known.get(key) or ())
        if isinstance(known.get("passes"), list):
            known["passes"] = tuple((first, last) for first, last in known["passes"])
        if "level" in known:
            known["level"] = Level(known["level"])
        if known.get("needs") is not None:
            known["needs"] = tuple(map(Need.read, known["needs"]))
        return cls(**others, **known)
