"""Two layers, the classic first network: Linear, sigmoid, Linear, softmax over the classes.

What it teaches
    A module's parameters are leaves: `fc1.weight`, `fc1.bias`, `fc2.weight`, `fc2.bias`.
    The gradient of the loss runs back through softmax and sigmoid to both layers.
    Without `zero_grad()` a second pass adds to what the first one left; after it the third starts anew.

Try
    gradtrace render examples/two_layer_net.py
    gradtrace render examples/two_layer_net.py | dot -Tsvg > net.svg
"""

import torch
from torch import nn


class TwoLayerNet(nn.Module):
    """Probabilities of `n_classes` classes from `n_inputs` numbers."""

    def __init__(self, n_inputs: int, n_hidden: int, n_classes: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(n_inputs, n_hidden)
        self.fc2 = nn.Linear(n_hidden, n_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Turn inputs [n, n_inputs] into probabilities [n, n_classes]."""
        hidden = torch.sigmoid(self.fc1(x))
        scores = self.fc2(hidden)
        return torch.softmax(scores, dim=1)  # dim 1 holds the classes, dim 0 the samples


def cross_entropy(probabilities: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Average -log p(right class) over the samples."""
    chosen = probabilities.gather(1, labels.unsqueeze(1)).squeeze(1)
    return -chosen.log().mean()


torch.manual_seed(0)
net = TwoLayerNet(n_inputs=4, n_hidden=5, n_classes=3)
inputs = torch.randn(6, 4)
labels = torch.tensor([0, 1, 2, 0, 1, 2])


def backward_pass(title: str) -> None:
    """Run the net forwards and backwards once, and print what the first layer's `.grad` holds then."""
    loss = cross_entropy(net(inputs), labels)
    loss.backward()
    print(f"{title:<28} loss {loss.item():.4f}  norm of fc1.weight.grad {net.fc1.weight.grad.norm().item():.4f}")


backward_pass("first pass")
backward_pass("second pass, not zeroed")
net.zero_grad()
backward_pass("third pass, after zero_grad")
