"""Adam and its kin: running means of the gradient and of its square."""

from gradtrace.formulas.optimizers.settings import (
    BETAS,
    DECAY,
    DECOUPLED,
    EPS,
    EXP_AVG,
    EXP_AVG_SQ,
    MAXIMIZE,
    STEP,
    rate,
)
from gradtrace.formulas.optimizers.update_rule import Line, Setting, State, Term, UpdateRule

_AMSGRAD = Setting("amsgrad", False, "divides by the largest second moment so far")
_MAXIMUM = State("max_exp_avg_sq", "largest second moment so far", "0.0", "amsgrad")
_COUNT = Line("step", "step + 1", "step + 1")
_SHRINK = Line("param", "param · (1 - lr · weight_decay)", "param * (1 - lr * weight_decay)")
_OWN_DECAY = Term("weight decay", "-lr · weight_decay · param", "-lr * weight_decay * old.param", "weight_decay != 0")
_MOMENTS = (
    Line("exp_avg", "β1 · exp_avg + (1 - β1) · g", "beta1 * exp_avg + (1 - beta1) * g"),
    Line("exp_avg_sq", "β2 · exp_avg_sq + (1 - β2) · g²", "beta2 * exp_avg_sq + (1 - beta2) * g * g"),
)
_DECAYS = (
    Line(_SHRINK.name, _SHRINK.maths, _SHRINK.code, "decoupled_weight_decay"),
    Line("g", "grad", "grad", "decoupled_weight_decay"),
    Line("g", "grad + weight_decay · param", "grad + weight_decay * param", "not decoupled_weight_decay"),
)
_ADAM_STEP = (
    *_MOMENTS,
    Line(
        "max_exp_avg_sq",
        "max(max_exp_avg_sq, exp_avg_sq)",
        "torch.maximum(max_exp_avg_sq + 0 * exp_avg_sq, exp_avg_sq)",
        "amsgrad",
    ),
    Line("m_hat", "exp_avg / (1 - β1^step)", "exp_avg / (1 - beta1**step)"),
    Line("v_hat", "exp_avg_sq / (1 - β2^step)", "exp_avg_sq / (1 - beta2**step)", "not amsgrad"),
    Line("v_hat", "max_exp_avg_sq / (1 - β2^step)", "max_exp_avg_sq / (1 - beta2**step)", "amsgrad"),
    Line("param", "param - lr · m_hat / (√v_hat + eps)", "param - lr * m_hat / (torch.sqrt(v_hat) + eps)"),
)
_ADAM_TERM = Term("moments", "-lr · m_hat / (√v_hat + eps)", "-lr * m_hat / (torch.sqrt(v_hat) + eps)")
_ADAM_WORDS = (
    "Divided by 1 - β^step, the means are right from the first step on although they begin at 0. "
    "A step is at most about lr for each element, however large or small its gradients are, and nearly lr where they keep their sign. "
)

ADAM = UpdateRule(
    name="Adam",
    forward="Divides the running mean of the gradient by the root of the running mean of its square.",
    words=_ADAM_WORDS
    + "Weight decay goes through the gradient here, so that it is divided too; AdamW takes it from the parameter itself.",
    settings=(rate(1e-3), BETAS, EPS, DECAY, _AMSGRAD, DECOUPLED, MAXIMIZE),
    state=(STEP, EXP_AVG, EXP_AVG_SQ, _MAXIMUM),
    lines=(_COUNT, *_DECAYS, *_ADAM_STEP),
    terms=(
        _ADAM_TERM,
        Term(_OWN_DECAY.name, _OWN_DECAY.maths, _OWN_DECAY.code, "weight_decay != 0 and decoupled_weight_decay"),
    ),
    source="Kingma and Ba, Adam: a method for stochastic optimization, arxiv.org/abs/1412.6980",
    example="lr=0.1",
)

ADAMW = UpdateRule(
    name="AdamW",
    forward="Steps as Adam does, and takes weight decay from the parameter itself instead of its gradient.",
    words=_ADAM_WORDS
    + "Every parameter shrinks by lr · weight_decay in each step, whatever its gradients are: decay is on by default.",
    settings=(
        rate(1e-3),
        BETAS,
        EPS,
        Setting("weight_decay", 1e-2, "shrinks the parameter by lr · weight_decay in each step"),
        _AMSGRAD,
        MAXIMIZE,
    ),
    state=(STEP, EXP_AVG, EXP_AVG_SQ, _MAXIMUM),
    lines=(_COUNT, _SHRINK, Line("g", "grad", "grad"), *_ADAM_STEP),
    terms=(_ADAM_TERM, _OWN_DECAY),
    source="Loshchilov and Hutter, Decoupled weight decay regularization, arxiv.org/abs/1711.05101",
    example="lr=0.1",
)

NADAM = UpdateRule(
    name="NAdam",
    forward="Steps as Adam does, with Nesterov's look ahead along the mean of the gradient.",
    words=(
        "The new gradient counts once more beside the mean, and how much of the mean counts (mu) grows slowly towards β1. "
        "As in Adam a step is about lr for each element."
    ),
    settings=(
        rate(2e-3),
        BETAS,
        EPS,
        DECAY,
        Setting("momentum_decay", 4e-3, "how fast mu grows towards β1"),
        DECOUPLED,
        MAXIMIZE,
    ),
    state=(STEP, State("mu_product", "product of all mu so far", "1.0"), EXP_AVG, EXP_AVG_SQ),
    lines=(
        _COUNT,
        *_DECAYS,
        Line(
            "mu",
            "β1 · (1 - ½ · 0.96^(step · momentum_decay))",
            "beta1 * (1 - 0.5 * 0.96 ** (step * momentum_decay))",
        ),
        Line(
            "next_mu",
            "β1 · (1 - ½ · 0.96^((step + 1) · momentum_decay))",
            "beta1 * (1 - 0.5 * 0.96 ** ((step + 1) * momentum_decay))",
        ),
        Line("mu_product", "mu_product · mu", "mu_product * mu"),
        *_MOMENTS,
        Line("v_hat", "exp_avg_sq / (1 - β2^step)", "exp_avg_sq / (1 - beta2**step)"),
        Line(
            "m_hat",
            "next_mu / (1 - mu_product · next_mu) · exp_avg + (1 - mu) / (1 - mu_product) · g",
            "next_mu / (1 - mu_product * next_mu) * exp_avg + (1 - mu) / (1 - mu_product) * g",
        ),
        Line("param", "param - lr · m_hat / (√v_hat + eps)", "param - lr * m_hat / (torch.sqrt(v_hat) + eps)"),
    ),
    terms=ADAM.terms,
    source="Dozat, Incorporating Nesterov momentum into Adam, ICLR workshop 2016",
    example="lr=0.1",
)

RADAM = UpdateRule(
    name="RAdam",
    forward="Steps as Adam does, but divides by the second moment only once enough gradients are in it.",
    words=(
        "In the first steps the second moment rests on few gradients and is not to be trusted: until rho is above 5 "
        "a step is lr times the mean of the gradient; after that it is Adam's, scaled by a factor r that grows towards 1. No warm-up is needed."
    ),
    settings=(rate(1e-3), BETAS, EPS, DECAY, DECOUPLED, MAXIMIZE),
    state=(STEP, EXP_AVG, EXP_AVG_SQ),
    lines=(
        _COUNT,
        *_DECAYS,
        *_MOMENTS,
        Line("m_hat", "exp_avg / (1 - β1^step)", "exp_avg / (1 - beta1**step)"),
        Line("rho_end", "2 / (1 - β2) - 1", "2 / (1 - beta2) - 1"),
        Line(
            "rho",
            "rho_end - 2 · step · β2^step / (1 - β2^step)",
            "rho_end - 2 * step * beta2**step / (1 - beta2**step)",
        ),
        Line("update", "m_hat", "m_hat", "rho <= 5"),
        Line(
            "r",
            "√((rho - 4)(rho - 2) · rho_end / ((rho_end - 4)(rho_end - 2) · rho))",
            "((rho - 4) * (rho - 2) * rho_end / ((rho_end - 4) * (rho_end - 2) * rho)) ** 0.5",
            "rho > 5",
        ),
        Line(
            "update",
            "r · m_hat · √(1 - β2^step) / (√exp_avg_sq + eps)",
            "r * m_hat * (1 - beta2**step) ** 0.5 / (torch.sqrt(exp_avg_sq) + eps)",
            "rho > 5",
        ),
        Line("param", "param - lr · update", "param - lr * update"),
    ),
    terms=(
        Term("moments", "-lr · m_hat", "-lr * update", "rho <= 5"),
        Term("moments", "-lr · r · m_hat · √(1 - β2^step) / (√exp_avg_sq + eps)", "-lr * update", "rho > 5"),
        ADAM.terms[1],
    ),
    source="Liu and others, On the variance of the adaptive learning rate and beyond, arxiv.org/abs/1908.03265",
    example="lr=0.1",
)

ADAMAX = UpdateRule(
    name="Adamax",
    forward="Divides the running mean of the gradient by the largest gradient of late.",
    words=(
        "The divisor is the largest absolute value of the gradient so far, each older one by a factor β2 smaller: "
        "a single large gradient makes the steps small until it has faded."
    ),
    settings=(rate(2e-3), BETAS, EPS, DECAY, MAXIMIZE),
    state=(STEP, EXP_AVG, State("exp_inf", "largest absolute gradient, fading")),
    lines=(
        _COUNT,
        Line("g", "grad + weight_decay · param", "grad + weight_decay * param"),
        _MOMENTS[0],
        Line("exp_inf", "max(β2 · exp_inf, |g| + eps)", "torch.maximum(beta2 * exp_inf + 0 * g, torch.abs(g) + eps)"),
        Line(
            "param",
            "param - lr / (1 - β1^step) · exp_avg / exp_inf",
            "param - lr / (1 - beta1**step) * exp_avg / exp_inf",
        ),
    ),
    terms=(Term("moments", "-lr / (1 - β1^step) · exp_avg / exp_inf", "-lr / (1 - beta1**step) * exp_avg / exp_inf"),),
    source="Kingma and Ba, Adam: a method for stochastic optimization, section 7, arxiv.org/abs/1412.6980",
    example="lr=0.1",
)

SPARSE_ADAM = UpdateRule(
    name="SparseAdam",
    forward="Steps as Adam does, but only the rows for which a sparse gradient has entries.",
    words=(
        "For embeddings with sparse=True: rows that were not looked up keep their value, and their moments do not fade; "
        "the step count runs on for all. The gradient has to be sparse."
    ),
    settings=(rate(1e-3), BETAS, EPS, MAXIMIZE),
    state=(STEP, EXP_AVG, EXP_AVG_SQ),
    lines=(
        _COUNT,
        Line("rows", "the rows in the gradient", "grad.coalesce().indices()[0]"),
        Line("g", "their gradients", "grad.coalesce().values()"),
        Line("m", "β1 · exp_avg[rows] + (1 - β1) · g", "beta1 * (exp_avg + 0 * param)[rows] + (1 - beta1) * g"),
        Line(
            "v", "β2 · exp_avg_sq[rows] + (1 - β2) · g²", "beta2 * (exp_avg_sq + 0 * param)[rows] + (1 - beta2) * g * g"
        ),
        Line("exp_avg", "m in these rows", "(exp_avg + 0 * param).index_copy(0, rows, m)"),
        Line("exp_avg_sq", "v in these rows", "(exp_avg_sq + 0 * param).index_copy(0, rows, v)"),
        Line("size", "lr · √(1 - β2^step) / (1 - β1^step)", "lr * (1 - beta2**step) ** 0.5 / (1 - beta1**step)"),
        Line(
            "param",
            "param - size · m / (√v + eps) in these rows",
            "param.index_add(0, rows, -size * m / (torch.sqrt(v) + eps))",
        ),
    ),
    terms=(
        Term(
            "moments",
            "-lr · √(1 - β2^step) / (1 - β1^step) · m / (√v + eps)",
            "(0 * old.param).index_add(0, rows, -size * m / (torch.sqrt(v) + eps))",
        ),
    ),
    source="Kingma and Ba, Adam: a method for stochastic optimization, arxiv.org/abs/1412.6980; lazily, row by row",
    example="lr=0.1",
    example_param="[[1.0, -2.0], [3.0, 4.0]]",
    example_grads=("[[0.0, 0.0], [0.5, 1.0]]", "[[1.0, -1.0], [0.0, 0.0]]"),
    is_elementwise=False,
    is_sparse=True,
)
