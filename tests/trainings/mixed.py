"""bfloat16 autocast with a scaler on the CPU, unscaled and clipped, through an infinity."""

import torch
import torch.nn.functional as F
from _bits import bits
from torch import nn

net = nn.Sequential(nn.Linear(8, 16), nn.LayerNorm(16), nn.GELU(), nn.Linear(16, 1))
optimizer = torch.optim.AdamW(net.parameters(), lr=0.01)
scaler = torch.amp.GradScaler("cpu", init_scale=256.0, growth_interval=3)
for step in range(8):
    optimizer.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = F.mse_loss(net(torch.randn(4, 8)).float(), torch.zeros(4, 1)) * (float("inf") if step == 4 else 1.0)
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    nn.utils.clip_grad_norm_(net.parameters(), 0.5)
    scaler.step(optimizer)
    scaler.update()
print(bits(net), scaler.get_scale())
