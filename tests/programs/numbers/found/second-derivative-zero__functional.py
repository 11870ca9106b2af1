import torch, torch.nn.functional as F
torch.manual_seed(0)
W1=torch.randn(16,2,requires_grad=True); W2=torch.randn(1,16,requires_grad=True)
def u(p): return F.leaky_relu(p@W1.T, 0.1)@W2.T
opt=torch.optim.SGD([W1,W2],lr=1e-3)
for i in range(3):
    pts=torch.rand(20,2).requires_grad_()
    x, t = pts[:,0:1], pts[:,1:2]
    out=u(torch.cat([x,t],1))
    ux=torch.autograd.grad(out.sum(),x,create_graph=True)[0]
    ut=torch.autograd.grad(out.sum(),t,create_graph=True)[0]
    uxx,=torch.autograd.grad(ux,x,grad_outputs=torch.ones_like(ux),create_graph=True)  # here
    loss=(ut-0.1*uxx).pow(2).mean()
    opt.zero_grad(); loss.backward(); opt.step()
