import torch
from torch import nn
class Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx,u):
        ctx.save_for_backward(u); return (u>0).float()
    @staticmethod
    def backward(ctx,g):
        u,=ctx.saved_tensors; return g/(1+10*u.abs())**2
class Scaled(torch.autograd.Function):
    @staticmethod
    def forward(ctx,x,s): ctx.s=s; ctx.n=x.norm(); return x*s
    @staticmethod
    def backward(ctx,g):
        g=g.clone(); g.mul_(ctx.s); return g/ctx.n.clamp(min=1), None
torch.manual_seed(0)
l1,l2=nn.Linear(5,16),nn.Linear(16,2); o=torch.optim.Adam([*l1.parameters(),*l2.parameters()])
for i in range(3):
    u=torch.zeros(8,16); out=0
    for t in range(4):
        u=.9*u+l1(torch.randn(8,5)); s=Spike.apply(u-1); u=u-s.detach(); out=out+l2(Scaled.apply(s,.5)+s)
    l=out.pow(2).mean(); o.zero_grad(); l.backward(); o.step()
