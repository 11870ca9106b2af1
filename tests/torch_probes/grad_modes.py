"""Inference mode, no_grad and set_grad_enabled as blocks, decorators and generators, with passes inside them."""

import torch

w = torch.ones(3, requires_grad=True)


@torch.no_grad()
def numbers():
    for number in range(3):
        print("inside", torch.is_grad_enabled())
        yield number


@torch.inference_mode()
def infer(x):
    return (x * 2).is_inference(), torch.is_inference_mode_enabled()


for step in range(5):
    for number in numbers():
        print("outside", torch.is_grad_enabled())
        with torch.set_grad_enabled(number % 2 == 0):
            print((w * 2).requires_grad)
    print(infer(w), torch.is_inference_mode_enabled(), torch.is_grad_enabled())
    y = (w * step).sum()
    with torch.no_grad():
        y.backward()
        print(torch.is_grad_enabled(), w.grad.requires_grad)
    with torch.inference_mode():
        kept = w * 2
    try:
        (kept * w).sum().backward()
    except RuntimeError as error:
        print(str(error)[:80])
    with torch.inference_mode(), torch.inference_mode(False):
        torch.ones(1, requires_grad=True).mul(2).backward()
torch.set_grad_enabled(False)
print((w * 2).requires_grad, torch.is_grad_enabled())
torch.set_grad_enabled(True)
print(w.grad)
