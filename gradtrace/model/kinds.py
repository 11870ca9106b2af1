"""Every kind of thing that a recording names: what the recorder writes, and what analyses and renderers ask for.

A kind is a member of one of these, never a bare string; each member equals its text. To add one, add it here with what
it means, write it in the recorder and read it where it is shown: `tests/architecture/test_architecture_kinds.py` holds
that all three are the same. A kind that only a newer gradtrace knows is read as `UNKNOWN`.
"""

from __future__ import annotations

from enum import StrEnum


class _RecordedKind(StrEnum):
    """A kind that stands in recordings, so that a newer gradtrace may have written one that is not declared here."""

    @property
    def is_unknown(self) -> bool:
        """Whether only the gradtrace that wrote it knows what it is."""
        return self.value == "unknown"

    @classmethod
    def _missing_(cls, value: object) -> _RecordedKind:  # noqa: ARG003 - whatever it is, nobody here knows it
        return cls("unknown")


class EventKind(_RecordedKind):
    """What happened to the run (`Event.kind`); those from `REQUIRES_GRAD` on only with facts for a diagnosis."""

    BACKWARD = "backward"
    """A pass ran."""
    ZERO_GRAD = "zero_grad"
    """`Optimizer.zero_grad` or `Module.zero_grad`."""
    GRAD_CLEARED = "grad_cleared"
    """`.grad` was set to None or to zeros by the program itself."""
    GRAD_MODIFIED = "grad_modified"
    """`.grad` was clipped, scaled, assigned: anything else that changed it."""
    STEP = "step"
    """`Optimizer.step`."""
    REQUIRES_GRAD = "requires_grad"
    """The program switched `requires_grad` of a leaf."""
    GRAD_READ = "grad_read"
    """The program read a `.grad` that was None."""
    GRAD_ALIAS = "grad_alias"
    """The program read a `.grad` for which a variable already stood: nothing was copied."""
    UNKNOWN = "unknown"


class CutKind(_RecordedKind):
    """How a value left the graph (`Cut.kind`)."""

    DETACH = "detach"
    DATA = "data"
    ITEM = "item"
    TOLIST = "tolist"
    NUMPY = "numpy"
    NUMBER = "number"
    """float(), int() or bool() of a tensor."""
    NEW_TENSOR = "new_tensor"
    """torch.tensor or torch.Tensor of tensors."""
    PARAMETER = "parameter"
    """nn.Parameter of a result."""
    NO_GRAD = "no_grad"
    INFERENCE_MODE = "inference_mode"
    NOT_DIFFERENTIABLE = "not_differentiable"
    """A comparison, argmax, a cast to integers: the result cannot require grad."""
    GRADIENT = "gradient"
    """What torch.autograd.grad returned without `create_graph`."""
    UNKNOWN = "unknown"


class SwitchKind(_RecordedKind):
    """What switched gradients off (`GradSwitch.kind`)."""

    WITH = "with_block"
    """A `with` block."""
    DECORATOR = "decorated"
    """A decorated function was called."""
    CALL = "switched_by_call"
    """`torch.set_grad_enabled(False)` as a statement."""
    CHECKPOINT = "checkpointing"
    """`torch.utils.checkpoint` runs its function without gradients, and again in the pass."""
    FUNCTION = "custom_function"
    """The `forward` of a custom Function runs without gradients."""
    BACKWARD = "running_backward"
    """A pass without `create_graph` was running."""
    UNKNOWN = "unknown"


class ObservationKind(_RecordedKind):
    """What was counted over a run (`Observation.kind`)."""

    OPS = "ops"
    """Tensor operations seen."""
    OPS_WITHOUT_GRAD = "ops_without_grad"
    """Of these, those that ran with gradients off although an input required them."""
    OPS_WITH_GRAPH = "ops_with_graph"
    """Of these, those that built a graph."""
    ROOT_NOT_FINITE = "root_not_finite"
    """Passes that were only counted and began at a value that is not finite."""
    GRADIENT_NOT_FINITE = "gradient_not_finite"
    """Passes that were only counted and gave a leaf a gradient that is not finite."""
    UNKNOWN = "unknown"


class Effect(_RecordedKind):
    """What a pass did to the `.grad` of a leaf (`Accumulation.effect`)."""

    CREATED = "created"
    """There was no `.grad` before."""
    ACCUMULATED = "accumulated"
    """Added to what was there."""
    UNCHANGED = "unchanged"
    """Nothing arrived."""
    NOT_STORED = "not stored"
    """`autograd.grad` returned it instead."""
    UNKNOWN = "unknown"


class PassCall(_RecordedKind):
    """What started a pass (`BackwardPass.call`)."""

    TENSOR_BACKWARD = "Tensor.backward"
    AUTOGRAD_BACKWARD = "autograd.backward"
    AUTOGRAD_GRAD = "autograd.grad"
    NONE = "none"
    """Nothing did: the graph is only drawn, and was never run backward."""
    UNKNOWN = "unknown"


class Recorded(_RecordedKind):
    """How much of a pass was recorded (`BackwardPass.recorded`)."""

    FULL = "full"
    """Its graph and what was measured on it."""
    LEDGER = "ledger"
    """Only what happened to the leaves."""
    UNKNOWN = "unknown"


class LeafKind(_RecordedKind):
    """What a leaf is (`Leaf.kind`)."""

    PARAMETER = "parameter"
    BUFFER = "buffer"
    TENSOR = "tensor"
    UNKNOWN = "unknown"


class HolderKind(_RecordedKind):
    """What keeps graphs alive (`Holder.kind`)."""

    VARIABLE = "variable"
    """A variable or an attribute that is such a tensor, or a list or dict of them."""
    OWN_OUTPUT = "own_output"
    """An attribute of a custom function's context (`ctx.y`) that is the function's own output."""
    UNKNOWN = "unknown"


class BystanderKind(_RecordedKind):
    """Why a tensor takes no part in the graph of a pass (`Bystander.kind`)."""

    REQUIRES_NO_GRAD = "requires_no_grad"
    """`requires_grad` is False, and nothing that it was computed from is known to require grad."""
    INTEGERS = "integers"
    """Its dtype cannot require grad: integers, booleans."""
    INFERENCE = "inference_tensor"
    """It was made in inference mode."""
    CUT_OFF = "cut_off"
    """It was computed from what requires grad, and cut off (`Bystander.cut`): detached, computed under no_grad."""
    BUFFER = "module_buffer"
    """A module keeps it as a buffer, or as an attribute that is no parameter; its `requires_grad` is False."""
    ELSEWHERE = "elsewhere"
    """It requires grad, and the roots of the pass were not computed from it."""
    UNKNOWN = "unknown"


class VariableKind(_RecordedKind):
    """What a name of the program's stands for, where it is no tensor of a graph (`Variable.kind`)."""

    NUMBER = "python_number"
    """A number of Python's, or of numpy's."""
    ARRAY = "numpy_array"
    MODULE = "whole_module"
    """A module: its parameters are `Variable.leaves`."""
    OPTIMIZER = "whole_optimizer"
    OTHER = "other_object"
    """Text, a container, an object of another class."""
    LEAF = "same_leaf"
    """A leaf that is better known by another name: `Variable.leaves` has it."""
    RESULT = "late_result"
    """A result with a graph, which was there when the program ended."""
    UNKNOWN = "unknown"


class ModuleFactKind(_RecordedKind):
    """What a model holds without registering it (`ModuleFact.kind`)."""

    UNREGISTERED_MODULES = "unregistered_modules"
    """Modules in a plain list or dict attribute: not in `parameters()`."""
    PLAIN_TENSOR = "plain_tensor"
    """A tensor attribute that requires grad and is no Parameter."""
    UNKNOWN = "unknown"


class SharingKind(_RecordedKind):
    """What was done with a copy that shares the storage of parameters (`Sharing.kind`)."""

    LOADED = "loaded_onto_itself"
    """`load_state_dict` took what `state_dict` had given."""
    COPIED = "copied_onto_itself"
    """`copy_` of a tensor onto its own storage."""
    SUBTRACTED = "subtracted_from_itself"
    """A difference, or a distance, of a tensor to itself."""
    UNKNOWN = "unknown"


class Level(StrEnum):
    """How much of each tensor is measured, least first."""

    STRUCTURE = "structure"
    """Nothing: only the shape of the graph."""
    DEFAULT = "default"
    """Values of small tensors, norms of the others."""
    FULL = "full"
    """All statistics."""


class Severity(StrEnum):
    """How bad a finding is (`Finding.severity`), worst first."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


CLEARING = frozenset({EventKind.ZERO_GRAD, EventKind.GRAD_CLEARED})
"""Kinds of events after which a `.grad` is None or zero."""

STORED = frozenset({Effect.CREATED, Effect.ACCUMULATED})
"""Effects of a pass that put something into `.grad`."""


class ReductionKind(StrEnum):
    """What ranks made of what each of them had added (`Reduction.how`): a person reads it."""

    AVERAGED = "averaged"
    SUMMED = "summed"
    EQUAL = "made equal"
    """It is the same on all ranks; by which sum was not measured."""
