"""From columns of numbers to the norms of steps."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from gradtrace.model import NormPart, NormSeries, StepNorms
from gradtrace.model.format import UNKNOWN_RATE, StepFlag
from gradtrace.recording.columns import Columns
from gradtrace.recording.damage import Damage
from gradtrace.recording.definitions import Definitions
from gradtrace.recording.records import NormSeriesRecord, NormsRecord

_ONE_EACH = ("pass", "flags", "total", "before", "loss", "change", "weights")


@dataclass(slots=True)
class _Draft:
    series: NormSeries
    n_rates: int
    steps: list[StepNorms] = field(default_factory=list)


class NormBuilder:
    """Takes what the lines of a process say of the norms of steps; raises `Damage`."""

    def __init__(self, process: int, known: Definitions) -> None:
        self._process = process
        self._known = known
        self._drafts: dict[int, _Draft] = {}

    def begin(self, record: NormSeriesRecord, optimizer: int) -> None:
        """A series begins, of the optimizer with this id in the trace."""
        leaves, places = self._known.leaves, self._known.places
        if any(row.mesh is not None and not 0 <= row.mesh < len(record.meshes) for row in record.parts):
            raise Damage(f"series {record.id} of norms names ranks that it does not have")
        parts = tuple(
            NormPart(
                row.name,
                tuple(map(leaves.__getitem__, row.leaves)),
                () if row.mesh is None else record.meshes[row.mesh],
                max(1, row.copies),
            )
            for row in record.parts
        )
        if record.n_rates < 0 or (record.by_parameter and any(len(part.leaves) != 1 for part in parts)):
            raise Damage(f"series {record.id} of norms contradicts itself")
        series = NormSeries(
            optimizer=optimizer,
            parts=parts,
            by_parameter=record.by_parameter,
            location=places[record.location],
            backward=places[record.backward],
            process=self._process,
        )
        self._drafts[record.id] = _Draft(series, record.n_rates)

    def take(self, record: NormsRecord, columns: Columns) -> None:
        """More steps of a series."""
        draft = self._drafts.get(record.series)
        if draft is None:
            raise Damage(f"there is no series {record.series} of norms")
        n_steps = len(columns.get("step", ()))
        widths = {**dict.fromkeys(_ONE_EACH, 1), "rate": draft.n_rates, "part": len(draft.series.parts)}
        for name, width in widths.items():
            if len(columns.get(name, ())) != n_steps * width:
                raise Damage(f"column {name} of norms does not have {width} numbers for each of {n_steps} steps")
        draft.steps += _steps(columns, draft.n_rates, len(draft.series.parts))

    def series(self, numbered: Callable[[int], int], names: Callable[[int], str]) -> tuple[NormSeries, ...]:
        """All series; `numbered` gives a pass its number over the run, `names` the last name of a leaf."""
        return tuple(
            replace(
                draft.series,
                parts=tuple(
                    replace(part, name=names(part.leaves[0])) if draft.series.by_parameter else part
                    for part in draft.series.parts
                ),
                steps=tuple(replace(step, pass_index=numbered(step.pass_index)) for step in draft.steps),
            )
            for draft in self._drafts.values()
        )


def _steps(columns: Columns, n_rates: int, n_parts: int) -> Iterator[StepNorms]:
    rates, parts = columns.get("rate", ()), columns.get("part", ())
    for at, number in enumerate(columns.get("step", ())):
        flags = columns["flags"][at]
        yield StepNorms(
            number=number,
            pass_index=columns["pass"][at],
            total=_norm(columns["total"][at]),
            before=_norm(columns["before"][at]),
            loss=columns["loss"][at] if flags & StepFlag.LOSS else None,
            rates=tuple(None if one == UNKNOWN_RATE else one for one in rates[at * n_rates : (at + 1) * n_rates]),
            change=_norm(columns["change"][at]),
            weights=_norm(columns["weights"][at]),
            parts=tuple(map(_norm, parts[at * n_parts : (at + 1) * n_parts])),
            is_skipped=bool(flags & StepFlag.SKIPPED),
            is_scaled=bool(flags & StepFlag.SCALED),
        )


def _norm(number: float) -> float | None:
    return None if number < 0 else number
