"""Everything that is known about one run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gradtrace.model import notebook_view
from gradtrace.model.cut import Cut
from gradtrace.model.events import Event
from gradtrace.model.facts import Bystander, ConstantTerm, Holder, ModuleFact, NonFinite, Variable
from gradtrace.model.finding import Finding
from gradtrace.model.leaf import Leaf, OptimizerInfo
from gradtrace.model.objects import Lookalike, LostMask, MaskingHook, MovingNorm, Sharing
from gradtrace.model.passes import BackwardPass
from gradtrace.model.run import Run
from gradtrace.model.step_norms import NormSeries
from gradtrace.model.steps import ScaleUpdate, StepFact
from gradtrace.model.updates import EmptyClipping, GradUse, Move


@dataclass(frozen=True, slots=True, weakref_slot=True, repr=False)
class Trace:
    """A run: its leaves (`leaves[i].id == i`), optimizers, passes in order, and events in order.

    `steps` are what steps did that were looked at (`Event.step` of their events), in order; `step_norms` what
    every step found in `.grad`, where that was measured. `whole` is the trace of all ranks, where this is that of one
    of them alone.
    """

    run: Run
    leaves: tuple[Leaf, ...] = ()
    optimizers: tuple[OptimizerInfo, ...] = ()
    passes: tuple[BackwardPass, ...] = ()
    events: tuple[Event, ...] = ()
    findings: tuple[Finding, ...] = ()
    cuts: tuple[Cut, ...] = ()
    non_finite: tuple[NonFinite, ...] = ()
    holders: tuple[Holder, ...] = ()
    module_facts: tuple[ModuleFact, ...] = ()
    steps: tuple[StepFact, ...] = ()
    scale_updates: tuple[ScaleUpdate, ...] = ()
    step_norms: tuple[NormSeries, ...] = ()
    bystanders: tuple[Bystander, ...] = ()
    variables: tuple[Variable, ...] = ()
    lookalikes: tuple[Lookalike, ...] = ()
    moving_norms: tuple[MovingNorm, ...] = ()
    sharings: tuple[Sharing, ...] = ()
    constant_terms: tuple[ConstantTerm, ...] = ()
    grad_uses: tuple[GradUse, ...] = ()
    moves: tuple[Move, ...] = ()
    empty_clippings: tuple[EmptyClipping, ...] = ()
    masking_hooks: tuple[MaskingHook, ...] = ()
    lost_masks: tuple[LostMask, ...] = ()
    whole: Trace | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        n_full = sum(1 for one in self.passes if one.graph is not None)
        size = f"{len(self.passes)} passes ({n_full} in full), {len(self.leaves)} leaves, {len(self.events)} events"
        return f"<gradtrace.Trace of {self.run.target!r}: {size}, {len(self.findings)} findings>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:  # noqa: ARG002 - as IPython asks
        """What a notebook shows: the graph of a pass, as text and as a picture."""
        return notebook_view.draw(self)
