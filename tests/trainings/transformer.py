"""A transformer that is trained and evaluated in turns, with masks; the fast path in between."""

import torch
import torch.nn.functional as F
from _bits import bits
from torch import nn

net = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, 0.1, batch_first=True), 2)
decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16, batch_first=True, norm_first=True), 1)
optimizer = torch.optim.AdamW([*net.parameters(), *decoder.parameters()], lr=0.01)
outputs = []
for step in range(6):
    net.train(), decoder.train()
    x, padding = torch.randn(3, 5, 8), torch.arange(5)[None] >= torch.tensor([5, 4, 3])[:, None]
    memory = net(x, src_key_padding_mask=padding)
    causal = nn.Transformer.generate_square_subsequent_mask(5)
    loss = (decoder(x, memory, tgt_mask=causal, tgt_is_causal=True) - x).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    net.eval(), decoder.eval()
    with torch.no_grad():
        outputs += [net(x), net(x, src_key_padding_mask=padding), decoder(x, x)]
    outputs.append(F.scaled_dot_product_attention(x, x, x, is_causal=True))
print(bits(net, decoder, *outputs))
