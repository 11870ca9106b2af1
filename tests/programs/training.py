"""Small training programs, by name; each prints hashes of all that it computed and of all random states."""

import hashlib
import random
import sys
import threading

import numpy
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

STEPS = 6


def digest(value, into):
    if isinstance(value, torch.Tensor):
        into.update(str((value.dtype, tuple(value.shape))).encode())
        into.update(value.detach().contiguous().cpu().view(-1).view(torch.uint8).numpy().tobytes() if value.dim() else repr(value.item()).encode())
    elif isinstance(value, dict):
        for key in value:
            into.update(str(key).encode())
            digest(value[key], into)
    elif isinstance(value, (list, tuple)):
        for one in value:
            digest(one, into)
    else:
        into.update(repr(value).encode())


def fingerprint(**parts):
    parts["random"] = [torch.get_rng_state(), random.getstate(), numpy.random.get_state()[1].tolist()]
    for name, part in parts.items():
        hashed = hashlib.sha256()
        digest(part, hashed)
        print(name, hashed.hexdigest()[:16])


def train(net, optimizers, loss_of, **more):
    for step in range(STEPS):
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss = loss_of()
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
    fingerprint(net=net.state_dict(), optimizers=[one.state_dict() for one in optimizers], loss=loss, **more)


def dropout():
    net = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.ReLU(), nn.Linear(8, 1))
    train(net, [torch.optim.AdamW(net.parameters())], lambda: net(torch.randn(8, 4)).pow(2).mean())


def batch_norm():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(64, 3))
    targets = torch.tensor([0, 1, 2, 1])
    loss = lambda: F.cross_entropy(net(torch.randn(4, 3, 6, 6)), targets)
    train(net, [torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, nesterov=True)], loss)


def mixed_precision():
    net = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)

    def loss():
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return net(torch.randn(2, 5, 8)).float().var()

    train(net, [torch.optim.RMSprop(net.parameters())], loss)
    net.eval()
    with torch.inference_mode():
        print("fast path", net(torch.ones(1, 3, 8)).sum().item())
    attention = nn.MultiheadAttention(8, 2, batch_first=True).eval()
    with torch.no_grad():
        print("fast path", attention(*[torch.ones(1, 3, 8)] * 3)[0].sum().item())


def checkpointed():
    net = nn.ModuleList([nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.3), nn.Tanh()) for _ in range(4)])

    def loss():
        x = torch.randn(3, 4, requires_grad=True)
        for number, block in enumerate(net):
            x = checkpoint(block, x, use_reentrant=number % 2 == 0)
        return x.sum()

    train(net, [torch.optim.Adam(net.parameters())], loss)


def double_backward():
    net = nn.Sequential(nn.Linear(3, 8), nn.Softplus(), nn.Linear(8, 1))

    def loss():
        x = torch.randn(6, 3, requires_grad=True)
        out = net(x)
        (slope,) = torch.autograd.grad(out.sum(), x, create_graph=True)
        return out.mean() + (slope.norm(dim=1) - 1).square().mean()

    train(net, [torch.optim.Adam(net.parameters())], loss)


class Clamp(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, low):
        ctx.save_for_backward(x)
        ctx.low = low
        return x.clamp(min=low)

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient * (x > ctx.low) + torch.randn_like(gradient) * 0.01, None


def custom_function():
    net = nn.Linear(4, 4)
    net.weight.register_hook(lambda gradient: gradient + torch.rand(()))
    train(net, [torch.optim.SGD(net.parameters(), lr=0.1)], lambda: Clamp.apply(net(torch.randn(5, 4)), 0.0).sum())


def two_optimizers():
    net = nn.ModuleDict({"body": nn.Linear(4, 4), "words": nn.Embedding(7, 4, sparse=True)})
    optimizers = [torch.optim.SparseAdam(net["words"].parameters()), torch.optim.Adagrad(net["body"].parameters())]
    schedule = torch.optim.lr_scheduler.StepLR(optimizers[1], 2)

    def loss():
        schedule.step()
        return net["body"](net["words"](torch.randint(0, 7, (5,)))).logsumexp(1).mean()

    optimizers[1].step()
    train(net, optimizers, loss, schedule=schedule.state_dict())


def recurrent():
    net = nn.LSTM(3, 5, num_layers=2, dropout=0.2, batch_first=True, bidirectional=True)

    def loss():
        out, (hidden, _) = net(torch.randn(2, 7, 3))
        loss = out.square().mean() + hidden.abs().sum()
        nn.utils.clip_grad_norm_(net.parameters(), 0.5)
        return loss

    train(net, [torch.optim.NAdam(net.parameters())], loss)


def compiled():
    import torch._dynamo.testing

    counter = torch._dynamo.testing.CompileCounterWithBackend("aot_eager")
    net = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.GELU(), nn.Dropout(0.1), nn.Linear(4, 2))
    step = torch.compile(lambda x: F.mse_loss(net(x), torch.zeros(3, 2)) + x.split(1, 1)[0].norm(), backend=counter)
    train(net, [torch.optim.Adam(net.parameters())], lambda: step(torch.randn(3, 4)))
    print("graphs", counter.frame_count, "ops", counter.op_count)


def threads():
    results = {}

    def work(seed):
        generator = torch.Generator().manual_seed(seed)
        net = nn.Linear(3, 1)
        with torch.no_grad():
            for one in net.parameters():
                one.copy_(torch.randn(one.shape, generator=generator))
        for _ in range(STEPS):
            net(torch.randn(4, 3, generator=generator)).pow(2).mean().backward()
        results[seed] = [one.grad for one in net.parameters()]

    workers = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
    for worker in workers:
        worker.start()
        worker.join()
    fingerprint(results=results)


random.seed(0)
numpy.random.seed(0)
torch.manual_seed(0)
globals()[sys.argv[1]]()
