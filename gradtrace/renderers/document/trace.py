"""The trace document: one strict JSON object that holds everything known about a run, for other programs.

Its keys are a contract.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from gradtrace.analysis.focus import focused_trace
from gradtrace.analysis.training_steps import consumed, inner, numbers
from gradtrace.model import Trace
from gradtrace.renderers.document import layout
from gradtrace.renderers.document.cuts import Cut, cut
from gradtrace.renderers.document.facts import Facts, facts
from gradtrace.renderers.document.findings import Finding, finding
from gradtrace.renderers.document.layout import Rows, Section
from gradtrace.renderers.document.leaves import Leaf, Optimizer, leaf, optimizer
from gradtrace.renderers.document.ledger import Event, Step, event, step
from gradtrace.renderers.document.norms import NormSeries, norm_series
from gradtrace.renderers.document.passes import Pass, backward_pass
from gradtrace.renderers.document.run import Run, run

FORMAT_VERSION = (1, 3)
"""History: 1.0 the first; 1.1 `facts`, what switched gradients off, conflicts of passes, and what is measured; 1.2
`step_norms`; 1.3 `region` of nodes; `ranks`, and what they made of their gradients."""


class TraceDocument(Section, frozen=True, kw_only=True):
    """Everything that is known about a run.

    Attributes:
        format: `gradtrace-trace`.
        version: major and minor; within a major version keys keep their meaning, and more may be added.
        run: what was run, and how it ended.
        leaves: the tensors that accumulate into `.grad`.
        optimizers: the optimizers that were seen.
        passes: the passes, in order.
        events: what happened between passes, in order.
        steps: what steps of optimizers did that were looked at.
        step_norms: the norms of the gradients that every step found, recorded by `gradtrace norms`.
        cuts: where values left the graph, recorded with facts, as `render`, `check` and `why` do.
        findings: what a diagnosis found.
        facts: what else was seen.
    """

    format: Literal["gradtrace-trace"]
    version: tuple[int, int]
    run: Run
    leaves: Sequence[Leaf]
    optimizers: Sequence[Optimizer]
    passes: Sequence[Pass]
    events: Sequence[Event]
    steps: Sequence[Step]
    step_norms: Sequence[NormSeries]
    cuts: Sequence[Cut]
    findings: Sequence[Finding]
    facts: Facts


@dataclass(frozen=True, slots=True)
class Options:
    """What the document holds; a part that is left out is null (graphs) or empty (findings).

    With `focus` the graphs hold only what leads to the leaf, module or value of this name.
    """

    findings: bool = True
    graphs: bool = True
    focus: str | None = None


def render(trace: Trace, options: Options) -> str:
    """The trace as JSON text with a newline at its end, ASCII only.

    Raises:
        RenderError: nothing bears the name in focus.
    """
    return "".join(pieces(trace, options))


def pieces(trace: Trace, options: Options) -> Iterator[str]:
    """The same text piece by piece.

    Raises:
        RenderError: nothing bears the name in focus.
    """
    return layout.pieces(document(trace, options))


def document(trace: Trace, options: Options) -> TraceDocument:
    """The document as a struct; its rows are made when they are written.

    Raises:
        RenderError: nothing bears the name in focus.
    """
    shown = trace if options.focus is None else focused_trace(trace, options.focus)
    steps, inside = numbers(shown), inner(shown)
    return TraceDocument(
        format="gradtrace-trace",
        version=FORMAT_VERSION,
        run=run(shown),
        leaves=Rows(leaf, shown.leaves),
        optimizers=Rows(optimizer, shown.optimizers),
        passes=Rows(lambda one: backward_pass(one, steps[one.index], inside, has_graph=options.graphs), shown.passes),
        events=Rows(event, shown.events),
        steps=Rows(lambda one: step(one, consumed(shown, one)), shown.steps),
        step_norms=Rows(norm_series, shown.step_norms),
        cuts=Rows(cut, shown.cuts),
        findings=Rows(finding, shown.findings if options.findings else ()),
        facts=facts(shown),
    )
