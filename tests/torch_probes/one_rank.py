"""One rank of a process group: DDP with a communication hook, reductions, and joined inputs."""

import tempfile

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

torch.manual_seed(0)
store = dist.FileStore(tempfile.mktemp(), 1)
dist.init_process_group("gloo", store=store, rank=0, world_size=1)
net = DistributedDataParallel(torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1)))
seen = []


def hook(state, bucket):
    seen.append((bucket.index(), bucket.buffer().numel()))
    return dist.all_reduce(bucket.buffer(), async_op=True).get_future().then(lambda f: f.value()[0])


net.register_comm_hook(None, hook)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for step in range(5):
    optimizer.zero_grad()
    with net.join() if step == 3 else torch.enable_grad():
        loss = net(torch.ones(2, 3)).pow(2).mean()
        loss.backward()
    optimizer.step()
    with net.no_sync():
        net(torch.ones(2, 3)).sum().backward()
    print(step, loss.item(), seen, net.module[0].weight.grad.sum().item())
    seen.clear()
print(type(net.module[0].weight).__name__, len(net.module[0].weight._post_accumulate_grad_hooks or ()))
dist.destroy_process_group()
