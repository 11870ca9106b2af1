"""Fake quantisation: rounding that lets gradients through, as training for low precision uses it."""

from gradtrace.formulas.formula import Formula, GradientTo

_STRAIGHT_THROUGH = (
    "The gradient goes straight through the rounding, as if it were not there, where the number fits into the range of the "
    "quantised type; it is 0 where the number was clipped."
)
_LEARNED = (
    "The input gets the gradient where nothing was clipped. The scale gets, from each element, its rounding error in units of the scale (where clipped, "
    "the limit), the zero point minus the scale where clipped, each times the gradient and grad_factor."
)
_RANGE = "quant_min = -8\nquant_max = 7\n"


def _passes(op: str, node_type: str, forward: str, setup: str, call: str) -> Formula:
    """Quantisation with fixed scales: a mask says which elements fit into the range."""
    return Formula(
        op=op,
        node_types=(node_type,),
        forward=forward,
        backward=_STRAIGHT_THROUGH,
        gradients=(GradientTo("self", "grad where it was not clipped, else 0", "grad * mask"),),
        example=f"self = tensor([1.2, -20.0, 3.7])\n{setup}\noutput, mask = torch.ops.aten.{call}",
    )


def _learned(op: str, node_type: str, forward: str, *, is_channel: bool) -> Formula:
    """Quantisation whose scale and zero point are trained too."""
    spread = "reshape([-1 if d == axis else 1 for d in range(self.dim())])" if is_channel else "reshape([])"
    summed = "sum([d for d in range(self.dim()) if d != axis])" if is_channel else "sum().reshape(scale.shape)"
    setup = "scale = tensor([0.5])\nzero_point = tensor([1.0])\n"
    argument = "axis, " if is_channel else ""
    return Formula(
        op=op,
        node_types=(node_type,),
        forward=forward,
        backward=_LEARNED,
        gradients=(
            GradientTo("self", "grad where it was not clipped, else 0", "grad * fits"),
            GradientTo(
                "scale",
                "grad_factor · Σ grad · (quantised - zero_point - self / scale where not clipped, the limit - zero_point else)",
                f"(grad * (clipped - zero - fits * self / size)).{summed} * grad_factor",
            ),
            GradientTo(
                "zero_point",
                "-grad_factor · Σ grad · scale where clipped",
                f"(-grad * size * ~fits).{summed} * grad_factor",
            ),
        ),
        where=(
            ("size", f"scale.{spread}"),
            ("zero", f"zero_point.round().clamp(quant_min, quant_max).{spread}"),
            ("rounded", "(self / size).round() + zero"),
            ("clipped", "rounded.clamp(quant_min, quant_max)"),
            ("fits", "rounded == clipped"),
        ),
        example=f"self = tensor([[1.2, -20.0, 3.5]])\n{setup}{'axis = 0' if is_channel else ''}\n{_RANGE}grad_factor = 1.0\n"
        f"result = torch.ops.aten.{op}(self, scale, zero_point, {argument}quant_min, quant_max, grad_factor)",
    )


FORMULAS = (
    _passes(
        "fake_quantize_per_tensor_affine",
        "FakeQuantizePerTensorAffineCachemaskBackward0",
        "Rounds to the numbers that a quantised type could hold, with one scale for all.",
        f"scale = 0.5\nzero_point = 0\n{_RANGE.strip()}",
        "fake_quantize_per_tensor_affine_cachemask(self, scale, zero_point, quant_min, quant_max)",
    ),
    _passes(
        "fake_quantize_per_tensor_affine",
        "FakeQuantizePerTensorAffineCachemaskTensorQparamsBackward0",
        "Rounds to the numbers that a quantised type could hold, with scale and zero point from tensors.",
        f"scale = torch.tensor([0.5])\nzero_point = torch.tensor([0], dtype=torch.int32)\nfake_quant_enabled = torch.tensor([1])\n{_RANGE.strip()}",
        "_fake_quantize_per_tensor_affine_cachemask_tensor_qparams(self, scale, zero_point, fake_quant_enabled, quant_min, quant_max)",
    ),
    _passes(
        "fake_quantize_per_channel_affine",
        "FakeQuantizePerChannelAffineCachemaskBackward0",
        "Rounds to the numbers that a quantised type could hold, with a scale for each channel.",
        f"scale = torch.tensor([0.5, 0.5, 0.25])\nzero_point = torch.tensor([0, 0, 0], dtype=torch.int32)\naxis = 0\n{_RANGE.strip()}",
        "fake_quantize_per_channel_affine_cachemask(self, scale, zero_point, axis, quant_min, quant_max)",
    ),
    _passes(
        "fused_moving_avg_obs_fake_quant",
        "FusedMovingAvgObsFqHelperBackward0",
        "Follows the range of its input by running means, and rounds to the numbers that a quantised type could hold in it.",
        "observer_on = torch.tensor([1])\nfake_quant_on = torch.tensor([1])\nrunning_min = torch.tensor([-2.0])\nrunning_max = torch.tensor([2.0])\n"
        "scale = torch.tensor([1.0])\nzero_point = torch.tensor([0], dtype=torch.int32)\naveraging_const = 0.01\nquant_min = 0\nquant_max = 255\nch_axis = 0",
        "_fused_moving_avg_obs_fq_helper(self, observer_on, fake_quant_on, running_min, running_max, scale, zero_point,"
        " averaging_const, quant_min, quant_max, ch_axis)",
    ),
    _learned(
        "_fake_quantize_learnable_per_tensor_affine",
        "FakeQuantizeLearnablePerTensorAffineBackward0",
        "Rounds to the numbers that a quantised type could hold, with one scale that is trained too.",
        is_channel=False,
    ),
    _learned(
        "_fake_quantize_learnable_per_channel_affine",
        "FakeQuantizeLearnablePerChannelAffineBackward0",
        "Rounds to the numbers that a quantised type could hold, with a trained scale for each channel.",
        is_channel=True,
    ),
)
"""Fixed scales, then trained ones."""
