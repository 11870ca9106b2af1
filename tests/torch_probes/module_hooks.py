"""Global and local hooks of modules: how many, in which order, with what, and what they change."""

import torch
from torch.nn.modules import module

torch.manual_seed(0)
log = []
net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))


def name(one):
    return type(one).__name__


handles = [
    module.register_module_forward_pre_hook(lambda m, a: log.append(("pre", name(m), len(a)))),
    module.register_module_forward_hook(lambda m, a, r: log.append(("forward", name(m)))),
    module.register_module_full_backward_hook(lambda m, i, o: log.append(("backward", name(m), len(i)))),
    module.register_module_full_backward_pre_hook(lambda m, o: log.append(("backward pre", name(m)))),
    module.register_module_parameter_registration_hook(lambda m, n, p: log.append(("parameter", n))),
    module.register_module_module_registration_hook(lambda m, n, s: log.append(("module", n))),
    net[0].register_forward_hook(lambda m, a, r: r * 2),
    net[2].register_full_backward_hook(lambda m, i, o: tuple(g * 3 if g is not None else g for g in i)),
    net.register_forward_pre_hook(lambda m, a, k: (a, k), with_kwargs=True),
    net.register_state_dict_pre_hook(lambda *a: log.append(("state", a[1]))),
]
for step in range(5):
    net.zero_grad()
    net(torch.ones(2, 3)).sum().backward()
    torch.nn.Linear(2, 2)
    net.state_dict()
    print(step, log, net[0].weight.grad.sum().item())
    log.clear()
for handle in handles:
    handle.remove()
net(torch.ones(2, 3)).sum().backward()
print(
    log,
    net[0].weight.grad.sum().item(),
    [len(vars(module)[key]) for key in ("_global_forward_hooks", "_global_backward_hooks")],
)
