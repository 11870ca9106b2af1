"""The trace document: one strict JSON object that holds everything known about a run, for other programs.

Its keys are a contract. It is laid out so that a person can read it and line tools can search it: one leaf, node, edge,
accumulation or event a line. Where a key holds a `Location` or a `TensorStats`, its keys are the fields of that class.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from math import isfinite
from typing import Any

import msgspec

from gradtrace.analysis.coverage import Gap, coverage
from gradtrace.analysis.focus import focused_trace
from gradtrace.analysis.training_steps import consumed, inner, numbers
from gradtrace.model import (
    Accumulation,
    BackwardPass,
    Cut,
    Edge,
    Event,
    Finding,
    GradWrite,
    Graph,
    Leaf,
    NestedValue,
    Node,
    NodeOutput,
    OptimizerInfo,
    ParameterChange,
    Root,
    SavedTensor,
    StepFact,
    TensorStats,
    Trace,
)
from gradtrace.text.coverage_words import advice, sentence

FORMAT_NAME = "gradtrace-trace"

FORMAT_VERSION = (1, 0)
"""History: 1.0 the first."""

_ENCODE_TEXT = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode
"""For lines with text beyond ASCII, which is escaped: whatever a terminal would make of it, it is inert."""

_INDENT = "  "

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Options:
    """What the document holds; a part that is left out is null (graphs) or empty (findings).

    With `focus` the graphs hold only what leads to the leaf, module or value of this name.
    """

    findings: bool = True
    graphs: bool = True
    focus: str | None = None


def render(trace: Trace, options: Options) -> str:
    """The trace as JSON text with a newline at its end, ASCII only.

    Raises:
        RenderError: nothing bears the name in focus.
    """
    return "".join(pieces(trace, options))


def pieces(trace: Trace, options: Options) -> Iterator[str]:
    """The same text piece by piece: of a large graph it is several times as large as the graph.

    Raises:
        RenderError: nothing bears the name in focus.
    """
    if options.focus is not None:
        trace = focused_trace(trace, options.focus)
    document: dict[str, Iterable[str]] = {
        "format": (_one_line(FORMAT_NAME),),
        "version": (_one_line(FORMAT_VERSION),),
        "run": _one_a_line(_run(trace), 1),
        "leaves": _rows(map(_leaf, trace.leaves), 1),
        "optimizers": _rows(map(_optimizer, trace.optimizers), 1),
        "passes": _array((_pass(one, options, numbers(trace)[one.index], inner(trace)) for one in trace.passes), 1),
        "events": _rows(map(_event, trace.events), 1),
        "steps": _rows((_step(one, consumed(trace, one)) for one in trace.steps), 1),
        "cuts": _rows(map(_cut, trace.cuts), 1),
        "findings": _rows(map(_finding, trace.findings if options.findings else ()), 1),
    }
    return chain(_object(document, 0), ("\n",))


def _one_line(value: object) -> str:
    try:
        text = msgspec.json.encode(value)
    except (UnicodeEncodeError, OverflowError):  # lone surrogates, integers of more than 64 bits
        pass
    else:
        if text.isascii():
            return text.decode("ascii")
    return _ENCODE_TEXT(_without_surrogates(msgspec.to_builtins(value)))


def _without_surrogates(value: Any) -> Any:
    """Lone surrogates spelled out: strict readers refuse them even when they are escaped."""
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode("utf-8")
        case dict():
            return {key: _without_surrogates(item) for key, item in value.items()}
        case list() | tuple():
            return [_without_surrogates(item) for item in value]
        case _:
            return value


def _object(encoded: Mapping[str, Iterable[str]], depth: int) -> Iterator[str]:
    """An object, one key a line; values are pieces of JSON text already."""
    return _lines("{", (chain((f'"{key}": ',), pieces) for key, pieces in encoded.items()), "}", depth)


def _array(encoded: Iterable[Iterable[str]], depth: int) -> Iterator[str]:
    return _lines("[", encoded, "]", depth)


def _one_a_line(value: Json, depth: int) -> Iterator[str]:
    return _object({key: (_one_line(item),) for key, item in value.items()}, depth)


def _rows(rows: Iterable[Json], depth: int) -> Iterator[str]:
    return _array(((_one_line(row),) for row in rows), depth)


def _lines(opening: str, parts: Iterable[Iterable[str]], closing: str, depth: int) -> Iterator[str]:
    """Pieces of text, so that a large document is put together once and not once a level."""
    yield opening
    inner = "\n" + _INDENT * (depth + 1)
    separator = inner
    for part in parts:
        yield separator
        yield from part
        separator = f",{inner}"
    yield closing if separator == inner else f"\n{_INDENT * depth}{closing}"


def _number(x: object) -> object:
    if isinstance(x, float) and not isfinite(x):
        return "nan" if x != x else "inf" if x > 0 else "-inf"  # noqa: PLR0124 - only nan differs from itself
    return x


def _value(nested: NestedValue) -> object:
    return [_value(item) for item in nested] if isinstance(nested, (list, tuple)) else _number(nested)


def _stats(stats: TensorStats | None) -> TensorStats | Json | None:
    """Statistics that can be written as they are, or, with special numbers, as text."""
    if stats is None:
        return None
    if stats.value is None or stats.nan == stats.inf == 0:
        # A sum is finite only if all its terms are.
        total = (stats.norm or 0.0) + (stats.min or 0.0) + (stats.max or 0.0) + (stats.mean or 0.0)
        if isfinite(total):
            return stats
    return {key: _value(getattr(stats, key)) for key in TensorStats.__dataclass_fields__}


def _run(trace: Trace) -> Json:
    run = trace.run
    error = run.error
    return {
        "target": run.target,
        "argv": run.argv,
        "python": run.python,
        "torch": run.torch,
        "gradtrace": run.gradtrace,
        "device": run.device,
        "seed": run.seed,
        "status": run.status,
        "complete": run.complete,
        "error": error and {"type": error.type, "message": error.message, "frames": error.frames, "kept": error.kept},
        "expression": run.expression,
        "processes": run.n_processes,
        "observations": [
            {"kind": seen.kind, "count": seen.count, "location": seen.location, "text": seen.text}
            for seen in run.observations
        ],
        "notes": run.notes,
        "blind_spots": [_blind_spot(gap) for gap in coverage(trace)],
    }


def _blind_spot(gap: Gap) -> Json:
    spot = gap.spot
    return {
        "reason": spot.reason,
        "severity": gap.severity,
        "open": gap.is_open,
        "message": sentence(gap),
        "help": advice(gap),
        "count": spot.count,
        "pass": spot.pass_index,
        "location": spot.location,
        "process": spot.process,
    }


def _leaf(leaf: Leaf) -> Json:
    return {
        "id": leaf.id,
        "name": leaf.name,
        "kind": leaf.kind,
        "shape": leaf.shape,
        "dtype": leaf.dtype,
        "device": leaf.device,
        "requires_grad": leaf.requires_grad,
        "optimizers": leaf.optimizers,
        "value": _value(leaf.value),
        "location": leaf.location,
        "process": leaf.process,
    }


def _optimizer(optimizer: OptimizerInfo) -> Json:
    return {
        "id": optimizer.id,
        "type": optimizer.type,
        "name": optimizer.name,
        "location": optimizer.location,
        "n_params": optimizer.n_params,
        "process": optimizer.process,
    }


def _pass(one: BackwardPass, options: Options, step: int, inside: Collection[int]) -> Iterator[str]:
    error = one.error
    head: Json = {
        "index": one.index,
        "call": one.call,
        "location": one.location,
        "roots": [_root(root) for root in one.roots],
        "retain_graph": one.retain_graph,
        "create_graph": one.create_graph,
        "recorded": one.recorded,
        "error": error and {"type": error.type, "message": error.message, "node": error.node},
        "count": one.count,
        "parent": one.parent,
        "thread": one.thread,
        "process": one.process,
        "step": step,
        "inner": one.index in inside,
    }
    encoded: dict[str, Iterable[str]] = {key: (_one_line(item),) for key, item in head.items()}
    encoded["graph"] = _graph(one.graph) if options.graphs and one.graph else ("null",)
    encoded["accumulations"] = _rows(map(_accumulation, one.accumulations), 3)
    return _object(encoded, 2)


def _root(root: Root) -> Json:
    return {
        "node": root.node,
        "name": root.name,
        "value": _stats(root.value),
        "output": root.output,
        "gradient": _stats(root.gradient),
    }


def _graph(graph: Graph) -> Iterator[str]:
    return _object({"nodes": _rows(map(_node, graph.nodes), 4), "edges": _rows(map(_edge, graph.edges), 4)}, 3)


def _node(node: Node) -> Json:
    row: Json = {
        "id": node.id,
        "type": node.type,
        "op": node.op,
        "name": node.name,
        "module": node.module,
        "location": node.location,
        "leaf": node.leaf,
        "shape": node.shape,
        "dtype": node.dtype,
        "received": _stats(node.received),
        "saved": [_saved(saved) for saved in node.saved],
        "value": _stats(node.value),
        "module_type": node.module_type,
        "call": node.call,
        "order": node.order,
        "is_custom": node.is_custom,
        "backward_location": node.backward_location,
        "arguments": [{"name": name, "text": text} for name, text in node.arguments],
    }
    if len(node.outputs) > 1 or any(map(_is_special, node.outputs)):
        row["outputs"] = [_output(output) for output in node.outputs]
    if node.cuts:
        row["cuts"] = node.cuts
    return row


def _is_special(output: NodeOutput) -> bool:
    return output.index > 0 or output.arrived is not None or bool(output.hooks) or output.retains_grad


def _output(output: NodeOutput) -> Json:
    return {
        "index": output.index,
        "name": output.name,
        "shape": output.shape,
        "dtype": output.dtype,
        "device": output.device,
        "received": _stats(output.received),
        "arrived": _stats(output.arrived),
        "hooks": output.hooks,
        "value": _stats(output.value),
        "retains_grad": output.retains_grad,
    }


def _saved(saved: SavedTensor) -> SavedTensor:
    value = _value(saved.value)
    return saved if value is saved.value or value == saved.value else replace(saved, value=value)


def _edge(edge: Edge) -> Json:
    return {
        "source": edge.source,
        "target": edge.target,
        "slot": edge.slot,
        "output": edge.output,
        "input": edge.input,
        "sent": _stats(edge.sent),
    }


def _accumulation(row: Accumulation) -> Json:
    return {
        "leaf": row.leaf,
        "before": _stats(row.before),
        "contribution": _stats(row.contribution),
        "after": _stats(row.after),
        "effect": row.effect,
    }


def _event(event: Event) -> Json:
    facts = {
        "requires_grad": event.requires_grad,
        "is_leaf": event.is_leaf,
        "name": event.name,
        "step": None if event.step is None else event.step.number,
        "writes": [_write(one) for one in event.writes] or None,
    }
    return {
        "order": event.order,
        "kind": event.kind,
        "pass": event.pass_index,
        "leaves": event.leaves,
        "location": event.location,
        "set_to_none": event.set_to_none,
        "optimizer": event.optimizer,
        "call": event.call,
        "count": event.count,
        "process": event.process,
        **{key: fact for key, fact in facts.items() if fact is not None},
    }


def _write(write: GradWrite) -> Json:
    return {"leaf": write.leaf, "before": _number(write.before), "after": _number(write.after)}


def _step(step: StepFact, consumed_passes: tuple[int, ...]) -> Json:
    return {
        "pass": step.pass_index,
        "optimizer": step.optimizer,
        "call": step.call,
        "location": step.location,
        "passes": consumed_passes,
        "own_passes": list(step.own_passes),
        "groups": [{name: _value(rate) for name, rate in group.rates} for group in step.groups],
        "parameters": [_change(change) for change in step.changes],
        "others": step.n_others,
        "autocast": step.autocast,
        "scale": _number(step.scale),
        "skipped": step.is_skipped,
        "process": step.process,
    }


def _change(change: ParameterChange) -> Json:
    return {
        "leaf": change.leaf,
        "group": change.group,
        "before": _number(change.before),
        "after": _number(change.after),
        "change": _number(change.change),
        "has_gradient": change.has_gradient,
        "gradient": _number(change.gradient),
        "value_before": _value(change.value_before),
        "value_after": _value(change.value_after),
        "moments": {name: _number(moment) for name, moment in change.moments},
        "moved_rows": change.n_moved_rows,
        "first_moved_rows": change.moved_rows,
        "type": change.type,
        "value_gradient": _value(change.value_gradient),
        "value_moments": {name: _value(moment) for name, moment in change.value_moments},
    }


def _cut(cut: Cut) -> Json:
    return {
        "id": cut.id,
        "kind": cut.kind,
        "call": cut.call,
        "location": cut.location,
        "source": cut.source,
        "name": cut.name,
        "leaves": cut.leaves,
        "count": cut.count,
        "reentry": cut.reentry,
        "passes": cut.passes,
        "module": cut.module,
        "process": cut.process,
    }


def _finding(finding: Finding) -> Json:
    return {
        "rule": finding.rule,
        "severity": finding.severity,
        "message": finding.message,
        "location": finding.location,
        "related": finding.related,
        "help": finding.help,
        "leaves": finding.leaves,
        "passes": finding.passes,
    }
