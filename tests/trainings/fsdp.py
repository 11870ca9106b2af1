"""Two ranks that hold a part of each weight."""

# alone: its ranks are spawned

import os
import tempfile

import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing
from _bits import bits
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard


def train(rank, file):
    torch.manual_seed(rank)
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    dist.init_process_group("gloo", init_method=f"file://{file}", rank=rank, world_size=2)
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    mesh = init_device_mesh("cpu", (2,))
    for one in (net[0], net[2], net):
        fully_shard(one, mesh=mesh)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(4):
        net(torch.randn(3, 4)).pow(2).mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    with open(f"{file}.{rank}", "w") as out:
        out.write(bits(*(one.to_local() for one in net.parameters())))
    dist.destroy_process_group()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        multiprocessing.spawn(train, (f"{folder}/store",), nprocs=2)
        for rank in range(2):
            print(open(f"{folder}/store.{rank}").read())
