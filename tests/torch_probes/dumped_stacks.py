"""Stacks dumped by faulthandler, logging and inspect: exact in forward code, with at most two wrappers of ours in hooks."""

# listed: one frame more

import faulthandler
import inspect
import io
import logging
import re
import tempfile

import torch

stream = io.StringIO()
logging.basicConfig(stream=stream, format="%(message)s")


class Net(torch.nn.Module):
    def forward(self, x):
        print("forward", len(inspect.stack()), [one.function for one in inspect.stack()])
        logging.warning("in forward", stack_info=True)
        return x * 2


def dumped(*_):
    with tempfile.TemporaryFile("w+") as file:
        faulthandler.dump_traceback(file, all_threads=False)
        file.seek(0)
        lines = file.read().splitlines()[1:]
    ours = [line for line in lines if "gradtrace" in line]
    print(len(ours) <= 2, [re.sub(r'".*/', '"', line) for line in lines if line not in ours])


net = Net()
for step in range(5):
    w = torch.ones(3, requires_grad=True)
    w.register_hook(dumped)
    y = net(w)
    y.grad_fn.register_hook(dumped)
    y.sum().backward()
    dumped()
print(stream.getvalue())
print(faulthandler.is_enabled())
