"""Every entry of the catalogue against torch's autograd, over the samples of torch's own op database.

The entry's expressions, evaluated on the arguments of each op, must give what its node sent.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - as expressions name it
from observed_ops import Edge, Observed, members, observe, samples
from shared_recordings import once

from gradtrace.formulas.catalogue import CATALOGUE, sparse
from gradtrace.formulas.formula import Formula
from gradtrace.formulas.lookup import lookup
from gradtrace.recorder.slot_names import slot_inputs

TOLERANCE = {"rtol": 1e-7, "atol": 1e-8}


@dataclass
class Verdict:
    """What the whole database said."""

    types: set[str] = field(default_factory=set)
    named: set[str] = field(default_factory=set)
    misnamed: list[str] = field(default_factory=list)
    verified: set[tuple[str, str]] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def verdict(tmp_path_factory: pytest.TempPathFactory) -> Verdict:
    """One run over the database serves all tests."""
    return once("formulas", verdict_of_all, tmp_path_factory)


def verdict_of_all() -> Verdict:
    """What the samples say."""
    result = Verdict()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for sample in samples():
            for known in observe(*sample):
                result.types.add(known.type)
                compare_names(known, result)
                formula = lookup(known.type)
                own = formula.node_types if formula is not None and formula.source == "catalogue" else ()
                if known.sent and known.type.removesuffix("_copy") in own:  # twins may name their arguments otherwise
                    compare_gradients(known, formula, result)
    return result


def compare_names(known: Observed, result: Verdict) -> None:
    names = slot_inputs(known.type, len(known.slots))
    if names is None or not known.call.op:
        return
    result.named.add(known.type)
    for name, slot in zip(names, known.slots, strict=True):
        if not is_same(known.call.edges.get(name), slot):
            result.misnamed.append(f"{known.type} of {known.op}: slot {name}")


def is_same(seen: Edge | None, slot: Edge | None) -> bool:
    """A view that was written into gets a new node of the same type whenever it is asked for it.

    torch leaves a slot empty now and then although the argument is a leaf (the window of istft).
    """
    if slot is None:
        return seen is None or seen[0] == "leaf"
    if seen is None or "leaf" in (seen[0], slot[0]):
        return seen == slot
    return seen == slot or seen[0].name() == slot[0].name()


def compare_gradients(known: Observed, formula: Formula, result: Verdict) -> None:
    if all(gradient.code is None for gradient in formula.gradients):
        return  # only words
    if formula in sparse.FORMULAS:
        return  # written for dense tensors that stand for sparse ones, as their examples have them
    results = known.call.results
    codes = [code for _, code in formula.where] + [gradient.code or "" for gradient in formula.gradients]
    if sum(each is not None for each in known.received) > 1 and not any("grads" in code for code in codes):
        return  # the entry tells what the first result's gradient does
    grads = [
        torch.zeros(shape, dtype=dtype) if received is None else received
        for received, (shape, dtype) in zip(known.received, known.outputs, strict=True)
    ]
    scope = known.call.arguments | results | {"grad": grads[0], "grads": grads, "torch": torch, "F": F, "math": math}
    where = f"{known.type} of {known.op}"
    try:
        for name, code in formula.where:
            scope[name] = eval(code, scope)
        computed = {
            name: value
            for gradient in formula.gradients
            if gradient.code is not None
            for name, value in members(gradient.input.removesuffix("*"), eval(gradient.code, scope))
        }
    except Exception as error:  # noqa: BLE001 - an entry that cannot be evaluated is wrong
        result.wrong.append(f"{where}: {type(error).__name__}: {str(error)[:200]}")
        return
    names = slot_inputs(known.type, len(known.sent)) or ()
    for name, sent in zip(names, known.sent, strict=True):
        if sent is None:
            continue
        try:
            torch.testing.assert_close(finish(computed[name], sent), sent.to_dense(), equal_nan=True, **TOLERANCE)
        except Exception as error:  # noqa: BLE001 - a wrong shape or a missing input too
            result.wrong.append(f"{where}, input {name}, {sent.dtype}: {' '.join(str(error).split())[:200]}")
        else:
            result.verified.add((known.type, name.partition("[")[0]))


def finish(gradient: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """What the engine does after every formula."""
    gradient = gradient.sum_to_size(like.shape) if gradient.shape != like.shape else gradient
    gradient = gradient.real if gradient.is_complex() and not like.is_complex() else gradient
    return gradient.to(like.dtype)


def test_expressions_are_autograd(verdict: Verdict) -> None:
    """On every sample each expression of the catalogue gives what torch's node sent, complex numbers included."""
    assert verdict.wrong == []


def test_every_expression_was_compared(verdict: Verdict) -> None:
    """Entries that the database does not reach are those whose worked example alone holds them to autograd."""
    never = {
        (node_type, gradient.input.removesuffix("*"))
        for formula in CATALOGUE
        for node_type in formula.node_types
        for gradient in formula.gradients
    } - verdict.verified
    by_example = {formula.node_types[0] for formula in CATALOGUE if formula.example and len(formula.node_types) == 1}
    assert {node_type for node_type, _ in never} - by_example <= ONLY_BY_EXAMPLE


ONLY_BY_EXAMPLE = {"FmodBackward0", "RemainderBackward0", "ThresholdBackward1"}
"""Types of entries that have several, which the example reaches or which differ in the kind of an argument alone."""


def test_slots_bear_the_names_of_the_arguments(verdict: Verdict) -> None:
    """In every graph the slots named by the recorder's table are the arguments of that name, None slots included."""
    assert verdict.misnamed == []
    assert len(verdict.named) > 300


def test_every_node_type_has_an_entry(verdict: Verdict) -> None:
    """All types that the database reaches are found; those made by torch.library have none of their own."""
    unknown = {node_type for node_type in verdict.types if lookup(node_type) is None}
    assert all(node_type.startswith("GeneratedBackwardFor_") for node_type in unknown)
    assert len(verdict.types) > 330
