"""Weights of a class of one's own are plain tensors."""

import torch
class Model:
    def __init__(self, n):
        self.weight = torch.randn(n, 1)  # shown
        self.bias = torch.zeros(1)  # shown
    def __call__(self, x):
        return x @ self.weight + self.bias
def mse(a, b):
    return ((a - b) ** 2).mean()
def train(model, x, y):
    for _ in range(3):
        pred = model(x)
        loss = mse(pred, y)
        loss.backward()  # shown
        with torch.no_grad():
            model.weight -= 0.1 * model.weight.grad
torch.manual_seed(0)
train(Model(3), torch.randn(8, 3), torch.randn(8, 1))
