"""The workers of a DataLoader compute what has a graph."""

import torch
from torch.utils.data import DataLoader, Dataset
from torch import nn
class D(Dataset):
    def __init__(self):
        self.e = nn.Embedding(10, 3)
    def __len__(self): return 8
    def __getitem__(self, i): return self.e(torch.tensor(i))
if __name__ == "__main__":
    for b in DataLoader(D(), batch_size=2, num_workers=1):  # shown
        print(b.shape)
