"""What a `GradScaler` did: the scale that a step used, steps that it left out, and what `update` made of the scale."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from gradtrace.recorder.journal import Journal
from gradtrace.recorder.looking import attributes
from gradtrace.recorder.readings import Reading, Readings, may_read
from gradtrace.recorder.sites import Place


class _Scaling:
    """A `GradScaler.step` that runs."""

    __slots__ = ("has_stepped", "optimizer", "scaler")

    def __init__(self, scaler: Any, optimizer: Any) -> None:
        self.scaler = scaler
        self.optimizer = optimizer
        self.has_stepped = False


class Scalers:
    """The scalers that are at work.

    Args:
        put: takes the record of an update.
    """

    def __init__(self, journal: Journal, put: Callable[[dict[str, Any]], None]) -> None:
        self._journal = journal
        self._put = put
        self._scaling: dict[int, list[_Scaling]] = {}
        """By thread, innermost last."""
        self.awaits_update = False
        """Whether the next `GradScaler.update` follows a step that was looked at."""
        self._last_scale: Reading | None = None

    def begins(self, scaler: Any, optimizer: Any) -> None:
        """`GradScaler.step` begins."""
        self._scaling.setdefault(threading.get_ident(), []).append(_Scaling(scaler, optimizer))

    def has_stepped(self, optimizer: Any) -> None:
        """An optimizer steps on this thread."""
        for one in self._scaling.get(threading.get_ident(), ()):
            if one.optimizer is optimizer:
                one.has_stepped = True

    def scale_for(self, optimizer: Any, readings: Readings) -> Reading | None:
        """The scale of the scaler that makes an optimizer step on this thread, if one does."""
        for one in reversed(self._scaling.get(threading.get_ident(), [])):
            if one.optimizer is optimizer:
                return scale_of(one.scaler, readings)
        return None

    def ends(self, scaler: Any) -> Any:
        """`GradScaler.step` has ended.

        Returns:
            the optimizer, if it was left alone; None if it has stepped, and for a step that nobody looked at.
        """
        thread = threading.get_ident()
        inside = self._scaling.get(thread, [])
        if not inside or inside[-1].scaler is not scaler:
            return None
        mine = inside.pop()
        if not inside:
            del self._scaling[thread]
        return None if mine.has_stepped else mine.optimizer

    def used(self, scale: Reading) -> None:
        """A step that was looked at has used this scale."""
        self.awaits_update, self._last_scale = True, scale

    def updated(self, scaler: Any, place: Place | None) -> None:
        """`GradScaler.update` has run."""
        if not self.awaits_update:
            return
        self.awaits_update = False
        before, self._last_scale = self._last_scale, None
        readings = Readings()
        after = scale_of(scaler, readings)
        if after is None or before is None:
            return
        readings.settle()
        self._put(
            {
                "t": "scale",
                "pass_index": self._journal.last_pass_index,
                "before": before.plain(),
                "after": after.plain(),
                "location": self._journal.place(place),
            }
        )

    def after_fork(self) -> None:
        """The child has begun no step."""
        self._scaling.clear()
        self.awaits_update, self._last_scale = False, None


def scale_of(scaler: Any, readings: Readings) -> Reading | None:
    """The scale of a scaler as it is now."""
    scale = attributes(scaler).get("_scale")
    return readings.number(scale) if may_read(scale) and scale.numel() == 1 else None
