"""Sparse embeddings, bags, and sparse matrices with a gradient."""

import torch
from _bits import bits
from torch import nn

words, bag = nn.Embedding(30, 4, sparse=True), nn.EmbeddingBag(30, 4, mode="sum", sparse=True)
head = nn.Linear(4, 1)
lazy = torch.optim.SparseAdam([*words.parameters(), *bag.parameters()], lr=0.01)
dense = torch.optim.Adagrad(head.parameters(), lr=0.1)
matrix = torch.eye(4).to_sparse_coo().requires_grad_()
for _ in range(5):
    lazy.zero_grad(), dense.zero_grad()
    mixed = torch.sparse.mm(matrix, words(torch.randint(0, 30, (4,))) + bag(torch.randint(0, 30, (4, 3))))
    head(mixed).pow(2).mean().backward()
    lazy.step(), dense.step()
print(bits(words, bag, head, matrix))
