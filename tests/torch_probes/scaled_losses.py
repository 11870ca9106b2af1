"""A GradScaler on the CPU: its scale, what it skips, and what it finds, through infinities."""

import torch

torch.manual_seed(0)
net = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
scaler = torch.amp.GradScaler("cpu", init_scale=4.0, growth_interval=2)
for step in range(8):
    optimizer.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = net(torch.ones(2, 3)).float().pow(2).mean()
    if step in (2, 5):
        loss = loss * float("inf")
    scaler.scale(loss).backward()
    if step % 2:
        scaler.unscale_(optimizer)
        print("norm", torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0))
    print(step, scaler.step(optimizer), scaler.get_scale(), net.weight.flatten().tolist())
    scaler.update()
print(scaler.state_dict(), optimizer.step.__name__)
