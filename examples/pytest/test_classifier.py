"""Tests of a model of which one half never learns."""

import torch
from torch import nn


class Classifier(nn.Module):
    """The encoder is cut off from the loss."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(4, 8)
        self.head = nn.Linear(8, 2)

    def forward(self, inputs):
        features = torch.relu(self.encoder(inputs)).detach()
        return self.head(features)


def test_a_step_lowers_the_loss():
    torch.manual_seed(0)
    model = Classifier()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    inputs, targets = torch.randn(16, 4), torch.randint(2, (16,))
    before = nn.functional.cross_entropy(model(inputs), targets)
    before.backward()
    optimizer.step()
    assert nn.functional.cross_entropy(model(inputs), targets) < before


def test_every_parameter_learns(gradtrace):
    model = Classifier()
    with gradtrace:
        model(torch.ones(16, 4)).square().mean().backward()
    gradtrace.assert_all_receive(model)
