"""How the optimizers of `torch.optim` step: words, and the rule in torch that a test compares with torch's.

To add an optimizer, write its `UpdateRule` into the module of its kind and name it here. `working_out` works the lines
of a rule out, for tensors or for plain numbers.
"""

from gradtrace.formulas.optimizers import adam, adaptive, momentum
from gradtrace.formulas.optimizers.update_rule import UpdateRule

RULES: tuple[UpdateRule, ...] = (
    momentum.SGD,
    adam.ADAM,
    adam.ADAMW,
    adam.NADAM,
    adam.RADAM,
    adam.ADAMAX,
    adam.SPARSE_ADAM,
    adaptive.RMSPROP,
    adaptive.ADAGRAD,
    adaptive.ADADELTA,
    adaptive.ADAFACTOR,
    momentum.MUON,
    momentum.ASGD,
    momentum.RPROP,
    momentum.LBFGS,
)
"""In the order in which they are listed."""


def rule_of(optimizer: str) -> UpdateRule | None:
    """Find the rule of an optimizer's class (`Adam`), as a call (`Adam.step`), or as a person types it (`optim.adamw`).

    None for a class of somebody else's, whatever it is called beside these.
    """
    wanted = optimizer.strip().removesuffix("()").removesuffix(".step").rpartition(".")[2].lower()
    for rule in RULES:
        if wanted in (rule.name.lower(), *rule.aliases):
            return rule
    return None
