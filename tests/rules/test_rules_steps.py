"""What steps did, and whose gradients they used: programs in which that went wrong, and others in which it is meant."""

from __future__ import annotations

from pathlib import Path

import forked_runs
import pytest

from gradtrace.diagnosis.examine import examine
from gradtrace.diagnosis.selection import Selection

EVERYTHING = Selection(severity="info")

HEAD = """
import copy
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
x, y = torch.randn(16, 3), torch.randn(16, 1)
model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))

def loss_of(model=model):
    return F.mse_loss(model(x), y)
"""

FOUND: dict[str, tuple[str, str]] = {}
"""By name: a program, and the rule that must find its fault at the line that says `# here`."""
QUIET: dict[str, str] = {}
"""Programs about which nothing may be said but suspicions."""

# A learning rate of zero.

FOUND["rate_zero_in_function"] = (
    "zero-learning-rate",
    """
def build(lr):
    return torch.optim.AdamW(model.parameters(), lr=lr)

def fit(opt, n):
    for _ in range(n):
        opt.zero_grad()
        loss_of().backward()
        opt.step()  # here

fit(build(0.0), 5)
""",
)
FOUND["warmup_of_one_update_a_task"] = (
    "zero-learning-rate",
    """
class Adapter:
    def __init__(self):
        self.net = copy.deepcopy(model)
        self.opt = torch.optim.Adam(self.net.parameters(), lr=0.1)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.opt, lambda at: at / 3)

    def update(self):
        self.opt.zero_grad()
        loss_of(self.net).backward()
        self.opt.step()  # here
        self.schedule.step()

for task in range(3):
    Adapter().update()
""",
)
FOUND["rounded_away"] = (
    "zero-learning-rate",
    """
net = model.bfloat16()
opt = torch.optim.SGD(net.parameters(), lr=1e-6)
for _ in range(4):
    opt.zero_grad()
    F.mse_loss(net(x.bfloat16()), y.bfloat16()).backward()
    opt.step()  # here
""",
)
QUIET["a_rate_of_zero_freezes_a_part"] = """
rates = {"body": 0.0, "head": 0.1}
body = torch.optim.Adam(model[0].parameters(), lr=rates["body"])
head = torch.optim.Adam(model[2].parameters(), lr=rates["head"])
for _ in range(5):
    body.zero_grad()
    head.zero_grad()
    loss_of().backward()
    body.step()
    head.step()
"""
QUIET["warmup"] = """
opt = torch.optim.SGD(model.parameters(), lr=0.1)
schedule = torch.optim.lr_scheduler.LambdaLR(opt, lambda at: min(1.0, at / 3))
for _ in range(5):
    opt.zero_grad()
    loss_of().backward()
    opt.step()
    schedule.step()
"""
QUIET["group_held_still"] = """
opt = torch.optim.SGD([{"params": model[0].parameters(), "lr": 0.0}, {"params": model[2].parameters()}], lr=0.1)
for _ in range(4):
    opt.zero_grad()
    loss_of().backward()
    opt.step()
"""
QUIET["gradients_of_zero"] = """
opt = torch.optim.SGD(model.parameters(), lr=0.0)
for _ in range(4):
    opt.zero_grad()
    (loss_of() * 0).backward()
    opt.step()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn_like(p))
"""

# A loss that a scaler has scaled.

FOUND["scaled_through_a_helper"] = (
    "scaled-step",
    """
class Trainer:
    def __init__(self):
        self.opt = torch.optim.SGD(model.parameters(), lr=1e-4)
        self.scaler = torch.amp.GradScaler("cpu", init_scale=256.0)

    def backward(self, loss):
        self.scaler.scale(loss).backward()

    def run(self):
        for _ in range(3):
            self.opt.zero_grad()
            self.backward(loss_of())
            nn.utils.clip_grad_norm_(model.parameters(), 1000.0)
            self.opt.step()  # here
            self.scaler.update

Trainer().run()
""",
)
FOUND["one_of_two_optimizers_scaled"] = (
    "scaled-step",
    """
first = torch.optim.SGD(model[0].parameters(), lr=1e-4)
second = torch.optim.SGD(model[2].parameters(), lr=1e-4)
scaler = torch.amp.GradScaler("cpu", init_scale=64.0)
for _ in range(3):
    first.zero_grad()
    second.zero_grad()
    scaler.scale(loss_of()).backward()
    scaler.step(first)
    second.step()  # here
    scaler.update()
""",
)
QUIET["unscaled_by_hand"] = """
opt = torch.optim.SGD(model.parameters(), lr=0.01)
scaler = torch.amp.GradScaler("cpu", init_scale=256.0)
for _ in range(3):
    opt.zero_grad()
    scaler.scale(loss_of()).backward()
    for p in model.parameters():
        p.grad /= scaler.get_scale()
    opt.step()
"""
QUIET["unscaled_by_the_scaler"] = """
opt = torch.optim.SGD(model.parameters(), lr=0.01)
scaler = torch.amp.GradScaler("cpu", init_scale=256.0)
for _ in range(3):
    opt.zero_grad()
    scaler.scale(loss_of()).backward()
    scaler.unscale_(opt)
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    scaler.step(opt)
    scaler.update()
"""
QUIET["scaler_off"] = """
opt = torch.optim.SGD(model.parameters(), lr=0.01)
scaler = torch.amp.GradScaler("cpu", enabled=False)
for _ in range(3):
    opt.zero_grad()
    scaler.scale(loss_of()).backward()
    opt.step()
"""

# Steps along one gradient.

FOUND["same_parameters_in_two_optimizers"] = (
    "stepped-twice",
    """
first = torch.optim.SGD(model.parameters(), lr=0.01)
second = torch.optim.Adam(model.parameters(), lr=0.01)

def update():
    for opt in (first, second):
        opt.zero_grad()
    loss_of().backward()
    for opt in (first, second):
        opt.step()  # here

for _ in range(3):
    update()
""",
)
FOUND["stepped_by_caller_too"] = (
    "stepped-twice",
    """
opt = torch.optim.SGD(model.parameters(), lr=0.01)

def train_step():
    opt.zero_grad()
    loss = loss_of()
    loss.backward()
    opt.step()
    return loss

for _ in range(3):
    train_step()
    opt.step()  # here
""",
)
QUIET["decays_and_projects"] = """
class Apart(torch.optim.Optimizer):
    def __init__(self, params, change):
        super().__init__(params, {"strength": 0.1})
        self.change = change

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                self.change(p, group["strength"])

opt = torch.optim.SGD(model.parameters(), lr=0.1)
shrink = Apart([model[0].weight], lambda p, strength: p.copy_(p.sign() * (p.abs() - 0.1 * strength).relu()))
decay = Apart(model.parameters(), lambda p, strength: p.mul_(1 - strength))
for _ in range(5):
    opt.zero_grad()
    loss_of().backward()
    opt.step()
    shrink.step()
    decay.step()
"""
QUIET["wrapped_optimizer"] = """
class Lookahead(torch.optim.Optimizer):
    def __init__(self, inner):
        self.inner = inner
        super().__init__(inner.param_groups, {})

    def step(self, closure=None):
        return self.inner.step(closure)

opt = Lookahead(torch.optim.SGD(model.parameters(), lr=0.01))
for _ in range(3):
    opt.zero_grad()
    loss_of().backward()
    opt.step()
"""
QUIET["shared_part_with_two_losses"] = """
body, left, right = nn.Linear(3, 4), nn.Linear(4, 1), nn.Linear(4, 1)
one = torch.optim.SGD([*body.parameters(), *left.parameters()], lr=0.01)
two = torch.optim.SGD([*body.parameters(), *right.parameters()], lr=0.01)
for _ in range(3):
    for opt, head in ((one, left), (two, right)):
        opt.zero_grad()
        F.mse_loss(head(body(x)), y).backward()
        opt.step()
"""

# Autocast regions that go on.

FOUND["autocast_as_decorator"] = (
    "stale-autocast",
    """
opt = torch.optim.SGD(model.parameters(), lr=0.05)

@torch.autocast("cpu", dtype=torch.bfloat16)
def epoch():
    for _ in range(4):
        loss = F.mse_loss(model(x).float(), y)
        opt.zero_grad()
        loss.backward()
        opt.step()  # here

epoch()
""",
)
QUIET["autocast_each_step"] = """
opt = torch.optim.SGD(model.parameters(), lr=0.05)
for _ in range(4):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = F.mse_loss(model(x).float(), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
"""
QUIET["autocast_without_cache"] = """
opt = torch.optim.SGD(model.parameters(), lr=0.05)
with torch.autocast("cpu", dtype=torch.bfloat16, cache_enabled=False):
    for _ in range(4):
        opt.zero_grad()
        F.mse_loss(model(x).float(), y).backward()
        opt.step()
"""

# Means over different counts.

FOUND["masked_means"] = (
    "uneven-means",
    """
opt = torch.optim.SGD(model.parameters(), lr=0.05)
def masked(mask):
    error = (model(x) - y).pow(2).squeeze(1)
    return (error * mask).sum() / mask.sum()
for group in range(3):
    for n in (2, 16):
        (masked((torch.arange(16) < n).float()) / 2).backward()  # here
    opt.step()
    opt.zero_grad()
""",
)
FOUND["means_of_a_selection"] = (
    "uneven-means",
    """
opt = torch.optim.SGD(model.parameters(), lr=0.05)
counts = iter([3, 9, 4, 15, 2, 8])
for group in range(3):
    opt.zero_grad()
    for _ in range(2):
        keep = torch.arange(16) < next(counts)
        loss = (model(x) - y).pow(2)[keep].mean()
        loss = loss / 2
        loss.backward()  # here
    opt.step()
""",
)
QUIET["even_means"] = """
opt = torch.optim.SGD(model.parameters(), lr=0.05)
for group in range(3):
    opt.zero_grad()
    for n in (8, 9):
        keep = torch.arange(16) < n
        ((model(x) - y).pow(2)[keep].mean() / 2).backward()
    opt.step()
"""
QUIET["means_with_their_counts"] = """
opt = torch.optim.SGD(model.parameters(), lr=0.05)
for group in range(3):
    opt.zero_grad()
    for n in (3, 9):
        keep = torch.arange(16) < n
        ((model(x) - y).pow(2)[keep].mean() * n / 12).backward()
    opt.step()
"""
QUIET["one_mean_a_step"] = """
opt = torch.optim.SGD(model.parameters(), lr=0.05)
for n in (3, 9, 2, 14):
    opt.zero_grad()
    (model(x) - y).pow(2)[torch.arange(16) < n].mean().backward()
    opt.step()
"""

# Copies.

FOUND["stacked_by_hand"] = (
    "optimizer-holds-originals",
    """
members = nn.ModuleList([nn.Linear(3, 1) for _ in range(3)])
weight = torch.stack([m.weight for m in members]).detach().requires_grad_()  # here
bias = torch.stack([m.bias for m in members]).detach().requires_grad_()
opt = torch.optim.Adam(members.parameters(), lr=0.1)
for _ in range(3):
    opt.zero_grad()
    out = torch.einsum("bi,moi->mbo", x, weight) + bias[:, None]
    (out - y).pow(2).mean().backward()
    opt.step()
""",
)
QUIET["gradients_of_copies_handed_over"] = """
opt = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    worker = copy.deepcopy(model)
    opt.zero_grad()
    loss_of(worker).backward()
    for p, q in zip(model.parameters(), worker.parameters()):
        p.grad = q.grad.clone()
    opt.step()
"""
QUIET["federated"] = """
opt = torch.optim.Adam(model.parameters(), lr=0.1)
for _ in range(3):
    clients = [copy.deepcopy(model) for _ in range(3)]
    for client in clients:
        for _ in range(3):
            client.zero_grad()
            loss_of(client).backward()
            with torch.no_grad():
                for p in client.parameters():
                    p -= 0.1 * p.grad
    opt.zero_grad()
    for at, p in enumerate(model.parameters()):
        p.grad = p.detach() - sum(list(client.parameters())[at].detach() for client in clients) / 3
    opt.step()
"""
QUIET["not_yet_in_the_loss"] = """
judge = nn.Linear(1, 1)
opt, judge_opt = (torch.optim.Adam(net.parameters(), lr=0.1) for net in (model, judge))
for at in range(6):
    out = model(x)
    loss = F.mse_loss(out, y) - (0.0 if at < 100 else 1.0) * judge(out).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    if at >= 100:
        judge_opt.step()
"""
QUIET["reptile"] = """
for task in range(3):
    fast = copy.deepcopy(model)
    inner = torch.optim.SGD(fast.parameters(), lr=0.1)
    for _ in range(2):
        inner.zero_grad()
        loss_of(fast).backward()
        inner.step()
    with torch.no_grad():
        for p, q in zip(model.parameters(), fast.parameters()):
            p.lerp_(q, 0.5)
"""

# Steps that are never taken.

FOUND["condition_never_true"] = (
    "never-stepped",
    """
class Loop:
    def __init__(self, every):
        self.every = every
        self.optimizer = torch.optim.Adam(model.parameters(), lr=0.1)

    def run(self, n):
        for at in range(n):
            loss_of().backward()
            if at % self.every == self.every:
                self.optimizer.step()  # here
                self.optimizer.zero_grad()

Loop(2).run(6)
""",
)
FOUND["step_forgotten"] = (
    "never-stepped",
    """
opt = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(5):
    opt.zero_grad()
    loss_of().backward()  # here
""",
)
FOUND["second_optimizer_never_stepped"] = (
    "never-stepped",
    """
body, head = torch.optim.SGD(model[0].parameters(), lr=0.1), torch.optim.SGD(model[2].parameters(), lr=0.1)
for _ in range(5):
    body.zero_grad()
    head.zero_grad()
    loss_of().backward()  # here
    body.step()
""",
)
QUIET["gradients_looked_at"] = """
opt = torch.optim.SGD(model.parameters(), lr=0.1)
importance = [torch.zeros_like(p) for p in model.parameters()]
for _ in range(5):
    opt.zero_grad()
    loss_of().backward()
    for total, p in zip(importance, model.parameters()):
        total += p.grad ** 2
"""
QUIET["moved_by_hand_beside_an_optimizer"] = """
opt = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(5):
    opt.zero_grad()
    loss_of().backward()
    with torch.no_grad():
        for p in model.parameters():
            p -= 0.1 * p.grad
"""
QUIET["only_inputs_are_looked_at"] = """
opt = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(5):
    data = x.clone().requires_grad_()
    opt.zero_grad()
    F.mse_loss(model(data), y).backward()
    print(model(data + 0.1 * data.grad.sign()).mean().item())
"""
QUIET["only_the_norm_is_wanted"] = """
opt = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(5):
    opt.zero_grad()
    loss_of().backward()
    print(nn.utils.clip_grad_norm_(model.parameters(), float("inf")))
"""
QUIET["one_look"] = """
opt = torch.optim.SGD(model.parameters(), lr=0.1)
loss_of().backward()
print(model[0].weight.grad.norm())
"""

# Gradients of passes that were begun for something else.

FOUND["attack_in_class"] = (
    "foreign-gradients",
    """
class Attack:
    def __call__(self, data):
        adv = data.clone()
        for _ in range(2):
            adv = adv.detach().requires_grad_()
            F.mse_loss(model(adv), y).backward()  # here
            adv = adv + 0.1 * adv.grad.sign()
        return adv.detach()

opt = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(4):
    opt.zero_grad()
    adv = Attack()(x)
    F.mse_loss(model(adv), y).backward()
    opt.step()
""",
)
FOUND["fast_attack_in_function"] = (
    "foreign-gradients",
    """
def perturb(data):
    data = data.clone().requires_grad_()
    loss = F.mse_loss(model(data), y)
    loss.backward()  # here
    return (data + 0.1 * torch.sign(data.grad)).detach()

def train(opt):
    opt.zero_grad()
    adv = perturb(x)
    loss = F.mse_loss(model(adv), y)
    loss.backward()
    opt.step()

opt = torch.optim.Adam(model.parameters(), lr=0.1)
for _ in range(4):
    train(opt)
""",
)
FOUND["samples_of_an_energy"] = (
    "foreign-gradients",
    """
opt = torch.optim.SGD(model.parameters(), lr=0.01)

def sample():
    z = torch.randn(8, 3, requires_grad=True)
    for _ in range(3):
        model(z).sum().backward()  # here
        with torch.no_grad():
            z -= 0.1 * z.grad
            z.grad.zero_()
    return z.detach()

for _ in range(4):
    opt.zero_grad()
    fake = sample()
    (model(x).mean() - model(fake).mean()).backward()
    opt.step()
""",
)
FOUND["fast_attack_with_another_loss"] = (
    "foreign-gradients",
    """
opt = torch.optim.SGD(model.parameters(), lr=0.01)
for step in range(4):
    data = x.clone().requires_grad_()
    opt.zero_grad()
    model(data).sum().backward()  # here
    adversarial = (data + 0.1 * data.grad.sign()).detach()
    F.mse_loss(model(adversarial), y).backward()
    opt.step()
""",
)
QUIET["halves_of_one_loss"] = """
opt = torch.optim.SGD(model.parameters(), lr=0.1)

def clean(data):
    data = data.clone().requires_grad_()
    (0.5 * F.mse_loss(model(data), y)).backward()
    return data.grad.sign()

def hard(data):
    (0.5 * F.mse_loss(model(data), y)).backward()

for _ in range(5):
    opt.zero_grad()
    sign = clean(x)
    hard(x + 0.1 * sign)
    opt.step()
"""
QUIET["trained_on_both"] = """
opt = torch.optim.SGD(model.parameters(), lr=0.01)
for step in range(4):
    data = x.clone().requires_grad_()
    opt.zero_grad()
    F.mse_loss(model(data), y).backward()
    adversarial = (data + 0.1 * data.grad.sign()).detach()
    F.mse_loss(model(adversarial), y).backward()
    opt.step()
"""
QUIET["attack_before_clearing"] = """
def perturb(data):
    data = data.clone().requires_grad_()
    F.mse_loss(model(data), y).backward()
    return (data + 0.1 * torch.sign(data.grad)).detach()

opt = torch.optim.Adam(model.parameters(), lr=0.1)
for _ in range(4):
    adv = perturb(x)
    opt.zero_grad()
    F.mse_loss(model(adv), y).backward()
    opt.step()
"""
QUIET["several_losses"] = """
opt = torch.optim.SGD(model.parameters(), lr=0.01)
points = torch.randn(16, 3, requires_grad=True)
for _ in range(4):
    opt.zero_grad()
    inside = model(points)
    slope = torch.autograd.grad(inside.sum(), points, create_graph=True)[0]
    (slope.sum(1) - 1).pow(2).mean().backward()
    F.mse_loss(model(x), y).backward()
    opt.step()
"""
QUIET["shared_body_of_two_trained_heads"] = """
body, left, right = nn.Linear(3, 4), nn.Linear(4, 1), nn.Linear(4, 1)
opts = [torch.optim.SGD(one.parameters(), lr=0.01) for one in (left, right, body)]
for _ in range(4):
    F.mse_loss(left(body(x)), y).backward()
    opts[0].step()
    F.mse_loss(right(body(x)), y + 1).backward()
    opts[1].step()
    opts[2].step()
    for opt in opts:
        opt.zero_grad()
"""
QUIET["sharpness_aware"] = """
opt = torch.optim.SGD(model.parameters(), lr=0.01)
for _ in range(4):
    loss_of().backward()
    with torch.no_grad():
        shifts = [0.05 * p.grad / (p.grad.norm() + 1e-12) for p in model.parameters()]
        for p, shift in zip(model.parameters(), shifts):
            p.add_(shift)
    opt.zero_grad()
    loss_of().backward()
    with torch.no_grad():
        for p, shift in zip(model.parameters(), shifts):
            p.sub_(shift)
    opt.step()
    opt.zero_grad()
"""
QUIET["projected_gradients"] = """
opt = torch.optim.SGD(model.parameters(), lr=0.01)
for _ in range(4):
    kept = []
    for target in (y, y + 1):
        opt.zero_grad()
        F.mse_loss(model(x), target).backward()
        kept.append([p.grad.clone() for p in model.parameters()])
    for p, one, other in zip(model.parameters(), *kept):
        p.grad = one + other
    opt.step()
"""
FOUND["critic_keeps_what_the_actor_left"] = (
    "fake-not-detached",
    """
actor, critic = nn.Linear(3, 2), nn.Linear(5, 1)
actor_opt = torch.optim.Adam(actor.parameters(), lr=0.01)
critic_opt = torch.optim.Adam(critic.parameters(), lr=0.01)

def q(state, action):
    return critic(torch.cat([state, action], dim=1))

for at in range(6):
    critic_loss = F.mse_loss(q(x, torch.randn(16, 2)), y)
    critic_loss.backward()
    critic_opt.step()
    critic_opt.zero_grad()
    if at % 2:
        actor_opt.zero_grad()
        actor_loss = -q(x, actor(x)).mean()
        actor_loss.backward()  # here
        actor_opt.step()
""",
)

# Updates by hand.

for _name, _update in {
    "data_sub": "f.data.sub_(0.1 * f.grad)",
    "data_in_place": "f.data -= 0.1 * f.grad",
    "data_assigned": "f.data = f.data - 0.1 * f.grad",
    "no_grad": "torch.no_grad().__enter__(); f -= 0.1 * f.grad; torch.set_grad_enabled(True)",
    "add_alpha": "f.data.add_(f.grad, alpha=-0.1)",
    "addcdiv": "f.data.addcdiv_(f.grad, torch.full_like(f, 10.0), value=-1.0)",
}.items():
    FOUND[f"never_cleared_{_name}"] = (
        "zero-grad-forgotten",
        f"""
w, b = torch.randn(3, 1, requires_grad=True), torch.zeros(1, requires_grad=True)
for _ in range(4):
    F.mse_loss(x @ w + b, y).backward()  # here
    for f in (w, b):
        {_update}
""",
    )
    QUIET[f"cleared_{_name}"] = f"""
w, b = torch.randn(3, 1, requires_grad=True), torch.zeros(1, requires_grad=True)
for _ in range(4):
    F.mse_loss(x @ w + b, y).backward()
    for f in (w, b):
        {_update}
        f.grad = None
"""
QUIET["input_that_collects"] = """
image = torch.randn(16, 3, requires_grad=True)
opt = torch.optim.SGD(model.parameters(), lr=0.01)
for _ in range(5):
    image.data.copy_(torch.randn(16, 3))
    opt.zero_grad()
    F.mse_loss(model(image), y).backward()
    opt.step()
"""
FOUND["update_of_the_loop_variable"] = (
    "lost-update",
    """
def train(params, lr=0.1):
    for _ in range(4):
        loss = loss_of()
        loss.backward()
        for name, p in params:
            p = p.data - lr * p.grad  # here

train(list(model.named_parameters()))
""",
)
QUIET["functional_update"] = """
def update(params, lr=0.1):
    fast = []
    for p in params:
        p = p.detach() - lr * p.grad
        fast.append(p)
    return fast

for _ in range(4):
    model.zero_grad()
    loss_of().backward()
    fast = update(model.parameters())
"""

# Clipping of nothing.

FOUND["generator_given_to_optimizer_first"] = (
    "empty-clipping",
    """
import warnings
warnings.simplefilter("ignore")
params = model.parameters()
opt = torch.optim.SGD(params, lr=0.01)
for _ in range(3):
    opt.zero_grad()
    loss_of().backward()
    torch.nn.utils.clip_grad_norm_(params, 0.01)  # here
    opt.step()
""",
)
FOUND["filter_gone_through_twice"] = (
    "empty-clipping",
    """
class Clipper:
    def __init__(self, most):
        self.most = most

    def __call__(self, net):
        trained = filter(lambda p: p.requires_grad, net.parameters())
        norm = 0.0
        for p in trained:
            norm += p.grad.norm() ** 2
        norm = norm ** 0.5
        for p in trained:  # here
            p.grad.data.clamp_(-self.most, self.most)
        return norm

opt = torch.optim.SGD(model.parameters(), lr=0.01)
clip = Clipper(0.1)
for _ in range(3):
    opt.zero_grad()
    loss_of().backward()
    clip(model)
    opt.step()
""",
)
QUIET["list_gone_through_twice"] = """
def clip(params, most):
    norm = sum((p.grad ** 2).sum() for p in params) ** 0.5
    if norm > most:
        for p in params:
            p.grad.mul_(most / norm)

opt = torch.optim.SGD(model.parameters(), lr=0.01)
for _ in range(3):
    opt.zero_grad()
    loss_of().backward()
    clip(list(model.parameters()), 100.0)
    opt.step()
"""
QUIET["generators_made_anew"] = """
def clip(net, most):
    params = net.parameters()
    norm = sum((p.grad ** 2).sum() for p in params) ** 0.5
    params = net.parameters()
    for p in params:
        p.grad.mul_(min(1.0, most / norm))

opt = torch.optim.SGD(model.parameters(), lr=0.01)
for _ in range(3):
    opt.zero_grad()
    loss_of().backward()
    clip(model, 0.1)
    opt.step()
"""
QUIET["clipping_of_who_waits"] = """
left, right = nn.Linear(3, 1), nn.Linear(3, 1)
opts = [torch.optim.SGD(one.parameters(), lr=0.01) for one in (left, right)]
for at in range(4):
    net, opt = (left, right)[at % 2], opts[at % 2]
    for one in opts:
        one.zero_grad()
    F.mse_loss(net(x), y).backward()
    for one in (left, right):
        nn.utils.clip_grad_norm_(one.parameters(), 1.0)
    opt.step()
"""
QUIET["clipping_of_gradients_of_its_own"] = """
from torch.func import functional_call, grad

opt = torch.optim.Adam(model.parameters(), lr=0.01)
for _ in range(4):
    given = {name: p.detach() for name, p in model.named_parameters()}
    found = grad(lambda one: F.mse_loss(functional_call(model, one, (x,)), y))(given)
    for name, p in model.named_parameters():
        p.grad = found[name]
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    opt.step()
"""
QUIET["momentum_kept_in_grad"] = """
opt = torch.optim.SGD(model.parameters(), lr=0.01)
for _ in range(5):
    for p in model.parameters():
        if p.grad is not None:
            p.grad.mul_(0.9)
    loss_of().backward()
    opt.step()
w = torch.zeros(3, 1, requires_grad=True)
for _ in range(5):
    F.mse_loss(x @ w, y).backward()
    with torch.no_grad():
        w -= 0.01 * w.grad
        w.grad *= 0.9
"""
QUIET["overflow_that_a_scaler_skips"] = """
opt = torch.optim.SGD(model.parameters(), lr=0.05)
scaler = torch.amp.GradScaler("cpu", init_scale=2.0**20)
for _ in range(6):
    opt.zero_grad()
    with torch.autocast("cpu", dtype=torch.float16):
        out = model(10 * x)
    scaler.scale(F.mse_loss(out.float(), y)).backward()
    scaler.unscale_(opt)
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    scaler.step(opt)
    scaler.update()
"""


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[str, str, str]]]:
    """By program: rule, severity and the text of the line of each finding, and what went wrong with rules."""
    folder = tmp_path_factory.mktemp("steps")
    paths = {}
    for name, text in {**{name: text for name, (_, text) in FOUND.items()}, **QUIET}.items():
        paths[name] = folder / f"{name}.py"
        paths[name].write_text(HEAD + text, "utf-8")
    found = {}
    for name, trace in zip(paths, forked_runs.record(list(paths.values())), strict=True):
        assert trace.run.status == 0, (name, trace.run.error)
        diagnosed = examine(trace, EVERYTHING)
        assert [note for note in diagnosed.run.notes if note.startswith("the rule ")] == []
        found[name] = [(one.rule, str(one.severity), _line(one.location)) for one in diagnosed.findings]
    return found


def _line(place) -> str:
    return "" if place is None else Path(place.file).read_text("utf-8").splitlines()[place.line - 1]


@pytest.mark.parametrize("name", FOUND)
def test_fault_is_found(name: str, findings) -> None:
    """By its rule, at its line, and by no other rule."""
    told = [one for one in findings[name] if one[1] != "info"]
    assert [rule for rule, _, _ in told] == [FOUND[name][0]]
    assert all("# here" in line for _, _, line in told)


@pytest.mark.parametrize("name", QUIET)
def test_meant_is_quiet(name: str, findings) -> None:
    """Neither an error nor a warning."""
    assert [one for one in findings[name] if one[1] != "info"] == []
