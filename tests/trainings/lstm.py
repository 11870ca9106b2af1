"""A language model of LSTMs: packed sequences, tied weights, cells by hand."""

import torch
import torch.nn.functional as F
from _bits import bits
from torch import nn

embed, net, cell, out = (
    nn.Embedding(20, 8, padding_idx=0),
    nn.LSTM(8, 8, bidirectional=True),
    nn.LSTMCell(16, 8),
    nn.Linear(8, 20),
)
out.weight = embed.weight
modules = nn.ModuleList([embed, net, cell, out])
optimizer = torch.optim.Adam(modules.parameters(), lr=0.01)
for _ in range(6):
    words, lengths = torch.randint(1, 20, (6, 3)), torch.tensor([6, 4, 2])
    packed = nn.utils.rnn.pack_padded_sequence(embed(words), lengths)
    states, _ = nn.utils.rnn.pad_packed_sequence(net(packed)[0])
    h, c, loss = torch.zeros(3, 8), torch.zeros(3, 8), 0.0
    for at, state in enumerate(states.unbind(0)):
        h, c = cell(state, (h, c))
        loss = loss + F.cross_entropy(out(h), words[at])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(bits(modules, loss))
