import torch
from torch import nn
class GRL(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x): return x.view_as(x)
    @staticmethod
    def backward(ctx, g): return g.neg_()
class Clip(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x): return x.clone()
    @staticmethod
    def backward(ctx, g): return g.clamp(-1e-3,1e-3)
torch.manual_seed(0)
e,h,d=nn.Linear(6,6),nn.Linear(6,2),nn.Linear(6,2)
ps=[*e.parameters(),*h.parameters(),*d.parameters()]
opt=torch.optim.SGD(ps,lr=.1)
for i in range(3):
    x=torch.randn(16,6); z=e(x)
    z.register_hook(lambda g: g*0.5)
    k=torch.tanh(z); k.register_hook(lambda g: g.mul_(0.5))
    l=h(k).pow(2).mean()+d(GRL.apply(z)).pow(2).mean()+(Clip.apply(k)+z).pow(2).mean(); opt.zero_grad(); l.backward(); opt.step()
