"""Both kinds of checkpoints, nested, selective, early stopped, with random numbers kept: how often each block runs."""

import torch
from torch.utils.checkpoint import CheckpointPolicy, checkpoint, checkpoint_sequential
from torch.utils.checkpoint import create_selective_checkpoint_contexts, set_checkpoint_early_stop

torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Dropout(0.5), torch.nn.Tanh(), torch.nn.Linear(3, 3))
runs = []


def block(x):
    runs.append(torch.is_grad_enabled())
    return net(x).sin()


def nested(x):
    runs.append("outer")
    return checkpoint(block, checkpoint(block, x, use_reentrant=False), use_reentrant=False)


def policy(ctx, op, *args, **kwargs):
    return CheckpointPolicy.MUST_SAVE if op is torch.ops.aten.addmm.default else CheckpointPolicy.PREFER_RECOMPUTE


def contexts():
    return create_selective_checkpoint_contexts(policy)


for step in range(5):
    x = torch.randn(2, 3, requires_grad=True)
    for reentrant in (True, False):
        for keeps in (True, False):
            checkpoint(block, x, use_reentrant=reentrant, preserve_rng_state=keeps).sum().backward()
    checkpoint(nested, x, use_reentrant=False).sum().backward()
    checkpoint(block, x, use_reentrant=False, context_fn=contexts).sum().backward()
    checkpoint_sequential(net, 2, x, use_reentrant=False).sum().backward()
    with set_checkpoint_early_stop(False):
        checkpoint(block, x, use_reentrant=False).sum().backward()
    torch.autograd.grad(checkpoint(block, x, use_reentrant=False).sum(), x, create_graph=True)[0].sum().backward()
    print(step, runs, x.grad, net[0].weight.grad.sum().item(), torch.randn(1).item())
    runs.clear()
