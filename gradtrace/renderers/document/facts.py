"""What was recorded besides passes and the ledger, most of it only for a diagnosis."""

from collections.abc import Sequence

from gradtrace.model import Trace
from gradtrace.renderers.document.layout import Part, Rows, Section
from gradtrace.renderers.document.ledger import ScaleUpdate
from gradtrace.renderers.document.mirror import mirrored
from gradtrace.renderers.document.objects import (
    Bystander,
    Holder,
    Lookalike,
    LostMask,
    MaskingHook,
    ModuleFact,
    MovingNorm,
    Sharing,
    Variable,
)
from gradtrace.renderers.document.tensors import Location, Number, Statistics

MOST = 1_000
"""So many facts of a kind are written."""

_IS_PASS = {"pass_index": "pass"}


class NonFinite(Part, frozen=True, kw_only=True):
    """A forward result with a NaN or an infinity where all inputs were finite: once for each place in the source.

    Attributes:
        call: the function that was called: `log`, `div`.
        location: where.
        output: statistics of the result.
        inputs: statistics of the tensors that went in.
        name: the name to which the result was assigned, or null.
        module: the module that was running, or null.
        before_pass: the pass that came next.
        count: how often it happened.
        is_tracked: the result is part of a graph.
        is_exact: everything that went in is known; else what made it may stand shortly before this place.
        process: which process of the run.
        is_given: no operation made it: the call was given it.
    """

    call: str
    location: Location | None
    output: Statistics
    inputs: list[Statistics]
    name: str | None
    module: str | None
    before_pass: int
    count: int
    is_tracked: bool
    is_exact: bool
    process: int
    is_given: bool


class ConstantTerm(Part, frozen=True, kw_only=True):
    """A loss that was computed from nothing that requires grad, and added to a value that does.

    Attributes:
        call: the loss function.
        location: where it was called.
        name: the name to which its result was assigned, or null.
        entered: where it was first added, or null.
        passes: indices of the passes in whose graph the sum is.
        count: how often it was added.
        n_tracked: how often the same call gave a result with a graph.
        process: which process of the run.
    """

    call: str
    location: Location | None
    name: str | None
    entered: Location | None
    passes: list[int]
    count: int
    n_tracked: int
    process: int


class GradUse(Part, frozen=True, kw_only=True, rename=_IS_PASS):
    """A line of the program's own that read the `.grad` of leaves, which was there.

    Attributes:
        pass_index: the last pass before it.
        leaves: ids of the leaves.
        location: where.
        iterator: the variable of a generator over which the line loops, where the function loops over it once more.
        again: the second of these loops, for which nothing is left, or null.
        in_vain: the variable that the statement gives a value which nothing reads, or null.
        process: which process of the run.
    """

    pass_index: int
    leaves: list[int]
    location: Location | None
    iterator: str | None
    again: Location | None
    in_vain: str | None
    process: int


class Move(Part, frozen=True, kw_only=True, rename=_IS_PASS):
    """How far a leaf that no optimizer steps has moved from one pass recorded in full to the next.

    Attributes:
        leaf: id of the leaf.
        pass_index: the later pass.
        change: the 2-norm of the difference.
        along: the cosine between the difference and the `.grad` with which that pass began; null where there is none.
        process: which process of the run.
    """

    leaf: int
    pass_index: int
    change: Number
    along: Number | None
    process: int


class EmptyClipping(Part, frozen=True, kw_only=True, rename=_IS_PASS):
    """A call that was to clip gradients, and was given none.

    Attributes:
        pass_index: the last pass before it.
        call: the function that was called.
        location: where.
        n_parameters: how many parameters it was given; 0 for a used-up generator.
        process: which process of the run.
    """

    pass_index: int
    call: str
    location: Location | None
    n_parameters: int
    process: int


class Facts(Section, frozen=True, kw_only=True):
    """What else was seen, at most 1,000 of each kind. All but `bystanders` and `variables` need facts to be recorded.

    Attributes:
        bystanders: tensors with a name that took no part in a graph.
        variables: names that stand for no tensor of a graph.
        non_finite: where NaN and infinities came from.
        holders: what kept graphs alive.
        module_facts: what modules hold without registering it.
        scale_updates: what `GradScaler.update` did.
        lookalikes: attributes that say whether to train and that torch does not know.
        moving_norms: running statistics that moved in a frozen part.
        sharings: copies of parameters that share their storage.
        constant_terms: losses that have no graph.
        grad_uses: where the program reads gradients by itself.
        moves: how far the program moved leaves by itself.
        empty_clippings: calls that clipped nothing.
        masking_hooks: hooks that set rows of a gradient to zero.
        lost_masks: zeros in parameters that did not stay.
        omitted: how many more there were of a kind that has more than are written; empty when all are here.
    """

    bystanders: Sequence[Bystander]
    variables: Sequence[Variable]
    non_finite: Sequence[NonFinite]
    holders: Sequence[Holder]
    module_facts: Sequence[ModuleFact]
    scale_updates: Sequence[ScaleUpdate]
    lookalikes: Sequence[Lookalike]
    moving_norms: Sequence[MovingNorm]
    sharings: Sequence[Sharing]
    constant_terms: Sequence[ConstantTerm]
    grad_uses: Sequence[GradUse]
    moves: Sequence[Move]
    empty_clippings: Sequence[EmptyClipping]
    masking_hooks: Sequence[MaskingHook]
    lost_masks: Sequence[LostMask]
    omitted: dict[str, int]


_KINDS: dict[str, type[Part]] = {
    "bystanders": Bystander,
    "variables": Variable,
    "non_finite": NonFinite,
    "holders": Holder,
    "module_facts": ModuleFact,
    "scale_updates": ScaleUpdate,
    "lookalikes": Lookalike,
    "moving_norms": MovingNorm,
    "sharings": Sharing,
    "constant_terms": ConstantTerm,
    "grad_uses": GradUse,
    "moves": Move,
    "empty_clippings": EmptyClipping,
    "masking_hooks": MaskingHook,
    "lost_masks": LostMask,
}
"""Key of the document, which is the name in the trace, to what its items are."""


def facts(trace: Trace) -> Facts:
    """The first facts of each kind, and how many there are besides."""
    seen: dict[str, Sequence[object]] = {name: getattr(trace, name) for name in _KINDS}
    rows = {name: _rows(kind, seen[name][:MOST]) for name, kind in _KINDS.items()}
    return mirrored(
        Facts, trace, **rows, omitted={name: len(all_) - MOST for name, all_ in seen.items() if len(all_) > MOST}
    )


def _rows(kind: type[Part], seen: Sequence[object]) -> Rows[Part]:
    return Rows(lambda one: mirrored(kind, one), seen)
