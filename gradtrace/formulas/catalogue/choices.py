"""Choosing between tensors, element by element, and limiting them."""

from gradtrace.formulas.formula import Formula, GradientTo

FORMULAS = (
    Formula(
        op="where",
        node_types=("WhereBackward0",),
        forward="Takes each element from the first tensor where the condition holds, else from the second.",
        backward=(
            "Each element of the gradient goes to the tensor from which the element was taken; the other gets 0. "
            "That 0 is multiplied on in the untaken branch: where its own derivative is infinite, NaN comes out."
        ),
        gradients=(
            GradientTo("self", "grad where condition, else 0", "torch.where(condition, grad, 0)"),
            GradientTo("other", "0 where condition, else grad", "torch.where(condition, 0, grad)"),
        ),
        example="condition = tensor([True, False, True])\nself = tensor([1.0, 2.0, 3.0])\n"
        "other = tensor([10.0, 20.0, 30.0])\nresult = torch.where(condition, self, other)",
    ),
    Formula(
        op="maximum",
        node_types=("MaximumBackward0",),
        forward="Takes the larger of two elements.",
        backward="Each element of the gradient goes to the larger input; where both are equal, each gets half.",
        gradients=(
            GradientTo(
                "self",
                "grad where self > other, grad/2 where equal, else 0",
                "torch.where(self == other, grad / 2, grad).masked_fill(self < other, 0)",
            ),
            GradientTo(
                "other",
                "grad where other > self, grad/2 where equal, else 0",
                "torch.where(self == other, grad / 2, grad).masked_fill(self > other, 0)",
            ),
        ),
        example="self = tensor([1.0, 2.0, 3.0])\nother = tensor([3.0, 2.0, 1.0])\nresult = torch.maximum(self, other)",
    ),
    Formula(
        op="minimum",
        node_types=("MinimumBackward0",),
        forward="Takes the smaller of two elements.",
        backward="Each element of the gradient goes to the smaller input; where both are equal, each gets half.",
        gradients=(
            GradientTo(
                "self",
                "grad where self < other, grad/2 where equal, else 0",
                "torch.where(self == other, grad / 2, grad).masked_fill(self > other, 0)",
            ),
            GradientTo(
                "other",
                "grad where other < self, grad/2 where equal, else 0",
                "torch.where(self == other, grad / 2, grad).masked_fill(self < other, 0)",
            ),
        ),
        example="self = tensor([1.0, 2.0, 3.0])\nother = tensor([3.0, 2.0, 1.0])\nresult = torch.minimum(self, other)",
    ),
    Formula(
        op="fmax",
        node_types=("FmaxBackward0",),
        forward="Takes the larger of two elements, and the number where one is NaN.",
        backward="Each element of the gradient goes whole to the input that was taken; of two equal ones to the first.",
        gradients=(
            GradientTo(
                "self", "grad where self ≥ other, else 0", "torch.where((self >= other) | other.isnan(), grad, 0)"
            ),
            GradientTo(
                "other", "grad where other > self, else 0", "torch.where((self >= other) | other.isnan(), 0, grad)"
            ),
        ),
        example="self = tensor([1.0, 2.0, 3.0])\nother = tensor([3.0, 2.0, 1.0])\nresult = torch.fmax(self, other)",
    ),
    Formula(
        op="fmin",
        node_types=("FminBackward0",),
        forward="Takes the smaller of two elements, and the number where one is NaN.",
        backward="Each element of the gradient goes whole to the input that was taken; of two equal ones to the first.",
        gradients=(
            GradientTo(
                "self", "grad where self ≤ other, else 0", "torch.where((self <= other) | other.isnan(), grad, 0)"
            ),
            GradientTo(
                "other", "grad where other < self, else 0", "torch.where((self <= other) | other.isnan(), 0, grad)"
            ),
        ),
        example="self = tensor([1.0, 2.0, 3.0])\nother = tensor([3.0, 2.0, 1.0])\nresult = torch.fmin(self, other)",
    ),
    Formula(
        op="clamp",
        node_types=("ClampBackward1",),
        forward="Limits every element to [min, max].",
        backward="The gradient goes through where the input lies within the limits, edges included; clamped elements get none.",
        gradients=(GradientTo("self", "grad where min ≤ self ≤ max, else 0", "grad * inside"),),
        where=(
            (
                "inside",
                "(self >= (-math.inf if min is None else min)) & (self <= (math.inf if max is None else max))",
            ),
        ),
        example="self = tensor([-1.0, 0.5, 2.0])\nmin = 0.0\nmax = 1.0\nresult = torch.clamp(self, min, max)",
        aliases=("clip",),
    ),
    Formula(
        op="clamp",
        node_types=("ClampBackward0",),
        forward="Limits every element to limits given by tensors.",
        backward="Each element of the gradient goes to the input if it lies within the limits, else to the limit that replaced it.",
        gradients=(
            GradientTo("self", "grad where min ≤ self ≤ max, else 0", "grad * ((self >= low) & (self <= high))"),
            GradientTo("min", "grad where self < min < max, else 0", "grad * ((self < low) & (low < high))"),
            GradientTo("max", "grad where self > max or max < min, else 0", "grad * ((self > high) | (high < low))"),
        ),
        where=(
            ("low", "torch.full_like(self, -math.inf) if min is None else min"),
            ("high", "torch.full_like(self, math.inf) if max is None else max"),
        ),
        example="self = tensor([-1.0, 0.5, 2.0])\nmin = tensor([0.0, 0.0, 0.0])\nmax = tensor([1.0, 1.0, 1.0])\n"
        "result = torch.clamp(self, min, max)",
    ),
    Formula(
        op="clamp_min",
        node_types=("ClampMinBackward0",),
        forward="Replaces elements below a limit by the limit.",
        backward="The gradient goes through where the input is at least the limit; clamped elements get none.",
        gradients=(GradientTo("self", "grad where self ≥ min, else 0", "grad * (self >= min)"),),
        example="self = tensor([-1.0, 0.5, 2.0])\nmin = 0.0\nresult = torch.clamp_min(self, min)",
    ),
    Formula(
        op="clamp_max",
        node_types=("ClampMaxBackward0",),
        forward="Replaces elements above a limit by the limit.",
        backward="The gradient goes through where the input is at most the limit; clamped elements get none.",
        gradients=(GradientTo("self", "grad where self ≤ max, else 0", "grad * (self <= max)"),),
        example="self = tensor([-1.0, 0.5, 2.0])\nmax = 1.0\nresult = torch.clamp_max(self, max)",
    ),
    Formula(
        op="clamp_min",
        node_types=("ClampMinBackward1",),
        forward="Replaces elements below a limit of their own by it.",
        backward="Each element of the gradient goes to the input if it is at least the limit, else to the limit.",
        gradients=(
            GradientTo("self", "grad where self ≥ min, else 0", "grad * (self >= min)"),
            GradientTo("min", "grad where self < min, else 0", "grad * (self < min)"),
        ),
        example="self = tensor([-1.0, 0.5, 2.0])\nmin = tensor([0.0, 1.0, 1.0])\nresult = torch.clamp_min(self, min)",
    ),
    Formula(
        op="clamp_max",
        node_types=("ClampMaxBackward1",),
        forward="Replaces elements above a limit of their own by it.",
        backward="Each element of the gradient goes to the input if it is at most the limit, else to the limit.",
        gradients=(
            GradientTo("self", "grad where self ≤ max, else 0", "grad * (self <= max)"),
            GradientTo("max", "grad where self > max, else 0", "grad * (self > max)"),
        ),
        example="self = tensor([-1.0, 0.5, 2.0])\nmax = tensor([0.0, 1.0, 1.0])\nresult = torch.clamp_max(self, max)",
    ),
    Formula(
        op="copysign",
        node_types=("CopysignBackward0",),
        forward="Gives the size of the first element the sign of the second.",
        backward="The first gets the gradient, with the opposite sign where its sign was changed, and 0 at 0; the second gets none.",
        gradients=(
            GradientTo("self", "grad · sign(self) · sign(result)", "grad * self.sgn() * result.sgn()"),
            GradientTo("other", "0", "torch.zeros_like(other)"),
        ),
        example="self = tensor([1.0, -2.0])\nother = tensor([-1.0, -1.0])\nresult = torch.copysign(self, other)",
    ),
)
