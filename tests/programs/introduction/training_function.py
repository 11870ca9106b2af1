import torch


def model(x, a, b):
    hidden = torch.tanh(a * x)
    return hidden * b


def train():
    a = torch.randn(1, requires_grad=True)
    b = torch.randn(1, requires_grad=True)
    xs = torch.linspace(-1, 1, 10)
    ys = torch.sin(xs)
    opt = torch.optim.Adam([a, b], lr=0.01)
    for epoch in range(30):
        out = model(xs, a, b)
        error = out - ys
        loss = (error ** 2).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        value = loss.item()
    return a, b, value


a, b, final = train()
print(a, b, final)
