"""The summary of a run: what was seen, what went wrong, what happened to `.grad` over the passes."""

from collections.abc import Iterator

from gradtrace.analysis.coverage import blindness
from gradtrace.analysis.ledger import Ledger
from gradtrace.model import BackwardPass, Location, Observation, ObservationKind, Trace
from gradtrace.text import verdicts, wording
from gradtrace.text.blocks import Block, Cell, Paragraph, Table
from gradtrace.text.source_maths import span

_MOST_CALLS = 6
_MOST_VALUES = 3
_MOST_SPANS = 4


def summary(trace: Trace, ledger: Ledger) -> Iterator[Block]:
    """How many passes ran, from where, and what their roots were."""
    run = trace.run
    n, full = ledger.n_passes, ledger.n_full
    if n:
        depth = "all recorded in full" if full == n else f"{full:,} recorded in full, the others in the ledger"
        depth = "recorded in full" if n == full == 1 else depth
        text = f"{run.target} ran {wording.count(n, 'backward pass')}, {depth}"
        yield Paragraph(f"{text}{_ending(trace)}.")
        yield Table((), tuple(_calls(trace)), optional=(2,))


def _ending(trace: Trace) -> str:
    status = trace.run.status
    if status is not None and status < 0:
        return f"; it was killed by signal {-status}"
    if status:
        return f"; it ended with status {status}"
    return "" if trace.run.complete else "; the recording is incomplete"


def _calls(trace: Trace) -> Iterator[tuple[Cell, ...]]:
    """One line for every place that started passes: which ones, and what the root was."""
    places: dict[tuple[str, Location | None], list[BackwardPass]] = {}
    for one in trace.passes:
        if not one.is_drawn_only:
            places.setdefault((one.call, one.location), []).append(one)
    for number, ((call, location), passes) in enumerate(places.items()):
        if number == _MOST_CALLS:
            yield (Cell(f"… and {wording.count(len(places) - number, 'more place')}", "muted"),)
            return
        source = span(location) or call
        yield (
            Cell(_indices(passes), "muted"),
            Cell(f"{source}{wording.at(location)}"),
            Cell(_roots(passes)),
        )


def _indices(passes: list[BackwardPass]) -> str:
    spans = [(one.index, one.index + one.count - 1) for one in passes]
    n = sum(one.count for one in passes)
    first, last = spans[0][0], max(end for _, end in spans)
    if last - first + 1 == n:
        return f"pass {first}" if n == 1 else f"passes {first}-{last}"
    if len(spans) > _MOST_SPANS:
        return f"{wording.count(n, 'pass')} from {first} to {last}"
    return f"passes {wording.ranges(index for span in spans for index in span)}"


def _roots(passes: list[BackwardPass]) -> str:
    """`loss = 0.5 → 0.4 → 0.3`, as far as the roots' values were seen."""
    seen = [one for one in passes if any(root.value is not None for root in one.roots)]
    roots = [root for one in seen for root in one.roots if root.value is not None]
    if not roots or any(len(one.roots) > 1 for one in passes):
        return ""
    values = [wording.value(root.value) for root in roots]
    if len(values) > _MOST_VALUES:
        values = [values[0], "…", values[-1]]
    which = "" if len(seen) == sum(one.count for one in passes) else f" in {_indices(seen)}"
    return f"{roots[0].name or 'root'} = {' → '.join(values)}{which}"


def what_happened(trace: Trace, ledger: Ledger) -> Iterator[Block]:
    """The verdict of every group of leaves."""
    for groups in verdicts.alike(ledger.groups, trace.optimizers):
        who, what = verdicts.told(groups, trace.optimizers)
        yield Paragraph(f"{who}: {what}.")


def without_backward(trace: Trace) -> Iterator[Block]:
    """What a program that never ran backward did instead, and what to do."""
    if blindness(trace) is not None:
        return  # nobody knows whether it did
    seen = {observation.kind: observation for observation in trace.run.observations}
    graphs = [one for one in trace.passes if one.is_drawn_only]
    if graphs:
        yield Paragraph(
            "No backward pass ran. This is the graph that the program left behind, without gradients; "
            "call .backward() on its root to fill them in."
        )
        return
    yield Paragraph("No backward pass ran, so there is no gradient to explain.")
    if seen:
        yield Paragraph(_seen(seen))


def _seen(seen: dict[ObservationKind, Observation]) -> str:
    counts = {kind: seen[kind].count if kind in seen else 0 for kind in ObservationKind}
    ops = wording.count(counts[ObservationKind.OPS], "tensor operation")
    if with_graph := counts[ObservationKind.OPS_WITH_GRAPH]:
        return (
            f"Of {ops}, {with_graph:,} built a graph, but nothing called backward() on it: call "
            "loss.backward(), or name the tensor to draw with --root NAME."
        )
    if without_grad := counts[ObservationKind.OPS_WITHOUT_GRAD]:
        at = wording.at(seen[ObservationKind.OPS_WITHOUT_GRAD].location)
        return (
            f"Of {ops}, {without_grad:,} used tensors that require grad while gradients were switched "
            f"off (torch.no_grad or inference_mode){at}: take the forward pass out of it."
        )
    return (
        f"Seen: {ops}, and no tensor that requires grad: requires_grad is False by default; module parameters have it, "
        "a plain tensor needs requires_grad=True."
    )
