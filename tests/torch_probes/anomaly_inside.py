"""Anomaly mode in blocks, in custom Functions, without checks for NaN, and in double backward."""

import traceback
import warnings

import torch
from torch.autograd import detect_anomaly

warnings.simplefilter("always")


class Spoils(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a):
        return a * 2

    @staticmethod
    def backward(ctx, g):
        return g * float("nan")


net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU())
w = torch.ones(2, requires_grad=True)
for step in range(5):
    with detect_anomaly(check_nan=step % 2 == 0):
        loss = Spoils.apply(w).sum() + net(torch.ones(1, 2)).sum()
        try:
            loss.backward()
        except RuntimeError:
            traceback.print_exc()
        slope = torch.autograd.grad(w.pow(3).sum(), w, create_graph=True)[0]
        try:
            (slope.sqrt() * 0).sum().backward()
        except RuntimeError:
            traceback.print_exc()
    y = w * 2
    print(step, torch.is_anomaly_enabled(), "traceback_" in y.grad_fn.metadata, y.grad_fn.metadata)
