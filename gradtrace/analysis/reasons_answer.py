"""What an answer to "why has it this gradient, or none" is made of."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gradtrace.analysis.ledger import Verdict
from gradtrace.analysis.paths import Ways
from gradtrace.model import (
    BackwardPass,
    Bystander,
    Cut,
    Event,
    Finding,
    GradSwitch,
    Leaf,
    Location,
    ModuleFact,
    OptimizerInfo,
    ProgramError,
    Reduction,
    TensorStats,
    Variable,
)


class Reason(StrEnum):
    """Why a tensor has a gradient, or none."""

    GRADIENT = "gradient"
    """A pass added to its `.grad`."""
    RETAINED = "retained"
    """Not a leaf, and `retain_grad()` was called."""
    NOT_RETAINED = "not retained"
    """Not a leaf: a gradient went through it, and nothing keeps it."""
    CONSTANT = "constant"
    """The name is that of a result that was cut off from the graph."""
    FROZEN = "frozen"
    """`requires_grad` is False."""
    SWITCHED_ON = "switched on"
    """It was made to require grad, and nothing that reached a root was computed from it after that."""
    CUT = "cut"
    """A value that was computed from it left the graph."""
    ZERO = "zero"
    """The gradient became exactly zero at an op."""
    HOOK = "hook"
    """A hook returned zeros."""
    CANCELLED = "cancelled"
    """Several gradients arrived, and their sum is zero."""
    ZERO_ROOT = "zero root"
    """The pass itself began with zeros."""
    NOT_SENT = "not sent"
    """The op that it went into sent no gradient to it (a custom Function returned None)."""
    NOT_ASKED = "not asked"
    """It is part of the graph, and the pass was asked for other inputs."""
    NOT_STORED = "not stored"
    """`autograd.grad` returned it."""
    CLEARED = "cleared"
    """It was cleared before any step() could read it."""
    ASSIGNED = "assigned"
    """No pass added to it; the program itself assigned `.grad`."""
    FAILED = "failed"
    """The pass raised."""
    NO_BACKWARD = "no backward"
    """No backward pass began."""
    DERIVED_AWAY = "derived away"
    """Only passes whose result has a graph of its own went by it, and what they returned does not depend on it."""
    UNUSED = "unused"
    """Its module is part of the graph, and it is not."""
    OUTSIDE = "outside"
    """Nothing of its module is part of any graph."""
    BYSTANDER = "bystander"
    """It carries a name in the program, and takes no part in any graph that was recorded."""
    VARIABLE = "no tensor"
    """The name stands for something else, or for a result that only the end of the program knew."""
    NOT_SEEN = "not seen"
    """The source gives a value to the name, and no tensor was seen under it."""


HAS_GRADIENT = frozenset({Reason.GRADIENT, Reason.RETAINED, Reason.CLEARED})


@dataclass(frozen=True, slots=True)
class Subject:
    """One tensor that bears the name, and why it has the gradient that it has.

    Attributes:
        name: what it is called.
        kind: `parameter`, `buffer`, `tensor` (leaves), or `value` (a result).
        leaf: the leaf, if it is one.
        node: its node in the graph of `backward`, if it is there.
        output: which output of the node it is.
        backward: the pass that is told.
        gradient: what arrived there.
        before: `.grad` before the pass.
        after: `.grad` after it.
        place: the line that answers.
        culprit: the node at which the gradient was lost.
        operand: torch's name of the argument of the culprit that the gradient should have gone to.
        slot: its position among the culprit's inputs.
        cuts: where values that derive from it left the graph, those that matter most first.
        reentry: nodes from the root to where the first of the cuts came back into a graph as a constant.
        events: what the program did to it, that explains the answer.
        ways: how the gradient came.
        sources: the leaves that a result was computed from.
        passes: indices of the recorded passes that added to it.
        missed: indices of the passes recorded in full that did not.
        owners: the optimizers that own it.
        orphaned_by: an optimizer that stepped, when none owns this leaf.
        read: where the program read `.grad` and found None.
        unregistered: the model's attribute that holds its module without registering it.
        error: what ended the program.
        bystander: what is known of a tensor that takes no part in any graph.
        replaced_by: the leaf that the module used in its place.
        frozen_by: what switched its `requires_grad` off, so that later passes went by.
        switch: what switched gradients off for operations, perhaps those of its module.
        n_namesakes: how many more tensors of this name and place had a gradient: such as are made anew each time.
        variable: what a name stands for that is no tensor of a graph.
        verdict: what the ledger says of the leaf over the whole run.
        findings: what the rules found about it.
        reduced: what ranks made together of what each had for it, in the pass that is told or the first after it.
        reduced_in: the index of the pass in which they did.
        by_rank: what each rank added to it in that pass: the rank, and what came, None where nothing did.
        reduced_to: `.grad` after that.
        same: names of further tensors to which the same answer applies.
    """

    name: str
    kind: str
    reason: Reason
    leaf: Leaf | None = None
    node: int | None = None
    output: int | None = None
    backward: BackwardPass | None = None
    gradient: TensorStats | None = None
    before: TensorStats | None = None
    after: TensorStats | None = None
    place: Location | None = None
    culprit: int | None = None
    operand: str | None = None
    slot: int | None = None
    cuts: tuple[Cut, ...] = ()
    reentry: tuple[int, ...] = ()
    events: tuple[Event, ...] = ()
    ways: Ways | None = None
    sources: tuple[Leaf, ...] = ()
    passes: tuple[int, ...] = ()
    missed: tuple[int, ...] = ()
    owners: tuple[OptimizerInfo, ...] = ()
    orphaned_by: OptimizerInfo | None = None
    read: Location | None = None
    unregistered: ModuleFact | None = None
    error: ProgramError | None = None
    reduced: Reduction | None = None
    reduced_in: int = 0
    reduced_to: TensorStats | None = None
    by_rank: tuple[tuple[str, TensorStats | None], ...] = ()
    same: tuple[str, ...] = ()
    bystander: Bystander | None = None
    replaced_by: Leaf | None = None
    frozen_by: Event | None = None
    switch: GradSwitch | None = None
    n_namesakes: int = 0
    variable: Variable | None = None
    verdict: Verdict | None = None
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What was asked, and a subject for each tensor that is meant, grouped where one answer fits several."""

    asked: str
    subjects: tuple[Subject, ...]
