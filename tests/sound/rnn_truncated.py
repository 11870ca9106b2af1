"""Word language model: truncated backpropagation with repackaged hidden states, hand-written SGD, annealing."""

import math

import torch
from torch import nn


class RNNModel(nn.Module):
    def __init__(self, ntoken=12, ninp=8, nhid=8, tie=True):
        super().__init__()
        self.drop = nn.Dropout(0.2)
        self.encoder = nn.Embedding(ntoken, ninp)
        self.rnn = nn.LSTM(ninp, nhid, 2, dropout=0.2)
        self.decoder = nn.Linear(nhid, ntoken)
        if tie:
            self.decoder.weight = self.encoder.weight
        nn.init.uniform_(self.encoder.weight, -0.1, 0.1)
        nn.init.zeros_(self.decoder.bias)

    def forward(self, inp, hidden):
        output, hidden = self.rnn(self.drop(self.encoder(inp)), hidden)
        decoded = self.decoder(self.drop(output)).view(-1, self.decoder.out_features)
        return nn.functional.log_softmax(decoded, dim=1), hidden

    def init_hidden(self, bsz):
        weight = next(self.parameters())
        return weight.new_zeros(2, bsz, 8), weight.new_zeros(2, bsz, 8)


def repackage_hidden(h):
    return h.detach() if isinstance(h, torch.Tensor) else tuple(repackage_hidden(v) for v in h)


def train(model, data, lr, epoch):
    model.train()
    total_loss = 0.0
    hidden = model.init_hidden(4)
    for batch, i in enumerate(range(0, data.size(0) - 1, 5)):
        seq = min(5, len(data) - 1 - i)
        x, targets = data[i : i + seq], data[i + 1 : i + 1 + seq].view(-1)
        model.zero_grad()
        hidden = repackage_hidden(hidden)
        output, hidden = model(x, hidden)
        loss = nn.NLLLoss()(output, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.25)
        for p in model.parameters():
            p.data.add_(p.grad, alpha=-lr)
        total_loss += loss.item()
    print("| epoch {:3d} | lr {:02.2f} | loss {:5.2f} | ppl {:8.2f}".format(epoch, lr, total_loss / (batch + 1), math.exp(total_loss / (batch + 1))))


def evaluate(model, data):
    model.eval()
    hidden = model.init_hidden(4)
    with torch.no_grad():
        output, hidden = model(data[:-1], hidden)
        return nn.NLLLoss()(output, data[1:].view(-1)).item()


torch.manual_seed(0)
model, data, lr, best = RNNModel(), torch.randint(0, 12, (21, 4)), 2.0, None
for epoch in range(3):
    train(model, data, lr, epoch)
    val = evaluate(model, data)
    if not best or val < best:
        best = val
    else:
        lr /= 4.0
