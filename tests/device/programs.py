"""Small trainings on the device named by DEVICE, one chosen by name: what they print is compared bare and traced."""

import hashlib
import os
import sys
import time

import torch
from torch import nn

DEVICE = os.environ.get("DEVICE", "cuda")
KIND = torch.device(DEVICE).type
torch.manual_seed(0)


def bits(*tensors):
    """A hash of all numbers."""
    digest = hashlib.sha256()
    for one in tensors:
        digest.update(one.detach().float().cpu().numpy().tobytes() if one is not None else b"none")
    return digest.hexdigest()[:16]


def model(width=32):
    """The same numbers on every device."""
    net = nn.Sequential(nn.Linear(8, width), nn.GELU(), nn.LayerNorm(width), nn.Linear(width, 1))
    return net.to(DEVICE), torch.randn(16, 8).to(DEVICE)


def left_behind(net):
    """What is compared."""
    print(bits(*net.parameters(), *(one.grad for one in net.parameters())))


def plain():
    """Values and norms, which are compared with the CPU's."""
    net, x = model()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        net(x).pow(2).mean().backward()
        optimizer.step()
    left_behind(net)


def placed():
    """The default device is where --device says."""
    w = torch.ones(3, requires_grad=True)
    (w * 2).sum().backward()
    print(w.device, w.grad.device, nn.Linear(2, 2).weight.device)


def unsynchronised():
    """Any synchronisation between the first gradient and the last is an error."""
    net, x = model()

    def begin(_):
        if KIND == "cuda":
            torch.cuda.set_sync_debug_mode("error")
            torch.autograd.Variable._execution_engine.queue_callback(lambda: torch.cuda.set_sync_debug_mode("default"))

    for _ in range(3):
        loss = net(x).pow(2).mean()
        loss.register_hook(begin)
        loss.backward()
    left_behind(net)


def double():
    """A penalty on a gradient: nodes that are made on the engine's own threads."""
    net, x = model()
    x.requires_grad_()
    for _ in range(2):
        slope = torch.autograd.grad(net(x).sum(), x, create_graph=True)[0]
        (slope.pow(2).sum() + net(x).mean()).backward()
    left_behind(net)


def mixed():
    """Autocast with a scaler, through an infinity."""
    net, x = model()
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.01)
    scaler = torch.amp.GradScaler(KIND, init_scale=256.0, growth_interval=2)
    for step in range(5):
        optimizer.zero_grad()
        with torch.autocast(KIND, dtype=torch.float16 if KIND == "cuda" else torch.bfloat16):
            loss = net(x).float().pow(2).mean() * (float("inf") if step == 2 else 1.0)
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
    print(scaler.get_scale())
    left_behind(net)


def streams():
    """Forward and backward on a stream of the program's own."""
    net, x = model()
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    for _ in range(3):
        with torch.cuda.stream(stream):
            loss = net(x).pow(2).mean()
        with torch.cuda.stream(stream):
            loss.backward()
    torch.cuda.current_stream().wait_stream(stream)
    left_behind(net)


def fused():
    """Fused and foreach optimizers."""
    for how in ({"fused": True}, {"foreach": True}):
        net, x = model()
        optimizer = torch.optim.Adam(net.parameters(), lr=0.01, **how)
        for _ in range(4):
            optimizer.zero_grad()
            net(x).pow(2).mean().backward()
            optimizer.step()
        left_behind(net)


def graphs():
    """A whole step as a CUDA graph."""
    net, x = model()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01, capturable=True)

    def step():
        optimizer.zero_grad(set_to_none=True)
        net(x).pow(2).mean().backward()
        optimizer.step()

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    optimizer.zero_grad(set_to_none=True)
    with torch.cuda.graph(graph):
        step()
    for _ in range(5):
        graph.replay()
    left_behind(net)


def memory():
    """The peak of a larger model; nothing on the CPU."""
    net, x = nn.Sequential(*[nn.Linear(1024, 1024) for _ in range(8)]).to(DEVICE), torch.randn(256, 1024).to(DEVICE)
    optimizer = torch.optim.Adam(net.parameters())
    for _ in range(6):
        optimizer.zero_grad()
        net(x).pow(2).mean().backward()
        optimizer.step()
    print(torch.cuda.max_memory_allocated() if KIND == "cuda" else 0)


def cost():
    """Milliseconds of a step, the median of the later ones."""
    net, x = nn.Sequential(*[nn.Linear(512, 512) for _ in range(16)]).to(DEVICE), torch.randn(64, 512).to(DEVICE)
    optimizer = torch.optim.Adam(net.parameters())
    times = []
    for _ in range(60 if KIND == "cuda" else 30):
        begin = time.perf_counter()
        optimizer.zero_grad()
        net(x).pow(2).mean().backward()
        optimizer.step()
        if KIND == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - begin)
    print(1000 * sorted(times[10:])[len(times[10:]) // 2])


def ranks():
    """Two ranks that share their gradients."""
    import torch.distributed as dist
    from torch.nn.parallel import DistributedDataParallel

    dist.init_process_group("nccl" if KIND == "cuda" else "gloo")
    rank = dist.get_rank()
    place = torch.device(KIND, rank) if KIND == "cuda" else torch.device("cpu")
    if KIND == "cuda":
        torch.cuda.set_device(place)
    net = DistributedDataParallel(model()[0].to(place))
    for _ in range(3):
        net(torch.full((4, 8), rank + 1.0, device=place)).pow(2).mean().backward()
    sys.stdout.write(f"{bits(*(one.grad for one in net.parameters()))}\n")
    dist.destroy_process_group()


if __name__ == "__main__":
    globals()[sys.argv[1]]()
