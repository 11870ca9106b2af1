"""Functions without a node of their own: torch makes them of other ops, whose nodes the graph then shows."""

from gradtrace.formulas.formula import Formula, GradientTo

FORMULAS = (
    Formula(
        op="linear",
        node_types=(),
        forward="Multiplies by a weight matrix, transposed, and adds a bias: x · Wᵀ + b, what nn.Linear does.",
        backward=(
            "The input gets gradient · W; the weight gets gradientᵀ · input, so each of its rows sums over the batch; "
            "the bias gets the gradient summed over the batch, along which it was broadcast."
        ),
        gradients=(
            GradientTo("input", "grad · weight", "grad @ weight"),
            GradientTo("weight", "gradᵀ · input", "grad.flatten(0, -2).mT @ input.flatten(0, -2)"),
            GradientTo("bias", "Σ grad over the batch", "grad.flatten(0, -2).sum(0)"),
        ),
        example="input = tensor([[1.0, 2.0], [3.0, 4.0]])\nweight = tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])\n"
        "bias = tensor([0.0, 0.0, 10.0])\nresult = F.linear(input, weight, bias)",
        made_of=("addmm", "t"),
        twins=("LinearBackward0",),
    ),
    Formula(
        op="matmul",
        node_types=(),
        forward="Multiplies matrices, batches of matrices or vectors: x @ y.",
        backward="Each factor gets the gradient times the other, transposed; where a factor was broadcast, summed over the batch.",
        gradients=(
            GradientTo("self", "grad · otherᵀ", "grad @ other.mH"),
            GradientTo("other", "selfᵀ · grad", "self.mH @ grad"),
        ),
        example="self = tensor([[[1.0, 2.0]], [[3.0, 4.0]]])\nother = tensor([[5.0], [6.0]])\nresult = torch.matmul(self, other)",
        made_of=("mm", "bmm", "mv", "dot", "view", "expand"),
        twins=("MatmulBackward0",),
    ),
    Formula(
        op="cross_entropy",
        node_types=(),
        forward="Takes minus the log-probability (log_softmax) of each sample's class, averaged over the batch.",
        backward=(
            "The scores get softmax minus one-hot, divided by the batch size: every class is pulled down by its probability, "
            "the right one pushed up by what it lacks to 1. With class weights each row is multiplied by the weight of its "
            "class and divided by the sum of these weights; with smoothing, or probabilities as targets, these stand for one-hot."
        ),
        gradients=(
            GradientTo(
                "input",
                "grad · (softmax(input) - onehot(target)) / n",
                "grad * (torch.softmax(input, 1) - F.one_hot(target, input.shape[1])) / len(target)",
            ),
        ),
        example="input = tensor([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]])\ntarget = torch.tensor([0, 2])\n"
        "result = F.cross_entropy(input, target)",
        made_of=("log_softmax", "nll_loss"),
    ),
    Formula(
        op="l1_loss",
        node_types=(),
        forward="Averages the absolute differences of input and target.",
        backward="Each element gets the sign of its difference, divided by the number of elements, times the gradient.",
        gradients=(
            GradientTo("input", "grad · sign(input - target) / n", "grad * (input - target).sgn() / input.numel()"),
            GradientTo("target", "-grad · sign(input - target) / n", "-grad * (input - target).sgn() / input.numel()"),
        ),
        example="input = tensor([1.0, 2.0, 5.0])\ntarget = tensor([1.0, 3.0, 1.0])\nresult = F.l1_loss(input, target)",
        made_of=("sub", "abs", "mean"),
    ),
    Formula(
        op="kl_div",
        node_types=(),
        forward="Averages target · (ln target - input), input being log-probabilities.",
        backward="Each log-probability gets minus its target, times its share of the gradient.",
        gradients=(
            GradientTo("input", "-grad · target / n", "-grad * target / len(input)"),
            GradientTo(
                "target", "grad · (ln target + 1 - input) / n", "grad * (target.log() + 1 - input) / len(input)"
            ),
        ),
        example="input = tensor([[-0.5, -1.0]])\ntarget = tensor([[0.25, 0.75]])\n"
        "result = F.kl_div(input, target, reduction='batchmean')",
        made_of=("xlogy", "mul", "sub", "sum", "div"),
    ),
    Formula(
        op="dropout",
        node_types=(),
        forward="In training, replaces a random share p of the elements by 0 and divides the others by 1 - p.",
        backward="The gradient goes back through the same mask: kept elements get it divided by 1 - p, dropped ones get none.",
        gradients=(GradientTo("input", "grad · mask / (1 - p)", "grad * (result / input)"),),
        example="input = tensor([1.0, 2.0, 3.0, 4.0])\np = 0.5\nresult = F.dropout(input, p)",
        made_of=("mul",),
        twins=("FusedDropoutBackward0",),
    ),
    Formula(
        op="outer",
        node_types=(),
        forward="Multiplies every element of one vector with every element of another.",
        backward="Each vector gets the gradient matrix times the other.",
        gradients=(
            GradientTo("self", "grad · vec2", "grad @ vec2"),
            GradientTo("vec2", "gradᵀ · self", "grad.mT @ self"),
        ),
        example="self = tensor([1.0, 2.0])\nvec2 = tensor([3.0, 4.0, 5.0])\nresult = torch.outer(self, vec2)",
        made_of=("mul", "view"),
    ),
    Formula(
        op="normalize",
        node_types=(),
        forward="Divides vectors by their length.",
        backward="Each vector gets the part of the gradient across its own direction, divided by its length: along it nothing changes.",
        gradients=(
            GradientTo(
                "input",
                "(grad - result · (grad·result)) / |input|",
                "(grad - result * (grad * result).sum(dim, keepdim=True)) / input.norm(dim=dim, keepdim=True)",
            ),
        ),
        example="input = tensor([[3.0, 4.0]])\ndim = 1\nresult = F.normalize(input, dim=dim)",
        made_of=("norm", "clamp_min", "expand", "div"),
    ),
    Formula(
        op="rnn_cell",
        node_types=(),
        forward="Computes tanh(W·x + U·h): one step of a simple recurrent network.",
        backward="The gradient is multiplied by 1 - result², then goes through W to x and through U to the state before, step after step.",
        gradients=(
            GradientTo("x", "(grad · (1 - result²)) · W", "g @ W"),
            GradientTo("h", "(grad · (1 - result²)) · U", "g @ U"),
            GradientTo("W", "(grad · (1 - result²))ᵀ · x", "g.mT @ x"),
            GradientTo("U", "(grad · (1 - result²))ᵀ · h", "g.mT @ h"),
        ),
        where=(("g", "grad * (1 - result.pow(2))"),),
        example="x = tensor([[1.0, 2.0]])\nh = tensor([[0.5, -0.5]])\nW = tensor([[0.5, 0.0], [0.0, 0.5]])\n"
        "U = tensor([[1.0, 0.0], [0.0, 1.0]])\nresult = torch.rnn_tanh_cell(x, h, W, U)",
        made_of=("mm", "add", "tanh"),
        aliases=("rnn_tanh_cell", "rnn"),
    ),
    Formula(
        op="lstm_cell",
        node_types=(),
        forward="Computes c' = σ(f)·c + σ(i)·tanh(g) and h' = σ(o)·tanh(c'), the gates i, f, g, o being linear in x and h.",
        backward="The state c gets the gradient of c' times the forget gate σ(f): where that is near 1, gradients survive many steps.",
        gradients=(
            GradientTo(
                "c",
                "grads[1] · σ(f) + grads[0] · σ(o) · (1 - tanh²(c')) · σ(f)",
                "(grads[1] + grads[0] * torch.sigmoid(o) * (1 - torch.tanh(result1).pow(2))) * torch.sigmoid(f)",
            ),
        ),
        where=(("f", "(x @ W.mT + h @ U.mT)[:, 1:2]"), ("o", "(x @ W.mT + h @ U.mT)[:, 3:4]")),
        example="x = torch.tensor([[1.0]])\nh = torch.tensor([[0.5]])\nc = tensor([[2.0]])\n"
        "W = torch.tensor([[1.0], [2.0], [1.0], [0.0]])\nU = torch.tensor([[0.0], [0.0], [1.0], [1.0]])\n"
        "result0, result1 = torch.lstm_cell(x, (h, c), W, U)",
        made_of=("mm", "add", "unsafe_chunk", "sigmoid", "tanh", "mul"),
        aliases=("lstm",),
        twins=("ThnnFusedLstmCellBackward0",),
    ),
    Formula(
        op="lstm_layer",
        node_types=("MkldnnRnnLayerBackward0",),
        forward="Runs one layer of an LSTM over the whole sequence in one kernel, as torch does on a CPU.",
        backward=(
            "The kernel walks the steps back from the last to the first; weights and biases get the sum over all steps, "
            "the input of each step its own part. What happens in one step: gradtrace formula lstm_cell."
        ),
        aliases=("lstm",),
        twins=("CudnnRnnBackward0", "MiopenRnnBackward0", "LstmMpsBackward0"),
    ),
    Formula(
        op="gru_cell",
        node_types=(),
        forward="Computes h' = n + σ(z)·(h - n), n being tanh of a mixture of x and the part of h that the gate r lets through.",
        backward="The state h gets the gradient times the gate σ(z), and more through n and the gates.",
        gradients=(
            GradientTo("n", "grad · (1 - z)", "grad * (1 - z)"),
            GradientTo("z", "grad · (h - n)", "grad * (h - n)"),
            GradientTo("h", "grad · z (and more through n and the gates)", "grad * z"),
        ),
        example="n = tensor([[0.5]])\nz = tensor([[0.75]])\nh = tensor([[2.0]])\nresult = n + z * (h - n)",
        twins=("ThnnFusedGruCellBackward0",),
        made_of=("mm", "add", "unsafe_chunk", "sigmoid", "tanh", "mul"),
        aliases=("gru",),
    ),
)
