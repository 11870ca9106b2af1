"""A very small reverse-mode autograd on Python floats, so that graphs built by hand carry true gradients.

It mirrors what the recorder sees of torch: ids in breadth-first order of discovery from the root, edges by source and
slot, one AccumulateGrad node per leaf, and the engine's order (latest forward op first, leaves as soon as they are
ready).
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from gradtrace.model import Edge, Graph, Location, Node, NodeOutput, SavedTensor, TensorStats

LARGEST_SHOWN = 16


@dataclass(frozen=True, slots=True)
class Value:
    """A dense tensor: a shape and its elements, row by row."""

    shape: tuple[int, ...]
    flat: tuple[float, ...]

    def map(self, function: Callable[[float], float]) -> Value:
        return Value(self.shape, tuple(map(function, self.flat)))

    def zip(self, other: Value, function: Callable[[float, float], float]) -> Value:
        return Value(self.shape, tuple(map(function, self.flat, other.flat)))

    def __add__(self, other: Value) -> Value:
        return self.zip(other, lambda a, b: a + b)

    def __mul__(self, other: Value) -> Value:
        return self.zip(other, lambda a, b: a * b)

    def nested(self) -> object:
        """All elements as nested lists."""
        items: list[object] = list(self.flat)
        for size in reversed(self.shape):
            items = [items[start : start + size] for start in range(0, len(items), size)] if size else []
        return items[0] if items else []


def scalar(number: float) -> Value:
    return Value((), (float(number),))


def tensor(nested: object) -> Value:
    """A value from nested lists: `tensor([[1, 2], [3, 4]])`."""
    shape: list[int] = []
    items: list[object] = [nested]
    while items and isinstance(items[0], list):
        shape.append(len(items[0]))
        items = [element for row in items for element in row]  # type: ignore[attr-defined]
    return Value(tuple(shape), tuple(map(float, items)))  # type: ignore[arg-type]


def filled(shape: Sequence[int], start: float = 0.1, step: float = 0.01) -> Value:
    """An arithmetic sequence in a shape: deterministic numbers that are not all equal."""
    return Value(tuple(shape), tuple(start + step * i for i in range(math.prod(shape))))


def stats(value: Value | float | None, dtype: str = "float32") -> TensorStats | None:
    """What the recorder would have measured of it."""
    if value is None:
        return None
    value = value if isinstance(value, Value) else scalar(value)
    # Equal floats measure alike, but for zeros, whose sign would be that of the first one measured.
    return _measured(value, dtype) if 0.0 in value.flat else _remembered(value, dtype)


def _measured(value: Value, dtype: str) -> TensorStats:
    flat, has_nan = value.flat, any(map(math.isnan, value.flat))
    return TensorStats(
        shape=value.shape,
        dtype=dtype,
        numel=len(flat),
        norm=math.sqrt(sum(x * x for x in flat)),
        min=None if not flat else math.nan if has_nan else min(flat),
        max=None if not flat else math.nan if has_nan else max(flat),
        mean=None if not flat else sum(flat) / len(flat),
        nan=sum(map(math.isnan, flat)),
        inf=sum(map(math.isinf, flat)),
        zero=sum(x == 0 for x in flat),
        value=value.nested() if len(flat) <= LARGEST_SHOWN else None,
    )


_remembered = lru_cache(maxsize=64)(_measured)

Grads = Sequence[Value | None]
Vjp = Callable[[Grads], list[Value | None]]


@dataclass(eq=False, slots=True)
class Op:
    """One node while it is being built; `inputs` are (what, which of its outputs, argument name)."""

    order: int
    node: Node
    inputs: list[tuple[Op | None, int, str]]
    vjp: Vjp
    values: list[Value]
    rewrites: dict[int, Callable[[Value], Value]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ref:
    """One output of an op: what a variable of the program is bound to; without an op it is a constant."""

    op: Op | None
    value: Value
    index: int = 0


class Tape:
    """Records ops in forward order; `backward` turns what a root depends on into a graph.

    Every op takes the fields of `Node` that it should bear (`name`, `module`, `location`, ...) as keywords.
    """

    def __init__(self) -> None:
        self.leaves: dict[int, tuple[str, Value]] = {}
        self._order = 0
        self._module: dict[str, object] = {}

    def inside(self, module: str | None, module_type: str | None = None) -> Tape:
        """Ops from now on are made in this module."""
        self._module = {"module": module, "module_type": module_type} if module else {}
        return self

    def leaf(self, name: str, value: Value) -> Ref:
        leaf_id = len(self.leaves)
        self.leaves[leaf_id] = (name, value)
        module = name.rpartition(".")[0] or None
        node = Node(0, "AccumulateGrad", "leaf", name=name, module=module, leaf=leaf_id)
        return Ref(Op(1 << 60, node, [], lambda _: [], [value]), value)

    def constant(self, value: Value) -> Ref:
        return Ref(None, value)

    def op(
        self,
        type_: str,
        op: str,
        inputs: Sequence[tuple[Ref, str]],
        values: Sequence[Value],
        vjp: Vjp,
        *,
        saved: Sequence[tuple[str, Ref]] = (),
        **fields: object,
    ) -> list[Ref]:
        """Any op, with several outputs if `values` has several."""
        kept = tuple(
            SavedTensor(
                name,
                ref.value.shape,
                "float32",
                4 * len(ref.value.flat),
                shared=ref.op is not None and ref.op.node.leaf is not None,
                leaf=ref.op.node.leaf if ref.op else None,
                value=ref.value.nested() if len(ref.value.flat) <= LARGEST_SHOWN else None,
            )
            for name, ref in saved
        )
        node = Node(0, type_, op, saved=kept, **{**self._module, **fields})  # type: ignore[arg-type]
        made = Op(self._order, node, [(r.op, r.index, name) for r, name in inputs], vjp, list(values))
        self._order += 1
        return [Ref(made, value, index) for index, value in enumerate(values)]

    def mul(self, a: Ref, b: Ref, **fields: object) -> Ref:
        return self.op(
            "MulBackward0",
            "mul",
            [(a, "self"), (b, "other")],
            [a.value * b.value],
            lambda g: [g[0] * b.value, g[0] * a.value],  # type: ignore[operator]
            saved=[("self", a), ("other", b)],
            **fields,
        )[0]

    def add(self, a: Ref, b: Ref, **fields: object) -> Ref:
        return self.op(
            "AddBackward0", "add", [(a, "self"), (b, "other")], [a.value + b.value], lambda g: [g[0], g[0]], **fields
        )[0]

    def relu(self, a: Ref, **fields: object) -> Ref:
        result = a.value.map(lambda x: max(x, 0.0))
        keep = result.map(lambda x: float(x > 0))
        return self.op(
            "ReluBackward0",
            "relu",
            [(a, "self")],
            [result],
            lambda g: [g[0] * keep],  # type: ignore[operator]
            saved=[("result", Ref(None, result))],
            **fields,
        )[0]

    def sum(self, a: Ref, **fields: object) -> Ref:
        shape = a.value.shape
        return self.op(
            "SumBackward0",
            "sum",
            [(a, "self")],
            [scalar(sum(a.value.flat))],
            lambda g: [Value(shape, g[0].flat * len(a.value.flat))],
            **fields,  # type: ignore[union-attr]
        )[0]

    def unary(
        self,
        type_: str,
        op: str,
        a: Ref,
        forward: Callable[[float], float],
        derivative: Callable[[float], float],
        **fields: object,
    ) -> Ref:
        """An elementwise op given by a function and its derivative."""
        slope = a.value.map(derivative)
        return self.op(
            type_,
            op,
            [(a, "self")],
            [a.value.map(forward)],
            lambda g: [g[0] * slope],  # type: ignore[operator]
            saved=[("self", a)],
            **fields,
        )[0]

    def unbind(self, a: Ref, **fields: object) -> list[Ref]:
        """One output a row."""
        n_rows, shape = a.value.shape[0], a.value.shape[1:]
        size = math.prod(shape)
        rows = [Value(shape, a.value.flat[i * size : (i + 1) * size]) for i in range(n_rows)]
        zero = Value(shape, (0.0,) * size)
        return self.op(
            "UnbindBackward0",
            "unbind",
            [(a, "self")],
            rows,
            lambda g: [Value(a.value.shape, tuple(x for row in g for x in (row or zero).flat))],
            **fields,
        )

    def linear(self, x: Ref, weight: Ref, bias: Ref, **fields: object) -> Ref:
        """`x @ weight.T + bias`, as torch builds it: a transposition and an addmm in which the bias is broadcast."""
        turned = self.op(
            "TBackward0",
            "t",
            [(weight, "self")],
            [transposed(weight.value)],
            lambda g: [transposed(g[0])],
            **fields,  # type: ignore[arg-type]
        )[0]
        product = matmul(x.value, turned.value)
        n_columns = product.shape[1]
        result = Value(product.shape, tuple(v + bias.value.flat[i % n_columns] for i, v in enumerate(product.flat)))

        def vjp(g: Grads) -> list[Value | None]:
            grad = g[0]
            assert grad is not None
            to_bias = Value((n_columns,), tuple(sum(grad.flat[c::n_columns]) for c in range(n_columns)))
            to_x = matmul(grad, transposed(turned.value)) if x.op else None
            return [to_bias, to_x, matmul(transposed(x.value), grad)]

        return self.op(
            "AddmmBackward0",
            "addmm",
            [(bias, "self"), (x, "mat1"), (turned, "mat2")],
            [result],
            vjp,
            saved=[("mat1", x), ("mat2", turned)],
            **fields,
        )[0]

    def backward(self, *roots: Ref) -> tuple[Graph, list[tuple[int, int]], dict[int, Value]]:
        """The graph behind the roots, (node, output) of each root, and what each leaf receives."""
        ops = _discover(roots)
        ids = {op: i for i, op in enumerate(ops)}
        arrived = {op: [None] * len(op.values) for op in ops}  # type: dict[Op, list[Value | None]]
        worked_with: dict[Op, list[Value | None]] = {}
        for root in roots:
            assert root.op is not None
            _add(arrived[root.op], root.index, Value(root.value.shape, (1.0,) * len(root.value.flat)))
        sent, order = _run(ops, roots, arrived, worked_with)
        edges = tuple(
            Edge(ids[op], ids[target], slot, output, name, stats(sent.get((op, slot))))
            for op in ops
            for slot, (target, output, name) in enumerate(op.inputs)
            if target is not None
        )
        nodes = tuple(_finished(op, ids[op], arrived[op], worked_with.get(op), order.get(op)) for op in ops)
        grads = {op.node.leaf: worked_with[op][0] for op in ops if op.node.leaf is not None and op in worked_with}
        return (
            Graph(nodes, edges),
            [(ids[root.op], root.index) for root in roots if root.op],
            {leaf: grad for leaf, grad in grads.items() if grad is not None},
        )


def _discover(roots: Sequence[Ref]) -> list[Op]:
    """Breadth first from the roots, inputs in the order of their slots."""
    ops = list(dict.fromkeys(root.op for root in roots if root.op))
    seen = set(ops)
    for op in ops:  # grows while it is walked
        for target, _, _ in op.inputs:
            if target is not None and target not in seen:
                seen.add(target)
                ops.append(target)
    return ops


def _run(
    ops: list[Op],
    roots: Sequence[Ref],
    arrived: dict[Op, list[Value | None]],
    worked_with: dict[Op, list[Value | None]],
) -> tuple[dict[tuple[Op, int], Value], dict[Op, int]]:
    """The engine: latest op first, a leaf as soon as all of its edges have sent."""
    waiting = dict.fromkeys(ops, 0)
    for op in ops:
        for target, _, _ in op.inputs:
            if target is not None:
                waiting[target] += 1
    ids = {op: i for i, op in enumerate(ops)}
    ready = [(-op.order, ids[op]) for op in dict.fromkeys(r.op for r in roots if r.op) if waiting[op] == 0]
    heapq.heapify(ready)
    sent: dict[tuple[Op, int], Value] = {}
    order: dict[Op, int] = {}
    while ready:
        op = ops[heapq.heappop(ready)[1]]
        order[op] = len(order)
        worked_with[op] = [
            op.rewrites[i](g) if g is not None and i in op.rewrites else g for i, g in enumerate(arrived[op])
        ]
        has_arrived = any(grad is not None for grad in worked_with[op])
        grads = op.vjp(worked_with[op]) if has_arrived else [None] * len(op.inputs)
        for slot, ((target, output, _), grad) in enumerate(zip(op.inputs, grads, strict=False)):
            if target is None:
                continue
            if grad is not None:
                sent[op, slot] = grad
                _add(arrived[target], output, grad)
            waiting[target] -= 1
            if not waiting[target]:
                heapq.heappush(ready, (-target.order, ids[target]))
    return sent, order


def _add(grads: list[Value | None], index: int, grad: Value) -> None:
    there = grads[index]
    grads[index] = grad if there is None else there + grad


def _finished(op: Op, node_id: int, arrived: Grads, worked_with: Grads | None, order: int | None) -> Node:
    outputs = tuple(
        NodeOutput(
            index,
            value.shape,
            "float32",
            received=stats(worked_with[index]) if worked_with else None,
            arrived=stats(arrived[index]) if index in op.rewrites else None,
            hooks=(Location("train.py", 7, 1, 7, 30, "<module>", "h.register_hook(rewrite)"),)
            if index in op.rewrites
            else (),
            value=stats(value),
            name=op.node.name if len(op.values) == 1 else None,
        )
        for index, value in enumerate(op.values)
    )
    n = op.node
    return Node(
        node_id,
        n.type,
        n.op,
        n.name,
        n.module,
        n.module_type,
        n.call,
        n.location,
        n.leaf,
        outputs,
        n.saved,
        order,
        n.is_custom,
        n.backward_location,
        n.arguments,
    )


def transposed(m: Value) -> Value:
    rows, columns = m.shape
    return Value((columns, rows), tuple(m.flat[r * columns + c] for c in range(columns) for r in range(rows)))


def matmul(a: Value, b: Value) -> Value:
    (rows, inner), columns = a.shape, b.shape[1]
    by_row = [a.flat[r * inner : (r + 1) * inner] for r in range(rows)]
    by_column = [b.flat[c::columns] for c in range(columns)]
    return Value((rows, columns), tuple(sum(map(float.__mul__, r, c)) for r in by_row for c in by_column))
