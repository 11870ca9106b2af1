"""All that `gradtrace.model` offers by name."""

from gradtrace.model.blind_spot import Blind, BlindSpot
from gradtrace.model.compiled import CompiledOp, CompiledRegion, GraphBreak, Recomputed
from gradtrace.model.cut import Cut, GradSwitch
from gradtrace.model.events import Event, GradWrite
from gradtrace.model.facts import Bystander, Conflict, ConstantTerm, Holder, ModuleFact, NonFinite, Variable, Write
from gradtrace.model.finding import Finding, RelatedLocation
from gradtrace.model.graph import Edge, Graph, Node, NodeOutput, SavedTensor, Storages
from gradtrace.model.kinds import (
    CLEARING,
    STORED,
    BystanderKind,
    CutKind,
    Effect,
    EventKind,
    HolderKind,
    LeafKind,
    Level,
    ModuleFactKind,
    ObservationKind,
    PassCall,
    Recorded,
    ReductionKind,
    Severity,
    SharingKind,
    SwitchKind,
    VariableKind,
)
from gradtrace.model.leaf import Leaf, OptimizerInfo
from gradtrace.model.location import Location
from gradtrace.model.objects import Lookalike, LostMask, MaskingHook, MovingNorm, Sharing
from gradtrace.model.passes import INCOMPLETE, Accumulation, BackwardPass, PassError, Reduction, Root
from gradtrace.model.run import KeptResult, Observation, ProgramError, RecordedProcess, Run, ranks_in_words
from gradtrace.model.step_norms import NormPart, NormSeries, StepNorms
from gradtrace.model.steps import ParameterChange, ParameterGroup, ScaleUpdate, StepFact
from gradtrace.model.tensors import NestedValue, Number, TensorSpec, TensorStats
from gradtrace.model.trace import Trace
from gradtrace.model.updates import EmptyClipping, GradUse, Move

__all__ = [
    "CLEARING",
    "INCOMPLETE",
    "STORED",
    "Accumulation",
    "BackwardPass",
    "Blind",
    "BlindSpot",
    "Bystander",
    "BystanderKind",
    "CompiledOp",
    "CompiledRegion",
    "Conflict",
    "ConstantTerm",
    "Cut",
    "CutKind",
    "Edge",
    "Effect",
    "EmptyClipping",
    "Event",
    "EventKind",
    "Finding",
    "GradSwitch",
    "GradUse",
    "GradWrite",
    "Graph",
    "GraphBreak",
    "Holder",
    "HolderKind",
    "KeptResult",
    "Leaf",
    "LeafKind",
    "Level",
    "Location",
    "Lookalike",
    "LostMask",
    "MaskingHook",
    "ModuleFact",
    "ModuleFactKind",
    "Move",
    "MovingNorm",
    "NestedValue",
    "Node",
    "NodeOutput",
    "NonFinite",
    "NormPart",
    "NormSeries",
    "Number",
    "Observation",
    "ObservationKind",
    "OptimizerInfo",
    "ParameterChange",
    "ParameterGroup",
    "PassCall",
    "PassError",
    "ProgramError",
    "Recomputed",
    "Recorded",
    "RecordedProcess",
    "Reduction",
    "ReductionKind",
    "RelatedLocation",
    "Root",
    "Run",
    "SavedTensor",
    "ScaleUpdate",
    "Severity",
    "Sharing",
    "SharingKind",
    "StepFact",
    "StepNorms",
    "Storages",
    "SwitchKind",
    "TensorSpec",
    "TensorStats",
    "Trace",
    "Variable",
    "VariableKind",
    "Write",
    "ranks_in_words",
]
