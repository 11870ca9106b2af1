"""`explain` says what is so of programs whose passes, leaves and steps are of several kinds."""

import forked_runs
import pytest

from gradtrace.renderers.explain import explanation

HEAD = """
import torch
from torch import nn
torch.manual_seed(0)
net = nn.Linear(3, 2)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
"""

PROGRAMS = {
    "equation": """
for _ in range(5):
    t = torch.rand(8, 3, requires_grad=True)
    u = net(t)
    slope = torch.autograd.grad(u.sum(), t, create_graph=True)[0]
    optimizer.zero_grad()
    ((slope * t).sum() + u.pow(2).mean()).backward()
    optimizer.step()
""",
    "zero_rate": """
for task in range(3):
    worker = nn.Linear(3, 2)
    own = torch.optim.SGD(worker.parameters(), lr=0.1 * 0)
    own.zero_grad()
    worker(torch.randn(4, 3)).pow(2).mean().backward()
    own.step()
""",
    "never_stepped": """
for step in range(4):
    net(torch.randn(4, 3)).pow(2).mean().backward()
    if step % 1:
        optimizer.step()
""",
    "clipped_wide": """
for _ in range(3):
    optimizer.zero_grad()
    net(torch.randn(4, 3)).pow(2).mean().backward()
    torch.nn.utils.clip_grad_norm_(net.parameters(), 1000.0)
    optimizer.step()
""",
    "clipped_narrow": """
for _ in range(3):
    optimizer.zero_grad()
    net(torch.randn(4, 3)).pow(2).mean().backward()
    torch.nn.utils.clip_grad_norm_(net.parameters(), 0.01)
    optimizer.step()
""",
    "teacher_first": """
def pretrain():
    large = nn.Linear(3, 2)
    adam = torch.optim.Adam(large.parameters())
    for _ in range(24):
        adam.zero_grad()
        large(torch.randn(4, 3)).pow(2).mean().backward()
        adam.step()
    return large
large = pretrain()
for _ in range(24):
    optimizer.zero_grad()
    (net(torch.randn(4, 3)) - large(torch.randn(4, 3)).detach()).pow(2).mean().backward()
    optimizer.step()
""",
    "standing_still": """
x = torch.randn(4, 3)
frozen = [one.detach().clone().requires_grad_() for one in net.parameters()]
weights = torch.optim.SGD(frozen, lr=0.1)
for _ in range(4):
    weights.zero_grad()
    first = frozen[0].detach().clone() if _ == 0 else first
    loss = ((x @ first.t()) * (frozen[0].sum() - frozen[0].sum().detach() + 1)).pow(2).mean()
    loss.backward()
    weights.step()
""",
    "learning": """
x = torch.randn(4, 3)
for _ in range(4):
    optimizer.zero_grad()
    loss = net(x).pow(2).mean()
    loss.backward()
    optimizer.step()
""",
    "attacked": """
for _ in range(3):
    x, y = torch.randn(4, 3), torch.tensor([0, 1, 0, 1])
    optimizer.zero_grad()
    delta = torch.zeros_like(x, requires_grad=True)
    for _ in range(2):
        nn.functional.cross_entropy(net(x + delta), y).backward()
        delta.grad.zero_()
    nn.functional.cross_entropy(net(x + delta.detach()), y).backward()
    optimizer.step()
""",
    "two_layers": """
up, down = nn.Linear(2, 4), nn.Linear(2, 3)
h = net(torch.randn(4, 3)).tanh()
(up(h).sum() + down(h).pow(2).sum()).backward()
""",
    "lesson": """
w = torch.ones(3, requires_grad=True)
x = torch.ones(3)
(w * x).sum().backward()
""",
    "outputs": """
x = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
a, b = x
c, d = a.split(1)
((a * b).sum() + (c * 5).sum() + d.sum()).backward()
""",
    "bridge": """
w = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
x = torch.ones(3)
loss = (w * x).sum()
x.numpy()[0] = 30000
loss.backward()
""",
    "data": """
w = torch.tensor([1.0, 2.0], requires_grad=True)
y = w.exp()
y.data[0] = 5.0
y.sum().backward()
""",
    "in_place": """
w = torch.tensor([1.0, 2.0], requires_grad=True)
x = torch.ones(2)
y = w * x
y += 1
(y * y).sum().backward()
optimizer.step()
""",
    "in_turn": """
for i in range(3):
    w = torch.ones(3, requires_grad=True)
    (w * i).sum().backward()
    w.grad = None
""",
    "bilevel": """
for _ in range(3):
    optimizer.zero_grad()
    x = torch.randn(4, 3)
    slopes = torch.autograd.grad(net(x).pow(2).mean(), net.parameters(), create_graph=True)
    weight, bias = (p - 0.1 * slope for p, slope in zip(net.parameters(), slopes))
    nn.functional.linear(x, weight, bias).pow(2).mean().backward()
    optimizer.step()
""",
    "divided": """
for step in range(6):
    loss = net(torch.randn(4, 3)).pow(2).mean() / 3
    (loss * 1024).backward()
    if step % 3 == 2:
        optimizer.step()
        optimizer.zero_grad()
""",
    "undivided": """
for step in range(6):
    net(torch.randn(4, 3)).pow(2).mean().backward()
    if step % 3 == 2:
        optimizer.step()
        optimizer.zero_grad()
""",
    "by_hand_too": """
head = nn.Linear(2, 1)
for _ in range(3):
    optimizer.zero_grad()
    head(net(torch.randn(4, 3))).pow(2).mean().backward()
    optimizer.step()
    for p in head.parameters():
        p.data = p.data - 0.1 * p.grad
        p.grad = None
""",
    "beside_modules": """
class Holder:
    def __init__(self):
        self.scale = torch.full((), 2.0, requires_grad=True)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(3, 3), nn.Linear(3, 1)

    def forward(self, x):
        return self.b(self.a(x))

holder, two, shift = Holder(), Net(), torch.zeros(1, requires_grad=True)
(two(torch.ones(2, 3)) * holder.scale + shift).sum().backward()
""",
    "negated": """
n = net(torch.ones(4, 3))
nn.functional.logsigmoid(-n).mean().backward()
""",
    "hooked": """
two = nn.Sequential(nn.Linear(3, 2, bias=False), nn.Tanh(), nn.Linear(2, 1))
two[2].register_full_backward_hook(lambda module, given, got: (given[0] * 0.5,))
two[0].weight.register_hook(lambda g: g * 0)
two[2].bias.register_post_accumulate_grad_hook(lambda p: p.grad.fill_(7) and None)
two(torch.ones(4, 3)).sum().backward()
""",
    "fails": """
for step in range(2):
    optimizer.zero_grad()
    loss = net(torch.ones(4, 3)).sum()
    if step:
        loss = loss.detach()
    loss.backward()
    optimizer.step()
""",
    "returned": """
for _ in range(2):
    optimizer.zero_grad()
    for _ in range(3):
        inputs = [torch.ones(4, 3, requires_grad=True) for _ in range(2)]
        torch.autograd.grad(sum(net(one).sum() for one in inputs), inputs)
    net(torch.ones(4, 3)).sum().backward()
    optimizer.step()
""",
    "one_at_a_time": """
a, b = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
c = (a * b).sum()
c.backward(retain_graph=True)
a.grad = b.grad = None
c.backward(inputs=[a], retain_graph=True)
c.backward()
""",
    "on_the_model": """
del net, optimizer

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.shift = nn.Linear(3, 2), nn.Parameter(torch.ones(2))

    def forward(self, x):
        return self.first(x) + self.shift

own = Net()
own(torch.ones(4, 3)).sum().backward()
""",
    "without": """
x = torch.ones(4, 3)
y = torch.ones(2)
(net(x) * y).sum().backward()
print(x.grad, y.grad)
""",
}


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """The story of each program, without its line breaks."""
    folder = tmp_path_factory.mktemp("stories")
    paths = [folder / f"{name}.py" for name in PROGRAMS]
    for path, source in zip(paths, PROGRAMS.values(), strict=True):
        path.write_text(HEAD + source, "utf-8")
    traces = zip(paths, forked_runs.record(paths), strict=True)
    return {path.stem: " ".join(explanation.render(trace, explanation.Options()).split()) for path, trace in traces}


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("equation", "What pass 2 added"),
        ("equation", "t (5 tensors in turn): one pass alone added to the .grad of each (passes 2, 4, 6, 8, 10)."),
        ("equation", "t is a leaf: made with requires_grad=True"),
        ("zero_rate", "(6 tensors in turn) of SGD (zero_rate.py:10): one pass alone added to the .grad of each"),
        ("zero_rate", "read by step() at zero_rate.py:13, with a learning rate of 0 (passes 1-3)."),
        ("never_stepped", "is never zeroed, and step() of its optimizer is never called."),
        ("clipped_narrow", "changed by clip_grad_norm_ at clipped_narrow.py:11"),
        ("teacher_first", "of Adam (teacher_first.py:10): zeroed before each of 24 passes by"),
        ("teacher_first", "pass 1 at teacher_first.py:13 is told here; --pass 26 tells one of teacher_first.py:19."),
        ("standing_still", "in each of passes 1-4, with the same gradients, though step() moved the parameters"),
        ("two_layers", "net.bias and net.weight, by way of h: "),
        ("outputs", "unbind a, b = x gradient [8, 5] at a, [1, 2] at b"),
        ("outputs", "[3, 4] to a = [1, 1] × b ([3, 4])"),
        ("outputs", "unbind a, b = x (*) adds [5, 1] to a"),
        ("outputs", "split c, d = a.split(1) gradient [5] at c, [1] at d"),
        ("outputs", "a, b, c and d are not leaves"),
        (
            "bridge",
            "w * x at bridge.py:10 was [1, 2, 3]; with what backward finds in w and x it would be [30000, 2, 3]",
        ),
        ("bridge", "numpy(), .data and detach() share memory with their tensor"),
        ("data", "w.exp() at data.py:9 was [2.718, 7.389], and backward found [5, 7.389] there: it was written to"),
        ("learning", "looks wrong not looked for: gradtrace check does"),
        ("learning", "zeroed by SGD.zero_grad at learning.py:10 stepped by SGD.step at learning.py:13 (lr 0.1)"),
        ("in_turn", "w (3 tensors in turn): one pass alone added to the .grad of each"),
        ("divided", "looks meant (each begins at a loss divided by 3)"),
        ("undivided", "looks meant (for their mean, divide each loss by 3)"),
        (
            "by_hand_too",
            "SGD.step at by_hand_too.py:12 (lr 0.1); head.bias and head.weight by the program itself, which",
        ),
        ("by_hand_too", "Then, before pass 2, the program itself moved head.bias by"),
        ("beside_modules", "(of 2 modules, in pass 1)"),
        ("negated", "= gradient · σ(-(−n))"),
        ("hooked", "a hook of two.0.weight rewrote its gradient: "),
        ("hooked", "Then fill_ at hooked.py:11: norm of .grad of two.2.bias 4 → 7."),
        ("hooked", "BackwardHookFunction: The gradient goes through; a backward hook of the module may put another in"),
        ("fails", "stepped by SGD.step at fails.py:14 (lr 0.1)"),
        ("returned", "12 leaves: no .grad: autograd.grad returned it."),
        ("one_at_a_time", "b: zeroed between its 2 passes by Tensor.grad = None at one_at_a_time.py:11."),
        ("on_the_model", "largest first 11.31, smallest shift 5.657 (of 2 modules, in pass 1)"),
        ("lesson", "note: x was made without requires_grad, so its .grad stays None."),
        ("without", "x.grad at without.py:11 is None because x was made without requires_grad at without.py:8."),
        ("without", "y.grad at without.py:11 is None because y was made without requires_grad at without.py:9."),
    ],
)
def test_it_is_said(told, program, words):
    """As it is."""
    assert words in told[program]


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("equation", "is told here"),
        ("in_place", "share memory"),
        ("bilevel", "got nothing in a pass"),
        ("fails", "not read after it"),
        ("returned", "nothing came"),
        ("one_at_a_time", "cleared"),
        ("one_at_a_time", "the program"),
        ("divided", "for their mean"),
        ("beside_modules", "(root)"),
        ("learning", "share memory"),
        ("learning", "learning rate of 0"),
        ("learning", "never called"),
        ("learning", "with the same gradients"),
        ("never_stepped", "with the same gradients"),
        ("clipped_wide", "changed by"),
        ("attacked", "looks meant"),
        ("attacked", ".grad was set to zeros"),
    ],
)
def test_it_is_not_said(told, program, words):
    """It would be false."""
    assert words not in told[program]
