"""What happened to `.grad` over a run, and what is said of a run without a backward pass."""

from collections.abc import Iterator, Sequence

from gradtrace.analysis.coverage import blindness
from gradtrace.analysis.ledger import LeafGroup, Ledger, Pattern
from gradtrace.analysis.reasons import Reason, why_leaves
from gradtrace.model import Observation, ObservationKind, Trace
from gradtrace.text import verdicts, wording
from gradtrace.text.blocks import Block, Paragraph


def what_happened(trace: Trace, ledger: Ledger) -> Iterator[Block]:
    """The verdict of every group of leaves."""
    known = [group for group in ledger.groups if group.verdict.pattern is not Pattern.ABSENT or _is_named(group)]
    for groups in verdicts.alike(known, trace.optimizers):
        who, what = verdicts.told(groups, trace.optimizers, trace.run)
        frozen = _frozen(trace, groups)
        yield Paragraph(f"{who} {frozen}." if frozen else f"{who}: {what}.")


def _frozen(trace: Trace, groups: Sequence[LeafGroup]) -> str:
    """That leaves of no pass do not require grad, and what switched it off where it is the same for all; else empty."""
    leaves = [leaf for group in groups for leaf in group.leaves]
    is_absent = all(group.verdict.pattern is Pattern.ABSENT for group in groups)
    if not is_absent or any(leaf.requires_grad for leaf in leaves):
        return ""
    first, last = why_leaves(trace, [leaves[0], leaves[-1]])
    by = ""
    if first.reason is Reason.FROZEN and first.events and first.place == last.place:
        by = f" ({first.events[-1].call or 'requires_grad = False'}{wording.at(first.place)})"
    does, its = ("does", "its") if len(leaves) == 1 else ("do", "their")
    return f"{does} not require grad{by}, so no pass adds to {its} .grad"


def _is_named(group: LeafGroup) -> bool:
    """Whether a reader can know any of its leaves: the recorder numbers those that have no name."""
    return any(leaf.name != f"leaf {leaf.id}" for leaf in group.leaves)


def without_backward(trace: Trace) -> Iterator[Block]:
    """What a program that never ran backward did instead, and what to do."""
    if blindness(trace) is not None:
        return  # nobody knows whether it did
    seen = {observation.kind: observation for observation in trace.run.observations}
    graphs = [one for one in trace.passes if one.is_drawn_only]
    if trace.run.error is not None:
        left = " This is the graph that was built until then." if graphs else ""
        yield Paragraph(f"No backward pass ran before that, so there is no gradient to explain.{left}")
        return
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
