"""The end of deep graphs that were looked at."""

import subprocess
import sys

_PROGRAM = """
import resource
hard = resource.getrlimit(resource.RLIMIT_STACK)[1]
resource.setrlimit(resource.RLIMIT_STACK, (8 << 20, hard))
import torch
from gradtrace.recorder.deep_graphs import keep_from_recursion, let_go
from gradtrace.recorder.walk import Walk
y = torch.ones(1, requires_grad=True)
for _ in range(80_000):
    y = y * 1.0
walk = Walk([y.grad_fn])
keep_from_recursion(walk)
del walk
del y
let_go()
print("alive")
"""


def test_a_deep_graph_that_was_walked_can_be_dropped() -> None:
    """Torch frees nodes that Python has seen by recursion; the program survives that on the stack that it has."""
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "alive\n", "")
