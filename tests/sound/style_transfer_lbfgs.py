"""Neural style transfer by LBFGS on the image, deep dream by gradient ascent, visualisation with hooks, Grad-CAM."""

import torch
import torch.nn.functional as F
from torch import nn


def gram(x):
    a, b, c, d = x.size()
    f = x.view(a * b, c * d)
    return torch.mm(f, f.t()).div(a * b * c * d)


class ContentLoss(nn.Module):
    def __init__(self, target):
        super().__init__()
        self.target = target.detach()

    def forward(self, x):
        self.loss = F.mse_loss(x, self.target)
        return x


class StyleLoss(nn.Module):
    def __init__(self, target):
        super().__init__()
        self.target = gram(target).detach()

    def forward(self, x):
        self.loss = F.mse_loss(gram(x), self.target)
        return x


torch.manual_seed(0)
cnn = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU()).eval()
content, style = torch.rand(1, 3, 12, 12), torch.rand(1, 3, 12, 12)
model, contents, styles = nn.Sequential(), [], []
for i, layer in enumerate(cnn):
    model.add_module(str(i), layer)
    if i == 2:
        contents.append(ContentLoss(model(content)))
        model.add_module("content", contents[-1])
    if i in (0, 2):
        styles.append(StyleLoss(model(style)))
        model.add_module(f"style{i}", styles[-1])
image = content.clone()
image.requires_grad_(True)
model.eval()
model.requires_grad_(False)
optimizer = torch.optim.LBFGS([image])
run = [0]
while run[0] <= 40:

    def closure():
        with torch.no_grad():
            image.clamp_(0, 1)
        optimizer.zero_grad()
        model(image)
        style_score, content_score = 0, 0
        for sl in styles:
            style_score += sl.loss
        for cl in contents:
            content_score += cl.loss
        loss = style_score * 1e4 + content_score
        loss.backward()
        run[0] += 1
        if run[0] % 20 == 0:
            print(f"run {run}: Style {style_score.item():.6f} Content {content_score.item():.6f}")
        return loss

    optimizer.step(closure)

activation = {}
handle = cnn[2].register_forward_hook(lambda m, i, o: activation.update(out=o))
dream = torch.rand(1, 3, 12, 12, requires_grad=True)
for i in range(5):
    cnn(dream)
    objective = activation["out"].norm()
    objective.backward()
    with torch.no_grad():
        dream += 0.1 * dream.grad / (dream.grad.abs().mean() + 1e-8)
        dream.grad.zero_()
    print("dream", i, objective.item())
handle.remove()

features = []
for m in (cnn[0], cnn[2]):
    m.register_forward_hook(lambda m, i, o: features.append(o.detach().cpu()))
cnn.requires_grad_(True)
x = torch.rand(1, 3, 12, 12)
gradients = []
h = cnn[3](cnn[2](cnn[1](cnn[0](x))))
h.register_hook(lambda g: gradients.append(g))
h.mean().backward()
cam = F.relu((gradients[0].mean((2, 3), keepdim=True) * h).sum(1)).detach().numpy()
print(cam.shape, len(features))
