import torch

w = torch.arange(1.0, 7.0, requires_grad=True)
x = w * 1
x[1:3] *= 2
x.view(2, 3)[0].add_(w[:3])
x.mul_(2).relu_()
first, second, _ = x.split(2)
rows = torch.stack([first, second]).t().contiguous()
total = torch.zeros(2, 2)
total += rows
total[0] = rows[1] ** 2
total.index_add_(0, torch.tensor([1, 1]), rows)
total.masked_fill_(total > 50, 0.0)
(total.expand(3, 2, 2).permute(2, 0, 1).sum() + x.unfold(0, 3, 1).diagonal().prod()).backward()
with torch.no_grad():
    w -= 0.1 * w.grad
    w.grad.zero_()
torch.einsum("i,j->ij", w, w).triu().sum().backward()
