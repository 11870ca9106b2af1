"""A call of torch's that raised what ended the program: who made it, and what of its tensors did not fit."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from gradtrace.diagnosis.evidence.errors import failure, notes
from gradtrace.model import GivenTensor, Leaf, Location, RejectedCall, RelatedLocation, Trace
from gradtrace.model.location import same_place
from gradtrace.text import wording
from gradtrace.text.source_maths import span


class Misfit(Enum):
    """What torch complained of."""

    INDEX = auto()
    DEVICE = auto()
    DTYPE = auto()
    SHAPE = auto()


_SAID = {
    Misfit.INDEX: r"(?i)(?<!dimension )out of (?:range|bounds)|class values must be",
    Misfit.DEVICE: r"(?i)\bdevice\b",
    Misfit.DTYPE: r"(?i)dtype|scalar type|datatype|input type \(|tensors used as indices|not implemented for '|"
    r"\bbool tensor|expected condition to be a boolean|floating point type|desired output type",
    Misfit.SHAPE: r"(?i)shape|\bsizes?\b|\bdimensions?\b|\bdims?\b|\dD (?:input|\(|tensor|or)|\bchannels?\b|"
    r"multi-target|broadcast|batch_size|running_mean should contain|number of elements|\bindices for tensor",
}
"""In the words of torch, the first that matches; only of a call whose tensors are known."""
_NEVER = re.compile(r"(?i)out of memory")
_MOST_TENSORS = 4
_LONGEST_SOURCE = 40
_LONGEST_LINE = 300


@dataclass(frozen=True, slots=True)
class Rejected:
    """Such a call.

    Attributes:
        call: what was recorded of it.
        message: torch's words.
        place: the program's line from which it came.
        inner: the line of a library that made the call, where the program's own did not.
        leaves: of the run.
    """

    call: RejectedCall
    message: str
    place: Location | None
    inner: Location | None
    leaves: Sequence[Leaf]

    @property
    def who(self) -> str:
        """Who made the call, to begin a sentence: `body.2 (Linear)`, `cross_entropy`, `x @ w`."""
        call = self.call
        if call.is_of_module and not (call.name and call.module_class.endswith("Loss")):
            path = f"Layer {call.module}" if is_number(call.module) else call.module
            return f"{path} ({call.module_class})" if path else f"A module `{call.module_class}`"
        text = span(self.inner or self.place)
        where = f" in {layer_name(call.module)}" if call.module and not call.is_of_module else wording.at(self.inner)
        if call.name and (call.is_of_module or call.name in text):
            return f"`{call.name}`{where}"
        return f"`{text}`{where}" if text and len(text) <= _LONGEST_SOURCE else f"A call of torch{where or ' here'}"

    @property
    def given(self) -> tuple[GivenTensor, ...]:
        """The tensors without the module's own parameters."""
        return tuple(one for one in self.call.tensors if one.leaf is None or not self.call.is_of_module)

    @property
    def first_line(self) -> str:
        """What torch says, as the end of a help."""
        first = next((line.strip() for line in self.message.splitlines() if line.strip()), "")
        return first[:_LONGEST_LINE]

    def setting(self, name: str) -> tuple[int, ...]:
        """Whole numbers that the module was made with; empty where it has none of this name."""
        return next((one.numbers for one in self.call.settings if one.name == name), ())

    def tensor(self, *names: str) -> GivenTensor | None:
        """The first tensor of one of these names."""
        return next((one for one in self.call.tensors if one.name in names), None)


def rejected(trace: Trace, misfit: Misfit) -> Rejected | None:
    """The call that ended the program, if torch complained of this."""
    error = trace.run.error
    found = failure(trace, "")
    if error is None or error.call is None or found is None or found.backward is not None:
        return None
    if _NEVER.search(error.message) or misfit is not misfit_of(error.message):
        return None
    inner = error.frames[-1] if error.frames and not same_place(error.frames[-1], found.place) else None
    return Rejected(error.call, error.message, found.place, inner, trace.leaves)


def misfit_of(message: str) -> Misfit | None:
    """What torch complains of in these words."""
    return next((one for one, said in _SAID.items() if re.search(said, message)), None)


# Words.


def layer_name(path: str) -> str:
    """A path in a model, which is `layer 2` where it is a number alone."""
    return f"layer {path}" if is_number(path) else path


def is_number(path: str) -> bool:
    """Whether a path in a model says nothing but positions: `2`, `0.1`."""
    return path.replace(".", "").isdigit()


def name(tensor: GivenTensor) -> str:
    """What the program's line calls it, else the name of the argument."""
    return tensor.variable or tensor.name


def spec(tensor: GivenTensor) -> str:
    """`f32[4,20]`."""
    return wording.spec(tensor.shape, tensor.dtype, tensor.device)


def listed(one: Rejected) -> str:
    """What it was given: `x f32[4,3] and w f32[5,2]`."""
    return wording.listing([f"{name(each)} {spec(each)}" for each in one.given or one.call.tensors], _MOST_TENSORS)


# Layers.


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer that takes another size than it got.

    Attributes:
        setting: what it was made with: `in_features`.
        noun: what that counts.
        takes: the sizes that it takes.
        gets: the sizes that came.
        given: the tensor that came.
        before: the path of the layer that made that tensor, if it is known to have made it of this size.
    """

    setting: str
    noun: str
    takes: tuple[int, ...]
    gets: tuple[int, ...]
    given: GivenTensor
    before: str


_COUNTED = {
    r"Linear": ("in_features", "features", (-1,)),
    r"(?:Conv|ConvTranspose)(?P<n>[123])d": ("in_channels", "channels", ()),
    r"(?:Sync)?(?:BatchNorm|InstanceNorm)(?:[123]d)?": ("num_features", "channels", (1,)),
    r"GroupNorm": ("num_channels", "channels", (1,)),
    r"(?:LSTM|GRU|RNN)(?:Cell)?": ("input_size", "features", (-1,)),
    r"MultiheadAttention": ("embed_dim", "features", (-1,)),
    r"(?:LayerNorm|RMSNorm)": ("normalized_shape", "features", ()),
}
"""By class of torch's: which setting says how many of what it takes, and in which dimension of its input."""


def layer(one: Rejected) -> Layer | None:
    """The layer that takes another size than it got; None where that is not what was measured."""
    given = next(iter(one.given), None)
    row = next((row for kind, row in _COUNTED.items() if re.fullmatch(kind, one.call.module_class)), None)
    if row is None or given is None or not one.call.is_of_module:
        return None
    setting, noun, dimensions = row
    takes = one.setting(setting)
    gets = _sizes(one.call.module_class, given.shape, len(takes), dimensions)
    if not takes or not gets or takes == gets:
        return None
    return Layer(setting, noun, takes, gets, given, _before(one, given, gets))


def _sizes(kind: str, shape: tuple[int, ...], n: int, dimensions: tuple[int, ...]) -> tuple[int, ...]:
    """The sizes of the input that a setting of `n` numbers speaks of; empty where it has not so many dimensions."""
    is_convolution = re.fullmatch(r"Conv.*([123])d", kind)
    if is_convolution:
        n_space = int(is_convolution[1])
        place = len(shape) - n_space - 1
        return shape[place : place + 1] if place in (0, 1) else ()
    if not dimensions:
        return shape[-n:] if len(shape) >= n > 0 else ()
    (dimension,) = dimensions
    return (shape[dimension],) if -len(shape) <= dimension < len(shape) else ()


def _before(one: Rejected, given: GivenTensor, gets: tuple[int, ...]) -> str:
    """The layer that made the tensor, if its parameter is of that size."""
    leaf = _leaf(one, given.made_by)
    if leaf is None or len(gets) != 1 or leaf.shape[:1] != gets:
        return ""
    return layer_name(leaf.name.rpartition(".")[0])


def _leaf(one: Rejected, number: int | None) -> Leaf | None:
    return one.leaves[number] if number is not None and number < len(one.leaves) else None


def made(one: Rejected, before: str = "") -> tuple[RelatedLocation, ...]:
    """Where the module was made, and the layer before it."""
    return notes(*_made(one, before))


def _made(one: Rejected, before: str) -> Iterator[tuple[Location | None, str]]:
    yield one.inner, "the library calls torch here"
    if not one.call.is_of_module:
        return
    own = next((leaf for each in one.call.tensors if (leaf := _leaf(one, each.leaf)) is not None), None)
    earlier = next((leaf for each in one.given if before and (leaf := _leaf(one, each.made_by)) is not None), None)
    here = own.location if own is not None else None
    there = earlier.location if earlier is not None else None
    called = layer_name(one.call.module) or f"the {one.call.module_class}"
    if there is not None and there == here:
        yield here, f"{called} and {before}, whose result it gets, are made here"
        return
    yield here, f"{called} is made here"
    yield there, f"{before}, whose result it gets, is made here"
