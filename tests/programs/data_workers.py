import torch
from gradient_names import print_gradient_names
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Numbers(Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, index):
        w = torch.tensor(float(index), requires_grad=True)
        (w * w).backward()
        return torch.stack([w.grad, w.detach()])


if __name__ == "__main__":
    torch.manual_seed(0)
    net = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    for batch in DataLoader(Numbers(), batch_size=4, num_workers=2):
        optimizer.zero_grad()
        net(batch).pow(2).mean().backward()
        optimizer.step()
    print_gradient_names(net=net)
