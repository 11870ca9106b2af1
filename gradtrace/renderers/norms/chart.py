"""The norms of steps as an SVG chart: total norm, norms of the modules, loss, one above the other, over the steps."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeGuard

from gradtrace.analysis.step_norms import History, non_finite, spikes
from gradtrace.model import Trace
from gradtrace.renderers.norms.words import sentences, title
from gradtrace.text.escape import markup
from gradtrace.text.palette import FONT_STACK, LIGHT
from gradtrace.text.wording import number

_WIDTH, _LEFT, _RIGHT, _TOP, _BOTTOM = 860.0, 70.0, 190.0, 26.0, 30.0
_HEIGHT = 170.0
"""Of a panel's field."""
_LINE = 18.0
_MOST_PARTS = 8
"""So many modules have a line of their own: those with the largest norms."""
_MOST_POINTS = 800
_MOST_SENTENCES = 6
_LONGEST = 130
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#A87400", "#56B4E9", "#5B6673", "#1B2430")
_DASHES = ("", "6 3", "2 2", "8 3 2 3", "1 3", "10 4", "4 2 1 2", "12 2")
_TICKS, _FEWEST_TICKS = 5, 2


@dataclass(frozen=True, slots=True)
class _Curve:
    """A name, and a value at each step; None is a gap."""

    name: str
    values: tuple[float | None, ...]


def render(trace: Trace, histories: Sequence[History]) -> str:
    """One SVG document, with the panels of each optimizer below each other."""
    parts: list[str] = []
    y = 14.0
    for history in histories:
        drawn, height = _optimizer(trace, history, y)
        parts += drawn
        y += height + 16
    size = f'width="{_WIDTH:.0f}" height="{y:.0f}" viewBox="0 0 {_WIDTH:.0f} {y:.0f}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="{FONT_STACK}" fill="{LIGHT.ink}">'
    name = f"<title>{markup(f'norms of {trace.run.target}')}</title>"
    return "\n".join([head, name, f'<rect {size} fill="{LIGHT.paper}"/>', *parts, "</svg>"]) + "\n"


def _optimizer(trace: Trace, history: History, top: float) -> tuple[list[str], float]:
    parts = [_text(16, top + 14, title(history, trace.run.target), 'font-size="14" font-weight="bold"')]
    y = top + 14 + _LINE
    for label, text in list(sentences(history))[:_MOST_SENTENCES]:
        color = f' fill="{LIGHT.non_finite}"' if label == "error" else f' fill="{LIGHT.muted}"'
        said = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
        parts.append(_text(16, y, said, f'font-size="11"{color}'))
        y += _LINE - 3
    for name, curves, is_log in _panels(history):
        parts += _panel(history, name, curves, y, is_log=is_log)
        y += _TOP + _HEIGHT + _BOTTOM
    return parts, y - top


def _panels(history: History) -> Iterator[tuple[str, list[_Curve], bool]]:
    steps = history.steps
    total = [_Curve("total", tuple(step.norm for step in steps))]
    if any(step.is_clipped for step in steps):
        total.append(_Curve("after clipping", tuple(step.found.total for step in steps)))
    yield "total norm of the gradients", total, True
    curves = [_Curve(name, tuple(step.parts[at] for step in steps)) for at, name in enumerate(history.parts)]
    curves.sort(key=lambda curve: -max((one for one in curve.values if _is_positive(one)), default=0.0))
    if curves:
        more = f" (the {_MOST_PARTS} largest of {len(curves)})" if len(curves) > _MOST_PARTS else ""
        yield f"norms of the parts{more}", curves[:_MOST_PARTS], True
    losses = [_Curve("loss", tuple(step.found.loss for step in steps))]
    if any(one is not None for one in losses[0].values):
        yield "loss", losses, all(one is None or _is_positive(one) for one in losses[0].values)


def _is_positive(x: float | None) -> TypeGuard[float]:
    return x is not None and math.isfinite(x) and x > 0


def _panel(history: History, name: str, curves: Sequence[_Curve], top: float, *, is_log: bool) -> Iterator[str]:
    x0, x1, y0, y1 = _LEFT, _WIDTH - _RIGHT, top + _TOP + _HEIGHT, top + _TOP
    numbers = [step.found.number for step in history.steps]
    first, last = numbers[0], max(numbers[-1], numbers[0] + 1)
    low, high = _range(curves, is_log=is_log)

    def across(step: int) -> float:
        return x0 + (step - first) / (last - first) * (x1 - x0)

    def up(value: float) -> float:
        return y0 - (_scaled(value, is_log=is_log) - low) / (high - low) * (y0 - y1)

    yield _text(x0, y1 - 9, f"{name}{', log scale' if is_log else ''}", 'font-size="12" font-weight="bold"')
    for value in _ticks(low, high, is_log=is_log):
        y = up(value)
        yield f'<path d="M{x0:.1f} {y:.1f}H{x1:.1f}" stroke="{LIGHT.no_gradient}" stroke-width="0.5"/>'
        yield _text(x0 - 6, y + 4, number(value, 3), 'font-size="10" text-anchor="end"')
    for step in dict.fromkeys((first, (first + last) // 2, numbers[-1])):
        yield _text(across(step), y0 + 14, f"{step:,}", 'font-size="10" text-anchor="middle"')
    yield _text(x1 + 12, y0 + 14, "step", 'font-size="10"')
    for at, curve in enumerate(curves):
        style = f'stroke="{_COLORS[at]}" stroke-dasharray="{_DASHES[at]}" fill="none" stroke-width="1.6"'
        points = [
            (across(step), up(float(value))) if _can_be_drawn(value, is_log=is_log) else None
            for step, value in zip(numbers, curve.values, strict=True)
        ]
        yield f'<path d="{_path(_thinned(points))}" {style} stroke-linejoin="round"/>'
        y = y1 + 8 + at * _LINE
        yield f'<path d="M{x1 + 12:.1f} {y - 4:.1f}h24" {style}/>'
        yield _text(x1 + 42, y, curve.name if len(curve.name) <= 24 else curve.name[:23] + "…", 'font-size="11"')  # noqa: PLR2004
    yield from (_mark(across(n), y0, y1) for n in _standing_out(history) if first <= n <= last)


_Point = tuple[float, float] | None
"""Where a value is drawn; None is a gap."""


def _can_be_drawn(value: float | None, *, is_log: bool) -> TypeGuard[float]:
    return _is_positive(value) if is_log else value is not None and math.isfinite(value)


def _scaled(value: float, *, is_log: bool) -> float:
    return math.log10(value) if is_log else value


def _range(curves: Sequence[_Curve], *, is_log: bool) -> tuple[float, float]:
    """From where to where a panel goes, on its own scale."""
    drawn = [
        _scaled(value, is_log=is_log)
        for curve in curves
        for value in curve.values
        if _can_be_drawn(value, is_log=is_log)
    ]
    low, high = (min(drawn), max(drawn)) if drawn else (0.0, 1.0)
    room = max((high - low) * 0.06, 0.02 if is_log else max(abs(high), 1e-12) * 0.02)
    return low - room, high + room


def _ticks(low: float, high: float, *, is_log: bool) -> list[float]:
    """Round values within a range: powers of ten, with twos and fives between them where these are few."""
    if is_log:
        powers = range(math.floor(low), math.ceil(high) + 1)
        for digits in ((1,), (1, 3), (1, 2, 5)):
            found = [digit * 10.0**power for power in powers for digit in digits]
            found = [value for value in found if low <= math.log10(value) <= high]
            if len(found) >= _FEWEST_TICKS:
                return found[:: max(1, len(found) // _TICKS)]
        low, high = 10**low, 10**high
    unit = 10.0 ** math.floor(math.log10((high - low) / 2))
    step = next(unit * factor for factor in (1, 2, 5, 10) if (high - low) / (unit * factor) <= _TICKS)
    first = math.ceil(low / step)
    return [round(number_ * step, 12) for number_ in range(first, math.floor(high / step) + 1)]


def _thinned(points: Sequence[_Point]) -> Sequence[_Point]:
    """Of very many points the highest and the lowest of each stretch: what stands out stays."""
    if len(points) <= _MOST_POINTS:
        return points
    n_stretches = _MOST_POINTS // 2
    kept: list[_Point] = []
    for at in range(n_stretches):
        stretch = points[at * len(points) // n_stretches : (at + 1) * len(points) // n_stretches]
        there = [point for point in stretch if point is not None]
        if there:
            ends = {min(there, key=lambda point: point[1]), max(there, key=lambda point: point[1])}
            kept += sorted(ends)
        else:
            kept.append(None)
    return kept


def _path(points: Sequence[_Point]) -> str:
    """A line through neighbouring points; one that stands alone is a dot."""
    parts, is_down = [], False
    for at, point in enumerate(points):
        if point is not None:
            parts.append(f"{'L' if is_down else 'M'}{point[0]:.1f} {point[1]:.1f}")
            is_alone = not is_down and (at + 1 == len(points) or points[at + 1] is None)
            parts += ["h0.1"] * is_alone
        is_down = point is not None
    return "".join(parts)


def _standing_out(history: History) -> list[int]:
    """The numbers of the steps that the sentences are about."""
    found = {spike.step.found.number for spike in spikes(history)}
    broken = non_finite(history)
    return sorted(found | {step.found.number for step in broken[:1]})


def _mark(x: float, y0: float, y1: float) -> str:
    return (
        f'<path d="M{x:.1f} {y0:.1f}V{y1:.1f}" stroke="{LIGHT.non_finite}" stroke-width="0.8" stroke-dasharray="2 3"/>'
    )


def _text(x: float, y: float, text: str, style: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{markup(text)}</text>'
