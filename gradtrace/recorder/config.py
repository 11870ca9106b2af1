"""What the recorder was asked to do."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradtrace.model.format import VALUE_LIMIT
from gradtrace.model.kinds import Level
from gradtrace.model.needs import ALL, USUAL, Need, Statistic, Tensors


@dataclass(frozen=True, slots=True)
class Config:
    """The options of a run, as the launcher wrote them into `config.json`.

    Attributes:
        session: folder into which streams are written.
        passes: which passes are recorded in full: ranges of (first, last or None), `last`, or None for all.
        value_limit: tensors of at most this many elements are recorded with all their values.
        level: how much is measured.
        needs: what is measured at the default level, where somebody said what is read; None for what is usual.
        announce: say on stderr when the asked-for passes are in.
        facts: watch also for what a diagnosis needs: where values leave the graph, who switches `requires_grad`.
        roots: names of the tensors to draw when the program never runs backward.
        folders: where files of the program's own lie, besides that of its script and the one it was started in.
    """

    session: Path
    target: str = ""
    argv: tuple[str, ...] = ()
    passes: tuple[tuple[int, int | None], ...] | str | None = ((1, 3),)
    device: str | None = None
    seed: int | None = None
    dtype: str | None = None
    stop_after: int | None = None
    announce: bool = False
    roots: tuple[str, ...] = ()
    expression: str | None = None
    value_limit: int = VALUE_LIMIT
    level: Level = Level.DEFAULT
    facts: bool = False
    needs: tuple[Need, ...] | None = None
    folders: tuple[str, ...] = ()

    @classmethod
    def read(cls, session: Path) -> Config:
        """Read `session/config.json`; keys that this version does not know are ignored."""
        given: dict[str, Any] = json.loads((session / "config.json").read_text(encoding="utf-8"))
        known = {key: given[key] for key in cls.__dataclass_fields__ if key in given and key != "session"}
        for key in ("argv", "roots", "folders"):
            known[key] = tuple(known.get(key) or ())
        if isinstance(known.get("passes"), list):
            known["passes"] = tuple((first, last) for first, last in known["passes"])
        if "level" in known:
            known["level"] = Level(known["level"])
        if known.get("needs") is not None:
            known["needs"] = tuple(map(Need.read, known["needs"]))
        return cls(session=session, **known)

    def statistics(self, *of: Tensors) -> frozenset[Statistic]:
        """What is to be measured of these tensors, wherever they are."""
        if self.level == Level.STRUCTURE:
            return frozenset()
        if self.level == Level.FULL:
            return ALL
        if self.needs is None:
            return USUAL
        return frozenset().union(*(one.statistics for one in self.needs if one.of in of and not one.ops))

    def of_saved(self, op: str, name: str) -> frozenset[Statistic]:
        """What is to be measured of a tensor that a node keeps for its backward."""
        if self.level == Level.STRUCTURE or not self.facts:
            return frozenset()
        if self.needs is None or self.level == Level.FULL:
            return ALL
        asked = (one for one in self.needs if one.of == Tensors.SAVED and one.is_at(op, name))
        return frozenset().union(*(one.statistics for one in asked))

    @property
    def looks_closer(self) -> bool:
        """Whether, instead of everything everywhere, what stands around a number that is not finite is measured."""
        if not self.facts or self.needs is None or self.level != Level.DEFAULT:
            return False
        return any(one.of == Tensors.TROUBLE for one in self.needs)

    def wants(self, index: int) -> bool:
        """Whether the pass with this number, counted from 1, is to be recorded in full."""
        return any(first <= index and (last is None or index <= last) for first, last in self._ranges)

    def wants_after(self, index: int) -> bool:
        """Whether any pass after this one is asked for."""
        return any(last is None or last > index for _, last in self._ranges)

    @property
    def _ranges(self) -> tuple[tuple[int, int | None], ...]:
        return ((1, None),) if self.passes is None or isinstance(self.passes, str) else self.passes
