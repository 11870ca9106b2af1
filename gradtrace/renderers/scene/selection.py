"""Which pass a picture shows."""

from gradtrace.errors import RenderError
from gradtrace.model import BackwardPass, Trace
from gradtrace.renderers import wording

_SEEN = {
    "ops": "{n} tensor operations ran",
    "ops_without_grad": "{n} of them ran under no_grad although an input required grad",
    "requires_grad": "{n} tensors that require grad were used",
    "integer_root": "the result is an integer, which has no gradient",
}


def drawn_pass(trace: Trace, pass_index: int | None = None) -> BackwardPass:
    """The pass of this index, by default the first one with a graph.

    Raises:
        RenderError: there is no such pass, or nothing that could be drawn.
    """
    drawable = [one for one in trace.passes if one.graph is not None and one.graph.nodes]
    if pass_index is None:
        if not drawable:
            raise RenderError(_nothing_to_draw(trace))
        return drawable[0]
    for one in drawable:
        if one.index == pass_index:
            return one
    with_graph = f"Passes with a graph: {wording.ranges(one.index for one in drawable)}." if drawable else ""
    if any(one.index <= pass_index < one.index + one.count for one in trace.passes):
        message = (
            f"pass {pass_index} has no graph to draw: only what happened to the leaves was recorded. "
            f"Run again with --passes {pass_index} to record it in full. {with_graph}"
        )
    else:
        n = sum(one.count for one in trace.passes)
        message = f"there is no pass {pass_index}: the run has {wording.count(n, 'pass')}. {with_graph}"
    raise RenderError(message.strip())


def _nothing_to_draw(trace: Trace) -> str:
    target = trace.run.target
    if trace.passes:
        n = sum(one.count for one in trace.passes)
        seen = f"{target} ran {wording.count(n, 'pass')}, but none was recorded with its graph"
        return f"there is no graph to draw: {seen}. Run again with --passes 1 to record the first one in full."
    facts = [
        _SEEN[fact.kind].format(n=f"{fact.count:,}") + wording.at(fact.location)
        for fact in trace.run.observations
        if fact.kind in _SEEN and fact.count
    ]
    seen = f" Seen: {'; '.join(facts)}." if facts else ""
    return (
        f"there is no graph to draw: {target} never ran a backward pass, and no tensor with a grad_fn was found.{seen} "
        "Call backward() on a loss that depends on a tensor with requires_grad=True, or name a tensor with --root NAME."
    )
