"""Two ranks that share their gradients, with accumulation in between."""

# alone: its ranks are spawned

import os
import tempfile

import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing
from _bits import bits
from torch import nn
from torch.nn.parallel import DistributedDataParallel


def train(rank, file):
    torch.manual_seed(rank)
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    dist.init_process_group("gloo", init_method=f"file://{file}", rank=rank, world_size=2)
    net = DistributedDataParallel(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1)), bucket_cap_mb=1)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for step in range(6):
        if step % 2 == 0:
            with net.no_sync():
                net(torch.randn(3, 4)).pow(2).mean().backward()
            continue
        net(torch.randn(3, 4)).pow(2).mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    with open(f"{file}.{rank}", "w") as out:
        out.write(bits(net))
    dist.destroy_process_group()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        multiprocessing.spawn(train, (f"{folder}/store",), nprocs=2)
        for rank in range(2):
            print(open(f"{folder}/store.{rank}").read())
