"""Copies of models, optimizers, leaves with gradients and hooks, made between passes, and trained on."""

import copy

import torch

torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Dropout(0.5), torch.nn.Linear(4, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
fired = []
net[0].register_forward_hook(lambda *_: fired.append("forward"))
net[0].register_full_backward_hook(lambda *_: fired.append("backward"))
for step in range(5):
    optimizer.zero_grad()
    net(torch.randn(5, 3)).pow(2).mean().backward()
    optimizer.step()
    twin, other, leaf = copy.deepcopy(net), copy.deepcopy(optimizer), copy.deepcopy(net[0].weight)
    twin(torch.randn(5, 3)).sum().backward()
    print(step, len(fired), leaf.is_leaf, leaf.grad is not None, leaf.grad is net[0].weight.grad)
    print(twin[0].weight.grad.sum().item(), net[0].weight.grad.sum().item(), other.param_groups[0]["lr"])
    print(sorted(vars(other)), len(other._optimizer_step_post_hooks), len(other._optimizer_step_pre_hooks))
    print(sorted(vars(twin[0])), len(twin[0]._forward_hooks), len(twin[0]._backward_hooks))
    try:
        copy.deepcopy(net[0].weight * 2)
    except RuntimeError as error:
        print(str(error)[:60])
pair = copy.deepcopy((net, optimizer))
print(pair[1].param_groups[0]["params"][0] is pair[0][0].weight)
