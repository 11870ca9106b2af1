"""A frozen teacher, gradual unfreezing of a pretrained body, mixup, early stopping with a copy of the state."""

import copy

import torch
import torch.nn.functional as F
from torch import nn


def mixup(x, y, alpha=0.4):
    lam = torch.distributions.Beta(alpha, alpha).sample().item()
    perm = torch.randperm(len(x))
    return lam * x + (1 - lam) * x[perm], y, y[perm], lam


class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layer1 = nn.Sequential(nn.Linear(8, width), nn.BatchNorm1d(width), nn.ReLU())
        self.layer2 = nn.Sequential(nn.Linear(width, width), nn.BatchNorm1d(width), nn.ReLU())
        self.fc = nn.Linear(width, 4)

    def forward(self, x):
        return self.fc(self.layer2(self.layer1(x)))


class EarlyStopping:
    def __init__(self, patience=2):
        self.patience, self.best, self.bad, self.state = patience, float("inf"), 0, None

    def __call__(self, value, model):
        if value < self.best - 1e-4:
            self.best, self.bad, self.state = value, 0, copy.deepcopy(model.state_dict())
        else:
            self.bad += 1
        return self.bad >= self.patience


def freeze(module):
    module.eval()
    for p in module.parameters():
        p.requires_grad_(False)


torch.manual_seed(0)
teacher = Net(32).eval()
for p in teacher.parameters():
    p.requires_grad = False
student = Net(8)
optimizer = torch.optim.SGD(student.parameters(), lr=0.05, momentum=0.9)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=1)
stopper, T = EarlyStopping(), 4.0
for epoch in range(5):
    student.train()
    for _ in range(3):
        x, y = torch.randn(16, 8), torch.randint(0, 4, (16,))
        x, ya, yb, lam = mixup(x, y)
        with torch.no_grad():
            t = teacher(x)
        s = student(x)
        kd = F.kl_div(F.log_softmax(s / T, 1), F.softmax(t / T, 1), reduction="batchmean") * T * T
        loss = 0.5 * kd + 0.5 * (lam * F.cross_entropy(s, ya) + (1 - lam) * F.cross_entropy(s, yb))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    student.eval()
    with torch.no_grad():
        val = F.cross_entropy(student(torch.randn(32, 8)), torch.randint(0, 4, (32,))).item()
    scheduler.step(val)
    print("epoch", epoch, "val", val, "lr", optimizer.param_groups[0]["lr"])
    if stopper(val, student):
        break
student.load_state_dict(stopper.state)

net = copy.deepcopy(student)
freeze(net.layer1)
freeze(net.layer2)
net.fc = nn.Linear(8, 3)
opt = torch.optim.Adam(filter(lambda p: p.requires_grad, net.parameters()), lr=1e-3)
for epoch in range(4):
    if epoch == 2:
        net.layer2.train()
        for p in net.layer2.parameters():
            p.requires_grad_(True)
        opt.add_param_group({"params": net.layer2.parameters(), "lr": 1e-4})
    for _ in range(2):
        loss = F.cross_entropy(net(torch.randn(16, 8)), torch.randint(0, 3, (16,)))
        opt.zero_grad()
        loss.backward()
        opt.step()
    print("finetune", epoch, loss.item())
