"""The bytes of saved and pickled models, tensors with hooks, optimizers and generators."""

# listed: the numbers of hooks

import hashlib
import io
import pickle

import torch

torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 1))
optimizer = torch.optim.Adam(net.parameters())


def hook(gradient):
    return gradient * 2


def bits(data):
    return len(data), hashlib.sha256(data).hexdigest()[:16]


def saved(thing):
    file = io.BytesIO()
    torch.save(thing, file)
    return bits(file.getvalue())


net[0].weight.register_hook(hook)
leaf = torch.ones(3, requires_grad=True)
for step in range(5):
    optimizer.zero_grad()
    loss = net(torch.randn(6, 3)).pow(2).mean() + leaf.sum()
    loss.backward()
    optimizer.step()
    print(step, saved(net.state_dict()), saved(net), saved(optimizer.state_dict()), saved(leaf), saved(leaf.grad))
    print(
        len(pickle.dumps(net[1])),
        len(pickle.dumps(optimizer.state_dict())),
        len(pickle.dumps(torch.get_rng_state())),
    )
    for impossible in (loss, loss.grad_fn):
        try:
            pickle.dumps(impossible)
        except Exception as error:
            print(type(error).__name__, str(error)[:80])
print(sorted(vars(net)), sorted(vars(optimizer)), vars(leaf), sorted(vars(net[0].weight)))
print(pickle.loads(pickle.dumps(net))[0].weight._backward_hooks, net[0].weight._backward_hooks)
