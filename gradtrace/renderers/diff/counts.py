"""How much differs between two runs, a line for each kind."""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.analysis.coverage import n_passes
from gradtrace.analysis.diff.runs import Comparison
from gradtrace.text import wording


def compared(comparison: Comparison) -> str:
    """What was laid side by side: passes, leaves, nodes."""
    n_old, n_new = n_passes(comparison.old), n_passes(comparison.new)
    ran = wording.count(n_old, "backward pass") if n_old == n_new else f"{n_old:,} and {n_new:,} backward passes"
    n_nodes = sum(len(pair.nodes) for pair in comparison.passes)
    full = wording.count(len(comparison.passes), "pass") + " in full"
    leaves = wording.count(len(comparison.leaves), "leaf")
    return f"{ran}; compared: {full} with {wording.count(n_nodes, 'node')}, {leaves}"


def counts(comparison: Comparison) -> Iterator[tuple[str, str]]:
    """Kind, and how much of it differs; nothing for what is alike."""
    passes = comparison.passes
    only_old, only_new = _only(comparison)
    rewired = sum(len(pair.rewired) for pair in passes)
    if only_old or only_new or rewired:
        yield "graph", f"{only_old:,} nodes only in OLD, {only_new:,} only in NEW, {rewired:,} with other operands"
    if values := sum(len(pair.values) for pair in passes):
        yield "values", f"{values:,} of {sum(pair.n_compared for pair in passes):,} nodes"
    if gradients := sum(len(pair.gradients) for pair in passes):
        yield "gradients", f"{gradients:,} of {sum(pair.n_compared for pair in passes):,} nodes"
    if changed := {change.name for changes in comparison.gradients for change in changes}:
        yield "leaves", f"{len(changed):,} of {len(comparison.leaves):,} get another gradient"
    if comparison.lost or comparison.found:
        yield "leaves", f"{len(comparison.lost):,} only in OLD, {len(comparison.found):,} only in NEW"
    if histories := sum(len(one.names) for one in comparison.histories):
        yield ".grad", f"{wording.count(histories, 'leaf')} with another history"
    if n_events := sum(
        len(one.only_old) + len(one.only_new) + len(one.rates) + len(one.written) for one in comparison.happenings
    ):
        yield "events", f"{n_events:,} around the passes compared"
    if comparison.optimizers:
        yield "optimizers", f"{len(comparison.optimizers):,}"
    if comparison.findings_old or comparison.findings_new:
        yield "findings", f"{len(comparison.findings_old):,} only in OLD, {len(comparison.findings_new):,} only in NEW"


def _only(comparison: Comparison) -> tuple[int, int]:
    old = sum(len(stretch.nodes) for pair in comparison.passes for stretch in pair.only_old)
    new = sum(len(stretch.nodes) for pair in comparison.passes for stretch in pair.only_new)
    return old, new
