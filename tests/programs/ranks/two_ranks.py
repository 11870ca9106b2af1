"""Two ranks that share gradients in three ways; one layer is used on the first of them alone."""

import os
import tempfile

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(4, 5)
        self.aux = nn.Linear(5, 1)
        self.head = nn.Linear(5, 1)

    def forward(self, x, *, has_aux):
        h = torch.tanh(self.body(x))
        return self.head(h) + self.aux(h) if has_aux else self.head(h)


class Sharded(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(6))
        self.layer = nn.Linear(6, 6)

    def forward(self, x):
        return torch.tanh(self.layer(x)) * self.scale


def data(*shape):
    return torch.randn(*shape, generator=generator)


def replicated():
    net = DistributedDataParallel(Net(), find_unused_parameters=True, bucket_cap_mb=0.0001)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        with net.no_sync():
            net(data(3, 4), has_aux=rank == 0).pow(2).mean().backward()  # alone
        net(data(3, 4), has_aux=rank == 0).pow(2).mean().backward()  # averaged
        optimizer.step()


def reduced_by_hand():
    weight = torch.ones(4, requires_grad=True)
    (weight * data(4)).sum().backward()  # by hand
    dist.all_reduce(weight.grad)  # exchanged
    weight.grad /= dist.get_world_size()


def sharded():
    net = Sharded()
    mesh = init_device_mesh("cpu", (2,))
    fully_shard(net.layer, mesh=mesh)
    fully_shard(net, mesh=mesh)
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.01)
    for is_last in (False, True):
        net.set_requires_gradient_sync(is_last)
        net(data(3, 6)).pow(2).mean().backward()  # sharded
    nn.utils.clip_grad_norm_(net.parameters(), 0.01)
    optimizer.step()
    optimizer.zero_grad()


os.environ["GLOO_SOCKET_IFNAME"] = "lo"
folder = tempfile.mkdtemp()
child = os.fork()
rank = 0 if child else 1
dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
torch.manual_seed(0)
generator = torch.Generator().manual_seed(rank)
replicated()
reduced_by_hand()
sharded()
dist.barrier()
dist.destroy_process_group()
if child:
    os.waitpid(child, 0)
