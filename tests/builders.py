"""Graphs and traces by hand, for tests that need no torch: every number in them is right, and the same in every run.

Names that end in `_trace` give a `Trace`, the others a `Graph`; `trace_of(graph)` wraps a graph into a run of one pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tape import Ref, Tape, Value, filled, scalar, stats, tensor

from gradtrace.model import (
    Accumulation,
    BackwardPass,
    Cut,
    CutKind,
    Effect,
    Event,
    EventKind,
    Finding,
    Graph,
    Leaf,
    LeafKind,
    Location,
    OptimizerInfo,
    PassCall,
    PassError,
    ProgramError,
    Recorded,
    Root,
    Run,
    Severity,
    Trace,
)

__all__ = ["Story", "Tape", "Value", "at", "filled", "run", "scalar", "stats", "tensor"]


def at(line: int, text: str, part: str | None = None, file: str = "train.py", function: str = "<module>") -> Location:
    """The place of `part` (default: all) in a source line."""
    part = text.strip() if part is None else part
    column = text.index(part) + 1
    return Location(file, line, column, line, column + len(part), function, text)


def run(target: str = "train.py", **fields: object) -> Run:
    defaults: dict[str, object] = {
        "target": target,
        "argv": (target,),
        "python": "3.11.9",
        "torch": "2.13.0+cpu",
        "gradtrace": "0.1.0",
        "device": "cpu",
        "status": 0,
    }
    return Run(**{**defaults, **fields})  # type: ignore[arg-type]


class Story:
    """A run told step by step: passes add to `.grad`, zeroing clears it, and everything that happens is an event."""

    def __init__(
        self, tape: Tape, run_: Run, *, kind: LeafKind = LeafKind.PARAMETER, optimizer: OptimizerInfo | None = None
    ) -> None:
        self.run = run_
        self.leaves = tuple(
            Leaf(
                leaf_id,
                name,
                kind,
                value.shape,
                "float32",
                optimizers=(optimizer.id,) if optimizer else (),
                value=value.nested() if len(value.flat) <= 16 else None,
            )
            for leaf_id, (name, value) in tape.leaves.items()
        )
        self.optimizers = (optimizer,) if optimizer else ()
        self.passes: list[BackwardPass] = []
        self.events: list[Event] = []
        self.grads: dict[int, Value | None] = dict.fromkeys(tape.leaves)

    @property
    def all_leaves(self) -> tuple[int, ...]:
        return tuple(leaf.id for leaf in self.leaves)

    def backward(self, tape: Tape, *roots: Ref, location: Location | None = None, **fields: object) -> Graph:
        graph, places, contributions = tape.backward(*roots)
        index = len(self.passes) + 1
        self.passes.append(
            BackwardPass(
                index=index,
                call=PassCall.TENSOR_BACKWARD if len(roots) == 1 else PassCall.AUTOGRAD_BACKWARD,
                location=location,
                roots=tuple(
                    Root(
                        node,
                        graph.nodes[node].name,
                        stats(root.value),
                        output,
                        stats(Value(root.value.shape, (1.0,) * len(root.value.flat))),
                    )
                    for root, (node, output) in zip(roots, places, strict=True)
                ),
                retain_graph=False,
                create_graph=False,
                recorded=Recorded.FULL,
                graph=graph,
                accumulations=self._accumulate(contributions),
            )
        )
        self.passes[-1] = replace(self.passes[-1], **fields)  # type: ignore[arg-type]
        self.event(EventKind.BACKWARD, tuple(sorted(contributions)), location, call=self.passes[-1].call.value)
        return graph

    def _accumulate(self, contributions: dict[int, Value]) -> tuple[Accumulation, ...]:
        rows = []
        for leaf, before in self.grads.items():
            added = contributions.get(leaf)
            after = before if added is None else added if before is None else before + added
            effect = Effect.UNCHANGED if added is None else Effect.CREATED if before is None else Effect.ACCUMULATED
            rows.append(Accumulation(leaf, stats(before), stats(added), stats(after), effect))
            self.grads[leaf] = after
        return tuple(rows)

    def event(
        self, kind: EventKind, leaves: tuple[int, ...] | None = None, location: Location | None = None, **fields: object
    ) -> None:
        leaves = self.all_leaves if leaves is None else leaves
        self.events.append(
            Event(len(self.events), kind, len(self.passes), leaves, location, **fields)  # type: ignore[arg-type]
        )

    def zero_grad(
        self,
        location: Location | None = None,
        *,
        to_none: bool = True,
        call: str = "Module.zero_grad",
        optimizer: int | None = None,
    ) -> None:
        for leaf, grad in self.grads.items():
            self.grads[leaf] = None if to_none or grad is None else grad.map(lambda _: 0.0)
        self.event(EventKind.ZERO_GRAD, None, location, set_to_none=to_none, call=call, optimizer=optimizer)

    def trace(self) -> Trace:
        return Trace(self.run, self.leaves, self.optimizers, tuple(self.passes), tuple(self.events))


def product_trace() -> Trace:
    """`gradtrace explain 'w * w * y' w=0.5 y=2`: forward and backward, again without zeroing, again after zero_grad."""
    text = "w * w * y"
    story: Story | None = None
    for turn in range(3):
        tape = Tape()
        w, y = tape.leaf("w", scalar(0.5)), tape.leaf("y", scalar(2))
        squared = tape.mul(w, w, call="Tensor.mul", location=at(1, text, "w * w", "<expression>"))
        root = tape.mul(squared, y, call="Tensor.mul", location=at(1, text, text, "<expression>"))
        if story is None:
            words = ("w=0.5", "y=2")
            story = Story(tape, run(text, argv=words, expression=text), kind=LeafKind.TENSOR)
        if turn == 2:
            story.zero_grad()
        story.backward(tape, root)
    assert story is not None
    return story.trace()


def chain(n: int) -> Graph:
    """`x` through `n` times `neg`, scalar: `n` op nodes and one leaf."""
    tape = Tape()
    value = tape.leaf("x", scalar(1))
    for i in range(n):
        value = tape.unary(
            "NegBackward0",
            "neg",
            value,
            lambda x: -x,
            lambda _: -1.0,
            location=at(3, "    x = -x", "-x"),
            name="x" if i == n - 1 else None,
        )
    return tape.backward(value)[0]


def diamond() -> Graph:
    """`h` feeds `a` = h² and `b` = 3h, whose gradients add up again at `h`: 2h·3 + 3 = 9 at h = 1."""
    tape = Tape()
    x = tape.leaf("x", scalar(0.5))
    two = tape.constant(scalar(2))
    h = tape.mul(x, two, name="h", location=at(1, "h = x * 2", "x * 2"))
    a = tape.mul(h, h, name="a", location=at(2, "a = h * h", "h * h"))
    b = tape.mul(h, tape.constant(scalar(3)), name="b", location=at(3, "b = h * 3", "h * 3"))
    return tape.backward(tape.mul(a, b, name="loss", location=at(4, "loss = a * b", "a * b")))[0]


def _linear(tape: Tape, path: str, x: Ref, size: int, start: float = 0.1) -> Ref:
    tape.inside(path, "Linear")
    weight = tape.leaf(f"{path}.weight", filled((size, x.value.shape[1]), start, -0.02))
    bias = tape.leaf(f"{path}.bias", filled((size,), 0.01))
    return tape.linear(
        x,
        weight,
        bias,
        call="torch.nn.functional.linear",
        location=at(12, "        x = self.fc(x)", "self.fc(x)", "net.py", "forward"),
    )


def _module_net(depth: int, width: int) -> tuple[Tape, Ref]:
    tape = Tape()
    x = _linear(tape, "net.embed", tape.constant(filled((4, 3), 0.5, -0.05)), 5)
    for layer in range(depth):
        path = f"net.layers.{layer}"
        skip = x
        for j in range(width):
            x = _linear(tape, f"{path}.fc{j}", x, 5)
            tape.inside(path, "Block")
            x = tape.relu(
                x, call="torch.relu", location=at(13, "        x = torch.relu(x)", "torch.relu(x)", "net.py", "forward")
            )
        x = tape.add(
            x,
            skip,
            name="x",
            call="Tensor.add",
            location=at(14, "        return x + skip", "x + skip", "net.py", "forward"),
        )
    x = _linear(tape, "net.head", x, 2)
    tape.inside(None)
    loss = tape.sum(x, name="loss", call="Tensor.sum", location=at(30, "loss = net(data).sum()", "net(data).sum()"))
    return tape, loss


def module_net(depth: int = 3, width: int = 2) -> Graph:
    """`net`: embed, `depth` equal residual blocks `net.layers.i` of `width` linears with relu, head; summed to `loss`.

    Per block 3·width + 1 op nodes and 2·width leaves; 5 op nodes and 4 leaves around them.
    """
    tape, loss = _module_net(depth, width)
    return tape.backward(loss)[0]


def module_net_trace(depth: int = 3, width: int = 2) -> Trace:
    """`module_net` in a training loop of three passes: zero_grad, backward, step."""
    tape, loss = _module_net(depth, width)
    sgd = OptimizerInfo(
        0, "SGD", "optimizer", at(20, "optimizer = torch.optim.SGD(net.parameters(), lr=0.1)"), len(tape.leaves)
    )
    story = Story(tape, run(), optimizer=sgd)
    for _ in range(3):
        story.zero_grad(at(29, "    optimizer.zero_grad()"), call="SGD.zero_grad", optimizer=0)
        story.backward(tape, loss, location=at(31, "    loss.backward()"))
        story.event(EventKind.STEP, None, at(32, "    optimizer.step()"), optimizer=0, call="SGD.step")
    return story.trace()


def linear_trace() -> Trace:
    """`(x @ W.T + b).sum()` with a batch of 3: the bias is broadcast, so its gradient is summed over the batch."""
    tape = Tape()
    x = tape.constant(tensor([[1, 2], [3, 4], [5, 6]]))
    weight, bias = tape.leaf("W", tensor([[0.5, -1], [2, 0.25]])), tape.leaf("b", tensor([0.5, -0.5]))
    h = tape.linear(
        x,
        weight,
        bias,
        name="h",
        call="torch.nn.functional.linear",
        location=at(4, "h = F.linear(x, W, b)", "F.linear(x, W, b)"),
    )
    loss = tape.sum(h, name="loss", call="Tensor.sum", location=at(5, "loss = h.sum()", "h.sum()"))
    story = Story(tape, run(), kind=LeafKind.TENSOR)
    story.backward(tape, loss, location=at(6, "loss.backward()"))
    return story.trace()


def accumulate_trace(*, to_none: bool = True) -> Trace:
    """Micro-batches: four passes add to `w` and `b`, then one `step()` and one `zero_grad()` by the optimizer."""
    story: Story | None = None
    for batch in range(1, 5):
        tape = Tape()
        w, b = tape.leaf("w", tensor([1, 2])), tape.leaf("b", scalar(0))
        product = tape.mul(
            w, tape.constant(tensor([batch, -batch])), name="h", location=at(8, "    h = w * x", "w * x")
        )
        total = tape.sum(product, location=at(9, "    loss = h.sum() + b", "h.sum()"))
        loss = tape.add(total, b, name="loss", location=at(9, "    loss = h.sum() + b", "h.sum() + b"))
        if story is None:
            sgd = OptimizerInfo(0, "SGD", "optimizer", at(5, "optimizer = torch.optim.SGD([w, b], lr=0.1)"), 2)
            story = Story(tape, run(), optimizer=sgd)
        story.backward(tape, loss, location=at(10, "    loss.backward()"))
    assert story is not None
    story.event(EventKind.STEP, None, at(11, "optimizer.step()"), optimizer=0, call="SGD.step")
    story.zero_grad(at(12, "optimizer.zero_grad()"), to_none=to_none, call="SGD.zero_grad", optimizer=0)
    return story.trace()


def trace_of(graph: Graph, root: int = 0) -> Trace:
    """A run of one pass over the graph, with the leaves that its AccumulateGrad nodes name."""
    accumulating = {node.leaf: node for node in graph.nodes if node.leaf is not None}
    leaves = tuple(
        Leaf(leaf, (node and node.name) or f"leaf {leaf}", LeafKind.PARAMETER, (node and node.shape) or (), "float32")
        for leaf in range(max(accumulating, default=-1) + 1)
        for node in [accumulating.get(leaf)]
    )
    rows = tuple(
        Accumulation(leaf, None, node.received, node.received, Effect.CREATED if node.received else Effect.UNCHANGED)
        for leaf, node in sorted(accumulating.items())
    )
    top = graph.nodes[root]
    location = at(31, "loss.backward()")
    one = BackwardPass(
        1,
        PassCall.TENSOR_BACKWARD,
        location,
        (Root(root, top.name, top.value, 0, top.received),),
        False,
        False,
        Recorded.FULL,
        graph=graph,
        accumulations=rows,
    )
    event = Event(0, EventKind.BACKWARD, 1, tuple(leaf.id for leaf in leaves), location, call="Tensor.backward")
    return Trace(run(), leaves, (), (one,), (event,))


def empty_trace() -> Trace:
    """A program that never ran a backward pass."""
    return Trace(run(notes=("the program never ran a backward pass",)))


def failed_trace() -> Trace:
    """The second pass dies of an in-place conflict at a node; the program ends with that error."""
    tape = Tape()
    w = tape.leaf("w", scalar(0.5))
    h = tape.unary(
        "ExpBackward0",
        "exp",
        w,
        lambda x: x + 1,
        lambda x: x + 1,
        name="h",
        location=at(4, "    h = w.exp()", "w.exp()"),
    )
    loss = tape.mul(h, h, name="loss", location=at(6, "    loss = h * h", "h * h"))
    location = at(7, "    loss.backward()")
    story = Story(tape, run(status=1, complete=False), kind=LeafKind.TENSOR)
    story.backward(tape, loss, location=location)
    message = (
        "one of the variables needed for gradient computation has been modified by an inplace operation: "
        "[torch.FloatTensor []], which is output 0 of ExpBackward0, is at version 1; expected version 0 instead."
    )
    before = story.grads[0]
    graph = story.backward(tape, loss, location=location, error=PassError("RuntimeError", message, 1))
    story.grads[0] = before
    nodes = tuple(
        node
        if node.id == 0
        else replace(node, order=None, outputs=tuple(replace(o, received=None) for o in node.outputs))
        for node in graph.nodes
    )
    edges = tuple(replace(edge, sent=None) if edge.source else edge for edge in graph.edges)
    unchanged = (Accumulation(0, stats(before), None, stats(before), Effect.UNCHANGED),)
    story.passes[-1] = replace(story.passes[-1], graph=Graph(nodes, edges), accumulations=unchanged)
    story.run = replace(story.run, error=ProgramError("RuntimeError", message, (location,)))
    return story.trace()


def multi_root_trace() -> Trace:
    """`torch.autograd.backward([a, b])`: `a` and `b` share `x`; `a` uses one of two outputs."""
    tape = Tape()
    x = tape.leaf("x", tensor([[1, 2], [3, 4]]))
    top, _ = tape.unbind(x, call="Tensor.unbind", location=at(2, "top, bottom = x.unbind()", "x.unbind()"))
    a = tape.sum(top, name="a", location=at(3, "a = top.sum()", "top.sum()"))
    squares = tape.mul(x, x, location=at(4, "b = (x * x).sum()", "x * x"))
    b = tape.sum(squares, name="b", location=at(4, "b = (x * x).sum()", "(x * x).sum()"))
    story = Story(tape, run(), kind=LeafKind.TENSOR)
    story.backward(tape, a, b, location=at(5, "torch.autograd.backward([a, b])"))
    return story.trace()


def hooked_trace() -> Trace:
    """A tensor hook doubles the gradient of `h` on its way, so what arrived is not what the node worked with."""
    tape = Tape()
    w = tape.leaf("w", scalar(3))
    h = tape.mul(w, tape.constant(scalar(2)), name="h", location=at(6, "h = w * 2", "w * 2"))
    assert h.op is not None
    h.op.rewrites[0] = lambda grad: grad.map(lambda g: 2 * g)
    loss = tape.mul(h, h, name="loss", location=at(8, "loss = h * h", "h * h"))
    story = Story(tape, run(), kind=LeafKind.TENSOR)
    story.backward(tape, loss, location=at(9, "loss.backward()"))
    return story.trace()


def non_finite_trace() -> Trace:
    """`sqrt` at 0: an infinite gradient, then 0 · inf = NaN at the leaf."""
    nan, inf = float("nan"), float("inf")
    tape = Tape()
    x = tape.leaf("x", tensor([0, 4]))
    squared = tape.op(
        "PowBackward0",
        "pow",
        [(x, "self")],
        [tensor([0, 16])],
        lambda _: [tensor([nan, 1])],
        saved=[("self", x)],
        location=at(2, "y = (x ** 2).sqrt()", "x ** 2"),
        arguments=(("exponent", "2"),),
    )[0]
    y = tape.op(
        "SqrtBackward0",
        "sqrt",
        [(squared, "self")],
        [tensor([0, 4])],
        lambda _: [tensor([inf, 0.125])],
        name="y",
        location=at(2, "y = (x ** 2).sqrt()", "(x ** 2).sqrt()"),
    )[0]
    loss = tape.sum(y, name="loss", location=at(3, "loss = y.sum()", "y.sum()"))
    story = Story(tape, run(), kind=LeafKind.TENSOR)
    story.backward(tape, loss, location=at(4, "loss.backward()"))
    return story.trace()


HOSTILE = (
    "</script><script>alert(1)</script>",
    "[red]x[/red] [link=javascript:alert(1)]y[/link]",
    "\x1b[31mred\x1b[0m\x07\x00\r\b",
    "a\"b'c\\d`e`|f{g}<h>&amp;;#%$(i)",
    "line one\nline two\ttab\u2028separator",
    "\ud800 lone \udfff surrogates",
    "\u202eright to left\u202c \u200bzero width \U0001f600",
    "]]> --> <!-- */ \\N \\l %%{init}%% end",
    "x" * 10_000,
    "",
)
"""Texts that break naive output."""


def hostile_trace(texts: Sequence[str] = HOSTILE) -> Trace:
    """A chain of one op per text, with that text as every name, module, source line, argument and error."""
    tape = Tape()
    value = tape.leaf(texts[0], scalar(1))
    for text in texts:
        place = Location(text, 1, 1, 1, 1 + len(text), text, text)
        leaf = tape.leaf(text, scalar(2))
        tape.inside(text, text)
        value = tape.op(
            text or "MulBackward0",
            text or "mul",
            [(value, text), (leaf, "other")],
            [scalar(3)],
            lambda g: [g[0], g[0]],
            saved=[(text, leaf)],
            name=text,
            call=text,
            location=place,
            arguments=((text, text),),
        )[0]
    place = Location(texts[0], 1, 1, 1, 2, texts[0], "\n".join(texts))
    optimizer = OptimizerInfo(0, texts[0], texts[0], place, len(texts))
    everything = " ".join(texts)
    story = Story(
        tape,
        run(
            everything,
            argv=tuple(texts),
            python=texts[0],
            torch=texts[0],
            device=texts[0],
            status=1,
            complete=False,
            error=ProgramError(texts[0], everything, (place,)),
            expression=everything,
            notes=tuple(texts),
        ),
        optimizer=optimizer,
    )
    story.zero_grad(place, call=everything)
    story.backward(tape, value, location=place, error=PassError(texts[0], everything, 0))
    story.event(EventKind.GRAD_MODIFIED, None, place, call=everything)
    return _with_hostile_cuts(story.trace(), texts, place)


def _with_hostile_cuts(trace: Trace, texts: Sequence[str], place: Location) -> Trace:
    """A cut per text, all taken in by the first op."""
    one = trace.passes[0]
    assert one.graph is not None
    cuts = tuple(
        Cut(i, CutKind.NO_GRAD, text, place, text, text, (0,), 1, place, (one.index,), text)
        for i, text in enumerate(texts)
    )
    first = replace(one.graph.nodes[0], cuts=tuple(cut.id for cut in cuts))
    graph = replace(one.graph, nodes=(first, *one.graph.nodes[1:]))
    return replace(trace, cuts=cuts, passes=(replace(one, graph=graph), *trace.passes[1:]))


def hostile_findings(trace: Trace, texts: Sequence[str] = HOSTILE) -> Trace:
    """The trace with a finding per text, at a line, at a leaf and at nothing."""
    place = trace.passes[0].location
    findings = [Finding(text, Severity.ERROR, text, place, help=text, leaves=(0,)) for text in texts]
    findings += [Finding(text, Severity.INFO, text, None, leaves=(0,), passes=(1, 7)) for text in texts]
    return replace(trace, findings=tuple(findings))


def cut_trace() -> Trace:
    """`h = enc(x)` was detached on its way into `F.linear(h.detach(), W, b)`, so `enc.weight` gets nothing."""
    trace = linear_trace()
    graph = trace.passes[0].graph
    assert graph is not None
    h = next(node for node in graph.nodes if node.name == "h")
    lost = Leaf(len(trace.leaves), "enc.weight", LeafKind.PARAMETER, (2, 2), "float32")
    place = at(3, "z = enc(x).detach()", "enc(x).detach()")
    cut = Cut(0, CutKind.DETACH, "detach", place, "z", None, (lost.id,), 1, h.location, (1,))
    nodes = tuple(replace(node, cuts=(0,)) if node is h else node for node in graph.nodes)
    passes = (replace(trace.passes[0], graph=replace(graph, nodes=nodes)), *trace.passes[1:])
    return replace(trace, leaves=(*trace.leaves, lost), cuts=(cut,), passes=passes)
