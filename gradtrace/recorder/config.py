"""What the recorder was asked to do."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradtrace.model.format import VALUE_LIMIT
from gradtrace.model.kinds import Level
from gradtrace.model.needs import ALL, USUAL, Statistic, Tensors
from gradtrace.model.run_options import PassRanges, RunOptions, is_within, reaches_beyond


@dataclass(frozen=True, slots=True)
class Config(RunOptions):
    """The options of a run, as the launcher wrote them into `config.json`, and what is run.

    Attributes:
        session: folder into which streams are written.
        target: as the user named it.
        argv: the program's own words.
        expression: its statements, when one is run.
        value_limit: tensors of at most this many elements are recorded with all their values.
        notebooks: files of notebooks that a command names, such as `jupyter execute train.ipynb`.
    """

    session: Path
    target: str = ""
    argv: tuple[str, ...] = ()
    expression: str | None = None
    value_limit: int = VALUE_LIMIT
    notebooks: tuple[str, ...] = ()

    @classmethod
    def of(cls, session: Path) -> Config:
        """Read `session/config.json`; keys that this version does not know are ignored."""
        given: dict[str, Any] = json.loads((session / "config.json").read_text(encoding="utf-8"))
        own = {key: given[key] for key in ("target", "expression", "value_limit") if key in given}
        words = {key: tuple(given.get(key) or ()) for key in ("argv", "notebooks")}
        return cls.read(given, session=session, **words, **own)

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
        return is_within(index, self._ranges)

    def wants_after(self, index: int) -> bool:
        """Whether any pass after this one is asked for."""
        return reaches_beyond(index, self._ranges)

    @property
    def _ranges(self) -> PassRanges:
        return ((1, None),) if self.passes is None or isinstance(self.passes, str) else self.passes
