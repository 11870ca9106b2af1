"""The settings that several optimizers have in common."""

from gradtrace.formulas.optimizers.update_rule import Setting, State

MAXIMIZE = Setting("maximize", False, "climbs instead: the sign of every gradient is changed first")
BETAS = Setting(
    "betas", (0.9, 0.999), "how much of the two running means is kept from step to step", ("beta1", "beta2")
)
EPS = Setting("eps", 1e-8, "keeps the division finite where gradients are near 0")
DECAY = Setting("weight_decay", 0.0, "adds so much of the parameter to its gradient")
DECOUPLED = Setting(
    "decoupled_weight_decay",
    False,
    "takes weight_decay from the parameter itself, as AdamW does, not from its gradient",
)
STEP = State("step", "how many steps were taken", "0")
EXP_AVG = State("exp_avg", "running mean of the gradient (first moment)")
EXP_AVG_SQ = State("exp_avg_sq", "running mean of the squared gradient (second moment)")


def rate(default: float) -> Setting:
    """The learning rate, with the default of one optimizer."""
    return Setting("lr", default, "learning rate: scales every step")
