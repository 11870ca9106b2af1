"""What rules say of the examples on their pages, word for word."""

from __future__ import annotations

import re
from pathlib import Path

import forked_runs
import pytest

from gradtrace.diagnosis.diagnose import diagnose
from gradtrace.diagnosis.registry import RULES

HEADLINES = {
    "acos-at-boundary": "`acos` at the end of its range has an infinite gradient",
    "backward-twice-shared-graph": "h is shared with an earlier backward pass, which has freed it",
    "checkpoint-input-no-grad": (
        "no gradient reaches block.0.weight and block.0.bias: no input of the checkpoint requires grad"
    ),
    "checkpoint-recompute-differs": "This checkpointed computation differs when it is run again for backward",
    "clamp-blocks-grad": "`clamp` is saturated everywhere: no gradient reaches bias and weight",
    "clip-spreads-nan": "The gradient of b is not finite, and clipping makes all the others so",
    "constant-loss-term": "`soft` adds a constant to the loss: neither argument of `mse_loss` has a graph",
    "create-graph-cycle": "backward(create_graph=True) keeps every graph alive, because `.grad` holds it",
    "ctx-attribute-keeps-output": "ctx.y is the function's own output: the context keeps its graph alive",
    "ctx-tensor-in-double-backward": "`Swish.backward` uses what `forward` computed: a constant in second derivatives",
    "custom-fn-wrong-grad-count": "Scale.backward returns 1 gradients, but forward has 2 inputs",
    "custom-fn-wrong-shape": "Linear.backward returns [3, 4] as gradient 1, whose input is [4, 3]",
    "data-inplace-silent": "A write through `.data` changes p behind autograd's back",
    "ddp-marked-twice": "block.weight and block.bias: a reentrant checkpoint uses them twice, for which DDP waits once",
    "ddp-unused-parameter": "DDP waits for gradients of spare.weight and spare.bias, which the loss does not use",
    "dead-relu": "This ReLU is off for every input: no gradient reaches bias and weight",
    "deepcopy-nonleaf": "model.last has a graph and cannot be deep-copied",
    "diverging-parameters": "The parameters grow from 0.643 to 8.24e+24 in 4 steps, until numbers overflow",
    "divide-by-zero-norm": "This divides by zero, which gives NaN or an infinity",
    "double-sigmoid": "The sigmoid of this loss is applied to the result of another sigmoid",
    "double-softmax": "The softmax of this loss is applied to the result of another softmax",
    "ema-tracks-graph": "ema is averaged with gradients on: it keeps the graphs of 6 passes alive",
    "embedding-max-norm": "This lookup shortens rows of table.weight to max_norm in place, which backward still needs",
    "exp-overflow": "`exp` overflows to infinity",
    "exploding-recurrence": "The gradient grows by 4e+08 over 12 repetitions of `mm`",
    "fractional-power-negative": "A fractional power of a negative number is NaN",
    "full-hook-with-inplace": "An in-place operation follows a module with a full backward hook",
    "fully-masked-softmax": "`softmax` of a row of nothing but -inf is NaN",
    "grad-changed-in-backward": "`Reverse.backward` changes its gradient in place, and `linear` gets the changed one",
    "gradient-cancels": "The gradients of 2.bias and 3 others cancel: nothing of the largest part is left",
    "graph-built-once": "scale is computed once, but every iteration runs backward through it",
    "half-precision-underflow": "The gradient of `to_copy` is too small for float16 and becomes zero",
    "hidden-not-detached": "h is carried over from an iteration whose graph is already freed",
    "history-keeps-graph": "losses keeps 5 tensors with the graphs of 5 passes alive",
    "inference-tensor": "A tensor computed under inference_mode is used where gradients are recorded",
    "inplace-activation-residual": "An in-place activation overwrites the output of tanh, which backward still needs",
    "inplace-codebook-update": "This line updates self.codes in place, between its use in forward and backward",
    "inplace-saved-input": "This line overwrites window, which an earlier operation saved for backward",
    "inplace-saved-output": "This line overwrites the output of sigmoid, which backward still needs",
    "int-requires-grad": "A tensor of integers cannot require grad",
    "leaf-inplace": "A leaf that requires grad is changed in place, with gradients on",
    "leaf-view-inplace": "A part of a leaf that requires grad is changed in place, with gradients on",
    "log-of-softmax-underflow": "`log` of 0 gives an infinity",
    "loss-broadcast": "Shapes (6, 1) and (6,) broadcast to (6, 6): all pairs are compared",
    "loss-needs-log-probabilities": "`kl_div` is given probabilities (from `softmax`), but it needs log-probabilities",
    "loss-sum-keeps-graph": "total keeps the graphs of 6 passes alive, 32 nodes",
    "many-elements-to-number": "`loss` has not one element: float cannot make it a number",
    "mask-multiplies-inf": "Zeros multiply infinities here, which gives NaN",
    "mean-of-empty-selection": "The mean of nothing is NaN: the selection is empty",
    "no-requires-grad": "loss has no graph: x and w do not require grad",
    "nonleaf-to-process": "A tensor with a graph cannot be sent to another process",
    "nonscalar-backward": "backward() needs a single number, but loss has shape (3,)",
    "normalize-zero-vector": "`normalize` of a vector near zero makes its gradient a million times larger or more",
    "op-without-derivative": "`floor_divide` has no derivative, but a loss is computed from it",
    "rank-divergent-graph": "rank 0 gives left.weight and left.bias a gradient, rank 1 does not",
    "recurrence-in-buffer": "This assignment overwrites a buffer whose earlier elements backward still needs",
    "retain-graph-growth": "center is carried over: each backward walks on through earlier iterations",
    "retain-graph-stale-weights": "step() changes weight_hh, which the retained graph of an earlier iteration needs",
    "second-derivative-zero": "This second derivative is zero everywhere: the slope of `relu` is piecewise constant",
    "softmax-over-batch": "This `softmax` works along dim 0, the batch, but its rows are distributions",
    "softmax-single-logit": "A softmax over one value is always 1: no gradient reaches bias and weight",
    "sparse-meets-dense": "embed.weight is looked up as sparse and used as a whole: its gradient is dense",
    "sqrt-at-zero": "`sqrt` of 0 makes the gradient NaN: its derivative there is infinite",
    "stale-list-second-backward": "saved[1] of an earlier iteration is still in the loss, and its graph is freed",
    "std-single-sample": "`std` of a single sample is NaN: it divides by n - 1 = 0",
    "step-before-backward": "step() changes critic.weight before the backward pass that needs it",
    "straight-through-untrained": "This `mse_loss` cannot train codebook.weight, which is detached in what it compares",
    "svd-repeated-values": "`linalg_svd` of a matrix with repeated values has no finite gradient",
    "tracked-to-numpy": "`y` requires grad: an array would lose its history",
    "unbind-view-inplace": "A row handed out by iteration or a split is changed in place",
    "vanishing-sigmoid": "The gradient of 0.weight is 1e-13 of that of 28.weight: `sigmoid` after `sigmoid`",
    "where-untaken-branch": "`log` breaks the gradient in elements that a later selection drops",
    "zero-init-symmetry": "A weight here is zero in every pass: no gradient reaches 0.bias and 2 others through it",
}
NARROW = 100


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """By rule: its messages about the first program of its page."""
    folder = tmp_path_factory.mktemp("headlines")
    programs: dict[str, Path] = {}
    for rule in RULES:
        if rule.name in HEADLINES:
            programs[rule.name] = folder / f"{rule.name.replace('-', '_')}.py"
            shown = re.findall(r"^```python\n(.*?)^```$", rule.page, re.MULTILINE | re.DOTALL)
            programs[rule.name].write_text(shown[0], "utf-8")
    traces = forked_runs.record(list(programs.values()))
    return {
        name: [found.message for found in diagnose(trace).findings if found.rule == name]
        for name, trace in zip(programs, traces, strict=True)
    }


@pytest.mark.parametrize("name", HEADLINES)
def test_a_rule_says_it_in_these_words(name: str, said: dict[str, list[str]]) -> None:
    """One finding for one cause, and its headline stands alone on a narrow screen."""
    assert said[name] == [HEADLINES[name]]
    assert len(HEADLINES[name]) < NARROW
