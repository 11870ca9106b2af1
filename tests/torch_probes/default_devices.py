"""The default device, set before, between and after passes, by call and by block."""

import torch

print(torch.get_default_device())
w = torch.ones(3, requires_grad=True)
for step in range(6):
    if step == 2:
        torch.set_default_device("meta")
    if step == 4:
        torch.set_default_device("cpu")
    y = torch.ones(3)
    print(step, torch.get_default_device(), y.device, torch.empty(2).device, torch.nn.Linear(2, 2).weight.device)
    loss = w.sum() if step in (2, 3) else (w * y).sum()
    loss.backward()
    with torch.device("meta"):
        print(torch.zeros(2).device, torch.get_default_device())
        torch.ones(2, requires_grad=True).sum().backward()
    print(w.grad.device)
torch.set_default_device(None)
print(torch.get_default_device(), torch.ones(1).device, w.grad)
print(torch._C._len_torch_function_stack() <= 1)
