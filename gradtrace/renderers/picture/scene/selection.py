"""Which pass a picture shows."""

from collections.abc import Iterator

from gradtrace.errors import RenderError
from gradtrace.model import BackwardPass, ObservationKind, PassError, ProgramError, Trace
from gradtrace.renderers.text import wording
from gradtrace.renderers.text.escape import one_line

_SEEN = {
    ObservationKind.OPS: ("{n} ran", "tensor operation"),
    ObservationKind.OPS_WITHOUT_GRAD: ("{n} ran under no_grad although an input required grad", "operation"),
}
_LONGEST_MESSAGE = 300


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
    return " ".join(["there is no graph to draw:", _why_not(trace), *_found(trace)])


def _why_not(trace: Trace) -> str:
    target = trace.run.target
    failed = next((one for one in trace.passes if one.error is not None), None)
    if failed is not None and failed.error is not None:
        return f"pass {failed.index}{wording.at(failed.location)} {_raised(failed.error)}"
    if trace.passes:
        n = sum(one.count for one in trace.passes)
        return (
            f"{target} ran {wording.count(n, 'pass')}, but none was recorded with its graph. Run again with --passes 1 "
            "to record the first one in full."
        )
    if trace.run.error is not None:
        return f"{target} ran no backward pass before it {_raised(trace.run.error)}"
    facts = [
        sentence.format(n=wording.count(fact.count, noun)) + wording.at(fact.location)
        for fact in trace.run.observations
        if fact.kind in _SEEN and fact.count
        for sentence, noun in (_SEEN[fact.kind],)
    ]
    seen = f" Seen: {'; '.join(facts)}." if facts else ""
    return (
        f"{target} never ran a backward pass, and no tensor with a grad_fn was found.{seen} Call backward() on a loss "
        "that depends on a tensor with requires_grad=True, or name a tensor with --root NAME."
    )


def _raised(error: ProgramError | PassError) -> str:
    return f"raised {one_line(error.type, _LONGEST_MESSAGE)}: {one_line(error.message, _LONGEST_MESSAGE).rstrip('.')}."


def _found(trace: Trace) -> Iterator[str]:
    """What a diagnosis says, which may be what the reader needs instead of a picture."""
    for finding in trace.findings[:1]:
        where = wording.at(finding.location)
        yield f"Found{where}: {one_line(finding.message, _LONGEST_MESSAGE)} (gradtrace rule {finding.rule} tells more)"
