import torch

w = torch.tensor([1.0, 2.0], requires_grad=True)
v = torch.tensor([0.5, 0.25], requires_grad=True)
loss = (w * w * v).sum()
loss.backward(retain_graph=True)
loss.backward(inputs=[w], retain_graph=True)
loss.backward(create_graph=True, inputs=[v])
v.grad = None
first = torch.autograd.grad(loss, (w, v), create_graph=True)
second = torch.autograd.grad((first[0] * first[1]).sum(), w, retain_graph=True)
(first[0].norm() + second[0].sum().detach() * first[1].sum()).backward()
edge = torch.autograd.graph.get_gradient_edge(w)
torch.autograd.backward([(w * 2).sum(), (v**3).sum()], [torch.tensor(1.0), torch.tensor(2.0)])
print(torch.autograd.grad((w * 3).sum(), [edge])[0])
(w * v).backward(torch.tensor([1.0, -1.0]))
