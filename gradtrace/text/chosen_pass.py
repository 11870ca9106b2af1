"""Which pass a story or a picture shows, and what is said where there is none."""

from collections.abc import Iterator

from gradtrace.analysis.choose_pass import first_pass, pass_at, with_graph
from gradtrace.analysis.focus import focused
from gradtrace.errors import RenderError
from gradtrace.model import BackwardPass, Blind, ObservationKind, PassError, ProgramError, Trace
from gradtrace.text import wording
from gradtrace.text.escape import one_line, visible

_SEEN = {
    ObservationKind.OPS: ("{n} ran", "tensor operation"),
    ObservationKind.OPS_WITHOUT_GRAD: ("{n} ran under no_grad although an input required grad", "operation"),
}
_LONGEST_MESSAGE = 300


def drawn_pass(trace: Trace, pass_index: int | None = None) -> BackwardPass:
    """The pass of this index, by default the first one with a graph that is not a part of another's step.

    Raises:
        RenderError: there is no such pass, or nothing that could be drawn.
    """
    if pass_index is None:
        first = first_pass(trace)
        if first is None:
            raise RenderError(_nothing_to_draw(trace))
        return first
    chosen = existing_pass(trace, pass_index)
    if chosen.graph is None or not chosen.graph.nodes:
        raise RenderError(
            f"pass {pass_index} has no graph to show: only what happened to the leaves was recorded. "
            f"Run again with --passes {pass_index} to record it in full{_passes_with_graph(trace)}"
        )
    return chosen


def existing_pass(trace: Trace, index: int) -> BackwardPass:
    """The pass of this index.

    Raises:
        RenderError: there is no such pass.
    """
    chosen = pass_at(trace, index)
    if chosen is None:
        n = sum(one.count for one in trace.passes)
        raise RenderError(
            f"there is no pass {index}: the run has {wording.count(n, 'pass')}{_passes_with_graph(trace)}"
        )
    return chosen


def narrowed(trace: Trace, backward: BackwardPass, focus: str, *, keeps_rest: bool = False) -> tuple[BackwardPass, str]:
    """The pass with only what leads to a name, and a note that says how much is left out.

    Args:
        trace: what was recorded.
        backward: the pass.
        focus: the name.
        keeps_rest: all else is one node.

    Raises:
        RenderError: nothing in the pass has the name.
    """
    part = focused(backward, trace.leaves, focus, keeps_rest=keeps_rest)
    n_shown, n_all = (
        sum(not node.is_rest for node in one.graph.nodes) if one.graph is not None else 0 for one in (part, backward)
    )
    size = f"{n_shown:,} of {wording.count(n_all, 'node')}"
    return part, f"only what leads to {visible(focus, 60)} is drawn: {size} (--focus)"


def _passes_with_graph(trace: Trace) -> str:
    drawable = with_graph(trace)
    if not drawable or len(drawable) == len(trace.passes):
        return ""
    return f". Passes with a graph: {wording.ranges(one.index for one in drawable)}"


def _nothing_to_draw(trace: Trace) -> str:
    return " ".join(["there is no graph to draw:", _why_not(trace), *_found(trace)])


def _why_not(trace: Trace) -> str:
    target = trace.run.target
    failed = next((one for one in trace.passes if one.error is not None), None)
    if failed is not None and failed.error is not None:
        return f"pass {failed.index}{wording.at(failed.location)} {_raised(failed.error)}"
    if trace.passes:
        n = sum(one.count for one in trace.passes)
        compiled = next((one.text for one in trace.run.blind_spots if one.reason == Blind.COMPILED_REGION), "")
        if compiled:
            return (
                f"{target} ran {wording.count(n, 'pass')}, and {compiled}, where no graph can be seen. Run again with "
                "TORCH_COMPILE_DISABLE=1 in the environment to see the graph of the program itself."
            )
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
