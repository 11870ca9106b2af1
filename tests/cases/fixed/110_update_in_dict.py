import torch


def init(sizes):
    g = torch.Generator().manual_seed(0)
    params = {}
    for i, (a, b) in enumerate(zip(sizes, sizes[1:])):
        params[f"w{i}"] = (torch.randn(a, b, generator=g) / a ** 0.5).requires_grad_()
        params[f"b{i}"] = torch.zeros(b, requires_grad=True)
    return params


def forward(params, x, n):
    for i in range(n):
        x = x @ params[f"w{i}"] + params[f"b{i}"]
        x = torch.tanh(x) if i < n - 1 else x
    return x


class Adam:
    def __init__(self, params, lr=0.01):
        self.params, self.lr, self.t = params, lr, 0
        self.m = {k: torch.zeros_like(v) for k, v in params.items()}
        self.v = {k: torch.zeros_like(v) for k, v in params.items()}

    def step(self):
        self.t += 1
        for k, p in self.params.items():
            g = p.grad
            self.m[k] = 0.9 * self.m[k] + 0.1 * g
            self.v[k] = 0.999 * self.v[k] + 0.001 * g * g
            update = self.m[k] / (1 - 0.9 ** self.t) / ((self.v[k] / (1 - 0.999 ** self.t)).sqrt() + 1e-8)
            p.data.sub_(self.lr * update)
            p.grad = None


torch.manual_seed(0)
params = init([3, 16, 1])
opt = Adam(params)
for step in range(4):
    x = torch.randn(32, 3)
    loss = (forward(params, x, 2) - x.sum(1, keepdim=True)).pow(2).mean()
    loss.backward()
    opt.step()
    print(step, loss.item())
