"""How many of the installed torch's differentiable node types have words, and which of them were run."""

from functools import cache

import pytest

from gradtrace.formulas.catalogue import CATALOGUE
from gradtrace.formulas.catalogue.unverified import UNVERIFIED
from gradtrace.formulas.derivatives import derivative
from gradtrace.formulas.lookup import lookup
from gradtrace.formulas.slot_table import slot_names_of_installed_torch

LEAST_SHARE = 0.95


@cache
def all_types() -> tuple[str, ...]:
    """Reading torch's own files takes seconds."""
    return tuple(slot_names_of_installed_torch())


def differentiable_types() -> list[str]:
    """All that torch's code generator makes, but for those that only raise an error, and torch's own for tests."""
    types = [each for each in all_types() if not each.startswith("Test")]
    return [each for each in types if not is_refused(each)]


def is_refused(node_type: str) -> bool:
    """Whether torch has no derivative for any of its inputs."""
    entry = derivative(node_type)
    return entry is not None and all("not_implemented" in formula for formula in entry.formulas)


def test_differentiable_types_have_words():
    """At least 95 of 100; the failure names those that have none. Variants have those of the op that they repeat."""
    types = differentiable_types()
    missing = [each for each in types if (formula := lookup(each)) is None or formula.source != "catalogue"]

    assert len(types) > 600
    assert missing == [] or len(missing) < (1 - LEAST_SHARE) * len(types), missing
    assert all("Nested" in each or "Padded" in each for each in missing)


def test_what_is_not_verified_has_a_reason():
    """Each node type of the catalogue is run by a test, by the samples of torch or its own example, or says why not."""
    run = {each for formula in CATALOGUE if formula.example for each in formula.node_types}
    named = {each for formula in CATALOGUE for each in (*formula.node_types, *formula.twins)}

    assert named - run == UNVERIFIED.keys()


def test_twins_are_types_of_torch():
    """No entry claims a node type that the installed torch does not have, but for those written by hand."""
    by_hand = {"AccumulateGrad", "CopyBackwards", "CopySlices"}
    named = {each for formula in CATALOGUE for each in (*formula.node_types, *formula.twins)}

    assert named - by_hand - set(all_types()) == set()


@pytest.mark.parametrize("node_type", ["SelectBackwardAutogradNestedTensor0", "SumBackwardAutogradNestedTensor1"])
def test_ops_on_nested_tensors_are_found_at_the_op_they_repeat(node_type: str):
    """They have the same signature, and do the same to each part."""
    plain = node_type.replace("AutogradNestedTensor", "")

    assert derivative(node_type).signature == derivative(plain).signature
    assert lookup(node_type) is lookup(plain)
