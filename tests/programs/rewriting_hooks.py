import torch
from gradient_names import print_gradient_names
from torch import nn

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
seen = []
net[0].weight.register_hook(lambda gradient: gradient * 10)
net[0].bias.register_hook(lambda gradient: seen.append(gradient.norm().item()))


def halve(parameter):
    parameter.grad.mul_(0.5)


net[2].weight.register_post_accumulate_grad_hook(halve)
net[2].register_full_backward_hook(lambda module, inputs, outputs: (inputs[0].clamp(-0.01, 0.01),))
net[0].register_full_backward_pre_hook(lambda module, outputs: (outputs[0] + 1,))
for _ in range(2):
    x = torch.randn(5, 3, requires_grad=True)
    hidden = net[1](net[0](x))
    hidden.register_hook(lambda gradient: -gradient)
    hidden.register_hook(lambda gradient: gradient.clamp(max=0.02))
    hidden.retain_grad()
    out = net[2](hidden)
    out.grad_fn.register_prehook(lambda gradients: tuple(one * 3 for one in gradients))
    hidden.grad_fn.register_hook(lambda inputs, outputs: tuple(one * 2 for one in inputs))
    out.pow(2).sum().backward()
print_gradient_names(net=net)
