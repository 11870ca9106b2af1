"""Second derivatives of activations and losses: the nodes of their backward passes, when these are differentiated again."""

from gradtrace.formulas.formula import Formula, GradientTo


def _second(
    of: str, node_type: str, maths: tuple[tuple[str, str], ...], first: str, setup: str, call: str, backward: str = ""
) -> Formula:
    """The derivative of a backward pass, worked by double backward through the formula of the first derivative.

    Args:
        of: the op whose second derivative it is.
        node_type: the node.
        maths: each input with what it gets.
        first: the formula of the op's own gradient, as a torch expression of these inputs.
        setup: the arguments of the example.
        call: the call of the backward as an op.
        backward: what is to be said beyond what holds for all.
    """
    names = ", ".join(name for name, _ in maths)
    return Formula(
        op=call.partition("(")[0].strip("_"),
        node_types=(node_type,),
        forward=f"Is the backward pass of {of} as an op of its own: create_graph=True records it, so that a gradient can be differentiated again.",
        backward=backward
        or (
            f"The gradient that went in gets grad times the derivative of {of}, as in the backward pass itself; "
            "the other inputs get what that derivative changes with them, times grad and that gradient."
        ),
        gradients=tuple(
            GradientTo(
                name, formula, f"torch.autograd.functional.vjp(lambda {names}: {first}, ({names},), grad)[1][{i}]"
            )
            for i, (name, formula) in enumerate(maths)
        ),
        example=f"{setup}\nresult = torch.ops.aten.{call}",
    )


_STRAIGHT = (
    "The gradient that went in gets grad where it was let through, times the same slope; "
    "the input gets 0: the op is made of straight lines, so that its slope changes nowhere."
)
_PAIR = "grad_output = tensor([1.0, 2.0, -1.0])\nself = tensor([-2.0, 0.5, 4.0])\n"
_WITH_RESULT = "grad_output = tensor([1.0, 2.0, -1.0])\noutput = tensor([-0.5, 0.25, 0.75])\n"
_LOSS = "grad_output = tensor(2.0)\nself = tensor([1.0, 2.0, 5.0])\ntarget = tensor([1.5, 2.0, 1.0])\nreduction = 1\n"
_SHARE = "(1 / self.numel() if reduction == 1 else 1)"
_MEAN = (
    "The gradient of the loss gets the sum of grad times the derivative of the loss; prediction and target get grad times that gradient "
    "times the second derivative, with opposite signs."
)

ACTIVATIONS = (
    _second(
        "sigmoid",
        "SigmoidBackwardBackward0",
        (("grad_output", "grad · output · (1 - output)"), ("output", "grad · grad_output · (1 - 2 · output)")),
        "grad_output * (output * (1 - output)).conj()",
        "grad_output = tensor([1.0, 2.0, -1.0])\noutput = tensor([0.5, 0.25, 0.75])",
        "sigmoid_backward(grad_output, output)",
    ),
    _second(
        "tanh",
        "TanhBackwardBackward0",
        (("grad_output", "grad · (1 - output²)"), ("output", "-2 · grad · grad_output · output")),
        "grad_output * (1 - output * output).conj()",
        _WITH_RESULT.strip(),
        "tanh_backward(grad_output, output)",
    ),
    _second(
        "gelu",
        "GeluBackwardBackward0",
        (
            ("grad_output", "grad · (Φ(self) + self · φ(self))"),
            ("self", "grad · grad_output · (2 - self²) · φ(self)"),
        ),
        "grad_output * ((1 + torch.tanh(0.7978845608 * (self + 0.044715 * self**3))) / 2"
        " + self / 2 * (1 - torch.tanh(0.7978845608 * (self + 0.044715 * self**3)) ** 2)"
        " * 0.7978845608 * (1 + 0.134145 * self**2) if approximate == 'tanh' else"
        " (1 + torch.erf(self / 2**0.5)) / 2 + self * torch.exp(-(self**2) / 2) / (2 * math.pi) ** 0.5)",
        f"{_PAIR}approximate = 'none'",
        "gelu_backward(grad_output, self, approximate=approximate)",
    ),
    _second(
        "softplus",
        "SoftplusBackwardBackward0",
        (
            ("grad_output", "grad · σ(beta · self)"),
            ("self", "grad · grad_output · beta · σ(beta · self) · (1 - σ(beta · self))"),
        ),
        "grad_output * torch.where(self * beta > threshold, 1.0, torch.sigmoid(self * beta))",
        f"{_PAIR}beta = 1.0\nthreshold = 20.0",
        "softplus_backward(grad_output, self, beta, threshold)",
    ),
    _second(
        "logsigmoid",
        "LogSigmoidBackwardBackward0",
        (
            ("grad_output", "grad · (1 - σ(self))"),
            ("self", "-grad · grad_output · σ(self) · (1 - σ(self))"),
        ),
        "grad_output * torch.sigmoid(-self)",
        f"{_PAIR}buffer = torch.exp(-self.abs())",
        "log_sigmoid_backward(grad_output, self, buffer)",
    ),
    _second(
        "elu",
        "EluBackwardBackward0",
        (
            ("grad_output", "grad where self > 0, grad · alpha · e^self elsewhere"),
            ("self_or_result", "0 where self > 0, grad · grad_output · alpha · e^self elsewhere"),
        ),
        "grad_output * torch.where(self_or_result > 0, scale * torch.ones_like(self_or_result), input_scale"
        " * (self_or_result + alpha * scale if is_result else alpha * scale * torch.exp(self_or_result * input_scale)))",
        "grad_output = tensor([1.0, 2.0, -1.0])\nalpha = 1.0\nscale = 1.0\ninput_scale = 1.0\nis_result = False\n"
        "self_or_result = tensor([-2.0, -0.5, 4.0])",
        "elu_backward(grad_output, alpha, scale, input_scale, is_result, self_or_result)",
    ),
    _second(
        "hardswish",
        "HardswishBackwardBackward0",
        (
            ("grad_output", "grad · (self / 3 + ½) between -3 and 3, 0 below, grad above"),
            ("self", "grad · grad_output / 3 between -3 and 3, else 0"),
        ),
        "grad_output * torch.where(self < -3, 0.0, torch.where(self > 3, 1.0, self / 3 + 0.5))",
        _PAIR.strip(),
        "hardswish_backward(grad_output, self)",
    ),
    _second(
        "glu",
        "GluBackwardBackward0",
        (
            ("grad_output", "grad of a · σ(b) + grad of b · a · σ(b) · (1 - σ(b))"),
            ("self", "grad · grad_output · second derivatives of a · σ(b) by both halves"),
        ),
        "torch.cat([grad_output * torch.sigmoid(self.chunk(2, dim)[1]), grad_output * self.chunk(2, dim)[0]"
        " * torch.sigmoid(self.chunk(2, dim)[1]) * torch.sigmoid(-self.chunk(2, dim)[1])], dim)",
        "grad_output = tensor([1.0, 2.0])\nself = tensor([1.0, -2.0, 0.5, 3.0])\ndim = 0",
        "glu_backward(grad_output, self, dim)",
        "self is cut into halves a and b, and the op is a · σ(b). Both inputs get the products of derivatives that double backward gives.",
    ),
    *(
        _second(
            of, node_type, ((grad, "grad where the slope is 1, else 0"), ("self", "0")), first, setup, call, _STRAIGHT
        )
        for of, node_type, grad, first, setup, call in (
            (
                "relu",
                "ThresholdBackwardBackward0",
                "grad_output",
                "grad_output * (self > threshold)",
                f"{_PAIR}threshold = 0.0",
                "threshold_backward(grad_output, self, threshold)",
            ),
            (
                "hardtanh",
                "HardtanhBackwardBackward0",
                "grad_output",
                "grad_output * ((self > min_val) & (self < max_val))",
                f"{_PAIR}min_val = -1.0\nmax_val = 1.0",
                "hardtanh_backward(grad_output, self, min_val, max_val)",
            ),
            (
                "hardshrink",
                "HardshrinkBackwardBackward0",
                "grad_out",
                "grad_out * (self.abs() > lambd)",
                _PAIR.replace("grad_output", "grad_out") + "lambd = 1.0",
                "hardshrink_backward(grad_out, self, lambd)",
            ),
            (
                "softshrink",
                "SoftshrinkBackwardBackward0",
                "grad_output",
                "grad_output * (self.abs() > lambd)",
                f"{_PAIR}lambd = 1.0",
                "softshrink_backward(grad_output, self, lambd)",
            ),
        )
    ),
    _second(
        "leaky_relu",
        "LeakyReluBackwardBackward0",
        (("grad_output", "grad where self > 0, grad · negative_slope elsewhere"), ("self", "0")),
        "grad_output * torch.where(self > 0, 1.0, negative_slope)",
        f"{_PAIR}negative_slope = 0.1\nself_is_result = False",
        "leaky_relu_backward(grad_output, self, negative_slope, self_is_result)",
        _STRAIGHT,
    ),
    _second(
        "rrelu",
        "RreluWithNoiseBackwardBackward0",
        (("grad_output", "grad · slope: the one drawn in training, the mean of lower and upper else"), ("self", "0")),
        "grad_output * (noise if training else torch.where(self > 0, 1.0, (lower + upper) / 2))",
        f"{_PAIR}noise = tensor([0.2, 1.0, 1.0])\nlower = 0.125\nupper = 0.25\ntraining = True\nself_is_result = False",
        "rrelu_with_noise_backward(grad_output, self, noise, lower, upper, training, self_is_result)",
        _STRAIGHT,
    ),
    _second(
        "softmax",
        "SoftmaxBackwardDataBackward0",
        (
            ("grad_output", "output · (grad - Σ grad · output)"),
            ("output", "grad · (grad_output - Σ grad_output · output) - grad_output · Σ grad · output"),
        ),
        "output * (grad_output - (grad_output * output).sum(dim, keepdim=True))",
        "grad_output = tensor([1.0, 2.0, -1.0])\noutput = tensor([0.5, 0.25, 0.25])\ndim = 0\ninput_dtype = torch.float32",
        "_softmax_backward_data(grad_output, output, dim, input_dtype)",
    ),
    _second(
        "log_softmax",
        "LogSoftmaxBackwardDataBackward0",
        (
            ("grad_output", "grad - Σ grad · e^output"),
            ("output", "-grad · e^output · Σ grad_output"),
        ),
        "grad_output - torch.exp(output) * grad_output.sum(dim, keepdim=True)",
        "grad_output = tensor([1.0, 2.0, -1.0])\noutput = tensor([0.5, 0.25, 0.25]).log()\ndim = 0\ninput_dtype = torch.float32",
        "_log_softmax_backward_data(grad_output, output, dim, input_dtype)",
    ),
    _second(
        "dropout",
        "NativeDropoutBackwardBackward0",
        (("grad_output", "grad · mask · scale"),),
        "grad_output * mask * scale",
        "grad_output = tensor([1.0, 2.0])\nmask = torch.tensor([True, False])\nscale = 2.0",
        "native_dropout_backward(grad_output, mask, scale)",
        "The gradient goes through the same mask: what was dropped gets 0, the rest grad times the same scale.",
    ),
    Formula(
        op="prelu_kernel_backward",
        node_types=("PreluKernelBackwardBackward0",),
        forward="Is the backward pass of prelu as an op of its own: create_graph=True records it, so that a gradient can be differentiated again.",
        backward="Where the input is positive the gradient of the input goes through; elsewhere every product of slope, input and gradient is differentiated.",
        gradients=tuple(
            GradientTo(
                name,
                maths,
                "torch.autograd.functional.vjp(lambda grad_output, self, weight:"
                " (torch.where(self > 0, grad_output, weight * grad_output), torch.where(self > 0, 0.0, self * grad_output)),"
                f" (grad_output, self, weight), tuple(grads))[1][{i}]",
            )
            for i, (name, maths) in enumerate(
                (
                    ("grad_output", "grad₁ where self > 0, weight · grad₁ + self · grad₂ elsewhere"),
                    ("self", "0 where self > 0, grad_output · grad₂ elsewhere"),
                    ("weight", "0 where self > 0, grad_output · grad₁ elsewhere"),
                )
            )
        ),
        example="grad_output = tensor([1.0, 2.0])\nself = tensor([-2.0, 3.0])\nweight = tensor([0.25, 0.25])\n"
        "result0, result1 = torch.ops.aten._prelu_kernel_backward(grad_output, self, weight)",
    ),
)

LOSSES = (
    _second(
        "mse_loss",
        "MseLossBackwardBackward0",
        (
            ("grad_output", "Σ grad · 2 · (self - target) / n"),
            ("self", "2 · grad · grad_output / n"),
            ("target", "-2 · grad · grad_output / n"),
        ),
        f"grad_output * 2 * (self - target) * {_SHARE}",
        _LOSS.strip(),
        "mse_loss_backward(grad_output, self, target, reduction)",
        _MEAN,
    ),
    _second(
        "smooth_l1_loss",
        "SmoothL1LossBackwardBackward0",
        (
            ("grad_output", "Σ grad · (self - target) / beta / n, at most 1 / n apiece"),
            ("self", "grad · grad_output / beta / n where |self - target| < beta, else 0"),
            ("target", "-grad · grad_output / beta / n where |self - target| < beta, else 0"),
        ),
        f"grad_output * ((self - target) / beta).clamp(-1, 1) * {_SHARE}",
        f"{_LOSS}beta = 1.0",
        "smooth_l1_loss_backward(grad_output, self, target, reduction, beta)",
        _MEAN,
    ),
    _second(
        "huber_loss",
        "HuberLossBackwardBackward0",
        (
            ("grad_output", "Σ grad · (self - target) / n, at most delta / n apiece"),
            ("self", "grad · grad_output / n where |self - target| < delta, else 0"),
            ("target", "-grad · grad_output / n where |self - target| < delta, else 0"),
        ),
        f"grad_output * (self - target).clamp(-delta, delta) * {_SHARE}",
        f"{_LOSS}delta = 1.0",
        "huber_loss_backward(grad_output, self, target, reduction, delta)",
        _MEAN,
    ),
    _second(
        "soft_margin_loss",
        "SoftMarginLossBackwardBackward0",
        (
            ("grad_output", "Σ -grad · target · σ(-target · self) / n"),
            ("self", "grad · grad_output · target² · σ(target · self) · σ(-target · self) / n"),
        ),
        f"-grad_output * target * torch.sigmoid(-target * self) * {_SHARE}",
        "grad_output = tensor(2.0)\nself = tensor([1.0, -2.0])\ntarget = tensor([1.0, -1.0])\nreduction = 1",
        "soft_margin_loss_backward(grad_output, self, target, reduction)",
        "The gradient of the loss gets the sum of grad times the derivative; the input gets grad times that gradient times the second derivative.",
    ),
    _second(
        "binary_cross_entropy",
        "BinaryCrossEntropyBackwardBackward0",
        (
            ("grad_output", "Σ grad · (self - target) / (self · (1 - self)) / n"),
            ("self", "grad · grad_output · (target / self² + (1 - target) / (1 - self)²) / n"),
            ("target", "-grad · grad_output / (self · (1 - self)) / n"),
        ),
        f"grad_output * (1 if weight is None else weight) * (self - target) / (self * (1 - self)) * {_SHARE}",
        "grad_output = tensor(2.0)\nself = tensor([0.5, 0.25])\ntarget = tensor([1.0, 0.0])\nweight = None\nreduction = 1",
        "binary_cross_entropy_backward(grad_output, self, target, weight, reduction)",
        _MEAN,
    ),
    *(
        _second(
            of,
            node_type,
            (
                ("grad_output", "nll_loss of grad: Σ -grad at the class of each sample, averaged"),
                ("self", "0"),
            ),
            f"torch.autograd.functional.vjp(lambda self: torch.ops.aten.{call}(self, target, weight, reduction, ignore_index)[0],"
            " self, grad_output, create_graph=True)[1]",
            setup,
            f"{call.replace('_forward', '')}_backward(grad_output, self, target, weight, reduction, ignore_index, total_weight)",
            "The loss is linear in its input, so the gradient that went in gets the loss of grad, and the input gets 0.",
        )
        for of, node_type, call, setup in (
            (
                "nll_loss",
                "NllLossBackwardBackward0",
                "nll_loss_forward",
                (
                    "grad_output = tensor(2.0)\nself = tensor([[-1.0, -0.5], [-2.0, -0.25]])\ntarget = torch.tensor([0, 1])\nweight = None\n"
                    "reduction = 1\nignore_index = -100\ntotal_weight = torch.tensor(2.0)"
                ),
            ),
            (
                "nll_loss2d",
                "NllLoss2DBackwardBackward0",
                "nll_loss2d_forward",
                (
                    "grad_output = tensor(2.0)\nself = tensor([[[[-1.0]], [[-0.5]]]])\ntarget = torch.tensor([[[1]]])\nweight = None\n"
                    "reduction = 1\nignore_index = -100\ntotal_weight = torch.tensor(1.0)"
                ),
            ),
        )
    ),
)

FORMULAS = (*ACTIVATIONS, *LOSSES)
"""Each with the formula of the first derivative, differentiated once more."""
