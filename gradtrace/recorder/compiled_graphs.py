"""What lies behind the one node that a compiled region makes: the backward graph of AOTAutograd, and the graph breaks.

The graph is there where this process compiled the region; from a cache comes nothing but the compiled code. Everything
is read from torch's own objects, once for each compiled graph.
"""

from __future__ import annotations

import operator
import re
import sys
import traceback
import weakref
from typing import Any

from gradtrace.recorder import torch_facts
from gradtrace.recorder.journal import Journal
from gradtrace.recorder.looking import attributes, class_attribute, is_tensor, listed, module_of
from gradtrace.recorder.stream import plain_text

_MOST_OPS = 2_000
_LONGEST = 200
_FRAME = re.compile(r'  File "(?P<file>[^"\n]+)", line (?P<line>\d+), in (?P<function>[^\n]*)')
_UNDERLINE = re.compile(r"\n    (?P<indent> *)(?P<carets>[~^]+)\n?$")
_ROOT = re.compile(r"^[GL]\['\w+'\]\.?")
_STEP = re.compile(r"\.?_modules\['(\w+)'\]")


class CompiledGraphs:
    """Writes a line for each compiled region whose node is met."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._known: dict[int, tuple[weakref.ref[type], int]] = {}
        self._n_regions = 0
        self._n_breaks = 0

    def region(self, node: Any) -> tuple[int, str | None] | None:
        """The number of a compiled region and what compiled it; None for the node of any other function."""
        function = getattr(node, "_forward_cls", None)
        if function is None or not torch_facts.is_compiled_function(function):
            return None
        backend = _backend(class_attribute(function, "compiled_fw"))
        known = self._known.get(id(function))
        if known is not None and known[0]() is function:
            return known[1], backend
        number, self._n_regions = self._n_regions, self._n_regions + 1
        graph = backward_graph(function)
        self._journal.write(
            {
                "t": "region",
                "id": number,
                "backend": backend,
                "ops": None if graph is None else self._ops(graph),
                "results": None if graph is None else _results(graph, len(node.next_functions)),
                "breaks": self._breaks(),
            }
        )
        self._known[id(function)] = (weakref.ref(function), number)
        return number, backend

    def after_fork(self) -> None:
        """The stream is a new one."""
        self._known.clear()
        self._n_regions = self._n_breaks = 0

    def _ops(self, graph: Any) -> list[list[Any]]:
        gradients = _gradients(graph)
        return [[*self._op(node), node not in gradients] for node in rows_of(graph)]

    def _op(self, node: Any) -> list[Any]:
        """One result of the graph: op, shape, dtype, place, module, and which of several it is."""
        meta, output = node.meta, None
        value = meta.get("val")
        shape = dtype = None
        if is_tensor(value):
            shape = [int(extent) if type(extent) is int else str(extent) for extent in value.shape]
            dtype = torch_facts.short_dtype(value.dtype)
        if node.target is operator.getitem:
            node, output = node.args
            meta = {**node.meta, **{key: one for key, one in meta.items() if key != "val"}}
        target = node.target
        name = str(target) if module_of(type(target)) == "torch._ops" else getattr(target, "__name__", "call")
        place = self._place(meta.get("stack_trace"))
        return [plain_text(name)[:_LONGEST], shape, dtype, place, _module(meta), output]

    def _place(self, stack: Any) -> int | None:
        """The innermost line of a stack, as text, that is no line of torch's."""
        if type(stack) is not str:
            return None
        frames = list(_FRAME.finditer(stack))
        for number in range(len(frames) - 1, -1, -1):
            frame = frames[number]
            if not frame["file"].startswith(torch_facts.TORCH_DIRECTORY):
                end = frames[number + 1].start() if number + 1 < len(frames) else len(stack)
                mark = _UNDERLINE.search(stack[frame.end() : end])
                span = None if mark is None else (len(mark["indent"]), len(mark["carets"]))
                return self._journal.line(frame["file"], int(frame["line"]), frame["function"], span)
        return None

    def _breaks(self) -> list[list[Any]]:
        """The graph breaks since this was asked last, each with its reason and line."""
        reasons = listed(getattr(sys.modules.get("torch._dynamo.utils"), "graph_break_reasons", None))
        if len(reasons) < self._n_breaks:  # the program has reset the compiler
            self._n_breaks = 0
        new, self._n_breaks = reasons[self._n_breaks :], len(reasons)
        return [self._break(one) for one in new]

    def _break(self, reason: Any) -> list[Any]:
        known = attributes(reason)
        lines = str(known.get("reason", "")).split("\n")
        frames = [
            one
            for one in listed(known.get("user_stack"))
            if type(one) is traceback.FrameSummary and not one.filename.startswith(torch_facts.TORCH_DIRECTORY)
        ]
        place = self._journal.line(frames[-1].filename, frames[-1].lineno or 0, frames[-1].name) if frames else None
        return [plain_text(lines[0])[:_LONGEST], place]


def _backend(compiled: Any) -> str | None:
    """What compiled the region, as far as the code that it made shows."""
    if module_of(type(compiled)).startswith("torch._inductor"):
        return "inductor"
    module = getattr(compiled, "__module__", None)
    return "aot_eager" if module == "torch._dynamo.backends.debugging" else None


def backward_graph(function: type) -> Any:
    """The graph that AOTAutograd made for the backward of a compiled region; None where this process did not see it."""
    module = attributes(class_attribute(function, "_lazy_backward_info")).get("bw_module")
    return attributes(module).get("_graph") if module is not None else None


def rows_of(graph: Any) -> list[Any]:
    """The calls of a graph in order; of one with several results, those that are used."""
    rows: list[Any] = []
    for node in graph.nodes:
        if node.op == "call_function" and node.target is not operator.getitem:
            parts = [one for one in node.users if one.target is operator.getitem and type(one.args[1]) is int]
            rows.extend(sorted(parts, key=lambda one: one.args[1]) or [node])
    return rows[:_MOST_OPS]


def _gradients(graph: Any) -> set[Any]:
    """What is worked out from the gradients that arrive; all else is of the forward computation."""
    found: set[Any] = set()
    for node in graph.nodes:
        arrives = node.op == "placeholder" and node.name.startswith("tangents")
        if arrives or any(used in found for used in node.all_input_nodes):
            found.add(node)
    return found


def _results(graph: Any, n_slots: int) -> list[int | None]:
    """Of each gradient that a region sends, the row of the call that made it; empty where that cannot be told.

    Args:
        graph: its backward graph, which gives a result also for each input that is a number.
        n_slots: how many of its inputs are tensors.
    """
    rows = {node: number for number, node in enumerate(rows_of(graph))}
    sent = listed(next((node.args[0] for node in graph.nodes if node.op == "output"), ()))
    results = [rows.get(one) for one in sent]
    n_numbers = len(results) - n_slots
    if n_numbers and n_numbers == sent.count(None):
        results = [row for row, one in zip(results, sent, strict=True) if one is not None]
    return results if len(results) == n_slots else []


def _module(meta: dict[str, Any]) -> str | None:
    """The path of the innermost module that the call comes from, within what was compiled."""
    stack = meta.get("fwd_nn_module_stack") or meta.get("nn_module_stack")
    if type(stack) is not dict or not stack:
        return None
    path = next(reversed(stack.values()))[0]
    said = _ROOT.sub("", _STEP.sub(r".\1", str(path))).strip(".")
    return plain_text(said)[:_LONGEST] or None
