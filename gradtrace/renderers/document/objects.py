"""Facts about the objects of a program: names, modules, buffers, masks and copies."""

from gradtrace.model import BystanderKind, HolderKind, ModuleFactKind, SharingKind, VariableKind
from gradtrace.renderers.document.layout import Part
from gradtrace.renderers.document.tensors import Location

_IS_PASS = {"pass_index": "pass"}


class Bystander(Part, frozen=True, kw_only=True, rename=_IS_PASS):
    """A tensor that carries a name in the program and took no part in the graph of a pass.

    Attributes:
        name: the variable, or how it is reached from one.
        kind: why it takes no part.
        shape: its shape.
        dtype: its dtype.
        device: where it lives.
        requires_grad: whether it requires grad.
        is_leaf: whether it is a leaf.
        pass_index: the first pass recorded in full at which it was seen.
        location: where it was made, or assigned to the variable, or null.
        cut: id of the cut that it comes from, recorded with facts; else null.
        process: which process of the run.
    """

    name: str
    kind: BystanderKind
    shape: list[int]
    dtype: str
    device: str
    requires_grad: bool
    is_leaf: bool
    pass_index: int
    location: Location | None
    cut: int | None
    process: int


class Variable(Part, frozen=True, kw_only=True):
    """A name of the program's that stands for no tensor of a graph.

    Attributes:
        name: the variable, or an attribute of `self`.
        kind: what it stands for.
        type: the class of the object.
        text: a number as Python writes it; empty for anything else.
        leaves: ids of the leaves that it stands for.
        location: where it is assigned, when one place is known to do that, or null.
        process: which process of the run.
    """

    name: str
    kind: VariableKind
    type: str
    text: str
    leaves: list[int]
    location: Location | None
    process: int


class Holder(Part, frozen=True, kw_only=True, rename=_IS_PASS):
    """A variable that kept graphs of several passes alive.

    Attributes:
        name: how it is reached: `history`, `self.losses`.
        kind: what it is.
        location: where tensors are stored into it, or where the newest was made, or null.
        n_tensors: how many tensors with a graph it holds.
        n_nodes: how many nodes these keep alive, counted up to a limit.
        n_passes: from how many passes these nodes come.
        pass_index: the last pass before the count.
        process: which process of the run.
        made: where the newest tensor that it holds was made, or null.
    """

    name: str
    kind: HolderKind
    location: Location | None
    n_tensors: int
    n_nodes: int
    n_passes: int
    pass_index: int
    process: int
    made: Location | None


class ModuleFact(Part, frozen=True, kw_only=True):
    """Something that a model holds without registering it.

    Attributes:
        kind: what it is.
        module: path of the module, or null.
        module_type: its class.
        attribute: the attribute that holds it.
        count: how many there are.
        leaves: ids of the tensors concerned, where they are known.
        process: which process of the run.
    """

    kind: ModuleFactKind
    module: str | None
    module_type: str
    attribute: str
    count: int
    leaves: list[int]
    process: int


class Lookalike(Part, frozen=True, kw_only=True):
    """An attribute that says whether to train parameters and that torch does not know, such as `require_grad`.

    Attributes:
        attribute: its name.
        value: what it says.
        module: path of the module that has it; null for the model itself, and where parameters have it.
        module_type: class of that module; null where parameters have it.
        leaves: ids of the parameters for which torch does the opposite.
        is_stepped: an optimizer has stepped with gradients of theirs.
        location: where it is assigned, or null.
        process: which process of the run.
    """

    attribute: str
    value: bool
    module: str | None
    module_type: str | None
    leaves: list[int]
    is_stepped: bool
    location: Location | None
    process: int


class MovingNorm(Part, frozen=True, kw_only=True, rename=_IS_PASS):
    """A normalization layer whose running statistics moved, while all parameters around it stood still.

    Attributes:
        module: path of the layer, or null.
        module_type: its class.
        leaves: ids of its own parameters.
        n_around: how many parameters stand in the part that it is in.
        count: from how many passes to the next they moved; 0 where a parameter around it was written to later.
        pass_index: the last of these.
        location: where it was put into train mode, or null.
        is_frozen: none of the parameters around it required grad.
        process: which process of the run.
    """

    module: str | None
    module_type: str
    leaves: list[int]
    n_around: int
    count: int
    pass_index: int
    location: Location | None
    is_frozen: bool
    process: int


class MaskingHook(Part, frozen=True, kw_only=True, rename=_IS_PASS):
    """A hook of a leaf that set rows of its gradient to zero.

    Attributes:
        leaf: id of the leaf.
        zeroed_rows: how many rows, in the first pass in which it did.
        pass_index: that pass.
        location: where the last hook of the leaf is defined, or null.
        process: which process of the run.
    """

    leaf: int
    zeroed_rows: int
    pass_index: int
    location: Location | None
    process: int


class LostMask(Part, frozen=True, kw_only=True, rename=_IS_PASS):
    """A part of a parameter that the program set to zero, and that was no longer zero when passes used it.

    Attributes:
        leaf: id of the parameter.
        n_zeros: how many elements were zero after the write.
        n_back: how many of these were not when the pass began.
        is_late: its optimizer had stepped before the write.
        pass_index: the pass that began.
        location: the write, or null.
        process: which process of the run.
    """

    leaf: int
    n_zeros: int
    n_back: int
    is_late: bool
    pass_index: int
    location: Location | None
    process: int


class Sharing(Part, frozen=True, kw_only=True, rename=_IS_PASS):
    """Something that was done with a copy of parameters that shares their storage.

    Attributes:
        kind: what was done.
        call: the function that was called.
        location: where.
        made: where the copy was taken, or null.
        leaves: ids of the parameters.
        n_tensors: how many tensors shared.
        n_steps: how many steps optimizers had taken since the copy; null where that is not known.
        count: how often it happened.
        cut: id of the cut that the copy comes from, or null.
        is_tracked: the result is part of a graph.
        pass_index: the last pass before it.
        process: which process of the run.
    """

    kind: SharingKind
    call: str
    location: Location | None
    made: Location | None
    leaves: list[int]
    n_tensors: int
    n_steps: int | None
    count: int
    cut: int | None
    is_tracked: bool
    pass_index: int
    process: int
