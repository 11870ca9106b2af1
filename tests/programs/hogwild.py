import threading

import torch
from gradient_names import print_gradient_names
from torch import nn

torch.manual_seed(0)
net = nn.Linear(3, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
lock = threading.Lock()


def work(seed):
    generator = torch.Generator().manual_seed(seed)
    own = torch.randn(3, generator=generator).requires_grad_()
    for _ in range(3):
        (own.sin() * own).sum().backward()
        loss = (net(torch.randn(2, 3, generator=generator)) * own.sum()).pow(2).mean()
        with lock:
            loss.backward()
            optimizer.step()


threads = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print_gradient_names(net=net)
