import torch
from torch import nn
torch.manual_seed(0)
net=nn.Sequential(nn.Linear(6,16),nn.ReLU(),nn.Linear(16,1)); o=torch.optim.SGD(net.parameters(),.01); sc=torch.amp.GradScaler('cpu',init_scale=2.**120)
for i in range(5):
    with torch.autocast('cpu',dtype=torch.bfloat16): l=(net(torch.randn(8,6))-1).float().pow(2).mean()
    o.zero_grad(); sc.scale(l).backward(); sc.step(o); sc.update()
