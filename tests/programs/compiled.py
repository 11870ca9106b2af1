import torch
import torch._dynamo.testing
from gradient_names import print_gradient_names
from torch import nn

torch.manual_seed(0)
counter = torch._dynamo.testing.CompileCounterWithBackend("aot_eager")
net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.LayerNorm(4), nn.Dropout(0.1), nn.Linear(4, 2))
optimizer = torch.optim.Adam(net.parameters())


@torch.compile(backend=counter)
def loss_of(x):
    return nn.functional.mse_loss(net(x), torch.zeros(3, 2)) + x.norm()


for _ in range(6):
    optimizer.zero_grad()
    loss_of(torch.randn(3, 4)).backward()
    optimizer.step()
print(counter.frame_count, counter.op_count)
print_gradient_names(net=net)
