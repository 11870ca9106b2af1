"""Attributes that were meant for `requires_grad`: by their spelling, and by what torch did all the same."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher

from gradtrace.analysis.once import once
from gradtrace.diagnosis.evidence.ownership import owners, received
from gradtrace.model import Location, Lookalike, Trace

_CLOSE = 0.8
_RIGHT = "requires_grad"
_DEMANDS = ("requires", "require", "required", "needs", "need")
_GRADIENTS = ("grad", "grads", "gradient", "gradients")


@dataclass(frozen=True, slots=True)
class Misspelling:
    """One attribute, and the parameters for which torch did the opposite of what it says.

    Attributes:
        module: what has the attribute, where a module has: its path, or its class where it has none.
        is_close: it is spelled like `requires_grad`; else it is a word of another library.
    """

    attribute: str
    value: bool
    module: str | None
    leaves: tuple[int, ...]
    location: Location | None
    is_close: bool

    @property
    def is_beside(self) -> bool:
        """Whether it is the right name, on a tensor that only shares the memory of a parameter."""
        return self.attribute == _RIGHT and self.module is None


@once
def misspellings(trace: Trace) -> tuple[Misspelling, ...]:
    """Every such attribute, once for each place that assigns it."""
    groups: dict[tuple[str, bool, Location | None, bool], list[Lookalike]] = {}
    given, owned = received(trace), owners(trace)
    for one in trace.lookalikes:
        is_of_module = one.module_type is not None
        if not is_of_module and one.attribute == _RIGHT:  # of a tensor that shares the memory of the parameter
            groups.setdefault((_RIGHT, one.value, one.location, False), []).append(one)
            continue
        if not (is_spelled_alike(one.attribute, is_of_module=is_of_module) or one.attribute == "trainable"):
            continue
        groups.setdefault((one.attribute, one.value, one.location, is_of_module), []).append(one)
    found = []
    for (attribute, value, place, is_of_module), facts in groups.items():
        held = {leaf for fact in facts for leaf in fact.leaves}
        trained = {leaf for fact in facts for leaf in fact.leaves if leaf in given or fact.is_stepped}
        wrong = held - trained if value else held & trained
        if value and is_of_module and not any(leaf in owned for leaf in wrong):
            continue  # nobody means to train them: the attribute may be the program's own
        if wrong:
            names = list(dict.fromkeys(fact.module or fact.module_type for fact in facts if is_of_module))
            module = " and ".join(name for name in names if name) or None
            is_close = attribute == _RIGHT or is_spelled_alike(attribute, is_of_module=is_of_module)
            found.append(Misspelling(attribute, value, module, tuple(sorted(wrong)), place, is_close))
    return tuple(found)


def is_spelled_alike(attribute: str, *, is_of_module: bool) -> bool:
    """Whether a person who wrote this meant `requires_grad`; of a module even that name does nothing."""
    if attribute == _RIGHT:
        return is_of_module
    words = [word for word in attribute.lower().split("_") if word]
    demands = [word for word in words if _is_among(word, _DEMANDS)]
    gradients = [word for word in words if _is_among(word, _GRADIENTS)]
    n_others = len(words) - len(demands) - len(gradients)
    if demands and gradients and n_others:  # `requires_grad_clip` asks for something else
        return False
    return _ratio(attribute.lower(), _RIGHT) >= _CLOSE or len(demands) == len(gradients) == 1


def _is_among(word: str, known: tuple[str, ...]) -> bool:
    return any(_ratio(word, one) >= _CLOSE for one in known)


def _ratio(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other).ratio()
