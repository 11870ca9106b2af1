"""Habits that look like mistakes: a rate of zero in the first step, a short last batch, pooling over other axes."""

import copy

import torch
import torch.nn.functional as F
from torch import nn


def warmup_from_zero():
    net = nn.Linear(6, 2)
    opt = torch.optim.AdamW(net.parameters(), lr=1e-2, weight_decay=0.01)
    sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min(s / 3, 1.0) * max(0.0, 1 - s / 8))
    for step in range(8):
        loss = F.cross_entropy(net(torch.randn(8, 6)), torch.randint(0, 2, (8,)))
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
        print("warmup", step, sched.get_last_lr(), loss.item())


def short_last_batch():
    net = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))
    opt = torch.optim.SGD(net.parameters(), lr=0.1)
    x, y = torch.randn(30, 6), torch.randint(0, 2, (30,))
    best, best_state = float("inf"), None
    for epoch in range(3):
        total = 0.0
        for xb, yb in zip(x.split(8), y.split(8)):
            opt.zero_grad()
            loss = F.cross_entropy(net(xb), yb)
            loss.backward()
            opt.step()
            total += loss.item() * len(xb)
        if total < best:
            best, best_state = total, {k: v.detach().clone() for k, v in net.state_dict().items()}
    net.load_state_dict(best_state)
    print("best", best / 30)


class Bag(nn.Module):
    """Attention over the instances of a bag: the softmax runs over dimension 0."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(20, 8, padding_idx=0)
        self.score, self.head = nn.Sequential(nn.Linear(8, 4), nn.Tanh(), nn.Linear(4, 1)), nn.Linear(8, 1)

    def forward(self, bag):
        h = self.embed(bag).mean(1)
        a = torch.softmax(self.score(h), dim=0)
        return self.head((a * h).sum(0))


def bags():
    net = Bag()
    opt = torch.optim.AdamW(net.parameters(), lr=1e-2)
    for step in range(6):
        bag = torch.randint(1, 20, (5, 4))
        bag[:, 3] = 0
        loss = F.binary_cross_entropy_with_logits(net(bag), torch.tensor([float(step % 2)]))
        loss.backward()
        opt.step()
        opt.zero_grad()
        print("bag", step, loss.item())


def one_model_two_optimizers():
    net = nn.ModuleDict({"body": nn.Linear(6, 8), "head": nn.Linear(8, 2)})
    slow, fast = torch.optim.SGD(net["body"].parameters(), lr=1e-3), torch.optim.Adam(net["head"].parameters(), lr=1e-2)
    before = copy.deepcopy(net)
    for step in range(6):
        x, y = torch.randn(8, 6), torch.randint(0, 2, (8,))
        loss = F.cross_entropy(net["head"](torch.relu(net["body"](x))), y)
        prox = sum((p - q.detach()).pow(2).sum() for p, q in zip(net.parameters(), before.parameters()))
        for opt in (slow, fast):
            opt.zero_grad()
        (loss + 0.01 * prox).backward()
        fast.step()
        if step % 2:
            slow.step()
        print("two", step, loss.item(), prox.item())


def log_targets():
    teacher, student = nn.Linear(6, 4), nn.Linear(6, 4)
    opt = torch.optim.Adam(student.parameters(), lr=1e-2)
    criterion = nn.KLDivLoss(reduction="batchmean", log_target=True)
    for step in range(4):
        x = torch.randn(8, 6)
        with torch.no_grad():
            target = teacher(x).log_softmax(-1)
        loss = criterion(student(x).log_softmax(-1), target)
        student.zero_grad()
        loss.backward()
        opt.step()
        print("kl", step, loss.item())


def gradients_off_for_a_while():
    net = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))
    opt = torch.optim.SGD(net.parameters(), lr=0.05)
    for epoch in range(4):
        net[0].requires_grad_(epoch >= 2)
        loss = F.cross_entropy(net(torch.randn(8, 6)), torch.randint(0, 2, (8,)))
        opt.zero_grad()
        loss.backward()
        opt.step()
        print("thaw", epoch, loss.item())


torch.manual_seed(0)
for habit in (warmup_from_zero, short_last_batch, bags, one_model_two_optimizers, log_targets, gradients_off_for_a_while):
    habit()
