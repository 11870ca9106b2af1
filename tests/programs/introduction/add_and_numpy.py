import torch

x = torch.ones(2, 2)
y = torch.rand(2, 2)
r = torch.empty(2, 2)
torch.add(x, y, out=r)
s = x.add(y)
y.add_(x)
a = x.numpy()
a[0, 0] = 7
t = torch.from_numpy(a)
print(x, y, r, s, t)
