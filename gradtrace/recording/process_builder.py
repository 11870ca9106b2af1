"""From the lines of one process to its part of the trace."""

from dataclasses import dataclass, replace
from functools import singledispatchmethod
from typing import Any

from gradtrace.model import (
    STORED,
    BackwardPass,
    Blind,
    BlindSpot,
    Cut,
    Event,
    EventKind,
    GivenTensor,
    GradSwitch,
    GradWrite,
    Graph,
    KeptResult,
    Leaf,
    LeafKind,
    NormSeries,
    Number,
    Observation,
    ObservationKind,
    OptimizerInfo,
    ProgramError,
    Recorded,
    RejectedCall,
    ScaleUpdate,
    Setting,
    StepFact,
)
from gradtrace.recording.columns import Columns
from gradtrace.recording.damage import Damage
from gradtrace.recording.definitions import Definitions
from gradtrace.recording.fact_builder import FactBuilder
from gradtrace.recording.measured import number, value
from gradtrace.recording.norm_builder import NormBuilder
from gradtrace.recording.pass_builder import PassBuilder
from gradtrace.recording.records import (
    AccumulationsRecord,
    BlindRecord,
    ColumnsRecord,
    CutRecord,
    EndRecord,
    ErrorRecord,
    EventRecord,
    GradWriteRow,
    HeaderRecord,
    LeafRecord,
    LocationRecord,
    MeasuredRecord,
    NodeKindRecord,
    NormSeriesRecord,
    NormsRecord,
    NoteRecord,
    ObservationRecord,
    OptimizerRecord,
    PassEndRecord,
    PassRecord,
    ProcessRecord,
    Record,
    RegionRecord,
    ScaleRecord,
    SpecRecord,
    StepFormRecord,
    StepNumbersRecord,
    StepRecord,
    SwitchRow,
    WorldRecord,
)
from gradtrace.recording.run_records import RejectedRow
from gradtrace.recording.step_builder import facts_of, step_fact, step_of


@dataclass(frozen=True, slots=True)
class Offsets:
    """How many leaves, optimizers, passes and events the processes before this one have."""

    leaves: int = 0
    optimizers: int = 0
    passes: int = 0
    events: int = 0
    cuts: int = 0
    steps: int = 0


class ProcessBuilder:
    """Takes the records of a process in order.

    Ids become those of the trace at once, pass indices when `passes` and `events` are read.
    Every method that takes a record raises `Damage` when it contradicts what stands before it.
    """

    def __init__(self, process: int, offsets: Offsets) -> None:
        self.process = process
        self.pid = 0
        self.rank: int | None = None
        self.world_size: int | None = None
        self.is_member = False
        """It is known to have joined a process group, as this rank."""
        self.has_ended = False
        self.error: ProgramError | None = None
        self.notes: list[str] = []
        self.observations: dict[ObservationKind, Observation] = {}
        self.has_incomplete_pass = False
        self._offsets = offsets
        self._leaves: dict[int, Leaf] = {}
        self._optimizer_ids: dict[int, int] = {}
        self._optimizers: dict[int, OptimizerInfo] = {}
        self._open: dict[int, PassBuilder] = {}
        self._passes: dict[int, BackwardPass] = {}
        self._first_index: int | None = None
        self._events: list[Event] = []
        self._writes: list[list[GradWriteRow]] = []
        """Of each event: the pass that tells what was before may not be read yet."""
        self._steps: list[StepFact] = []
        self._scale_updates: list[ScaleUpdate] = []
        self._cuts: dict[int, Cut] = {}
        self._blind_spots: list[BlindSpot] = []
        self._taken_in: dict[int, dict[int, set[int]]] = {}
        self._known = Definitions()
        self._norms = NormBuilder(process, self._known)
        self._facts = FactBuilder(process, self._known, self._cuts, offsets.cuts)

    def identify(self, record: HeaderRecord | ProcessRecord) -> None:
        """Take in which process this is, as the line that begins it says."""
        self.pid, self.rank, self.world_size = record.pid, record.rank, record.world_size

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        """The leaves, ids ascending."""
        return tuple(self._leaves.values())

    @property
    def optimizers(self) -> tuple[OptimizerInfo, ...]:
        """The optimizers, ids ascending."""
        return tuple(self._optimizers.values())

    @property
    def passes(self) -> tuple[BackwardPass, ...]:
        """The passes, numbered over the run; ledger ranges make room for what was recorded in full within them."""
        disjoint: list[BackwardPass] = []
        for one in sorted(self._passes.values(), key=lambda one: one.index):
            if disjoint and disjoint[-1].index + disjoint[-1].count > one.index:
                disjoint.extend(_parts(disjoint.pop(), one))
            else:
                disjoint.append(one)
        numbers = {one.index for one in disjoint}
        return tuple(
            replace(
                one,
                graph=self._with_cuts(one),
                index=self._numbered(one.index),
                parent=self._numbered(one.parent) if one.parent is not None and one.parent in numbers else None,
            )
            for one in disjoint
        )

    def _with_cuts(self, one: BackwardPass) -> Graph | None:
        """The graph of a pass, whose nodes know the cuts whose values they took in."""
        taken = self._taken_in.get(one.index)
        if one.graph is None or not taken:
            return one.graph
        nodes = list(one.graph.nodes)
        for node, cuts in taken.items():
            if node < len(nodes):
                nodes[node] = replace(nodes[node], cuts=tuple(sorted(cuts)))
        return replace(one.graph, nodes=tuple(nodes))

    @property
    def events(self) -> tuple[Event, ...]:
        """The events, with orders and pass indices over the run."""
        steps, first = self.steps, self._offsets.steps
        left = {since: self._left_by(since) for rows in self._writes for row in rows if (since := row.since)}
        facts = (one and steps[one.number - first] for one in facts_of(self._events, self._steps))
        return tuple(
            replace(
                event,
                pass_index=self._numbered(event.pass_index),
                leaves=event.leaves or (self._reached(event.pass_index) if event.kind == EventKind.BACKWARD else ()),
                step=fact,
                writes=tuple(self._written(row, left) for row in rows),
            )
            for event, fact, rows in zip(self._events, facts, self._writes, strict=True)
        )

    def _left_by(self, index: int) -> dict[int, Number | None]:
        """The norms of `.grad` that a pass left, by leaf."""
        one = self._passes.get(index)
        rows = one.accumulations if one else ()
        return {row.leaf: row.after.norm for row in rows if row.after is not None}

    def _written(self, row: GradWriteRow, left: dict[int, dict[int, Number | None]]) -> GradWrite:
        leaf = self._known.leaves[row.leaf]
        before = number(row.before) if row.since is None else left.get(row.since, {}).get(leaf)
        return GradWrite(leaf, before, number(row.after), row.zeroed_rows)

    @property
    def steps(self) -> tuple[StepFact, ...]:
        """What steps did, with pass indices over the run."""
        return tuple(
            replace(one, pass_index=self._numbered(one.pass_index), began_after=self._numbered(one.began_after))
            for one in self._steps
        )

    @property
    def scale_updates(self) -> tuple[ScaleUpdate, ...]:
        """What became of the scale of the loss, with pass indices over the run."""
        return tuple(replace(one, pass_index=self._numbered(one.pass_index)) for one in self._scale_updates)

    @property
    def step_norms(self) -> tuple[NormSeries, ...]:
        """What every step found in `.grad`, with pass indices over the run."""
        return self._norms.series(self._numbered, lambda leaf: self._leaves[leaf].name)

    def _reached(self, index: int) -> tuple[int, ...]:
        """The leaves to whose `.grad` a pass added; when the event was written, before the pass, nobody knew."""
        one = self._passes.get(index)
        rows = one.accumulations if one else ()
        return tuple(sorted(row.leaf for row in rows if row.effect in STORED))

    @property
    def cuts(self) -> tuple[Cut, ...]:
        """Where values left the graph, with pass indices over the run."""
        return tuple(replace(cut, passes=tuple(map(self._numbered, cut.passes))) for cut in self._cuts.values())

    @property
    def facts(self) -> dict[str, tuple[Any, ...]]:
        """What is recorded for a diagnosis, by field of `Trace`, with pass indices over the run."""
        return self._facts.all(self._numbered)

    @property
    def blind_spots(self) -> tuple[BlindSpot, ...]:
        """What was not looked at, with pass indices over the run."""
        return tuple(replace(one, pass_index=self._numbered(one.pass_index)) for one in self._blind_spots)

    @property
    def offsets(self) -> Offsets:
        """Those of the next process."""
        last = max((one.index + one.count - 1 for one in self.passes), default=self._offsets.passes)
        return Offsets(
            self._offsets.leaves + len(self._leaves),
            self._offsets.optimizers + len(self._optimizers),
            last,
            self._offsets.events + len(self._events),
            self._offsets.cuts + len(self._cuts),
            self._offsets.steps + len(self._steps),
        )

    def _numbered(self, index: int) -> int:
        """A pass's number over the run; 0, before the first pass of this process, stays 0."""
        own = index - (self._first_index or 1) + 1
        return own + self._offsets.passes if own > 0 else 0

    def seal(self) -> None:
        """No more lines come for passes that are open: they are kept if their graph is whole."""
        for builder in self._open.values():
            index, is_full = builder.begin.index, builder.begin.recorded == Recorded.FULL
            self.has_incomplete_pass = self.has_incomplete_pass or is_full
            try:
                self._keep(builder.build(None))
            except Damage:
                self._leave_out(index)
        self._open.clear()

    def _leave_out(self, index: int) -> None:
        if any(spot.reason == Blind.RECORDER_FAILED and spot.pass_index == index for spot in self._blind_spots):
            return  # that is why
        text = f"pass {index} was cut short before its graph was recorded, and is left out"
        self._blind_spots.append(BlindSpot(Blind.FILE_CUT, text, pass_index=index, process=self.process))

    @singledispatchmethod
    def take(self, record: Record) -> None:
        """Add what one line says."""
        self._facts.take(record)

    @take.register
    def _(self, record: WorldRecord) -> None:
        if not 0 <= record.rank < record.size:
            raise Damage(f"rank {record.rank} is none of {record.size}")
        self.rank, self.world_size, self.is_member = record.rank, record.size, True

    @take.register
    def _(self, _record: EndRecord) -> None:
        self.has_ended = True

    @take.register
    def _(self, record: LocationRecord | SpecRecord | NodeKindRecord | RegionRecord | StepFormRecord) -> None:
        self._known.define(record)

    @take.register
    def _(self, record: LeafRecord) -> None:
        leaf_id = self._known.leaves.setdefault(record.id, self._offsets.leaves + len(self._leaves))
        module = record.name.rpartition(".")[0] if record.kind != LeafKind.TENSOR else ""
        self._known.leaf_words[leaf_id] = (record.name, module or None)
        self._leaves[leaf_id] = Leaf(
            id=leaf_id,
            name=record.name,
            kind=record.kind,
            shape=record.shape,
            dtype=self._known.dtypes[record.dtype],
            device=self._known.devices[record.device],
            requires_grad=record.requires_grad,
            optimizers=tuple(map(self._optimizer, record.optimizers)),
            value=value(record.value),
            location=self._known.places[record.location],
            process=self.process,
            stored=self._known.places[record.stored],
        )

    @take.register
    def _(self, record: OptimizerRecord) -> None:
        optimizer_id = self._optimizer_ids.setdefault(record.id, self._offsets.optimizers + len(self._optimizer_ids))
        self._optimizers[optimizer_id] = OptimizerInfo(
            id=optimizer_id,
            type=record.type,
            name=record.name,
            location=self._known.places[record.location],
            n_params=record.n_params,
            process=self.process,
            would_step=self._known.places[record.would_step],
        )

    def _optimizer(self, number: int) -> int:
        try:
            return self._optimizer_ids[number]
        except KeyError:
            raise Damage(f"there is no optimizer {number}") from None

    @take.register
    def _(self, record: PassRecord) -> None:
        if record.index < 1 or record.count < 1:
            raise Damage(f"pass {record.index} stands for {record.count} passes; both count from 1")
        self._first_index = min(record.index, self._first_index or record.index)
        self._open[record.index] = PassBuilder(record, self.process, self._known)

    def _open_pass(self, index: int) -> PassBuilder:
        try:
            return self._open[index]
        except KeyError:
            raise Damage(f"pass {index} has not begun") from None

    def _keep(self, one: BackwardPass) -> None:
        """Replace what was known of the pass; of a range that begins with it, the rest stays."""
        known = self._passes.get(one.index)
        if known is not None and known.count > one.count:
            rest = one.index + one.count
            self._passes.setdefault(rest, replace(known, index=rest, count=known.count - one.count))
        self._passes[one.index] = one

    def take_columns(self, record: ColumnsRecord, columns: Columns) -> None:
        """Add a table, or the numbers of one."""
        if isinstance(record, MeasuredRecord):
            self._open_pass(record.index).take_measured(record, columns.get("number", []))
        elif isinstance(record, StepNumbersRecord):
            self.take(step_of(record, self._known.step_forms[record.form], columns.get("number", [])))
        elif isinstance(record, NormsRecord):
            self._norms.take(record, columns)
        else:
            self._known.define_table(record, columns)

    @take.register
    def _(self, record: AccumulationsRecord) -> None:
        self._open_pass(record.index).take_accumulations(record.rows)

    @take.register
    def _(self, record: PassEndRecord) -> None:
        if record.count is not None and record.count < 1:
            raise Damage(f"pass {record.index} ends as {record.count} passes; they count from 1")
        self._keep(self._open_pass(record.index).build(record))
        del self._open[record.index]

    @take.register
    def _(self, record: EventRecord) -> None:
        for row in record.writes:
            self._written(row, {})  # raises here what the line does wrong
        self._writes.append(record.writes)
        self._events.append(
            Event(
                order=self._offsets.events + len(self._events),
                kind=record.kind,
                pass_index=record.pass_index,
                leaves=tuple(map(self._known.leaves.__getitem__, record.leaves)),
                location=self._known.places[record.location],
                set_to_none=record.set_to_none,
                optimizer=None if record.optimizer is None else self._optimizer(record.optimizer),
                call=record.call,
                count=record.count,
                requires_grad=record.requires_grad,
                is_leaf=record.is_leaf,
                name=record.name,
                is_assignment=record.is_assignment,
                process=self.process,
            )
        )

    @take.register
    def _(self, record: StepRecord) -> None:
        position = self._offsets.steps + len(self._steps)
        optimizer = self._optimizer(record.optimizer)
        self._steps.append(step_fact(record, position, optimizer, self._known, self.process))

    @take.register
    def _(self, record: NormSeriesRecord) -> None:
        self._norms.begin(record, self._optimizer(record.optimizer))

    @take.register
    def _(self, record: ScaleRecord) -> None:
        place = self._known.places[record.location]
        before, after = number(record.before), number(record.after)
        self._scale_updates.append(ScaleUpdate(record.pass_index, before, after, place, self.process))

    @take.register
    def _(self, record: CutRecord) -> None:
        known = self._cuts.get(record.id)
        if known is None and record.id != len(self._cuts):
            raise Damage(f"cut {record.id} follows {len(self._cuts)} others")
        for index, node in record.nodes:
            self._taken_in.setdefault(index, {}).setdefault(node, set()).add(self._offsets.cuts + record.id)
        self._cuts[record.id] = Cut(
            id=self._offsets.cuts + record.id,
            kind=record.kind,
            call=record.call,
            location=self._known.places[record.location],
            source=record.source,
            name=record.name,
            leaves=tuple(map(self._known.leaves.__getitem__, record.leaves)),
            count=record.count,
            reentry=self._known.places[record.reentry],
            passes=tuple(record.passes),
            module=record.module,
            process=self.process,
            switch=self._switch(record.switch),
            is_of_leaves=record.is_of_leaves,
        )

    def _switch(self, row: SwitchRow | None) -> GradSwitch | None:
        return None if row is None else GradSwitch(row.kind, row.call, self._known.places[row.location])

    @take.register
    def _(self, record: ObservationRecord) -> None:
        self.observations[record.kind] = Observation(
            kind=record.kind,
            count=record.count,
            location=self._known.places[record.location],
            text=record.text,
            switch=self._switch(record.switch),
        )

    @take.register
    def _(self, record: ErrorRecord) -> None:
        self.error = ProgramError(
            type=record.type,
            message=record.message,
            frames=tuple(map(self._known.places.__getitem__, record.frames)),
            kept=tuple(
                KeptResult(row.name, self._known.places[row.location], self._known.places[row.made])
                for row in record.kept
            ),
            call=None if record.call is None else self._rejected(record.call),
        )

    def _rejected(self, row: RejectedRow) -> RejectedCall:
        known = self._known.leaves
        return RejectedCall(
            name=row.name,
            module=row.module,
            module_class=row.module_class,
            is_of_module=row.is_of_module,
            settings=tuple(Setting(one.name, tuple(one.numbers)) for one in row.settings),
            tensors=tuple(
                GivenTensor(
                    name=one.name,
                    shape=tuple(one.shape),
                    dtype=one.dtype,
                    device=one.device,
                    leaf=None if one.leaf is None else known.get(one.leaf),
                    made_by=None if one.made_by is None else known.get(one.made_by),
                    least=one.least,
                    greatest=one.greatest,
                    variable=one.variable,
                )
                for one in row.tensors
            ),
        )

    @take.register
    def _(self, record: BlindRecord) -> None:
        location = self._known.places[record.location]
        spot = BlindSpot(record.reason, record.text, record.count, record.pass_index, location, self.process)
        self._blind_spots.append(spot)

    @take.register
    def _(self, record: NoteRecord) -> None:
        self.notes.append(record.text)


def _parts(whole: BackwardPass, within: BackwardPass) -> list[BackwardPass]:
    """A counted range without the pass that was recorded by itself within it."""
    before = within.index - whole.index
    behind = whole.count - before - within.count
    parts = [replace(whole, count=before, last_value=None)] if before else []
    parts.append(within)
    if behind > 0:
        parts.append(replace(whole, index=within.index + within.count, count=behind))
    return parts
