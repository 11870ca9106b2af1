import torch, torch.nn.functional as F
from torch import nn
torch.manual_seed(0)
# hinge satisfied, masked branch, clamp saturating for some, MoE with unused expert, LoRA zero init, zero-init last layer
base=nn.Linear(6,6).requires_grad_(False); A=nn.Parameter(torch.randn(2,6)*.1); B=nn.Parameter(torch.zeros(6,2))
zl=nn.Linear(6,6); nn.init.zeros_(zl.weight); nn.init.zeros_(zl.bias)
ex=nn.ModuleList([nn.Sequential(nn.Linear(6,8),nn.ReLU(),nn.Linear(8,6)) for _ in range(3)]); rt=nn.Linear(6,3)
ps=[A,B,*zl.parameters(),*ex.parameters(),*rt.parameters()]
o=torch.optim.Adam(ps,1e-2)
for i in range(6):
    x=torch.randn(8,6)
    h=base(x)+x@A.T@B.T; h=h+zl(h.relu())
    w=rt(h).softmax(-1); k=w.argmax(-1)
    y=torch.stack([ex[int(j)](t)*w[n,j] for n,(t,j) in enumerate(zip(h,k))])
    l=(y-x).pow(2).mean()+F.relu(0.0-5-h.pow(2).mean())+(h.clamp(-1,1)-h.clamp(-100,100)).pow(2).mean()
    o.zero_grad(); l.backward(); o.step()
