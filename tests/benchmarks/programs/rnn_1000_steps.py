"""A recurrent cell over 1,000 steps, which learns the mean of what it hears."""

import torch
from torch import nn

torch.manual_seed(0)
cell = nn.RNNCell(4, 8)
readout = nn.Linear(8, 1)
inputs = torch.randn(1000, 2, 4)
hidden = torch.zeros(2, 8)
guesses = []
for heard in inputs:
    hidden = cell(heard, hidden)
    guesses.append(readout(hidden))
loss = (torch.stack(guesses) - inputs.mean(2, keepdim=True)).pow(2).mean()
loss.backward()
