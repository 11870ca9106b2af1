"""The norms of steps as text: what stands out, steps worth a look, and a line for each module."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from gradtrace.analysis.step_norms import History, Step, spikes
from gradtrace.model import Trace
from gradtrace.renderers.norms import chart, document
from gradtrace.renderers.norms.words import sentences, title
from gradtrace.text.blocks import Block, Cell, Heading, Paragraph, Table
from gradtrace.text.terminal import Terminal
from gradtrace.text.wording import number

_WIDTH = 100
_NARROWEST = 40
_SHOWN = 3
_MOST_PARTS = 40
_BARS, _ASCII_BARS = "▁▂▃▄▅▆▇█", "_.:-=+*#"
_LINE, _SHORT_LINE = 32, 16
"""Characters of a sparkline, and of one on a narrow terminal."""
_COMFORTABLE = 80


@dataclass(frozen=True, slots=True)
class Options:
    """How the report is written; `verbose` leaves no module out."""

    color: bool = False
    width: int | None = None
    ascii_only: bool = False
    verbose: bool = False


def written(trace: Trace, histories: Sequence[History], format_name: str, options: Options) -> str:
    """What the steps found, in a format.

    Args:
        trace: what was recorded.
        histories: the norms of its optimizers.
        format_name: `text`, `svg`, `csv` or `json`.
        options: how a text is written.
    """
    if format_name == "json":
        return document.render_json(trace, histories)
    if format_name == "svg":
        return chart.render(trace, histories)
    if format_name == "csv":
        return document.render_csv(histories)
    return render(trace, histories, options)


def render(trace: Trace, histories: Sequence[History], options: Options) -> str:
    """The report as text that ends in a line break."""
    width = max(options.width or _WIDTH, _NARROWEST)
    blocks = [block for history in histories for block in _blocks(trace, history, width, options)]
    blocks += [Paragraph(note, "note") for note in trace.run.notes]
    return Terminal(width, options.color, options.ascii_only).write(tuple(blocks))


def _blocks(trace: Trace, history: History, width: int, options: Options) -> Iterator[Block]:
    yield Heading(title(history, trace.run.target))
    for label, text in sentences(history):
        yield Paragraph(text, label, "alarm" if label == "error" else "")
    yield _steps(history)
    yield _parts(history, width, options)


def _steps(history: History) -> Table:
    """The first steps, the last ones, and those with the largest norms, in order."""
    steps = history.steps
    ranked = sorted((at for at, step in enumerate(steps) if step.norm is not None), key=lambda at: -_size(steps[at]))
    wanted = {*range(len(steps))[:_SHOWN], *range(len(steps))[-_SHOWN:], *ranked[:_SHOWN]}
    standing_out = {spike.step.found.number for spike in spikes(history)}
    rows = []
    for at in sorted(wanted):
        found, step = steps[at].found, steps[at]
        is_alarming = found.number in standing_out or (step.norm is not None and not math.isfinite(step.norm))
        rows.append(
            (
                Cell(f"{found.number:,}", "name"),
                Cell(_said(step.norm), "alarm" if is_alarming else "gradient"),
                Cell(number(found.total) if step.is_clipped and found.total is not None else ""),
                Cell("" if found.loss is None else number(found.loss)),
                Cell(_rates(found.rates)),
                Cell("" if (ratio := step.ratio) is None else number(ratio, 3)),
                Cell("skipped" if found.is_skipped else "", "muted"),
            )
        )
    return _without_empty_columns(("step", "total norm", "clipped to", "loss", "lr", "update / weights", ""), rows)


def _without_empty_columns(header: tuple[str, ...], rows: Sequence[tuple[Cell, ...]]) -> Table:
    """The table of those columns in which anything stands; on a narrow line ratio, rate and loss go first."""
    kept = [at for at in range(len(header)) if any(row[at].text for row in rows)]
    optional = tuple(kept.index(at) for at in (5, 4, 3) if at in kept)
    return Table(tuple(header[at] for at in kept), tuple(tuple(row[at] for at in kept) for row in rows), optional)


def _size(step: Step) -> float:
    norm = step.norm
    return -1.0 if norm is None else math.inf if not math.isfinite(norm) else float(norm)


def _said(norm: float | None) -> str:
    return "not known" if norm is None else number(norm)


def _rates(rates: Sequence[float | None]) -> str:
    known = list(dict.fromkeys(rate for rate in rates if rate is not None))
    if not known:
        return ""
    if len(known) == 1:
        return number(known[0])
    return f"{number(min(known))} to {number(max(known))}"


def _parts(history: History, width: int, options: Options) -> Table:
    length = _LINE if width >= _COMFORTABLE else _SHORT_LINE
    lines = [("total", [step.norm for step in history.steps])]
    lines += [(name, [step.parts[at] for step in history.steps]) for at, name in enumerate(history.parts)]
    shown = lines if options.verbose else lines[: _MOST_PARTS + 1]
    rows = [_row(name, norms, length, options) for name, norms in shown]
    if len(shown) < len(lines):
        rows.append((Cell(f"… and {len(lines) - len(shown):,} more; --verbose shows them all", "muted"),))
    return Table(("gradients of", "first", "median", "largest", "last", "log scale"), tuple(rows), optional=(1, 2, 4))


def _row(name: str, norms: Sequence[float | None], length: int, options: Options) -> tuple[Cell, ...]:
    finite = [norm for norm in norms if norm is not None and math.isfinite(norm)]
    there = [norm for norm in norms if norm is not None]
    if not there:
        return (Cell(name, "name"), *(Cell("none", "muted"),) * 4, Cell(""))
    return (
        Cell(name, "name"),
        Cell(number(there[0], 3), "gradient"),
        Cell(number(median(finite), 3) if finite else "", "gradient"),
        Cell(number(max(finite), 3) if finite else "", "gradient"),
        Cell(number(there[-1], 3), "alarm" if not math.isfinite(there[-1]) else "gradient"),
        Cell(sparkline(norms, length, _ASCII_BARS if options.ascii_only else _BARS)),
    )


def sparkline(norms: Sequence[float | None], length: int, bars: str) -> str:
    """The course of a norm in characters, on a logarithmic scale from its least to its greatest.

    Where there are more steps than characters, each stands for the greatest of its steps: a spike is never lost.

    Args:
        norms: that of each step; None is a gap.
        length: characters at most.
        bars: the characters from low to high; `!` stands for what is not finite.
    """
    n_cells = min(length, len(norms))
    cells = [_largest(norms[at * len(norms) // n_cells : (at + 1) * len(norms) // n_cells]) for at in range(n_cells)]
    logs = [math.log(norm) for norm in cells if norm is not None and math.isfinite(norm) and norm > 0]
    low, high = (min(logs), max(logs)) if logs else (0.0, 0.0)
    return "".join(_bar(norm, low, high, bars) for norm in cells)


def _largest(norms: Sequence[float | None]) -> float | None:
    there = [float(norm) for norm in norms if norm is not None]
    broken = [norm for norm in there if not math.isfinite(norm)]
    return broken[0] if broken else max(there, default=None)


def _bar(norm: float | None, low: float, high: float, bars: str) -> str:
    if norm is None:
        return " "
    if not math.isfinite(norm):
        return "!"
    if norm <= 0:
        return bars[0]
    if high - low < 1e-9:  # noqa: PLR2004 - they are all the same
        return bars[len(bars) // 2]
    return bars[round((math.log(norm) - low) / (high - low) * (len(bars) - 1))]
