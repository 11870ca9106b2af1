import torch
from gradient_names import print_gradient_names
from torch import nn

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 1))
x, y = torch.randn(4, 3), torch.randn(4, 1)
lbfgs = torch.optim.LBFGS(net.parameters(), max_iter=3, line_search_fn="strong_wolfe")


def closure():
    lbfgs.zero_grad()
    loss = (net(x) - y).pow(2).mean()
    loss.backward()
    return loss


lbfgs.step(closure)
head = torch.optim.SGD(net[2].parameters(), lr=0.1, momentum=0.9)
body = torch.optim.Adagrad([{"params": [net[0].weight]}, {"params": [net[0].bias], "lr": 0.5}])
for _ in range(2):
    head.zero_grad(set_to_none=False)
    body.zero_grad()
    (net(x) - y).abs().mean().backward()
    nn.utils.clip_grad_value_(net.parameters(), 0.1)
    head.step()
    body.step()
print_gradient_names(net=net)
