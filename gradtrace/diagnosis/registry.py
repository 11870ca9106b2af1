"""All rules, by name."""

from gradtrace.diagnosis.rule import Rule
from gradtrace.diagnosis.rules import (
    argmax_in_loss,
    custom_fn_bypasses_parameter,
    data_midgraph,
    detach_midgraph,
    grad_mode_left_off,
    hard_threshold_cut,
    no_grad_forward,
    parameter_rewrap,
    python_roundtrip,
    sample_not_rsample,
    tensor_ctor_rewrap,
    unused_ignore,
)

RULES: tuple[Rule, ...] = (
    argmax_in_loss.RULE,
    custom_fn_bypasses_parameter.RULE,
    data_midgraph.RULE,
    detach_midgraph.RULE,
    grad_mode_left_off.RULE,
    hard_threshold_cut.RULE,
    no_grad_forward.RULE,
    parameter_rewrap.RULE,
    python_roundtrip.RULE,
    sample_not_rsample.RULE,
    tensor_ctor_rewrap.RULE,
    unused_ignore.RULE,
)
"""In order of their names."""
