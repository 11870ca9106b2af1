"""Optimizers of the program's own, each overriding something, and what they see of being called."""

import torch

torch.manual_seed(0)


class Ascends(torch.optim.Optimizer):
    def __init__(self, params, lr):
        print("init")
        super().__init__(params, {"lr": lr})

    def zero_grad(self, set_to_none=True):
        print("zero", set_to_none)
        return super().zero_grad(set_to_none) or "zeroed"

    @torch.no_grad()
    def step(self, closure=None):
        loss = None if closure is None else torch.enable_grad()(closure)()
        for group in self.param_groups:
            for one in group["params"]:
                one.add_(one.grad, alpha=-group["lr"])
                self.state[one]["n"] = self.state[one].get("n", 0) + 1
        return loss

    def __setstate__(self, state):
        print("setstate", sorted(state))
        super().__setstate__(state)

    def add_param_group(self, group):
        print("group", sorted(group))
        super().add_param_group(group)


class Bare(torch.optim.Optimizer):
    def __init__(self, params):
        self.defaults, self.param_groups, self.state = {}, [{"params": list(params)}], {}

    def step(self):
        return "nothing"


class Composite:
    def __init__(self, *optimizers):
        self.optimizers = optimizers

    def __getattr__(self, name):
        print("asked for", name)
        return lambda *a, **k: [getattr(one, name)(*a, **k) for one in self.optimizers]


net = torch.nn.Linear(3, 1)
mine, bare = Ascends(net.parameters(), 0.1), Bare(net.parameters())
both = Composite(mine, torch.optim.SGD(net.parameters(), lr=0.01))
lbfgs = torch.optim.LBFGS(net.parameters(), max_iter=3)


def closure():
    net.zero_grad()
    loss = net(torch.ones(2, 3)).pow(2).mean()
    loss.backward()
    return loss


for step in range(5):
    print(step, mine.zero_grad(), mine.step(closure).item(), bare.step(), bare.zero_grad.__qualname__)
    both.zero_grad()
    closure()
    print(both.step(), lbfgs.step(closure).item(), mine.state_dict()["state"])
mine.load_state_dict(mine.state_dict())
mine.add_param_group({"params": [torch.ones(1, requires_grad=True)], "lr": 1.0})
print(mine, type(mine).step, mine.step.__wrapped__ is not None, hasattr(torch.optim.SGD.step, "hooked"))
schedule = torch.optim.lr_scheduler.OneCycleLR(torch.optim.SGD(net.parameters(), lr=0.1), 0.1, total_steps=4)
for _ in range(3):
    schedule.optimizer.step()
    schedule.step()
print(schedule.get_last_lr(), schedule.state_dict()["_step_count"])
