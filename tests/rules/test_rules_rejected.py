"""Programs that end because what a call of torch's was given does not fit: who made the call, what it takes and got."""

from __future__ import annotations

from pathlib import Path

import forked_runs
import pytest

from gradtrace.diagnosis.diagnose import diagnose
from gradtrace.model import Finding

HEAD = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n\nr = torch.randn\n"
SHAPES, DTYPES, DEVICES, INDEX = "mismatched-shapes", "mismatched-dtypes", "mismatched-devices", "index-out-of-range"
BLOCKS = """
class Block(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.up = nn.Linear(a, b)

    def forward(self, x):
        return torch.relu(self.up(x))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([Block(4, 8), Block(8, 16)])
        self.head = nn.Linear(8, 2)

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.head(x)


net = Net()
net(r(3, 4))
"""
OWN_LAYER = """
class Head(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.weight = nn.Parameter(r(n, 4))

    def forward(self, x):
        return F.linear(x, self.weight)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.heads = nn.ModuleDict({"a": Head(2), "b": Head(3)})
        self.trunk = nn.Linear(6, 5)

    def forward(self, x):
        h = self.trunk(x)
        return {name: head(h) for name, head in self.heads.items()}


net = Net()
net(r(7, 6))
"""
IN_HEAD = (
    "`F.linear(x, self.weight)` in heads.a was given shapes that do not fit together: x f32[7,5] and "
    "self.weight f32[2,4]"
)
OWN_MODEL = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(r(5, 2))

    def forward(self, x):
        return x + self.table


critic = nn.Linear(2, 1)
actor = Net()
critic(actor(r(4, 3)))
"""
LAST_BATCH = """
net = nn.Linear(3, 2)
opt = torch.optim.SGD(net.parameters(), lr=0.1)
for step in range(60):
    x = r(4, 3) if step < 59 else r(4, 2)
    opt.zero_grad()
    net(x).mean().backward()
    opt.step()
"""
NOT_TUPLE = (
    "It says: linear(): argument 'input' (position 1) must be Tensor, not tuple\n"
    "Take the tensor out of it: a recurrent layer returns `output, state`, attention `output, weights`."
)
HOSTILE = "class Parts(list):\n    def __iter__(self):\n        raise SystemExit('asked')\n\n\n"
CASES: dict[str, tuple[str, str, str, str]] = {
    "layers_in_blocks": (
        BLOCKS,
        SHAPES,
        "head (Linear) takes 8 features and gets 16: x is f32[3,16]",
        "Make it with `in_features=16`, or let blocks.1.up give 8.",
    ),
    "last_batch": (
        LAST_BATCH,
        SHAPES,
        "net (Linear) takes 3 features and gets 2: x is f32[4,2]",
        "Make it with `in_features=2`, or give it 3.",
    ),
    "channels": (
        "net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(4, 4, 3))\nnet(r(2, 3, 8, 8))\n",
        SHAPES,
        "Layer 1 (Conv2d) takes 4 channels and gets 8: input is f32[2,8,6,6]",
        "Make it with `in_channels=8`, or let layer 0 give 4.",
    ),
    "recurrence": (
        "rnn = nn.LSTM(8, 4)\nrnn(r(3, 5))\n",
        SHAPES,
        "rnn (LSTM) takes 8 features and gets 5: input is f32[3,5]",
        "Make it with `input_size=5`, or give it 8.",
    ),
    "operator": (
        "w = r(5, 2, requires_grad=True)\nx = r(4, 3)\ny = x @ w\n",
        SHAPES,
        "`x @ w` was given shapes that do not fit together: x f32[4,3] and w f32[5,2]",
        "Of `a @ b` the columns of `a` (3) must be as many as the rows of `b` (5).",
    ),
    "own_model_among_two": (
        OWN_MODEL,
        SHAPES,
        "`x + self.table` in actor was given shapes that do not fit together: x f32[4,3] and self.table f32[5,2]",
        "In dimension 1 of the result the sizes are 3 and 2: they must be equal, or one of them 1.",
    ),
    "own_layer": (
        OWN_LAYER,
        SHAPES,
        IN_HEAD,
        "The weight takes 4 features, its last size, and gets 5.",
    ),
    "joined": (
        f"{HOSTILE}parts = [r(2, 3), r(2, 4)]\nheld = Parts(parts)\ny = torch.cat(parts)\n",
        SHAPES,
        "`torch.cat(parts)` was given shapes that do not fit together: parts[0] f32[2,3] and parts[1] f32[2,4]",
        "Tensors that are joined along dimension 0 must agree in all others: the 2nd has 4 where the first has 3.",
    ),
    "target_with_a_column": (
        "x = r(5, 4, requires_grad=True)\nnn.CrossEntropyLoss()(x, torch.tensor([[0], [1], [2], [3], [0]]))\n",
        SHAPES,
        "`cross_entropy` was given shapes that do not fit together: x f32[5,4] and target i64[5,1]",
        "A target of class numbers has the shape of the scores without their classes, [5]: `target.squeeze(1)`.",
    ),
    "whole_numbers": (
        "net = nn.Linear(3, 1)\nx = torch.tensor([[1, 2, 3]])\nnet(x)\n",
        DTYPES,
        "net (Linear) computes in float32 and gets int64: x is i64[1,3]",
        "Convert the input: `x.float()`; float literals (`1.0`) make a tensor of floats.",
    ),
    "target_of_floats": (
        "x = r(5, 4, requires_grad=True)\ny = r(5)\nF.cross_entropy(x, y)\n",
        DTYPES,
        "`cross_entropy` cannot read a target f32[5] for an input f32[5,4]",
        "Class numbers are int64: `y.long()`.",
    ),
    "two_devices": (
        "net = nn.Linear(3, 2)\nx = torch.ones(2, 3, device='meta')\nnet(x)\n",
        DEVICES,
        "net (Linear) was given tensors on different devices: x on meta, weight and bias on cpu",
        "Move them to one: `x = x.to(device)` for a tensor, `model.to(device)` for a module and its parameters.",
    ),
    "row_too_far": (
        "emb = nn.Embedding(10, 3)\nids = torch.tensor([1, 12])\nemb(ids)\n",
        INDEX,
        "emb (Embedding) has 10 rows, 0 to 9, and ids goes from 1 to 12",
        "Make it with `num_embeddings=13`, or look where that index comes from.",
    ),
    "classes_from_one": (
        "x = r(3, 3, requires_grad=True)\ny = torch.tensor([1, 2, 3])\nF.cross_entropy(x, y)\n",
        INDEX,
        "`cross_entropy` has scores for 3 classes, 0 to 2, and y goes from 1 to 3",
        "Classes count from 0: `y - 1`.",
    ),
    "tuple_of_a_recurrence": (
        "rnn, head = nn.GRU(4, 6), nn.Linear(6, 2)\nhead(rnn(r(3, 4))).mean().backward()\n",
        "program-failed",
        "The program ended with TypeError in head (Linear); no rule explains it",
        NOT_TUPLE,
    ),
    "raised_by_the_program": (
        "x = r(3, 2, requires_grad=True)\nraise ValueError(f'bad shape {x.shape}')\n",
        "program-failed",
        "The program ended with ValueError; no rule explains it",
        "It says: bad shape torch.Size([3, 2])\nThe last calls are in the traceback that Python printed.",
    ),
}
"""By name: the program, the rule that finds it, its message and its help."""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Finding, ...]]:
    """What is found in each program."""
    folder = tmp_path_factory.mktemp("rejected")
    paths = [folder / f"{name}.py" for name in CASES]
    for path, (body, *_) in zip(paths, CASES.values(), strict=True):
        path.write_text(HEAD + body, "utf-8")
    traces = map(diagnose, forked_runs.record(paths))
    return {name: trace.findings for name, trace in zip(CASES, traces, strict=True)}


@pytest.mark.parametrize("name", CASES)
def test_a_rejected_call_is_told_by_who_made_it_and_what_it_was_given(
    name: str, found: dict[str, tuple[Finding, ...]]
) -> None:
    """One finding: the layer or the source, the sizes that were measured, and what to do."""
    _, rule, message, advice = CASES[name]
    assert [(one.rule, one.message, one.help) for one in found[name]] == [(rule, message, advice)]


def test_layers_that_do_not_fit_are_shown_where_they_are_called_and_made(found: dict[str, tuple[Finding, ...]]) -> None:
    """The line of the call, and those of both layers."""
    (finding,) = found["layers_in_blocks"]
    text = Path(finding.location.file).read_text("utf-8").splitlines() if finding.location is not None else []
    places = (finding.location, *(one.location for one in finding.related))
    lines = [text[place.line - 1].strip() for place in places if place is not None]
    assert lines == ["return self.head(x)", "self.head = nn.Linear(8, 2)", "self.up = nn.Linear(a, b)"]
