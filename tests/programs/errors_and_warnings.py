import torch, warnings, traceback, logging
from torch import nn
torch.manual_seed(0)
F=nn.functional
def tb(f):
    try: f()
    except Exception: traceback.print_exc()
x=torch.randn(4,3,requires_grad=True)
lin=nn.Linear(5,2)
tb(lambda: lin(x))
tb(lambda: x@x)
tb(lambda: F.cross_entropy(x, torch.ones(4,2)))
tb(lambda: F.mse_loss(x, torch.ones(7,2)))
tb(lambda: x.backward())
tb(lambda: torch.cat([x, torch.ones(1,2)]))
def inplace():
    a=torch.sigmoid(x); b=a*a; a.add_(1); b.sum().backward()
tb(inplace)
tb(lambda: torch.zeros(3).sum().backward())
class Fn(torch.autograd.Function):
    @staticmethod
    def forward(ctx,a): return a*2
    @staticmethod
    def backward(ctx,g): raise ValueError("in backward")
tb(lambda: Fn.apply(x).sum().backward())
class Fn2(torch.autograd.Function):
    @staticmethod
    def forward(ctx,a): raise ValueError("in forward")
tb(lambda: Fn2.apply(x))
class Net(nn.Module):
    def __init__(self):
        super().__init__(); self.fc=nn.Linear(3,2)
    def forward(self,x): return self.fc(x)[7]
tb(lambda: Net()(x))
tb(lambda: (x*2).register_hook(lambda g: g[0]))
def hook():
    y=x*2; y.register_hook(lambda g: 1/0); y.sum().backward()
tb(hook)
# warnings
F.mse_loss(torch.ones(4,1,requires_grad=True), torch.ones(4))
F.softmax(x)
nn.Softmax()(x)
y=x*2
y.grad
float(y.sum()); torch.tensor(y)
F.l1_loss(x[:,:1], torch.ones(4))
nn.MSELoss()(torch.ones(4,1), torch.ones(4))
z=(x*x).sum(); z.backward(create_graph=True)
torch.ones(1).std()
nn.functional.sigmoid(x); torch.norm(x)
for i in range(2):
    (torch.ones(3,1,requires_grad=True)*2).grad
    F.softmax(x)
opt=torch.optim.SGD([x],.1); sch=torch.optim.lr_scheduler.StepLR(opt,1); sch.step()
tb(lambda: torch.optim.SGD([y],.1))
tb(lambda: torch.optim.SGD([],.1))
a=torch.ones(2,requires_grad=True)
tb(lambda: a.add_(1))
warnings.warn("mine",stacklevel=1)
def g(): warnings.warn("mine2",stacklevel=2)
g()
logging.basicConfig(format="%(levelname)s %(filename)s:%(lineno)d %(message)s")
try: a.mul_(3)
except RuntimeError: logging.exception("oops")
m=nn.MultiheadAttention(8,2,batch_first=True).eval()
with torch.no_grad():
    q=torch.ones(1,3,8); print(m(q,q,q)[0].sum())
x@torch.ones(9)
