"""The engine asked from hooks: callbacks, the current node and task, nested passes, one thread, what will be executed."""

import torch
from torch.autograd import Variable
from torch.autograd.graph import get_gradient_edge

w = torch.ones(3, requires_grad=True)
v = torch.ones(3, requires_grad=True)


def ask(tag):
    def hook(gradient):
        node = torch._C._current_autograd_node()
        print(tag, node.name() if node else None, torch._C._current_graph_task_id() >= 0)
        print([torch._C._will_engine_execute_node(one.node) for one in edges[2:]])
        Variable._execution_engine.queue_callback(lambda: print("callback", tag))

    return hook


for step in range(5):
    y = w * v
    z = y.sin()
    edges = [get_gradient_edge(one) for one in (w, v, y)]
    w.register_hook(ask(f"w{step}")), y.register_hook(ask("y"))
    with torch.autograd.set_multithreading_enabled(step % 2 == 0):
        torch.autograd.backward(z.sum(), inputs=[w], retain_graph=True)
    Variable._execution_engine.run_backward(
        (z.sum(),), (torch.tensor(1.0),), False, False, (), allow_unreachable=True, accumulate_grad=True
    )
    print(step, w.grad, v.grad, torch._C._current_graph_task_id())
    nested = (w * 2).sum()
    other = (v * 3).sum()
    nested.register_hook(lambda g: other.backward())
    nested.backward()
    print(torch.autograd.grad(get_gradient_edge((w * 5).sum()), [get_gradient_edge(w)]), v.grad)
    w.grad = v.grad = None
try:
    Variable._execution_engine.queue_callback(lambda: None)
except RuntimeError as error:
    print(str(error)[:60])
