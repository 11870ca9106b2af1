"""Errors raised inside torch's own Python functions: the frames between the program and the error, in each of five steps."""

import traceback

import torch
import torch.nn.functional as F

w = torch.ones(3, requires_grad=True)
x = torch.ones(2, 3, requires_grad=True)
WRONG = (
    lambda: F.cross_entropy(x, torch.tensor([0, 7])),
    lambda: F.cross_entropy(x, torch.tensor([[0, 1]])),
    lambda: F.nll_loss(x, torch.tensor([0.0, 1.0])),
    lambda: torch.einsum("ij,jk->ik", x, x),
    lambda: torch.einsum("ij", x, x),
    lambda: F.interpolate(x[None], scale_factor=2, size=3),
    lambda: F.layer_norm(x, [4]),
    lambda: F.embedding(torch.tensor([9]), x),
    lambda: F.conv2d(x, x),
    lambda: F.dropout(x, 2.0),
    lambda: F.pad(x, (1, 1), mode="nonsense"),
    lambda: F.gumbel_softmax(x, tau="warm"),
    lambda: torch.stft(x, 4),
    lambda: torch.norm(x, p="odd"),
    lambda: torch.tensordot(x, x, dims=5),
    lambda: F.multi_head_attention_forward(x, x, x, 4, 2, None, None, None, None, False, 0.0, x, None),
    lambda: torch.nn.MultiheadAttention(4, 2)(x, x, x),
    lambda: torch.nn.LSTM(4, 2)(x),
    lambda: torch.nn.BatchNorm1d(5)(x),
)
for _ in range(5):
    for wrong in WRONG:
        try:
            wrong()
        except Exception:
            traceback.print_exc()
    (w * 2).sum().backward()
print(w.grad)
