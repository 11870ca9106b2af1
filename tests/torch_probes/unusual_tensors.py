"""Nested, sparse, complex, quantised, meta, fake, half and empty tensors in passes."""

import warnings

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

warnings.simplefilter("ignore")
torch.manual_seed(0)
fc = torch.nn.Linear(4, 4)
for step in range(5):
    jagged = torch.nested.nested_tensor([torch.randn(3, 4), torch.randn(5, 4)], layout=torch.jagged, requires_grad=True)
    fc(jagged).values().pow(2).mean().backward()
    strided = torch.nested.nested_tensor([torch.randn(3, 4), torch.randn(5, 4)], requires_grad=True)
    torch.nested.to_padded_tensor(fc(strided), 0.0).sum().backward()
    print(step, fc.weight.grad.sum().item(), type(jagged.grad).__name__, [one.shape for one in strided.grad.unbind()])
    table = torch.nn.Embedding(6, 3, sparse=True)
    table(torch.tensor([1, 4, 4])).pow(2).sum().backward()
    print(table.weight.grad.coalesce().indices().tolist(), table.weight.grad.is_coalesced())
    z = torch.tensor([1 + 2j, 3 - 1j], requires_grad=True)
    (z * z.conj()).real.sum().backward()
    torch.fft.fft(z).abs().sum().backward()
    print(z.grad, z.grad.is_conj())
    fake = torch.ao.quantization.FakeQuantize()
    q = torch.linspace(-1, 1, 5, requires_grad=True)
    fake(q).sum().backward()
    print(q.grad, fake.scale.item())
    with FakeTensorMode():
        inside = torch.nn.Linear(3, 3)
        inside(torch.ones(2, 3)).sum().backward()
        print(type(inside.weight.grad).__name__, inside.weight.grad.shape)
    meta = torch.nn.Linear(3, 3, device="meta")
    meta(torch.ones(2, 3, device="meta")).sum().backward()
    print(meta.weight.grad.device)
    for kind in (torch.float16, torch.bfloat16, torch.float64):
        h = torch.full((3,), 300.0, dtype=kind, requires_grad=True)
        (h * h).sum().backward()
        print(h.grad)
    nothing = torch.ones(0, 3, requires_grad=True)
    nothing.sum().backward()
    print(nothing.grad.shape)
