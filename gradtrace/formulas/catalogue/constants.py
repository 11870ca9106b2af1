"""Ops whose result does not depend on what was there before, and random numbers: nothing flows through them."""

from gradtrace.formulas.formula import Formula, GradientTo

_NOTHING = "No gradient gets through: what was there before no longer counts."
_STEPWISE = "No gradient gets through: the result is 0 or 1, and stays so when the input moves a little."


def _overwritten(op: str, node_type: str, forward: str, call: str, backward: str = _NOTHING) -> Formula:
    """An op in place that leaves nothing of its input."""
    return Formula(
        op=op,
        node_types=(node_type,),
        forward=forward,
        backward=backward,
        gradients=(GradientTo("self", "0", "torch.zeros_like(grad)"),),
        example=f"self = tensor([1.0, 2.0])\n{call}",
    )


_SIGNS = {"eq": "=", "ne": "≠", "ge": "≥", "gt": ">", "le": "≤", "lt": "<"}

RANDOM = (
    _overwritten(
        "bernoulli_",
        "BernoulliBackward2",
        "Overwrites a tensor with 0 and 1, drawn with probability p.",
        "result = self.clone().bernoulli_(0.5)",
    ),
    Formula(
        op="bernoulli_",
        node_types=("BernoulliBackward1",),
        forward="Overwrites a tensor with 0 and 1, drawn with the probabilities in p.",
        backward="Neither what was there nor the probabilities get a gradient: a draw has no derivative.",
        gradients=(GradientTo("self", "0", "torch.zeros_like(grad)"), GradientTo("p", "0", "torch.zeros_like(p)")),
        example="self = tensor([1.0, 2.0])\np = tensor([0.25, 0.75])\nresult = self.clone().bernoulli_(p)",
    ),
    _overwritten(
        "cauchy_",
        "CauchyBackward0",
        "Overwrites a tensor with random numbers of the Cauchy distribution.",
        "result = self.clone().cauchy_()",
    ),
    _overwritten(
        "exponential_",
        "ExponentialBackward0",
        "Overwrites a tensor with random numbers of the exponential distribution.",
        "result = self.clone().exponential_()",
    ),
    _overwritten(
        "geometric_",
        "GeometricBackward0",
        "Overwrites a tensor with random numbers of the geometric distribution.",
        "result = self.clone().geometric_(0.5)",
    ),
    _overwritten(
        "log_normal_",
        "LogNormalBackward0",
        "Overwrites a tensor with random numbers whose logarithm is normally distributed.",
        "result = self.clone().log_normal_()",
    ),
    *(
        _overwritten(
            "random_",
            f"RandomBackward{i}",
            f"Overwrites a tensor with random whole numbers{limits}.",
            f"result = self.clone().random_({arguments})",
        )
        for i, (limits, arguments) in enumerate(((" between two limits", "2, 5"), (" below a limit", "5"), ("", "")))
    ),
    _overwritten(
        "poisson",
        "PoissonBackward0",
        "Draws whole numbers of the Poisson distribution, with each element as its mean.",
        "result = torch.poisson(self)",
        "No gradient gets through: a draw has no derivative.",
    ),
    *(
        Formula(
            op="normal",
            node_types=(node_type,),
            forward=f"Draws normally distributed numbers with {what}.",
            backward="No gradient gets through: torch.normal draws without a derivative. mean + std · torch.randn_like(mean) has one.",
            gradients=tuple(GradientTo(name, "0", f"torch.zeros_like({name})") for name in inputs),
            example=f"mean = {mean}\nstd = {std}\nresult = torch.normal(mean, std)",
        )
        for node_type, what, inputs, mean, std in (
            ("NormalBackward1", "the elements as means", ("mean",), "tensor([1.0, 2.0])", "1.0"),
            ("NormalBackward2", "the elements as standard deviations", ("std",), "0.0", "tensor([1.0, 2.0])"),
            (
                "NormalBackward3",
                "means and standard deviations from two tensors",
                ("mean", "std"),
                "tensor([1.0, 2.0])",
                "tensor([1.0, 2.0])",
            ),
        )
    ),
)

COMPARISONS = tuple(
    entry
    for op, sign in _SIGNS.items()
    for entry in (
        _overwritten(
            f"{op}_",
            f"{op.title()}Backward0",
            f"Overwrites a tensor with 1 where an element is {sign} a number, and 0 elsewhere.",
            f"result = self.clone().{op}_(1.0)",
            _STEPWISE,
        ),
        Formula(
            op=f"{op}_",
            node_types=(f"{op.title()}Backward1",),
            forward=f"Overwrites a tensor with 1 where an element is {sign} that of another, and 0 elsewhere.",
            backward=_STEPWISE,
            gradients=(
                GradientTo("self", "0", "torch.zeros_like(self)"),
                GradientTo("other", "0", "torch.zeros_like(other)"),
            ),
            example=f"self = tensor([1.0, 2.0])\nother = tensor([2.0, 2.0])\nresult = self.clone().{op}_(other)",
        ),
    )
)

FILLED = tuple(
    Formula(
        op=op,
        node_types=(node_type,),
        forward="Overwrites a tensor with a number that is a tensor itself.",
        backward="What was there gets 0; the number gets the sum of the gradient, because it went to every element.",
        gradients=(
            GradientTo("self", "0", "torch.zeros_like(grad)"),
            GradientTo("value", "Σ grad", "grad.sum()"),
        ),
        example=f"self = tensor([1.0, 2.0])\nvalue = tensor(3.0)\nresult = {call}",
    )
    for op, node_type, call in (
        ("fill", "FillBackward1", "torch.fill(self, value)"),
        ("fill_", "FillBackward3", "self.clone().fill_(value)"),
    )
)

FORMULAS = (*RANDOM, *COMPARISONS, *FILLED)
"""Draws, comparisons in place, and filling."""
