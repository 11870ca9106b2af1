"""Loss functions. `reduction` is 0 for none, 1 for mean, 2 for sum, as torch's kernels take it."""

from gradtrace.formulas.formula import Formula, GradientTo

_SHARE = ("share", "grad / self.numel() if reduction == 1 else grad")
"""The gradient of each element's own loss."""

REGRESSION = (
    Formula(
        op="mse_loss",
        node_types=("MseLossBackward0",),
        forward="Averages (or adds) the squared differences of input and target.",
        backward="Each element of the input gets the gradient times twice its difference, divided by n for a mean; the target the opposite.",
        gradients=(
            GradientTo("self", "grad · 2 · (self - target) / n", "share * 2 * (self - target)"),
            GradientTo("target", "-grad · 2 · (self - target) / n", "-share * 2 * (self - target)"),
        ),
        where=(_SHARE,),
        example="self = tensor([1.0, 2.0, 5.0])\ntarget = tensor([1.0, 1.0, 1.0])\nreduction = 1\n"
        "result = torch.ops.aten.mse_loss(self, target, reduction)",
    ),
    Formula(
        op="smooth_l1_loss",
        node_types=("SmoothL1LossBackward0",),
        forward="Squares small differences (below beta) and takes large ones as they are, averaged or added.",
        backward="Each element gets difference/beta where that is below 1, else its sign, times its share of the gradient.",
        gradients=(
            GradientTo("self", "grad / n · clamp((self - target)/beta, -1, 1)", "share * slope"),
            GradientTo("target", "-grad / n · clamp((self - target)/beta, -1, 1)", "-share * slope"),
        ),
        where=(
            _SHARE,
            ("d", "self - target"),
            ("slope", "d.sgn() if beta == 0 else (d / beta).clamp(-1, 1)"),
        ),
        example="self = tensor([1.0, 1.5, 5.0])\ntarget = tensor([1.0, 1.0, 1.0])\nreduction = 1\nbeta = 1.0\n"
        "result = torch.ops.aten.smooth_l1_loss(self, target, reduction, beta)",
    ),
    Formula(
        op="huber_loss",
        node_types=("HuberLossBackward0",),
        forward="Squares small differences (up to delta) and takes large ones times delta, averaged or added.",
        backward="Each element gets its difference, limited to [-delta, delta], times its share of the gradient.",
        gradients=(
            GradientTo("self", "grad / n · clamp(self - target, -delta, delta)", "share * slope"),
            GradientTo("target", "-grad / n · clamp(self - target, -delta, delta)", "-share * slope"),
        ),
        where=(_SHARE, ("slope", "(self - target).clamp(-delta, delta)")),
        example="self = tensor([1.0, 1.5, 5.0])\ntarget = tensor([1.0, 1.0, 1.0])\nreduction = 1\ndelta = 1.0\n"
        "result = torch.ops.aten.huber_loss(self, target, reduction, delta)",
    ),
    Formula(
        op="soft_margin_loss",
        node_types=("SoftMarginLossBackward0",),
        forward="Averages ln(1 + e^(-target·x)) for targets ±1.",
        backward="Each element gets -target·σ(-target·x), times its share of the gradient.",
        gradients=(
            GradientTo(
                "self", "-grad / n · target · σ(-target · self)", "-share * target * torch.sigmoid(-target * self)"
            ),
        ),
        where=(_SHARE,),
        example="self = tensor([1.0, -2.0])\ntarget = torch.tensor([1.0, 1.0])\nreduction = 1\n"
        "result = torch.ops.aten.soft_margin_loss(self, target, reduction)",
    ),
)

CLASSIFICATION = (
    Formula(
        op="nll_loss",
        node_types=("NllLossBackward0",),
        forward="Takes minus the log-probability of each sample's class, averaged (by class weight) or added.",
        backward="Only the log-probability of the right class gets a gradient: minus the class weight, divided by the sum of weights for a mean.",
        gradients=(
            GradientTo(
                "self",
                "-grad · weight[target] / Σ weight, at target; else 0",
                "torch.zeros_like(self).scatter(-1, t.unsqueeze(-1), (-w[t] * counts * share).unsqueeze(-1))",
            ),
        ),
        where=(
            ("counts", "target != ignore_index"),
            ("t", "target.masked_fill(~counts, 0)"),
            ("w", "torch.ones_like(self[0] if self.dim() > 1 else self) if weight is None else weight"),
            ("share", "grad / total_weight if reduction == 1 else grad"),
        ),
        example="self = tensor([[-1.0, -0.5, -2.0], [-0.1, -3.0, -4.0]])\ntarget = torch.tensor([2, 0])\nweight = None\n"
        "reduction = 1\nignore_index = -100\n"
        "output, total_weight = torch.ops.aten.nll_loss_forward(self, target, weight, reduction, ignore_index)",
    ),
    Formula(
        op="nll_loss2d",
        node_types=("NllLoss2DBackward0",),
        forward="Takes minus the log-probability of each pixel's class, averaged (by class weight) or added.",
        backward="Only the log-probability of the right class gets a gradient: minus the class weight, divided by the sum of weights for a mean.",
        gradients=(
            GradientTo(
                "self",
                "-grad · weight[target] / Σ weight, at target; else 0",
                "torch.zeros_like(self).scatter(1, t.unsqueeze(1), (-w[t] * counts * share).unsqueeze(1))",
            ),
        ),
        where=(
            ("counts", "target != ignore_index"),
            ("t", "target.masked_fill(~counts, 0)"),
            ("w", "torch.ones(self.shape[1], dtype=self.dtype) if weight is None else weight"),
            ("share", "grad / total_weight if reduction == 1 else grad"),
        ),
        example="self = tensor([[[[-1.0]], [[-0.5]]]])\ntarget = torch.tensor([[[1]]])\nweight = None\nreduction = 1\n"
        "ignore_index = -100\n"
        "output, total_weight = torch.ops.aten.nll_loss2d_forward(self, target, weight, reduction, ignore_index)",
        aliases=("nll_loss",),
    ),
    Formula(
        op="binary_cross_entropy",
        node_types=("BinaryCrossEntropyBackward0",),
        forward="Averages -target·ln(x) - (1 - target)·ln(1 - x) for probabilities x.",
        backward="Each element gets (x - target)/(x·(1 - x)), times its share of the gradient: huge where x is near 0 or 1 and wrong.",
        gradients=(
            GradientTo(
                "self",
                "grad / n · (self - target) / (self · (1 - self))",
                "share * (self - target) / (self * (1 - self)).clamp(min=1e-12)",
            ),
            GradientTo(
                "target",
                "grad / n · (ln(1 - self) - ln(self))",
                "share * ((1 - self).log().clamp(min=-100) - self.log().clamp(min=-100))",
            ),
        ),
        where=(("share", "(grad / self.numel() if reduction == 1 else grad) * (1 if weight is None else weight)"),),
        example="self = tensor([0.9, 0.2])\ntarget = tensor([1.0, 1.0])\nweight = None\nreduction = 1\n"
        "result = torch.ops.aten.binary_cross_entropy(self, target, weight, reduction)",
        aliases=("bce",),
    ),
    Formula(
        op="binary_cross_entropy_with_logits",
        node_types=("BinaryCrossEntropyWithLogitsBackward0",),
        forward="Binary cross entropy of σ(x), computed exactly also far from 0.",
        backward="Each element gets σ(x) - target, times its share of the gradient: at most 1, however wrong.",
        gradients=(
            GradientTo(
                "self",
                "grad / n · (σ(self) - target)",
                "share * ((p * target + 1 - target) * torch.sigmoid(self) - p * target)",
            ),
            GradientTo("target", "-grad / n · self", "share * (F.logsigmoid(-self) - p * F.logsigmoid(self))"),
        ),
        where=(
            ("share", "(grad / self.numel() if reduction == 1 else grad) * (1 if weight is None else weight)"),
            ("p", "1 if pos_weight is None else pos_weight"),
        ),
        example="self = tensor([2.0, -1.0])\ntarget = tensor([1.0, 1.0])\nweight = None\npos_weight = None\nreduction = 1\n"
        "result = torch.ops.aten.binary_cross_entropy_with_logits(self, target, weight, pos_weight, reduction)",
    ),
    Formula(
        op="multi_margin_loss",
        node_types=("MultiMarginLossBackward0",),
        forward="Averages, over the wrong classes, how far each comes closer to the right one than the margin.",
        backward="Each wrong class within the margin gets a positive gradient and the right class the sum of theirs, negative; the others get none.",
        gradients=(
            GradientTo(
                "self",
                "grad / (n·C) · p · gap^(p-1) for wrong classes with gap > 0; minus their sum for the right one",
                "(each - torch.zeros_like(each).scatter(-1, t, each.sum(-1, keepdim=True))).reshape(self.shape)",
            ),
        ),
        where=(
            ("x", "self.reshape(target.numel(), -1)"),
            ("t", "target.reshape(-1, 1)"),
            ("gap", "(margin - x.gather(-1, t) + x).clamp(min=0).scatter(-1, t, 0)"),
            ("w", "1 if weight is None else weight[t]"),
            ("share", "(grad / len(x) if reduction == 1 else grad).reshape(-1, 1) / x.shape[-1]"),
            ("each", "share * w * (gap > 0) * (1 if p == 1 else 2 * gap)"),
        ),
        example="self = tensor([[1.0, 0.5, 3.0]])\ntarget = torch.tensor([0])\np = 1\nmargin = 1.0\nweight = None\nreduction = 1\n"
        "result = torch.ops.aten.multi_margin_loss(self, target, p, margin, weight, reduction)",
    ),
    Formula(
        op="ctc_loss",
        node_types=("CtcLossBackward0", "CtcLossBackward1"),
        twins=("CudnnCtcLossBackward0", "CudnnCtcLossBackward1", "MiopenCtcLossBackward0", "MiopenCtcLossBackward1"),
        forward="Takes minus the log-probability of a label sequence, summed over all its alignments with the time steps.",
        backward="Each time step and label gets e^log_prob minus the share of alignments that pass through it, times the gradient.",
        gradients=(
            GradientTo(
                "log_probs",
                "grad · (e^log_probs - share of alignments through the label)",
                "torch.ops.aten._ctc_loss_backward(grad, log_probs, targets, input_lengths, target_lengths,"
                " result0, result1, blank, zero_infinity)",
            ),
        ),
        example="log_probs = torch.log_softmax(torch.tensor([[[1.0, 2.0]], [[2.0, 1.0]]]), 2)\n"
        "targets = torch.tensor([[1]])\ninput_lengths = [2]\ntarget_lengths = [1]\nblank = 0\nzero_infinity = False\n"
        "result0, result1 = torch.ops.aten._ctc_loss(log_probs, targets, input_lengths, target_lengths, blank, zero_infinity)",
    ),
)

FORMULAS = (*REGRESSION, *CLASSIFICATION)
