"""Names and numbers of the events that torch's profiler sees in each of six steps, with shapes and stacks."""

import torch
from torch.profiler import ProfilerActivity, profile, record_function, schedule

torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Linear(20, 20), torch.nn.ReLU(), torch.nn.Linear(20, 1))
optimizer = torch.optim.Adam(net.parameters())
x = torch.randn(4, 20)


def step():
    with record_function("mine"):
        optimizer.zero_grad()
        net(x).pow(2).mean().backward()
        optimizer.step()


for number in range(6):
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as seen:
        step()
    print(number, sorted((event.key, event.count) for event in seen.key_averages()))
with torch.autograd.profiler.profile() as seen:
    step()
print(sorted((event.key, event.count) for event in seen.key_averages()))
ready = []
with profile(
    schedule=schedule(wait=1, warmup=1, active=2), on_trace_ready=lambda p: ready.append(len(p.events()))
) as seen:
    for _ in range(8):
        step()
        seen.step()
print(ready)
with profile(with_modules=True, profile_memory=True) as seen:
    step()
print(sum(event.self_cpu_memory_usage for event in seen.key_averages() if event.key.startswith("aten::")))
