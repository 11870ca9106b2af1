"""Ops are called as torch calls them."""

import pytest

from gradtrace.formulas.catalogue import CATALOGUE
from gradtrace.formulas.lookup import find
from gradtrace.recorder.torch_facts import op_name


@pytest.mark.parametrize(
    ("node_type", "op"),
    [
        ("MaxPool2DWithIndicesBackward0", "max_pool2d_with_indices"),
        ("SmoothL1LossBackward0", "smooth_l1_loss"),
        ("Log1PBackward0", "log1p"),
        ("UpsampleBilinear2DBackward0", "upsample_bilinear2d"),
        ("LogSoftmaxBackward0", "log_softmax"),
        ("NativeLayerNormBackwardBackward0", "native_layer_norm_backward"),
        ("NoSuchThingBackward3", "no_such_thing"),
        ("AccumulateGrad", "leaf"),
    ],
)
def test_the_name_is_torchs(node_type, op):
    """Capitals alone do not say where the words end: `MaxPool2D` is `max_pool2d`, `SmoothL1` is `smooth_l1`."""
    assert op_name(node_type, is_custom=False) == op


def test_a_custom_function_keeps_its_own_name():
    """As its author wrote it."""
    assert op_name("StraightThroughBackward", is_custom=True) == "StraightThrough"


def test_a_name_seen_in_a_graph_has_a_formula():
    """`gradtrace formula` knows the ops of its catalogue by the names that the recorder gives their nodes.

    The copying form of a view has the view's name.
    """
    node_types = [node_type for formula in CATALOGUE for node_type in formula.node_types]
    names = {node_type: op_name(node_type, is_custom=False) for node_type in node_types}
    assert len(names) > 200
    unknown = {name for node_type, name in names.items() if node_type.removesuffix("_copy") not in _types_found(name)}
    assert unknown == set()


def _types_found(name):
    return {node_type for formula in find(name) for node_type in formula.node_types}
