"""Attention takes the fast path in evaluation, and gives the same bits, before, between and after recorded passes."""

import hashlib

import torch
from torch import nn
from torch.profiler import profile

torch.manual_seed(0)
attention = nn.MultiheadAttention(8, 2, batch_first=True)
encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2)
x = torch.randn(3, 5, 8)
padding = torch.tensor([[False] * 5, [False] * 4 + [True], [False] * 3 + [True] * 2])


def bits(tensor):
    return hashlib.sha256(tensor.detach().numpy().tobytes()).hexdigest()[:16]


for step in range(5):
    attention.train(), encoder.train()
    (attention(x, x, x)[0].sum() + encoder(x).pow(2).sum()).backward()
    attention.eval(), encoder.eval()
    with torch.no_grad(), profile() as seen:
        results = attention(x, x, x)[0], attention(x, x, x, need_weights=False)[0], encoder(x)
        results += (encoder(x, src_key_padding_mask=padding),)
    print(step, *map(bits, results))
    print(
        {event.key: event.count for event in seen.key_averages() if "multi_head" in event.key or "encoder" in event.key}
    )
    with torch.inference_mode():
        print(bits(encoder(x)), bits(encoder(x, src_key_padding_mask=padding)))
print(bits(attention.in_proj_weight.grad), bits(encoder.layers[0].linear1.weight.grad))
