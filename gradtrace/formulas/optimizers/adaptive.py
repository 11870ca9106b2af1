"""Optimizers that divide by how large the gradients of an element have been: Adagrad, RMSprop, Adadelta, Adafactor."""

from gradtrace.formulas.optimizers.settings import DECAY, EPS, MAXIMIZE, STEP, rate
from gradtrace.formulas.optimizers.update_rule import Line, Setting, State, Term, UpdateRule

_COUNT = Line("step", "step + 1", "step + 1")
_DECAYED = Line("g", "grad + weight_decay · param", "grad + weight_decay * param")

ADAGRAD = UpdateRule(
    name="Adagrad",
    forward="Divides the gradient by the root of the sum of all its squares so far.",
    words=(
        "The sum only grows, so the steps of an element become smaller and smaller, more slowly where gradients are rare: "
        "good for sparse features, and the reason why long trainings come to a halt."
    ),
    settings=(
        rate(1e-2),
        Setting("lr_decay", 0.0, "makes the rate fall from step to step"),
        DECAY,
        Setting("initial_accumulator_value", 0.0, "what the sum begins with"),
        Setting("eps", 1e-10, EPS.words),
        MAXIMIZE,
    ),
    state=(STEP, State("sum", "sum of all squared gradients", "initial_accumulator_value")),
    lines=(
        _COUNT,
        _DECAYED,
        Line("size", "lr / (1 + (step - 1) · lr_decay)", "lr / (1 + (step - 1) * lr_decay)"),
        Line("sum", "sum + g²", "sum + g * g"),
        Line("param", "param - size · g / (√sum + eps)", "param - size * g / (torch.sqrt(sum) + eps)"),
    ),
    terms=(
        Term("gradient", "-size · grad / (√sum + eps)", "-size * grad / (torch.sqrt(sum) + eps)"),
        Term(
            "weight decay",
            "-size · weight_decay · param / (√sum + eps)",
            "-size * weight_decay * old.param / (torch.sqrt(sum) + eps)",
            "weight_decay != 0",
        ),
    ),
    source="Duchi, Hazan and Singer, Adaptive subgradient methods for online learning and stochastic optimization, 2011",
    example="lr=0.1",
)

RMSPROP = UpdateRule(
    name="RMSprop",
    forward="Divides the gradient by the root of the running mean of its square.",
    words=(
        "Each element moves by about lr whatever the size of its gradients. With centered the square of the running mean is taken away first, so that "
        "the divisor is the spread of the gradient; with momentum the steps themselves are summed up. There is no correction for the first steps, which are therefore larger."
    ),
    settings=(
        rate(1e-2),
        Setting("alpha", 0.99, "how much of the running means is kept from step to step"),
        EPS,
        DECAY,
        Setting("momentum", 0.0, "how much of the running sum of steps is kept"),
        Setting("centered", False, "divides by the spread of the gradient"),
        MAXIMIZE,
    ),
    state=(
        STEP,
        State("square_avg", "running mean of the squared gradient"),
        State("grad_avg", "running mean of the gradient", "0.0", "centered"),
        State("momentum_buffer", "running sum of the divided gradients", "0.0", "momentum > 0"),
    ),
    lines=(
        _COUNT,
        _DECAYED,
        Line("square_avg", "alpha · square_avg + (1 - alpha) · g²", "alpha * square_avg + (1 - alpha) * g * g"),
        Line("grad_avg", "alpha · grad_avg + (1 - alpha) · g", "alpha * grad_avg + (1 - alpha) * g", "centered"),
        Line("divisor", "√square_avg + eps", "torch.sqrt(square_avg) + eps", "not centered"),
        Line(
            "divisor",
            "√(square_avg - grad_avg²) + eps",
            "torch.sqrt(square_avg - grad_avg * grad_avg) + eps",
            "centered",
        ),
        Line(
            "momentum_buffer",
            "momentum · momentum_buffer + g / divisor",
            "momentum * momentum_buffer + g / divisor",
            "momentum > 0",
        ),
        Line("update", "momentum_buffer", "momentum_buffer", "momentum > 0"),
        Line("update", "g / divisor", "g / divisor", "momentum == 0"),
        Line("param", "param - lr · update", "param - lr * update"),
    ),
    terms=(
        Term("gradient", "-lr · grad / (√square_avg + eps)", "-lr * grad / divisor", "not centered"),
        Term("gradient", "-lr · grad / (√(square_avg - grad_avg²) + eps)", "-lr * grad / divisor", "centered"),
        Term(
            "momentum",
            "-lr · momentum · momentum_buffer",
            "-lr * momentum * old.momentum_buffer",
            "momentum > 0",
        ),
        Term(
            "weight decay",
            "-lr · weight_decay · param / divisor",
            "-lr * weight_decay * old.param / divisor",
            "weight_decay != 0",
        ),
    ),
    source="Tieleman and Hinton, Lecture 6.5 of Neural networks for machine learning, 2012",
    example="lr=0.1",
)

ADADELTA = UpdateRule(
    name="Adadelta",
    forward="Scales the gradient by the root of (mean squared step / mean squared gradient): it finds its own rate.",
    words=(
        "Because the running mean of the squared steps begins at 0, the first steps are tiny (of the size of √eps) and grow "
        "from there; lr is 1 in the paper."
    ),
    settings=(
        rate(1.0),
        Setting("rho", 0.9, "how much of the running means is kept from step to step"),
        Setting("eps", 1e-6, "gets the first steps going"),
        DECAY,
        MAXIMIZE,
    ),
    state=(
        STEP,
        State("square_avg", "running mean of the squared gradient"),
        State("acc_delta", "running mean of the squared step"),
    ),
    lines=(
        _COUNT,
        _DECAYED,
        Line("square_avg", "rho · square_avg + (1 - rho) · g²", "rho * square_avg + (1 - rho) * g * g"),
        Line(
            "delta",
            "√(acc_delta + eps) / √(square_avg + eps) · g",
            "torch.sqrt(acc_delta + eps + 0 * g) / torch.sqrt(square_avg + eps) * g",
        ),
        Line("acc_delta", "rho · acc_delta + (1 - rho) · delta²", "rho * acc_delta + (1 - rho) * delta * delta"),
        Line("param", "param - lr · delta", "param - lr * delta"),
    ),
    terms=(Term("scaled gradient", "-lr · √(acc_delta + eps) / √(square_avg + eps) · g", "-lr * delta"),),
    source="Zeiler, ADADELTA: an adaptive learning rate method, arxiv.org/abs/1212.5701",
    example="lr=1.0",
)

ADAFACTOR = UpdateRule(
    name="Adafactor",
    forward="Divides the gradient by the root of its mean square, kept for rows and columns only, and scales by the parameter's size.",
    words=(
        "For a matrix the second moments are the product of a column of row means and a row of column means, so they take hardly "
        "any memory; vectors keep theirs whole. The step is scaled by the root mean square of the parameter (at least eps2), and a step that is too large "
        "(root mean square above d) is scaled down. Weight decay shrinks the parameter itself."
    ),
    settings=(
        Setting("lr", 1e-2, "the largest relative step"),
        Setting("beta2_decay", -0.8, "power by which new gradients count less and less"),
        Setting("eps", (None, 1e-3), "smallest second moment, smallest scale of a parameter", ("eps1", "eps2")),
        Setting("d", 1.0, "largest root mean square of a step before it is scaled down"),
        Setting("weight_decay", 0.0, "shrinks the parameter by lr · weight_decay in each step"),
        MAXIMIZE,
    ),
    state=(
        STEP,
        State("row_var", "running mean of the squared gradient over each row", "0.0", "param.dim() > 1"),
        State("col_var", "running mean of the squared gradient over each column", "0.0", "param.dim() > 1"),
        State("variance", "running mean of the squared gradient", "0.0", "param.dim() <= 1"),
    ),
    lines=(
        _COUNT,
        Line(
            "smallest",
            "eps1; of None the resolution of the dtype",
            "torch.finfo(param.dtype).eps if eps1 is None else eps1",
        ),
        Line("new", "step^beta2_decay", "step**beta2_decay"),
        Line(
            "size",
            "max(eps2, rms(param)) · min(lr, 1 / √step)",
            "max(eps2, param.square().mean().sqrt().item()) * min(lr, step**-0.5)",
        ),
        Line("param", "param · (1 - lr · weight_decay)", "param * (1 - lr * weight_decay)"),
        Line(
            "row_var",
            "(1 - new) · row_var + new · mean(grad²) of each row",
            "(1 - new) * row_var + new * grad.square().mean(-1, keepdim=True)",
            "param.dim() > 1",
        ),
        Line(
            "col_var",
            "(1 - new) · col_var + new · mean(grad²) of each column",
            "(1 - new) * col_var + new * grad.square().mean(-2, keepdim=True)",
            "param.dim() > 1",
        ),
        Line(
            "v",
            "row_var · col_var / mean(row_var)",
            "row_var @ col_var / row_var.mean(-2, keepdim=True).clamp(min=smallest)",
            "param.dim() > 1",
        ),
        Line(
            "variance",
            "(1 - new) · variance + new · grad²",
            "(1 - new) * variance + new * grad * grad",
            "param.dim() <= 1",
        ),
        Line("v", "variance", "variance", "param.dim() <= 1"),
        Line("update", "grad / √max(v, smallest²)", "grad / v.clamp(min=smallest**2).sqrt()"),
        Line(
            "update", "update / max(1, rms(update) / d)", "update / max(1.0, update.square().mean().sqrt().item() / d)"
        ),
        Line("param", "param - size · update", "param - size * update"),
    ),
    terms=(
        Term("scaled gradient", "-size · update", "-size * update"),
        Term("weight decay", "-lr · weight_decay · param", "-lr * weight_decay * old.param", "weight_decay != 0"),
    ),
    source="Shazeer and Stern, Adafactor: adaptive learning rates with sublinear memory cost, arxiv.org/abs/1804.04235",
    example="lr=0.1",
    example_param="[[1.0, -2.0], [3.0, 4.0]]",
    example_grads=("[[0.5, 1.0], [2.0, 1.0]]", "[[1.0, -1.0], [0.5, 2.0]]"),
    is_elementwise=False,
)
