"""Dual numbers, forward over backward, and levels that are left."""

import torch
import torch.autograd.forward_ad as fwAD

x, t = torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor([0.5, 0.25])
for step in range(5):
    with fwAD.dual_level():
        dual = fwAD.make_dual(x, t)
        y = (dual * dual).sin()
        print(step, fwAD.unpack_dual(y))
        loss = fwAD.unpack_dual(y).tangent.sum()
        loss.backward()
        print(x.grad)
        print(fwAD.unpack_dual(dual.sum()))
        try:
            fwAD.make_dual(torch.ones(2, dtype=torch.long), torch.ones(2))
        except Exception as error:
            print(type(error).__name__, str(error)[:60])
    print(fwAD.unpack_dual(dual).tangent, fwAD._current_level)
    print(
        torch.autograd.functional.jvp(torch.exp, x, t),
        torch.func.jvp(lambda v: torch.func.grad(lambda u: u.pow(3).sum())(v), (x,), (t,)),
    )
