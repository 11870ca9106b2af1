import torch, torch.nn.functional as F
from torch import nn
torch.manual_seed(0)
e=nn.Embedding(20,16,padding_idx=0); enc=nn.TransformerEncoderLayer(16,2,32,batch_first=True,dropout=0.0); h=nn.Linear(16,20)
ps=[*e.parameters(),*enc.parameters(),*h.parameters()]; o=torch.optim.AdamW(ps)
for i in range(3):
    t=torch.randint(1,20,(4,6)); t[0,4:]=0
    mask=torch.full((6,6),float('-inf')).triu(1)
    z=enc(e(t),src_mask=mask,src_key_padding_mask=(t==0).float().masked_fill(t==0,float('-inf')))
    l=F.cross_entropy(h(z).flatten(0,1),t.flatten(),ignore_index=0)
    w=torch.softmax(z.mean(-1),0); l=l+(w*z.mean(-1)).sum()*1e-3
    o.zero_grad(); l.backward(); o.step()
