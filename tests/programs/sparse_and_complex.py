import torch
from gradient_names import print_gradient_names
from torch import nn

torch.manual_seed(0)
words = nn.Embedding(10, 3, sparse=True)
bags = nn.EmbeddingBag(6, 2, sparse=True, mode="sum")
optimizer = torch.optim.SparseAdam([*words.parameters(), *bags.parameters()])
for _ in range(2):
    optimizer.zero_grad()
    (words(torch.tensor([1, 2, 2])).pow(2).sum() + bags(torch.tensor([[1, 1], [3, 4]])).sum()).backward()
    optimizer.step()
c = nn.Parameter(torch.randn(3, dtype=torch.complex64))
signal = torch.fft.fft(c * c.conj() + 1j * c)
signal.abs().sum().backward()
c.grad = None
torch.view_as_real(c).pow(2).sum().backward()
print_gradient_names(words=words, bags=bags)
