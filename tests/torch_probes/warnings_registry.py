"""Which warnings come once, which each time, and what becomes an error, with the registries that note them."""

import sys
import warnings

import torch

w = torch.ones(3, requires_grad=True)


def noted():
    main = len(globals().get("__warningregistry__", {}))
    modules = [one for one in list(sys.modules.values()) if getattr(one, "__name__", "").startswith("torch")]
    return main, sorted(
        (one.__name__, len(one.__dict__["__warningregistry__"]))
        for one in modules
        if "__warningregistry__" in vars(one)
    )


for step in range(5):
    y = w * 2
    y.grad
    torch.nn.functional.softmax(w)
    torch.nn.functional.mse_loss(w, torch.ones(3, 1))
    torch.optim.lr_scheduler.StepLR(torch.optim.SGD([w], lr=0.1), 1).step()
    warnings.warn("mine", stacklevel=1)
    y.sum().backward()
    print(step, noted(), len(warnings.filters), warnings.filters[0][:2])
with warnings.catch_warnings():
    warnings.simplefilter("error")
    for _ in range(3):
        (w * 2).sum().backward()
        try:
            torch.nn.functional.softmax(w)
        except UserWarning as error:
            print("raised", str(error)[:40])
print(len(warnings.filters), noted(), w.grad)
