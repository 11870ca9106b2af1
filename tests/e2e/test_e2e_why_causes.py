"""`why` names what is so, on programs in which something else lies near."""

import functools

import forked_runs
import pytest

from gradtrace.analysis.reasons import why
from gradtrace.diagnosis.examine import examine
from gradtrace.diagnosis.selection import Selection
from gradtrace.renderers.why import reason

HEAD = """
import copy
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint
torch.manual_seed(0)
"""

PROGRAMS = {
    "thawed": """
encoder, head = nn.Linear(3, 3), nn.Linear(3, 1)
encoder.requires_grad_(False)
encoder.requires_grad_(True)
for _ in range(3):
    with torch.no_grad():
        code = encoder(torch.randn(4, 3))
    head(code).pow(2).mean().backward()
""",
    "thawed_and_unused": """
encoder, head = nn.Linear(3, 3), nn.Linear(3, 1)
encoder.requires_grad_(False)
encoder.requires_grad_(True)
for _ in range(3):
    head(torch.randn(4, 3)).pow(2).mean().backward()
""",
    "reported": """
model = nn.Linear(3, 1)
start = nn.utils.parameters_to_vector(model.parameters()).detach().clone()
for _ in range(3):
    adapted = copy.deepcopy(model)
    adapted(torch.randn(4, 3)).pow(2).mean().backward()
""",
    "stacked": """
from torch.func import functional_call, stack_module_state, vmap
members = [nn.Sequential(nn.Linear(3, 1)) for _ in range(2)]
skeleton = copy.deepcopy(members[0]).to("meta")
params, buffers = stack_module_state(members)
optimizer = torch.optim.SGD([one for member in members for one in member.parameters()], lr=0.1)
for _ in range(2):
    def run(params, buffers, x):
        return functional_call(skeleton, (params, buffers), (x,))
    vmap(run, in_dims=(0, 0, None))(params, buffers, torch.randn(4, 3)).pow(2).mean().backward()
    optimizer.step()
""",
    "frozen_for_good": """
world, actor = nn.Linear(3, 3), nn.Linear(3, 3)
for step in range(3):
    world(actor(torch.randn(4, 3))).pow(2).mean().backward()
    for one in world.parameters():
        one.requires_grad_(False)
""",
    "frozen_for_a_while": """
world, actor = nn.Linear(3, 3), nn.Linear(3, 3)
for step in range(4):
    world.requires_grad_(step % 2 == 0)
    world(actor(torch.randn(4, 3))).pow(2).mean().backward()
""",
    "cancelling": """
net = nn.Linear(3, 1)
x = torch.randn(4, 3)
old = net(x)
(torch.exp(net(x) - old * 1.0000001) * torch.randn(4, 1)).mean().backward()
""",
    "checkpointed": """
embed, head = nn.Embedding(5, 3), nn.Linear(3, 1)
embed.requires_grad_(False)
blocks = [nn.Linear(3, 3) for _ in range(3)]
for _ in range(3):
    h = embed(torch.tensor([1, 2]))
    for block in blocks:
        h = checkpoint(block, h, use_reentrant=True)
    head(h).pow(2).mean().backward()
""",
    "equation": """
net = nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 1))
spare = nn.Linear(2, 2)
for _ in range(24):
    t = torch.rand(8, 1, requires_grad=True)
    u = net(t)
    slope = torch.autograd.grad(u.sum(), t, create_graph=True)[0]
    ((slope + u).pow(2).mean() + t.mean()).backward()
    net.zero_grad()
""",
    "returned": """
net = nn.Linear(3, 1)
for _ in range(6):
    x = torch.randn(4, 3, requires_grad=True)
    out = net(x)
    slope = torch.autograd.grad(out.sum(), x, create_graph=True)[0]
    grads = torch.autograd.grad(out.pow(2).mean() + slope.pow(2).mean(), list(net.parameters()))
""",
    "energy": """
net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for _ in range(3):
    x = torch.randn(4, 3, requires_grad=True)
    force = torch.autograd.grad(net(x).sum(), x, create_graph=True)[0]
    force.pow(2).mean().backward()
    optimizer.step()
""",
    "target_network": """
online, target = (nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1)) for _ in range(2))
for _ in range(3):
    with torch.no_grad():
        goal = target(torch.randn(4, 3))
    (online(torch.randn(4, 3)) - goal).pow(2).mean().backward()
""",
    "two_models": """
generator, critic = nn.Linear(3, 3), nn.Linear(3, 1)
params = [*generator.parameters()]
optimizers = [torch.optim.SGD(one.parameters(), lr=0.1) for one in (generator, critic)]
for _ in range(2):
    fake = generator(torch.randn(4, 3))
    critic(fake.detach()).mean().backward()
    critic(fake).mean().backward()
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad()
""",
    "split": """
qkv = nn.Linear(4, 12)
q, k, v = qkv(torch.randn(2, 3, 4)).reshape(2, 3, 3, 4).unbind(2)
(torch.softmax(q @ k.transpose(1, 2), -1) @ v).pow(2).sum().backward()
""",
}


@functools.cache
def traces(folder):
    """What was recorded of each program, with its findings."""
    paths = [folder / f"{name}.py" for name in PROGRAMS]
    for path, source in zip(paths, PROGRAMS.values(), strict=True):
        path.write_text(HEAD + source, "utf-8")
    return {
        path.stem: examine(trace, Selection()) for path, trace in zip(paths, forked_runs.record(paths), strict=True)
    }


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    """The answer of a program about a name, without its line breaks."""
    found = traces(tmp_path_factory.mktemp("causes"))
    return lambda program, name: " ".join(reason.render(why(found[program], name), reason.Options()).split())


@pytest.mark.parametrize(
    ("program", "name", "words"),
    [
        ("thawed", "encoder.weight", "with torch.no_grad() at thawed.py:12 switched them off"),
        (
            "reported",
            "model.weight",
            "copy.deepcopy() at reported.py:11 made a copy, from which no gradient comes back",
        ),
        ("reported", "adapted.weight", "(the first of 3 tensors of this name)"),
        ("stacked", "members[1].0.weight", "stack_module_state(members)"),
        ("stacked", "0.weight", "params['0.weight'] in place of"),
        ("frozen_for_good", "world.weight", "requires_grad = False at frozen_for_good.py:12 switched its"),
        ("frozen_for_good", "world.weight", "off after pass 1, and nothing switched it on again"),
        ("cancelling", "weight", "They cancel out almost entirely"),
        (
            "checkpointed",
            "blocks[1].weight",
            "ran while gradients were off (checkpoint() at checkpointed.py:14 switched them off)",
        ),
        ("equation", "t", "(the first of "),
        (
            "equation",
            "net.0.weight",
            "Over the run: zeroed between its 24 passes by Module.zero_grad at equation.py:15",
        ),
        ("returned", "weight", "autograd.grad at returned.py:13 returned the gradient"),
        ("returned", "x", "autograd.grad at returned.py:12 returned the gradient"),
        ("energy", "2.bias", "went by it, and what it returned does not depend on it"),
        ("target_network", "target.2.bias", "with torch.no_grad() at target_network.py:10 switched them off"),
        ("two_models", "params[1]", "generator.bias has a gradient"),
        ("two_models", "params", "generator.weight has a gradient"),
        ("split", "qkv.weight", "It comes by 3 ways, to different outputs of unbind"),
    ],
)
def test_what_is_said(answered, program, name, words):
    """The cause, with its line."""
    assert words in answered(program, name)


@pytest.mark.parametrize(
    ("program", "name", "words"),
    [
        ("thawed", "encoder.weight", "after requires_grad"),
        ("thawed_and_unused", "encoder.weight", "requires_grad"),
        ("reported", "model.weight", "reported.py:9"),
        ("reported", "adapted.weight", "did not reach it"),
        ("reported", "adapted.weight", "pass it to"),
        ("stacked", "0.weight", "did not use it"),
        ("frozen_for_a_while", "world.weight", "nothing switched it on again"),
        ("checkpointed", "blocks[1].weight", "Either its module never ran"),
        ("energy", "2.bias", "did not use it"),
        ("target_network", "target.2.bias", "never ran"),
        ("equation", "spare.weight", "was asked for"),
        ("returned", "weight", "was asked for"),
        ("split", "qkv.weight", "add up"),
    ],
)
def test_what_is_not_said(answered, program, name, words):
    """It would be false, or of something else."""
    assert words not in answered(program, name)
