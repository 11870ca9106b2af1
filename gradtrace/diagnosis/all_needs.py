"""What all rules together read of tensors.

Written down here, because the program to be checked is started before the rules are loaded; a test holds it to what
the rules declare.
"""

from gradtrace.model.needs import USUALLY, Needs, Statistic, Tensors, need, together

OF_RULES: Needs = (
    need(Tensors.GRADIENTS, Statistic.FINITE),
    need(Tensors.GRADIENTS, Statistic.FINITE, Statistic.NORM),
    need(Tensors.GRADIENTS, Statistic.NORM),
    need(Tensors.LEAVES, Statistic.FINITE),
    need(Tensors.LEAVES, Statistic.NORM),
    need(Tensors.RESULTS, Statistic.FINITE),
    need(Tensors.ROOTS, Statistic.FINITE),
    need(
        Tensors.SAVED,
        Statistic.ALL_ZERO,
        ops=(
            "MmBackward",
            "BmmBackward",
            "MvBackward",
            "DotBackward",
            "VdotBackward",
            "AddmmBackward",
            "AddmvBackward",
            "AddrBackward",
            "BaddbmmBackward",
            "AddbmmBackward",
        ),
        names=("mat2", "vec", "tensor", "other", "vec2", "batch2"),
    ),
    need(Tensors.TROUBLE, Statistic.EXTREMES),
    need(Tensors.TROUBLE, Statistic.EXTREMES, Statistic.FINITE),
    need(Tensors.TROUBLE, Statistic.EXTREMES, Statistic.FINITE, Statistic.ZEROS),
)

EVERYBODYS = together((USUALLY, OF_RULES))
"""What must be measured for a recording that any rule may be asked about, and that is shown."""
