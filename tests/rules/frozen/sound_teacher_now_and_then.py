import copy

import torch
from torch import nn

torch.manual_seed(0)
student = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))
teacher = copy.deepcopy(student).requires_grad_(requires_grad=False)
optimizer = torch.optim.SGD(student.parameters(), lr=0.1)
for _epoch in range(3):
    for _ in range(5):
        x = torch.randn(8, 3)
        optimizer.zero_grad()
        (student(x) - teacher(x)).pow(2).mean().backward()
        optimizer.step()
    with torch.no_grad():
        for slow, fast in zip(teacher.parameters(), student.parameters(), strict=True):
            slow.lerp_(fast, 0.5)
