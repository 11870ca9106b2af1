"""Variational inference in Pyro's manner: a store of parameters, one optimizer each, made when first met."""

import torch
from torch.distributions import Normal, constraints, kl_divergence, transform_to


class ParamStore:
    def __init__(self):
        self._params, self._constraints = {}, {}

    def get(self, name, init, constraint=constraints.real):
        if name not in self._params:
            with torch.no_grad():
                unconstrained = transform_to(constraint).inv(torch.as_tensor(init))
            self._params[name] = unconstrained.clone().contiguous().requires_grad_(True)
            self._constraints[name] = constraint
        return transform_to(self._constraints[name])(self._params[name])


class LazyOptim:
    def __init__(self, cls, args):
        self.cls, self.args, self.optims = cls, args, {}

    def __call__(self, params):
        for p in params:
            if p not in self.optims:
                self.optims[p] = self.cls([p], **self.args)
            self.optims[p].step()


def zero_grads(tensors):
    for p in tensors:
        if p.grad is not None:
            p.grad = torch.zeros_like(p.grad)


class SVI:
    def __init__(self, store, model, guide, optim, n=2):
        self.store, self.model, self.guide, self.optim, self.n = store, model, guide, optim, n

    def step(self, data):
        loss = 0.0
        for _ in range(self.n):
            z, kl = self.guide(self.store)
            surrogate = -(self.model(z, data) - kl) / self.n
            surrogate.backward()
            loss += surrogate.item()
        params = set(self.store._params.values())
        self.optim(params)
        zero_grads(params)
        return loss


def guide(store):
    q = Normal(store.get("loc", 0.0), store.get("scale", 1.0, constraints.positive))
    return q.rsample(), kl_divergence(q, Normal(0.0, 10.0))


def model(z, data):
    return Normal(z, 1.0).log_prob(data).sum()


torch.manual_seed(0)
store = ParamStore()
svi = SVI(store, model, guide, LazyOptim(torch.optim.Adam, {"lr": 0.05, "betas": (0.9, 0.999)}))
for step in range(12):
    loss = svi.step(torch.randn(20) + 3)
    if step % 4 == 0:
        print("step", step, "ELBO loss", loss)
print({k: v.item() for k, v in store._params.items()})
