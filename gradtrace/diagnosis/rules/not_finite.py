"""A loss or a gradient is not finite, for a reason that no other rule explains.

## What it does

Says where the first NaN or infinity of a run came from: the first operation that made one out of finite numbers, or, in
the backward direction, the first operation whose gradient was finite above it and is not below. It is heard last: only
when no other rule knows the cause.

## Why is this bad?

From the first `step()` with such a gradient on, the parameters are NaN too, and so is all that comes after.

## Example

```python
import torch

w = torch.tensor([0.5, 1.0], requires_grad=True)
loss = torch.erfinv(w).sum()
loss.backward()
```

## Use instead

```python
import torch

w = torch.tensor([0.5, 1.0], requires_grad=True)
loss = torch.erfinv(w.clamp(-0.999, 0.999)).sum()
loss.backward()
```

## How it is detected

The first pass is looked at whose root, or whose gradient of a leaf, is not finite. What its graph has saved tells
where a NaN or an infinity came out of finite inputs; the first such place is told. Where there is none, the gradients
that each operation got and sent are compared.

## Known problems

Infinities that leave the loss and all gradients finite are taken as meant. With a GradScaler, which looks for its
factor by overflows, only a loss that is NaN counts, and one with which the run ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from gradtrace.analysis.outcome import first_poisoned, has_bad_root, poisoned_in_ledger
from gradtrace.diagnosis.evidence.errors import called_as, notes
from gradtrace.diagnosis.evidence.numerics import Given, born_before, first_breaker, given_before
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import BackwardPass, Finding, Location, Node, NonFinite, Severity, TensorSpec, TensorStats, Trace
from gradtrace.model.needs import Statistic, Tensors, need

_FINITE: dict[str, Any] = dict.fromkeys(("norm", "min", "max", "mean", "zero", "value")) | {"nan": 0, "inf": 0}
_HINTS = {
    "ctc_loss": " A label that is longer than its input, counting one more step for each repeated character, has no "
    "path: leave such samples out, or use `CTCLoss(zero_infinity=True)`.",
    "linalg_slogdet": " The determinant is zero: add a little to the diagonal, as in `x + 1e-6 * torch.eye(n)`.",
    "linalg_inv_ex": " The matrix is singular: add a little to the diagonal, as in `x + 1e-6 * torch.eye(n)`.",
    "erfinv": " Keep its input inside (-1, 1): `x.clamp(-1 + 1e-6, 1 - 1e-6)`.",
    "logit": " Keep its input inside (0, 1): `torch.logit(p, eps=1e-6)`.",
    "native_layer_norm": " Its variance is zero with `eps=0`, or its input too large to be squared.",
}
"""What else is said of some functions."""

_DROPPED = (
    "To drop the results afterwards does not help, because backward computes 0 · NaN: replace such values before "
    "(`torch.nan_to_num`, `torch.where`), or choose the others first."
)


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the finding about the first pass that is not finite."""
    poisoned = first_poisoned(trace)
    if poisoned is None:
        yield from _counted(trace)
        return
    is_loss = has_bad_root(poisoned)
    origin: list[tuple[Location | None, str]] = []
    effect = f"{'the value it begins at' if is_loss else 'a gradient'} is not finite in pass {poisoned.index}"
    made, broken = _made(trace, poisoned), first_breaker(poisoned.graph) if poisoned.graph else None
    given = given_before(trace, poisoned)
    if given is not None:
        message, place, advice = _of_given(given)
        origin = _origin_of(trace, given)
    elif made is not None and (is_loss or broken is None):
        message, place, advice = _of_result(made)
    elif broken is not None:
        message, place, advice = _of_node(broken)
    else:
        message = f"{effect[:1].upper()}{effect[1:]}, and where that began was not seen"
        place, advice = poisoned.location, "Look at the data that goes in: is it finite?"
    told = tuple(one for one in notes(*origin, (poisoned.location, effect)) if one.location != place)
    yield Finding("not-finite", Severity.ERROR, message, place, told, advice, (), (poisoned.index,))


def _counted(trace: Trace) -> Iterator[Finding]:
    """A pass of the ledger, of which no more is known."""
    what = poisoned_in_ledger(trace)
    if what is not None:
        message = f"{what[:1].upper()}{what[1:]} is not finite, and that pass was only counted"
        yield Finding("not-finite", Severity.ERROR, message, help="Record that pass in full: --passes and its number.")


def _made(trace: Trace, poisoned: BackwardPass) -> NonFinite | None:
    """The first result that was not finite although all that went in was."""
    return next(
        (one for one in born_before(trace, poisoned) if all(stats.is_finite is not False for stats in one.inputs)),
        None,
    )


def _of_given(given: Given) -> tuple[str, Location | None, str]:
    """What is said of a tensor that was not finite before anything was computed from it."""
    taken = given.taken
    name = f"`{taken.name}`" if taken.name else "A tensor"
    what = "contains NaN" if taken.output.nan else "contains an infinity"
    advice = f"It is {_range(taken.output)}. "
    if given.leaf is not None:
        advice += "A step with too large a gradient or learning rate does that, or a write of the program's own."
    else:
        advice += "Look at where it comes from: `torch.isnan(x).any()` after loading; drop or fill such rows."
    when = f"before pass {taken.before_pass}" if given.leaf is not None else f"already when `{taken.call}` takes it in"
    return f"{name} {what} {when}", taken.location, advice


def _origin_of(trace: Trace, given: Given) -> list[tuple[Location | None, str]]:
    """Where that tensor was made, as far as that is known."""
    name = given.taken.name
    if given.leaf is not None:
        return [(given.leaf.location, f"{given.leaf.name} is made here")]
    return [(one.location, f"{name} is made here") for one in trace.bystanders if one.name == name]


def _of_result(made: NonFinite) -> tuple[str, Location | None, str]:
    inputs = " and ".join(_range(stats) for stats in made.inputs)
    advice = f"It took in {inputs}, and gave {_range(made.output)}." if inputs else f"It gave {_range(made.output)}."
    advice += _HINTS.get(made.call, "")
    if made.output.dtype == "float16" and not made.output.nan:
        advice += " float16 ends at 65504: compute this in float32 or bfloat16, or scale down what goes in."
    if not made.is_exact:
        advice += " Not everything that went in was kept: it may have been made shortly before."
    where = "here, from finite values" if made.location is not None else "from finite values, in a line not watched"
    return f"`{made.call}` gives {_kind(made.output)} {where}", made.location, advice


def _of_node(broken: Node) -> tuple[str, Location | None, str]:
    got = [output.received for output in broken.outputs if output.received is not None]
    advice = f"It got {' and '.join(map(_range, got))}." if got else "What it got was finite."
    taken = next((one.stats for one in broken.saved if one.stats is not None and one.stats.nan), None)
    if taken is not None:
        message = f"`{called_as(broken)}` takes in NaN, so that the gradient that it sends on is NaN too"
        return message, broken.location, f"It took in {_range(taken)}. {_DROPPED}"
    advice += " Keep its input away from where its derivative is not finite."
    return (
        f"The gradient that `{called_as(broken)}` sends on is not finite; the one it got was",
        broken.location,
        advice,
    )


def _kind(stats: TensorStats) -> str:
    return "NaN" if stats.nan else "an infinity"


def _range(stats: TensorStats) -> str:
    spec = str(TensorSpec(stats.shape, stats.dtype))
    if stats.nan or stats.inf:
        counts = [f"{n:,} {what}" for n, what in ((stats.nan, "NaN"), (stats.inf, "inf")) if n]
        return f"{spec} with {' and '.join(counts)}"
    if stats.min is None or stats.max is None:
        return spec
    return f"{spec} from {stats.min:.4g} to {stats.max:.4g}"


def finite(trace: Trace) -> Trace:
    """The trace as if all numbers in it were finite."""
    return replace(trace, passes=tuple(map(_finite_pass, trace.passes)), non_finite=())


def _finite_pass(one: BackwardPass) -> BackwardPass:
    roots = tuple(replace(root, value=_tame(root.value), gradient=_tame(root.gradient)) for root in one.roots)
    rows = tuple(
        replace(row, before=_tame(row.before), contribution=_tame(row.contribution), after=_tame(row.after))
        for row in one.accumulations
    )
    graph = one.graph
    if graph is not None:
        edges = tuple(replace(edge, sent=_tame(edge.sent)) for edge in graph.edges)
        graph = replace(graph, nodes=tuple(map(_finite_node, graph.nodes)), edges=edges)
    return replace(one, roots=roots, accumulations=rows, graph=graph)


def _finite_node(node: Node) -> Node:
    outputs = tuple(
        replace(output, received=_tame(output.received), value=_tame(output.value)) for output in node.outputs
    )
    return replace(node, outputs=outputs, saved=tuple(replace(saved, stats=_tame(saved.stats)) for saved in node.saved))


def _tame(stats: TensorStats | None) -> TensorStats | None:
    """Statistics that tell nothing but that all is finite, where it was not."""
    return stats if stats is None or stats.is_finite is not False else replace(stats, **_FINITE)


RULE = Rule(
    name="not-finite",
    severity=Severity.ERROR,
    summary="A loss or a gradient is not finite, for a reason that no other rule explains.",
    check=check,
    page=__doc__ or "",
    without=finite,
    needs=(
        need(Tensors.ROOTS, Statistic.FINITE),
        need(Tensors.LEAVES, Statistic.FINITE),
        need(Tensors.GRADIENTS, Statistic.FINITE),
        need(Tensors.TROUBLE, Statistic.FINITE, Statistic.EXTREMES),
    ),
)
