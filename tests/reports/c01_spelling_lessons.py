import torch
from torch import nn


class Speller(nn.Module):
    def __init__(self, letters=16, width=24):
        super().__init__()
        self.letters = nn.Embedding(letters, width)
        self.memory = nn.GRU(width, width, batch_first=True)
        self.guess = nn.Linear(width, letters)

    def forward(self, word):
        states, _ = self.memory(self.letters(word))
        return self.guess(states)


class MixedPrecision:
    """Forward in bfloat16, a scaled loss, and gradients of bounded size."""

    def __init__(self, net, bound=1.0):
        self.net, self.bound = net, bound
        self.adam = torch.optim.AdamW(net.parameters(), lr=3e-3)
        self.scaler = torch.amp.GradScaler("cpu")

    def learn(self, words):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            guesses = self.net(words[:, :-1])
        loss = nn.functional.cross_entropy(guesses.float().flatten(0, 1), words[:, 1:].flatten())
        self.adam.zero_grad()
        self.scaler.scale(loss).backward()
        size = nn.utils.clip_grad_norm_(self.net.parameters(), self.bound)
        self.scaler.step(self.adam)
        self.scaler.update()
        return loss.item(), size.item()


def lessons(n, seed=3):
    dice = torch.Generator().manual_seed(seed)
    for _ in range(n):
        yield torch.randint(0, 16, (6, 9), generator=dice)


torch.manual_seed(0)
trainer = MixedPrecision(Speller())
for day, words in enumerate(lessons(6)):
    loss, size = trainer.learn(words)
    print(f"day {day}: loss {loss:.3f}, gradient {size:.3g}")
