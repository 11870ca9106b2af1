"""Optimizers that follow the gradient or its running sum: SGD, Muon, ASGD, Rprop, LBFGS."""

from gradtrace.formulas.optimizers.settings import DECAY, MAXIMIZE, STEP, rate
from gradtrace.formulas.optimizers.update_rule import Line, Setting, State, Term, UpdateRule

_IS_SCALED = "momentum != 0 and not nesterov and dampening != 0 and old.momentum_buffer is not None"
_IS_PLAIN = f"not (momentum != 0 and nesterov) and not ({_IS_SCALED})"

SGD = UpdateRule(
    name="SGD",
    forward="Moves each parameter against its gradient, or against a running sum of its gradients (momentum).",
    words=(
        "Without momentum a step is minus lr times the gradient. With momentum the gradients of earlier steps go on "
        "pushing, each step by the factor momentum weaker: a steady gradient then moves the parameter up to "
        "1 / (1 - momentum) times as far. With nesterov the gradient counts once more, ahead of the running sum."
    ),
    settings=(
        rate(1e-3),
        Setting("momentum", 0.0, "how much of the running sum is kept from step to step"),
        Setting("dampening", 0.0, "takes so much away from what each new gradient adds to the running sum"),
        DECAY,
        Setting("nesterov", False, "looks ahead along the running sum"),
        MAXIMIZE,
    ),
    state=(State("momentum_buffer", "running sum of the gradients", "None", "momentum != 0"),),
    lines=(
        Line("g", "grad + weight_decay · param", "grad + weight_decay * param"),
        Line(
            "momentum_buffer",
            "momentum · momentum_buffer + (1 - dampening) · g; g in the first step",
            "g if momentum_buffer is None else momentum * momentum_buffer + (1 - dampening) * g",
            "momentum != 0",
        ),
        Line("update", "g", "g", "momentum == 0"),
        Line("update", "momentum_buffer", "momentum_buffer", "momentum != 0 and not nesterov"),
        Line(
            "update", "g + momentum · momentum_buffer", "g + momentum * momentum_buffer", "momentum != 0 and nesterov"
        ),
        Line("param", "param - lr · update", "param - lr * update"),
    ),
    terms=(
        Term("gradient", "-lr · grad", "-lr * grad", _IS_PLAIN),
        Term("gradient", "-lr · (1 - dampening) · grad", "-lr * (1 - dampening) * grad", _IS_SCALED),
        Term("gradient", "-lr · (1 + momentum) · grad", "-lr * (1 + momentum) * grad", "momentum != 0 and nesterov"),
        Term(
            "momentum",
            "-lr · momentum · momentum_buffer",
            "-lr * momentum * old.momentum_buffer",
            "momentum != 0 and not nesterov and old.momentum_buffer is not None",
        ),
        Term(
            "momentum",
            "-lr · momentum² · momentum_buffer",
            "-lr * momentum**2 * old.momentum_buffer",
            "momentum != 0 and nesterov and old.momentum_buffer is not None",
        ),
        Term(
            "weight decay",
            "-lr · weight_decay · param",
            "-lr * weight_decay * old.param",
            f"weight_decay != 0 and ({_IS_PLAIN})",
        ),
        Term(
            "weight decay",
            "-lr · (1 - dampening) · weight_decay · param",
            "-lr * (1 - dampening) * weight_decay * old.param",
            f"weight_decay != 0 and {_IS_SCALED}",
        ),
        Term(
            "weight decay",
            "-lr · (1 + momentum) · weight_decay · param",
            "-lr * (1 + momentum) * weight_decay * old.param",
            "weight_decay != 0 and momentum != 0 and nesterov",
        ),
    ),
    source="Sutskever and others, On the importance of initialization and momentum in deep learning, ICML 2013",
    example="lr=0.1, momentum=0.9",
    aliases=("momentum", "nesterov", "gradient descent"),
)

MUON = UpdateRule(
    name="Muon",
    forward="Moves a weight matrix along the nearest orthogonal matrix to the running mean of its gradients.",
    words=(
        "The running mean of the gradients is made nearly orthogonal: all its singular values are brought close to 1 by "
        "a few steps of Newton-Schulz iteration (in bfloat16), so that every direction of the matrix is moved "
        "equally far. The rate is raised for matrices with more rows than columns. Weight decay shrinks the parameter "
        "itself. It takes matrices only."
    ),
    settings=(
        rate(1e-3),
        Setting("weight_decay", 0.1, "shrinks the parameter by lr · weight_decay in each step"),
        Setting("momentum", 0.95, "how much of the running mean is kept from step to step"),
        Setting("nesterov", True, "mixes the new gradient in once more"),
        Setting("ns_coefficients", (3.4445, -4.775, 2.0315), "numbers of the iteration", ("a", "b", "c")),
        Setting("eps", 1e-7, "keeps the division by the norm finite"),
        Setting("ns_steps", 5, "how many steps of the iteration"),
        Setting("adjust_lr_fn", None, "how the rate depends on the shape: None, 'original' or 'match_rms_adamw'"),
    ),
    state=(State("momentum_buffer", "running mean of the gradients"),),
    lines=(
        Line(
            "momentum_buffer",
            "momentum · momentum_buffer + (1 - momentum) · grad",
            "momentum * momentum_buffer + (1 - momentum) * grad",
        ),
        Line("update", "momentum_buffer", "momentum_buffer", "not nesterov"),
        Line(
            "update",
            "(1 - momentum) · grad + momentum · momentum_buffer",
            "(1 - momentum) * grad + momentum * momentum_buffer",
            "nesterov",
        ),
        Line("rows, columns", "size of the matrix", "param.shape"),
        Line("X", "update, transposed if rows > columns", "(update.T if rows > columns else update).bfloat16()"),
        Line("X", "X / |X|", "X / X.norm().clamp(min=eps)"),
        Line(
            "X",
            "a · X + (b · X·Xᵀ + c · (X·Xᵀ)²) · X, ns_steps times",
            "torch.addmm(X, torch.addmm(X @ X.T, X @ X.T, X @ X.T, beta=b, alpha=c), X, beta=a)",
            repeat="ns_steps",
        ),
        Line("update", "X, transposed back", "(X.T if rows > columns else X).to(param.dtype)"),
        Line("ratio", "√max(1, rows / columns)", "max(1, rows / columns) ** 0.5", "adjust_lr_fn != 'match_rms_adamw'"),
        Line(
            "ratio", "0.2 · √max(rows, columns)", "0.2 * max(rows, columns) ** 0.5", "adjust_lr_fn == 'match_rms_adamw'"
        ),
        Line(
            "param",
            "param · (1 - lr · weight_decay) - lr · ratio · update",
            "param * (1 - lr * weight_decay) - lr * ratio * update",
        ),
    ),
    terms=(
        Term("orthogonal momentum", "-lr · ratio · update", "-lr * ratio * update"),
        Term("weight decay", "-lr · weight_decay · param", "-lr * weight_decay * old.param", "weight_decay != 0"),
    ),
    source="Jordan, Muon: an optimizer for hidden layers in neural networks, kellerjordan.github.io/posts/muon, 2024",
    example="lr=0.1",
    example_param="[[1.0, 0.0], [0.0, 2.0]]",
    example_grads=("[[3.0, 0.0], [0.0, 1.0]]", "[[1.0, 1.0], [0.0, 1.0]]"),
    is_elementwise=False,
)

ASGD = UpdateRule(
    name="ASGD",
    forward="Steps as plain gradient descent with a shrinking rate, and keeps the mean of all parameters since step t0.",
    words=(
        "The rate eta falls from step to step. Beside the parameter its running mean (ax) is kept: the mean is what "
        "converges, and the program has to read it from the state itself."
    ),
    settings=(
        rate(1e-2),
        Setting("lambd", 1e-4, "how fast parameter and rate decay"),
        Setting("alpha", 0.75, "power by which the rate falls"),
        Setting("t0", 1e6, "the step at which the mean begins"),
        DECAY,
        MAXIMIZE,
    ),
    state=(
        STEP,
        State("eta", "the rate of the next step", "lr"),
        State("mu", "how much of the parameter goes into the mean next", "1.0"),
        State("ax", "mean of the parameter since step t0"),
    ),
    lines=(
        Line("step", "step + 1", "step + 1"),
        Line("g", "grad + weight_decay · param", "grad + weight_decay * param"),
        Line("param", "param · (1 - lambd · eta) - eta · g", "param * (1 - lambd * eta) - eta * g"),
        Line("ax", "ax + mu · (param - ax)", "ax + mu * (param - ax)"),
        Line("eta", "lr / (1 + lambd · lr · step)^alpha", "lr / (1 + lambd * lr * step) ** alpha"),
        Line("mu", "1 / max(1, step - t0)", "1 / max(1, step - t0)"),
    ),
    terms=(
        Term("gradient", "-eta · grad", "-old.eta * grad"),
        Term("weight decay", "-eta · weight_decay · param", "-old.eta * weight_decay * old.param", "weight_decay != 0"),
        Term("decay", "-eta · lambd · param", "-old.eta * lambd * old.param", "lambd != 0"),
    ),
    source="Polyak and Juditsky, Acceleration of stochastic approximation by averaging, 1992",
    example="lr=0.1, lambd=0.01, t0=1",
    aliases=("averaged sgd",),
)

RPROP = UpdateRule(
    name="Rprop",
    forward="Gives every element a step size of its own and looks only at the sign of its gradient.",
    words=(
        "While the gradient of an element keeps its sign, its step size grows by the factor etaplus; when the sign "
        "changes, it shrinks by etaminus, and the element stands still for that step. How large a gradient is plays no part."
    ),
    settings=(
        rate(1e-2),
        Setting("etas", (0.5, 1.2), "factors by which a step size shrinks and grows", ("etaminus", "etaplus")),
        Setting("step_sizes", (1e-6, 50), "smallest and largest step size", ("smallest", "largest")),
        MAXIMIZE,
    ),
    state=(
        STEP,
        State("prev", "the gradient of the step before (0 where the element stood still)"),
        State("step_size", "step size of every element", "lr"),
    ),
    lines=(
        Line("step", "step + 1", "step + 1"),
        Line("agreement", "sign(grad · prev)", "torch.sign(grad * prev)"),
        Line(
            "step_size",
            "step_size · etaplus where agreement > 0, · etaminus where it is < 0",
            "torch.where(agreement > 0, step_size * etaplus, torch.where(agreement < 0, step_size * etaminus, step_size + 0 * grad))",
        ),
        Line("step_size", "step_size, kept between smallest and largest", "torch.clamp(step_size, smallest, largest)"),
        Line("prev", "grad, 0 where agreement < 0", "torch.where(agreement < 0, 0 * grad, grad)"),
        Line("param", "param - step_size · sign(prev)", "param - step_size * torch.sign(prev)"),
    ),
    terms=(Term("sign of the gradient", "-step_size · sign(grad)", "-step_size * torch.sign(prev)"),),
    source="Riedmiller and Braun, A direct adaptive method for faster backpropagation learning: the RPROP algorithm, 1993",
    example="lr=0.1",
)

_NEW_PAIR = "n_iter > 1 and (y * s).sum() > 1e-10"

LBFGS = UpdateRule(
    name="LBFGS",
    forward="Runs a quasi-Newton method: it calls the closure many times in one step and estimates the curvature.",
    words=(
        "One step() repeats up to max_iter times: compute the gradient with the closure, multiply it with an "
        "estimate of the inverse of the second derivatives (from the last history_size differences of parameters and of gradients, by the "
        "two-loop recursion), and move along minus that, lr far or as far as a line search finds best. So a single "
        "step() runs many backward passes, and all parameters are stepped together as one vector. Below is one such iteration without a line search; "
        "step() ends early where the gradient or the move is small."
    ),
    settings=(
        rate(1.0),
        Setting("max_iter", 20, "the most iterations in one step()"),
        Setting("max_eval", None, "the most calls of the closure in one step(); None for 1.25 · max_iter"),
        Setting("tolerance_grad", 1e-7, "stops when no element of the gradient is larger"),
        Setting("tolerance_change", 1e-9, "stops when parameters or loss change by less"),
        Setting("history_size", 100, "how many differences are kept"),
        Setting("line_search_fn", None, "'strong_wolfe' for a line search; None for a fixed step"),
    ),
    state=(
        State("n_iter", "how many iterations there were", "0"),
        State("func_evals", "how many times the closure was called", "0"),
        State("d", "the last direction", "0 * param"),
        State("t", "how far it was followed"),
        State("old_dirs", "differences of the gradient", "[]"),
        State("old_stps", "differences of the parameters", "[]"),
        State("ro", "1 / (difference of the gradient · difference of the parameters), for each pair", "[]"),
        State("H_diag", "scale of the estimate", "1.0"),
        State("prev_flat_grad", "the gradient before", "0 * param"),
        State("prev_loss", "the loss before"),
    ),
    lines=(
        Line("n_iter", "n_iter + 1", "n_iter + 1"),
        Line("func_evals", "func_evals + 1", "func_evals + 1"),
        Line("s", "t · d", "t * d", when="n_iter > 1"),
        Line("y", "grad - prev_flat_grad", "grad - prev_flat_grad", when="n_iter > 1"),
        Line("old_stps", "old_stps, then s; the last history_size", "(old_stps + [s])[-history_size:]", when=_NEW_PAIR),
        Line("old_dirs", "old_dirs, then y; the last history_size", "(old_dirs + [y])[-history_size:]", when=_NEW_PAIR),
        Line(
            "ro",
            "ro, then 1 / (y·s); the last history_size",
            "(ro + [1 / (y * s).sum()])[-history_size:]",
            when=_NEW_PAIR,
        ),
        Line("H_diag", "(y·s) / (y·y)", "(y * s).sum() / (y * y).sum()", when=_NEW_PAIR),
        Line("prev_flat_grad", "grad", "grad"),
        Line(
            "d",
            "-H(grad), where H(g) is H_diag · g without pairs; else, with the newest pair: a = ro · (s·g), "
            "r = H(g - a · y) over the older ones, and H(g) = r + (a - ro · (y·r)) · s",
            "-(lambda H: H(H, len(ro), grad))(lambda H, k, g: H_diag * g if not k else "
            "(lambda a: (lambda r: r + (a - ro[k - 1] * (old_dirs[k - 1] * r).sum()) * old_stps[k - 1])"
            "(H(H, k - 1, g - a * old_dirs[k - 1])))(ro[k - 1] * (old_stps[k - 1] * g).sum()))",
        ),
        Line("t", "min(1, 1 / Σ|grad|) · lr", "min(1.0, 1 / float(abs(grad).sum())) * lr", when="n_iter == 1"),
        Line("t", "lr", "lr", when="n_iter > 1"),
        Line("param", "param + t · d", "param + t * d"),
    ),
    iteration=(
        "Each iteration moves all parameters together by t · d: d is -grad in the first, later -H · grad, with H "
        "estimated from the last differences of parameters and gradients; t is lr (in the first iteration of all at "
        "most lr / Σ|grad|), unless a line search finds it."
    ),
    source="Nocedal and Wright, Numerical optimization, chapter 7; Liu and Nocedal, 1989",
    example="max_iter=1",
    example_grads=("", "", ""),
    example_loss="(param**4).sum()",
    is_elementwise=False,
    aliases=("l-bfgs", "bfgs"),
)
