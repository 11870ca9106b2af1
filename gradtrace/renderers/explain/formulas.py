"""Closed forms beside recorded gradients: `∂z/∂w = 2·w·y`, for those that the numbers of the run confirm."""

import math

from gradtrace.formulas.closed_form import Derivative, closed_forms
from gradtrace.model import BackwardPass, Leaf, Trace
from gradtrace.text import wording
from gradtrace.text.source_maths import maths

_TOLERANCES = {"float64": 1e-9, "float16": 1e-2, "bfloat16": 5e-2}
_TOLERANCE = 1e-4
_LONGEST = 70


def formulas_of_leaves(trace: Trace, one: BackwardPass) -> dict[int, str]:
    """For the leaves of a scalar expression, by id, how their gradient reads in closed form.

    A formula whose value differs from what the pass added is left out; so is one that is too long to be read.
    """
    if trace.run.expression is None or one.graph is None or len(one.roots) != 1:
        return {}
    gradient = one.roots[0].gradient
    start = _scalar(gradient.value) if gradient is not None and gradient.shape == () else None
    leaves = {leaf.name: leaf for leaf in trace.leaves}
    if start is None or len(leaves) < len(trace.leaves) or any(leaf.shape for leaf in trace.leaves):
        return {}
    values = {leaf.name: value for leaf in trace.leaves if (value := _scalar(leaf.value)) is not None}
    added = {row.leaf: _scalar(row.contribution.value) for row in one.accumulations if row.contribution is not None}
    found: dict[int, str] = {}
    for derivative in closed_forms(trace.run.expression, trace.run.argv):
        leaf = leaves.get(derivative.leaf)
        text = _text(derivative, start)
        if leaf is not None and len(text) <= _LONGEST and _holds(derivative, leaf, values, added.get(leaf.id), start):
            found[leaf.id] = text
    return found


def _holds(derivative: Derivative, leaf: Leaf, values: dict[str, float], added: float | None, start: float) -> bool:
    slope = derivative.at(values)
    if slope is None or added is None:
        return False
    tolerance = _TOLERANCES.get(leaf.dtype, _TOLERANCE)
    return math.isclose(slope * start, added, rel_tol=tolerance, abs_tol=tolerance * 1e-2)


def _text(derivative: Derivative, start: float) -> str:
    times = "" if start == 1 else f"  (times {wording.number(start)})"
    return f"∂{derivative.root}/∂{derivative.leaf} = {maths(derivative.source)}{times}"


def _scalar(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
