"""Leaves that are replaced, frozen, thawed, moved and shared between passes, and gradients set by hand."""

import torch

torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Linear(3, 3))
net[1].weight = net[0].weight
for step in range(6):
    net(torch.ones(2, 3)).pow(2).sum().backward()
    print(
        step,
        [
            (key, one.requires_grad, one.is_leaf, one.grad is None or one.grad.sum().item())
            for key, one in net.named_parameters()
        ],
    )
    if step == 0:
        net[0].bias.requires_grad_(False)
    if step == 1:
        net.double().float()
    if step == 2:
        net[0].bias = torch.nn.Parameter(torch.ones(3))
        del net[1].bias
        net[1].register_parameter("bias", None)
    if step == 3:
        net[0].weight.grad = torch.ones(3, 3)
        net[0].weight.data = net[0].weight.data * 2
    if step == 4:
        torch.nn.utils.vector_to_parameters(
            torch.nn.utils.parameters_to_vector(net.parameters()) * 0.5, net.parameters()
        )
        net.zero_grad(set_to_none=False)
try:
    net[0].weight.grad = torch.ones(2)
except RuntimeError as error:
    print(str(error)[:60])
try:
    net[0].weight.add_(1)
except RuntimeError as error:
    print(str(error)[:60])
print(
    torch.nn.utils.clip_grad_norm_(net.parameters(), 0.1),
    torch.nn.utils.get_total_norm([one.grad for one in net.parameters()]),
)
