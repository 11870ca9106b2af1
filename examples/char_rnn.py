"""A recurrent network that learns to spell a rhyme, one character at a time.

What it teaches
    The same three layers are used at every character, so each of their gradients is a sum over the time steps.
    The hidden state carries the graph from one piece of text to the next; `detach()` cuts it there (truncated
    backpropagation through time). Without it the second pass would run into a graph that is already freed.
    Clipping the gradients keeps a long chain of products from blowing up.

Try
    gradtrace explain examples/char_rnn.py --passes 1
    gradtrace render examples/char_rnn.py --passes 1 --depth 1
"""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

TEXT = "row, row, row your boat, gently down the stream. merrily, merrily, merrily, merrily, life is but a dream. "
ALPHABET = sorted(set(TEXT))
PIECE = 18


class CharRNN(nn.Module):
    """Scores for the next character, from this one and a hidden state."""

    def __init__(self, n_characters: int, n_hidden: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(n_characters, n_hidden)
        self.recurrence = nn.Linear(n_hidden, n_hidden)
        self.readout = nn.Linear(n_hidden, n_characters)

    def forward(self, character: torch.Tensor, hidden: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Read one character; give the scores of the next one and the new hidden state."""
        hidden = torch.tanh(self.embedding(character) + self.recurrence(hidden))
        return self.readout(hidden), hidden


def write(model: CharRNN, start: str, length: int) -> str:
    """Let the model go on from `start`, always with the likeliest character."""
    hidden = torch.zeros(1, model.recurrence.in_features)
    written = start
    with torch.no_grad():
        for position in range(length):
            character = torch.tensor([ALPHABET.index(written[position])])
            scores, hidden = model(character, hidden)
            if position + 1 == len(written):
                written += ALPHABET[int(scores.argmax(dim=1).item())]
    return written


torch.manual_seed(0)
codes = torch.tensor([ALPHABET.index(character) for character in TEXT])
model = CharRNN(len(ALPHABET), n_hidden=48)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

for epoch in range(25):
    hidden = torch.zeros(1, 48)
    total, n_pieces = 0.0, 0
    for start in range(0, len(codes) - 1, PIECE):
        piece = codes[start : start + PIECE + 1]
        hidden = hidden.detach()
        loss = torch.zeros(())
        for character, following in pairwise(piece):
            scores, hidden = model(character.unsqueeze(0), hidden)
            loss = loss + F.cross_entropy(scores, following.unsqueeze(0))
        loss = loss / (len(piece) - 1)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
        optimizer.step()
        total, n_pieces = total + loss.item(), n_pieces + 1
    if epoch % 8 == 0:
        print(f"epoch {epoch:2d}  mean loss {total / n_pieces:.3f}")

print("it writes:", write(model, "row", 60))
