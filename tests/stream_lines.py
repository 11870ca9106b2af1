"""Writes a trace as the lines of a recording, as the recorder would: the other half of every round trip."""

from __future__ import annotations

import json
import math
import zlib
from array import array
from dataclasses import astuple
from typing import Any

from gradtrace.model import BackwardPass, Cut, Graph, Location, NestedValue, Node, Run, TensorStats, Trace
from gradtrace.model.format import Form


def plain(x: NestedValue) -> Any:
    """A number or nested list with the numbers that JSON cannot hold as text."""
    if isinstance(x, (list, tuple)):
        return [plain(item) for item in x]
    if isinstance(x, float) and not math.isfinite(x):
        return "nan" if math.isnan(x) else "inf" if x > 0 else "-inf"
    return x


def line(kind: str, /, data: bytes = b"", **fields: Any) -> bytes:
    """A line without its frame, and behind its line break the data that belongs to it."""
    return json.dumps({"t": kind, **fields}, allow_nan=False).encode() + b"\n" + data


def framed(lines: list[bytes]) -> list[bytes]:
    """The lines as a file has them: numbered, with checksums, and their data behind them."""
    checksum, done = 0, []
    for number, one in enumerate(lines, 1):
        text, _, data = one.partition(b"\n")
        record = text[:-1]
        checksum = zlib.crc32(data, zlib.crc32(record, checksum))
        size = f',"bytes":{len(data)}' if data else ""
        done.append(record + f'{size},"n":{number},"crc":{checksum}}}\n'.encode() + (data + b"\n" if data else b""))
    return done


def content(lines: list[bytes]) -> bytes:
    """The bytes of a file of these lines, which have their frames already or get them."""
    return b"".join(lines if not lines or b'"crc":' in lines[0] else framed(lines))


def with_change(lines: list[bytes], old: bytes, new: bytes) -> list[bytes]:
    """The lines with a text replaced where it stands first; behind line breaks stands data, which stays."""
    for i, one in enumerate(lines):
        text, rest = one.split(b"\n", 1)
        if old in text:
            return [*lines[:i], text.replace(old, new, 1) + b"\n" + rest, *lines[i + 1 :]]
    raise ValueError(f"{old!r} stands nowhere")


def with_data(lines: list[bytes], kind: str, column: str, at: int, number: int) -> list[bytes]:
    """The lines with another number in a column of the first line of this kind."""
    for i, one in enumerate(lines):
        text, data = one.split(b"\n", 1)
        fields = json.loads(text)
        if fields["t"] == kind and any(name == column for name, _, _ in fields["columns"]):
            arrays, start = {}, 0
            for name, code, length in fields["columns"]:
                arrays[name] = array(code)
                end = start + length * arrays[name].itemsize
                arrays[name].frombytes(data[start:end])
                start = end
            arrays[column][at] = number
            changed = b"".join(one.tobytes() for one in arrays.values())
            return [*lines[:i], text + b"\n" + changed, *lines[i + 1 :]]
    raise ValueError(f"no {kind} has {column}")


def packed(**columns: Any) -> tuple[list[Any], bytes]:
    """Columns and the bytes of them; a name ends in the type of its column."""
    made = [(name[:-2], array(name[-1], numbers)) for name, numbers in columns.items()]
    return [[name, one.typecode, len(one)] for name, one in made], b"".join(one.tobytes() for _, one in made)


def header(run: Run, pid: int = 100, parent_pid: int = 1, rank: int | None = None, **changes: Any) -> bytes:
    fields = {
        "format": "gradtrace-recording",
        "version": [2, 0],
        "pid": pid,
        "parent_pid": parent_pid,
        "target": run.target,
        "argv": run.argv,
        "python": run.python,
        "torch": run.torch,
        "gradtrace": run.gradtrace,
        "device": run.device,
        "seed": run.seed,
        "rank": rank,
        "expression": run.expression,
    }
    return line("header", **{**fields, **changes})


def recording(trace: Trace) -> list[bytes]:
    """The lines of a merged file."""
    lines = [header(trace.run)]
    for process in range(trace.run.n_processes):
        lines += [line("process", process=process, pid=100 + process), *body(trace, process)]
    if trace.run.status is not None:
        lines.append(line("status", status=trace.run.status))
    return lines


def stream(trace: Trace, process: int = 0, **header_fields: Any) -> list[bytes]:
    """The lines of one process's stream."""
    return [header(trace.run, **header_fields), *body(trace, process)]


def body(trace: Trace, process: int = 0) -> list[bytes]:
    """What one process saw, with ids and pass indices of its own."""
    return _Writer(trace, process).write()


class _Writer:
    def __init__(self, trace: Trace, process: int) -> None:
        self.trace = trace
        self.process = process
        self.lines: list[bytes] = []
        self.locations: dict[Location, int] = {}
        self.specs: dict[Any, int] = {}
        self.n_kinds = self.n_tables = 0
        self.leaves = self._local(trace.leaves)
        self.optimizers = self._local(trace.optimizers)
        self.cuts = self._local(trace.cuts)
        passes = [one.index for one in trace.passes if one.process == process]
        self.first = min(passes, default=1)

    def _local(self, things: Any) -> dict[int, int]:
        return {thing.id: i for i, thing in enumerate(thing for thing in things if thing.process == self.process)}

    def add(self, kind: str, /, data: bytes = b"", **fields: Any) -> None:
        self.lines.append(line(kind, data, **fields))

    def location(self, location: Location | None) -> int | None:
        if location is None:
            return None
        if location not in self.locations:
            via = self.location(location.via)
            number = self.locations[location] = len(self.locations)
            names = ("file", "line", "column", "end_line", "end_column", "function", "text")
            self.add("location", id=number, **{name: getattr(location, name) for name in names}, via=via)
        return self.locations[location]

    def stats(self, stats: TensorStats | None) -> Any:
        return None if stats is None else [plain(item) for item in astuple(stats)]

    def index(self, index: int | None) -> int | None:
        return index - self.first + 1 if index else index

    def write(self) -> list[bytes]:
        mine = self.process
        self.write_definitions()
        for one in self.trace.passes:
            if one.process == mine:
                self.write_pass(one)
        self.write_events()
        for cut in self.trace.cuts:
            if cut.process == mine:
                self.write_cut(cut)
        if mine == 0:
            self.write_run(self.trace.run)
        return self.lines

    def write_definitions(self) -> None:
        mine = self.process
        for one in self.trace.optimizers:
            if one.process == mine:
                location = self.location(one.location)
                number = self.optimizers[one.id]
                self.add("optimizer", id=number, type=one.type, n_params=one.n_params, name=one.name, location=location)
        for leaf in self.trace.leaves:
            if leaf.process == mine:
                location = self.location(leaf.location)
                self.add(
                    "leaf",
                    id=self.leaves[leaf.id],
                    name=leaf.name,
                    kind=leaf.kind,
                    shape=leaf.shape,
                    dtype=leaf.dtype,
                    device=leaf.device,
                    requires_grad=leaf.requires_grad,
                    optimizers=[self.optimizers[number] for number in leaf.optimizers],
                    value=plain(leaf.value),
                    location=location,
                )

    def write_events(self) -> None:
        mine = self.process
        for event in self.trace.events:
            if event.process == mine:
                location = self.location(event.location)
                self.add(
                    "event",
                    kind=event.kind,
                    pass_index=self.index(event.pass_index),
                    leaves=[self.leaves[leaf] for leaf in event.leaves],
                    location=location,
                    set_to_none=event.set_to_none,
                    optimizer=None if event.optimizer is None else self.optimizers[event.optimizer],
                    call=event.call,
                    count=event.count,
                    requires_grad=event.requires_grad,
                    is_leaf=event.is_leaf,
                    name=event.name,
                    is_assignment=event.is_assignment,
                )

    def write_cut(self, cut: Cut) -> None:
        location, reentry = self.location(cut.location), self.location(cut.reentry)
        taken_in = [
            (self.index(one.index), node.id)
            for one in self.trace.passes
            if one.graph is not None and one.process == self.process
            for node in one.graph.nodes
            if cut.id in node.cuts
        ]
        self.add(
            "cut",
            id=self.cuts[cut.id],
            kind=cut.kind,
            call=cut.call,
            location=location,
            source=cut.source,
            name=cut.name,
            leaves=[self.leaves[leaf] for leaf in cut.leaves],
            count=cut.count,
            reentry=reentry,
            passes=[self.index(index) for index in cut.passes],
            module=cut.module,
            nodes=taken_in,
        )

    def write_run(self, run: Run) -> None:
        for seen in run.observations:
            location = self.location(seen.location)
            self.add("observation", kind=seen.kind, count=seen.count, location=location, text=seen.text)
        for note in run.notes:
            self.add("note", text=note)
        if run.error:
            frames = [self.location(frame) for frame in run.error.frames]
            self.add("error", type=run.error.type, message=run.error.message, frames=frames)

    def spec(self, shape: Any, dtype: str | None) -> int:
        key = (tuple(shape), dtype)
        if key not in self.specs:
            self.specs[key] = len(self.specs)
            self.add("spec", id=self.specs[key], shape=shape, dtype=dtype)
        return self.specs[key]

    def table(self, kind: str, columns: tuple[list[Any], bytes], **fields: Any) -> int:
        number, self.n_tables = self.n_tables, self.n_tables + 1
        self.add(kind, columns[1], id=number, **fields, columns=columns[0])
        return number

    def kind(self, node: Node, inputs: list[str | None]) -> int:
        outputs = [
            [
                *(one.index, self.spec(one.shape, one.dtype), one.device, one.name, one.retains_grad),
                [self.location(hook) for hook in one.hooks],
            ]
            for one in node.outputs
        ]
        saved = [
            [one.name, None if one.packed else self.spec(one.shape or (), one.dtype), one.bytes, one.device, one.shared]
            for one in node.saved
        ]
        where, backward = self.location(node.location), self.location(node.backward_location)
        is_leaf = node.leaf is not None
        self.add(
            "node_kind",
            id=self.n_kinds,
            type=node.type,
            op=node.op,
            name=None if is_leaf else node.name,
            module=None if is_leaf else node.module,
            module_type=node.module_type,
            call=node.call,
            location=where,
            outputs=outputs,
            saved=saved,
            is_custom=node.is_custom,
            backward_location=backward,
            arguments=node.arguments,
            inputs=inputs,
        )
        self.n_kinds += 1
        return self.n_kinds - 1

    def write_pass(self, one: BackwardPass) -> None:
        index = self.index(one.index)
        location = self.location(one.location)
        roots = [[r.node, r.name, r.output, self.stats(r.value), self.stats(r.gradient)] for r in one.roots]
        graph = None if one.graph is None else self.write_graph(one.graph)
        self.add(
            "pass",
            index=index,
            call=one.call,
            roots=roots,
            retain_graph=one.retain_graph,
            create_graph=one.create_graph,
            recorded=one.recorded,
            location=location,
            parent=self.index(one.parent),
            thread=one.thread,
            count=one.count,
            graph=graph,
        )
        if one.graph is None:
            rows = [[self.leaves[a.leaf], None, None, None, a.effect] for a in one.accumulations]
            self.add("accumulations", index=index, rows=rows)
        else:
            self.write_measured(one, one.graph, index)
        error = one.error
        pair = [error.type, error.message] if error else None
        self.add("pass_end", index=index, error=pair, error_node=error.node if error else None)

    def write_graph(self, graph: Graph) -> int:
        edges = graph.edges
        kinds = []
        for node in graph.nodes:
            inputs: list[Any] = []
            for edge in edges:
                if edge.source == node.id and edge.input is not None:
                    inputs += [""] * (edge.slot + 1 - len(inputs))
                    inputs[edge.slot] = edge.input
            kinds.append(self.kind(node, inputs))
        columns = packed(
            kind_I=kinds,
            source_I=[edge.source for edge in edges],
            target_I=[edge.target for edge in edges],
            slot_I=[edge.slot for edge in edges],
            output_I=[edge.output for edge in edges],
        )
        return self.table("graph", columns, n_nodes=len(graph.nodes), n_edges=len(edges))

    def write_measured(self, one: BackwardPass, graph: Graph, index: int | None) -> None:
        measured = Measured(self)
        state = self.table("state", packed(**self.state(graph, measured), **measured.columns()))
        measured.write(index, state=state)
        effects = list(dict.fromkeys(a.effect for a in one.accumulations))
        landed = []
        for a in one.accumulations:
            numbers = [measured.number(stats) for stats in (a.before, a.contribution, a.after)]
            landed += [self.leaves[a.leaf], *numbers, effects.index(a.effect)]
        moved = self.moved(graph, measured)
        flow = self.table("flow", packed(**moved, accumulation_i=landed, **measured.columns()), effects=effects)
        measured.write(index, flow=flow)

    def state(self, graph: Graph, measured: Measured) -> dict[str, list[int]]:
        leaves, values, saved, saved_leaves = [], [], [], []
        for node in graph.nodes:
            if node.leaf is not None:
                leaves += [node.id, self.leaves[node.leaf]]
            for output in node.outputs:
                if output.value:
                    values += [node.id, output.index, measured.number(output.value)]
            for at, kept in enumerate(node.saved):
                if kept.value is not None:
                    stats = TensorStats(kept.shape or (), kept.dtype or "", 0, value=kept.value)
                    saved += [node.id, at, measured.number(stats)]
                if kept.leaf is not None:
                    saved_leaves += [node.id, at, self.leaves[kept.leaf]]
        return {"leaf_I": leaves, "value_I": values, "saved_I": saved, "saved_leaf_I": saved_leaves}

    def moved(self, graph: Graph, measured: Measured) -> dict[str, list[int]]:
        received, arrived = [], []
        for node in graph.nodes:
            for output in node.outputs:
                if output.received:
                    received += [node.id, output.index, measured.number(output.received)]
                if output.arrived:
                    arrived += [node.id, output.index, measured.number(output.arrived)]
        saved = [
            part
            for node in graph.nodes
            for at, kept in enumerate(node.saved)
            if kept.stats
            for part in (node.id, at, measured.number(kept.stats))
        ]
        sent = [part for at, edge in enumerate(graph.edges) if edge.sent for part in (at, measured.number(edge.sent))]
        ran = sorted((node for node in graph.nodes if node.order is not None), key=lambda node: node.order or 0)
        moved = {"order_I": [node.id for node in ran], "received_I": received, "arrived_I": arrived, "sent_I": sent}
        return {**moved, "saved_I": saved}


class Measured:
    """The statistics of a pass: those of which everything is known by a norm as numbers, all others as rows."""

    def __init__(self, writer: _Writer) -> None:
        self._writer = writer
        self._n_before = 0
        self._specs: list[int] = []
        self._forms: list[int] = []
        self._numbers: list[float] = []
        self._rows: list[Any] = []

    def number(self, stats: TensorStats | None) -> int:
        if stats is None:
            return -1
        self._specs.append(self._writer.spec(stats.shape, stats.dtype))
        only_norm = TensorStats(stats.shape, stats.dtype, stats.numel, stats.norm, nan=0, inf=0)
        if stats.norm is not None and stats == only_norm:
            self._forms.append(Form.NORM)
            self._numbers.append(stats.norm)
        else:
            self._forms.append(Form.ROW)
            self._rows.append(self._writer.stats(stats)[3:])
        return self._n_before + len(self._forms) - 1

    def columns(self) -> dict[str, list[int]]:
        return {"spec_I": self._specs, "form_B": self._forms}

    def write(self, index: int | None, **table: int) -> None:
        columns, data = packed(number_d=self._numbers)
        self._writer.add("measured", data, index=index, **table, columns=columns, rows=self._rows)
        self._n_before += len(self._forms)
        self._specs, self._forms, self._numbers, self._rows = [], [], [], []
