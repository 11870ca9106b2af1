"""Writes a trace as the lines of a recording, as the recorder would: the other half of every round trip."""

from __future__ import annotations

import json
import math
import zlib
from dataclasses import astuple
from typing import Any

from gradtrace.model import BackwardPass, Cut, Location, NestedValue, Run, TensorStats, Trace


def plain(x: NestedValue) -> Any:
    """A number or nested list with the numbers that JSON cannot hold as text."""
    if isinstance(x, (list, tuple)):
        return [plain(item) for item in x]
    if isinstance(x, float) and not math.isfinite(x):
        return "nan" if math.isnan(x) else "inf" if x > 0 else "-inf"
    return x


def line(kind: str, /, **fields: Any) -> bytes:
    return json.dumps({"t": kind, **fields}, allow_nan=False).encode() + b"\n"


def framed(lines: list[bytes]) -> list[bytes]:
    """The lines of a file of version 1.0 as one of the present version has them: numbered, with checksums."""
    lines = [lines[0].replace(b'"version": [1, 0]', b'"version": [1, 1]'), *lines[1:]]
    checksum, done = 0, []
    for number, text in enumerate(lines, 1):
        record = text.rstrip(b"\n")[:-1]
        checksum = zlib.crc32(record, checksum)
        done.append(record + f',"n":{number},"crc":{checksum}}}\n'.encode())
    return done


def header(run: Run, pid: int = 100, parent_pid: int = 1, rank: int | None = None, **changes: Any) -> bytes:
    fields = {
        "format": "gradtrace-recording",
        "version": [1, 0],
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
        self.leaves = self._local(trace.leaves)
        self.optimizers = self._local(trace.optimizers)
        self.cuts = self._local(trace.cuts)
        passes = [one.index for one in trace.passes if one.process == process]
        self.first = min(passes, default=1)

    def _local(self, things: Any) -> dict[int, int]:
        return {thing.id: i for i, thing in enumerate(thing for thing in things if thing.process == self.process)}

    def add(self, kind: str, /, **fields: Any) -> None:
        self.lines.append(line(kind, **fields))

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

    def write_pass(self, one: BackwardPass) -> None:
        index = self.index(one.index)
        location = self.location(one.location)
        roots = [[r.node, r.name, r.output, self.stats(r.value), self.stats(r.gradient)] for r in one.roots]
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
        )
        table: list[Any] = []

        def number(stats: TensorStats | None) -> int | None:
            if stats is None:
                return None
            table.append(self.stats(stats))
            return len(table) - 1

        received: list[Any] = []
        arrived: list[Any] = []
        sent: list[Any] = []
        order: list[int] = []
        if one.graph:
            nodes = []
            for node in one.graph.nodes:
                outputs = []
                for out in node.outputs:
                    hooks = [self.location(hook) for hook in out.hooks]
                    value = self.stats(out.value)
                    outputs.append(
                        [out.index, out.shape, out.dtype, out.device, value, out.name, out.retains_grad, hooks]
                    )
                    if out.received:
                        received.append([node.id, out.index, number(out.received)])
                    if out.arrived:
                        arrived.append([node.id, out.index, number(out.arrived)])
                saved = [
                    [
                        *(s.name, s.shape, s.dtype, s.bytes, s.device, s.shared),
                        None if s.leaf is None else self.leaves[s.leaf],
                        s.packed,
                        plain(s.value),
                    ]
                    for s in node.saved
                ]
                where, backward = self.location(node.location), self.location(node.backward_location)
                leaf = None if node.leaf is None else self.leaves[node.leaf]
                nodes.append(
                    [
                        *(node.id, node.type, node.op, node.name, node.module, node.module_type, node.call),
                        *(where, leaf, outputs, saved, node.is_custom, backward, node.arguments),
                    ]
                )
            ran = [node for node in one.graph.nodes if node.order is not None]
            order = [node.id for node in sorted(ran, key=lambda node: node.order or 0)]
            half = len(nodes) // 2
            for rows in (nodes[:half], nodes[half:]):
                self.add("nodes", index=index, rows=rows)
            edges = one.graph.edges
            self.add("edges", index=index, rows=[[e.source, e.target, e.slot, e.output, e.input] for e in edges])
            sent = [[i, number(e.sent)] for i, e in enumerate(edges) if e.sent]
        rows = [
            [self.leaves[a.leaf], number(a.before), number(a.contribution), number(a.after), a.effect]
            for a in one.accumulations
        ]
        self.add("stats", index=index, rows=table)
        if one.graph:
            self.add("flow", index=index, order=order, received=received, arrived=arrived, sent=sent)
        self.add("accumulations", index=index, rows=rows)
        error = one.error
        pair = [error.type, error.message] if error else None
        self.add("pass_end", index=index, error=pair, error_node=error.node if error else None)
