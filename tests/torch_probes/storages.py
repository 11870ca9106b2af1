"""Addresses, versions, storages and layouts of tensors through passes, and a storage emptied in between."""

import torch

net = torch.nn.Conv2d(2, 3, 3).to(memory_format=torch.channels_last)
x = torch.ones(1, 2, 5, 5).to(memory_format=torch.channels_last)
for step in range(5):
    y = net(x)
    versions = [one._version for one in net.parameters()]
    uses = torch._C._storage_Use_Count(net.weight.untyped_storage()._cdata)
    y.sum().backward()
    kept = net.weight.grad.data_ptr()
    net(x).sum().backward()
    print(step, y.stride(), versions, uses, torch._C._storage_Use_Count(net.weight.untyped_storage()._cdata))
    print(net.weight.grad.data_ptr() == kept, net.weight.grad.stride(), net.weight.grad._version, net.weight.grad._base)
    with torch.no_grad():
        net.weight -= 0.1 * net.weight.grad
    net.zero_grad(set_to_none=step % 2 == 0)
w = torch.ones(4, requires_grad=True)
y = w * 2
big = y.sin()
size = y.untyped_storage().size()
y.untyped_storage().resize_(0)
print(size, y.untyped_storage().size())
y.untyped_storage().resize_(size)
with torch.no_grad():
    y.fill_(2.0)
try:
    big.sum().backward()
except RuntimeError as error:
    print(str(error)[:80])
given = torch.ones(4)
(w * 3).backward(given)
print(w.grad, w.grad is given, given._version, w.grad.data_ptr() == given.data_ptr())
w.grad = None
z = w.sum()
z.backward()
print(w.grad.stride(), w.grad.is_contiguous(), w.grad._version)
