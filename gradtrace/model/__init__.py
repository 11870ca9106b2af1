"""What was observed: numbers and text, never a tensor.

Frozen dataclasses from the standard library alone, shared by the recorder (which fills them), the recording
(which stores them) and everything that analyses or shows them. To add a fact, add a field with a default here,
fill it in the recorder and read it where it is shown. Words are those of `docs/glossary.md`.
"""

from gradtrace.model.blind_spot import Blind, BlindSpot
from gradtrace.model.cut import Cut, GradSwitch
from gradtrace.model.events import Event
from gradtrace.model.facts import Bystander, Conflict, Holder, ModuleFact, NonFinite, Write
from gradtrace.model.finding import Finding, RelatedLocation
from gradtrace.model.graph import Edge, Graph, Node, NodeOutput, SavedTensor
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
    Severity,
    SwitchKind,
)
from gradtrace.model.leaf import Leaf, OptimizerInfo
from gradtrace.model.location import Location
from gradtrace.model.passes import INCOMPLETE, Accumulation, BackwardPass, PassError, Root
from gradtrace.model.run import Observation, ProgramError, Run
from gradtrace.model.tensors import NestedValue, Number, TensorSpec, TensorStats
from gradtrace.model.trace import Trace

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
    "Conflict",
    "Cut",
    "CutKind",
    "Edge",
    "Effect",
    "Event",
    "EventKind",
    "Finding",
    "GradSwitch",
    "Graph",
    "Holder",
    "HolderKind",
    "Leaf",
    "LeafKind",
    "Level",
    "Location",
    "ModuleFact",
    "ModuleFactKind",
    "NestedValue",
    "Node",
    "NodeOutput",
    "NonFinite",
    "Number",
    "Observation",
    "ObservationKind",
    "OptimizerInfo",
    "PassCall",
    "PassError",
    "ProgramError",
    "Recorded",
    "RelatedLocation",
    "Root",
    "Run",
    "SavedTensor",
    "Severity",
    "SwitchKind",
    "TensorSpec",
    "TensorStats",
    "Trace",
    "Write",
]
