import torch
from torch import nn
torch.manual_seed(0)
net=nn.Sequential(*[m for _ in range(5) for m in (nn.Linear(16,16),nn.Tanh())],nn.Linear(16,1)); o=torch.optim.Adam(net.parameters())
rnn=nn.LSTM(4,8,batch_first=True); hd=nn.Linear(8,1); o2=torch.optim.Adam([*rnn.parameters(),*hd.parameters()])
for i in range(3):
    l=(net(torch.randn(8,16))-1).pow(2).mean(); o.zero_grad(); l.backward(); o.step()
    l=(hd(rnn(torch.randn(4,40,4))[0][:,-1])-1).pow(2).mean(); o2.zero_grad(); l.backward(); o2.step()
