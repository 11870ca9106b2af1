"""Facts for a diagnosis, recorded only when one is asked for (`gradtrace check`, `gradtrace why`)."""

from __future__ import annotations

from dataclasses import dataclass

from gradtrace.model.kinds import BystanderKind, HolderKind, ModuleFactKind, VariableKind
from gradtrace.model.location import Location
from gradtrace.model.tensors import TensorStats


@dataclass(frozen=True, slots=True)
class Write:
    """An in-place write: what wrote (`add_`, `SGD.step`, `__setitem__`), where, and the version that it left behind."""

    call: str
    location: Location | None
    version: int


@dataclass(frozen=True, slots=True)
class Conflict:
    """A saved tensor that was overwritten before backward needed it: what torch says, and both lines.

    Attributes:
        name: what a person would call the tensor, else None.
        saved_by: id of the node that saved it (the node at which the pass failed).
        saved_name: torch's name for what that node saved (`self`, `result`).
        expected: the version that was saved.
        found: the version that the tensor has now.
        writes: the writes between the two, oldest first.
    """

    name: str | None
    shape: tuple[int, ...]
    dtype: str
    saved_by: int | None
    saved_name: str | None
    expected: int
    found: int
    writes: tuple[Write, ...] = ()


@dataclass(frozen=True, slots=True)
class NonFinite:
    """A forward result with a NaN or an infinity, at a place where all inputs were finite: one per place in the source.

    Attributes:
        call: the function that was called: `log`, `div`.
        name: the name to which the result was assigned, else None.
        module: the module that was running.
        output: statistics of the result.
        inputs: statistics of the tensors that went in.
        before_pass: index of the pass that came next.
        count: how often it happened.
        is_tracked: the result is part of a graph.
        is_exact: everything that went in is known; else what made it may stand shortly before this place.
        is_given: no operation made it: `output` is a tensor that this call was given, and `name` is what it is called.
    """

    call: str
    location: Location | None
    output: TensorStats
    inputs: tuple[TensorStats, ...] = ()
    name: str | None = None
    module: str | None = None
    before_pass: int = 0
    count: int = 1
    is_tracked: bool = True
    is_exact: bool = True
    process: int = 0
    is_given: bool = False


@dataclass(frozen=True, slots=True)
class ConstantTerm:
    """A loss that was computed from nothing that requires grad, and added to a value that does.

    Attributes:
        call: the loss function.
        location: where it was called.
        name: the name to which its result was assigned, else None.
        entered: where it was first added.
        passes: indices of passes in whose graph the sum is.
        count: how often it was added.
        n_tracked: how often the same call gave a result with a graph.
    """

    call: str
    location: Location | None
    name: str | None = None
    entered: Location | None = None
    passes: tuple[int, ...] = ()
    count: int = 0
    n_tracked: int = 0
    process: int = 0


@dataclass(frozen=True, slots=True)
class Holder:
    """A variable that kept graphs of several passes alive when a pass began, or at the end.

    Attributes:
        name: `total`, `history`, `self.losses`.
        kind: whether it is a variable of the program's, or what a custom function keeps in its context.
        location: where tensors are stored into it (appended, put into an item, assigned to an attribute or a variable),
            when one place is known to do that; else `made`.
        made: where the newest tensor that it holds was made.
        n_tensors: how many tensors with a graph it holds.
        n_nodes: how many nodes these keep alive (counted up to a limit).
        n_passes: from how many passes these nodes come.
        pass_index: the last pass before the count.
    """

    name: str
    kind: HolderKind
    location: Location | None
    n_tensors: int
    n_nodes: int
    n_passes: int
    pass_index: int
    process: int = 0
    made: Location | None = None


@dataclass(frozen=True, slots=True)
class Bystander:
    """A tensor that carries a name in the program and took no part in the graph of a pass; recorded at any level.

    Attributes:
        name: the variable, or how it is reached from one.
        kind: why it takes no part.
        pass_index: the first pass recorded in full at which it was seen.
        location: where it was made, or assigned to the variable, when that is known.
        cut: id of the cut that it comes from (`Trace.cuts`), when facts for a diagnosis were asked for.
    """

    name: str
    kind: BystanderKind
    shape: tuple[int, ...]
    dtype: str
    device: str = "cpu"
    requires_grad: bool = False
    is_leaf: bool = True
    pass_index: int = 0
    location: Location | None = None
    cut: int | None = None
    process: int = 0


@dataclass(frozen=True, slots=True)
class Variable:
    """A name of the program's that stands for no tensor of a graph, with what it stands for.

    Attributes:
        name: the variable, or an attribute of `self`.
        type: the class of the object.
        text: a number as Python writes it.
        leaves: ids of the leaves that it stands for: of a module its parameters that are known, of a list its items.
        location: where it is assigned, when one place is known to do that.
    """

    name: str
    kind: VariableKind
    type: str = ""
    text: str = ""
    leaves: tuple[int, ...] = ()
    location: Location | None = None
    process: int = 0


@dataclass(frozen=True, slots=True)
class ModuleFact:
    """Something about a model that its parameters do not tell.

    `leaves` are the tensors concerned, where they are known.
    """

    kind: ModuleFactKind
    module: str | None
    module_type: str
    attribute: str
    count: int
    leaves: tuple[int, ...] = ()
    process: int = 0
