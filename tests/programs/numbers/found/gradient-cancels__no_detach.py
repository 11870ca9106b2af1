import torch, torch.nn as nn, torch.nn.functional as F
torch.manual_seed(0)
enc,dec,book=nn.Linear(6,2),nn.Linear(2,6),nn.Embedding(5,2)
opt=torch.optim.Adam([*enc.parameters(),*dec.parameters(),*book.parameters()])
for i in range(4):
    x=torch.randn(16,6); z=enc(x); q=book(torch.cdist(z,book.weight).argmin(1))
    st=z+(q-z)  # here
    l=F.mse_loss(dec(st),x)
    opt.zero_grad(); l.backward(); opt.step()
