"""Export between and after passes."""

# soak: each export takes seconds

import torch

torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.LayerNorm(4))
for step in range(5):
    net(torch.ones(2, 3)).sum().backward()
    if step in (0, 4):
        for strict in (False, True):
            program = torch.export.export(net, (torch.ones(2, 3),), strict=strict)
            print(program)
            print([(node.name, node.stack_trace) for node in program.graph.nodes])
            print(program.run_decompositions().graph)
print(net[0].weight.grad)
