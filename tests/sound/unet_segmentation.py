"""A U-Net with skips, dropout, dice plus cross-entropy, cosine restarts, SWA and updated batch norms."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.swa_utils import SWALR, AveragedModel, update_bn


class DoubleConv(nn.Sequential):
    def __init__(self, i, o):
        super().__init__(
            nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True),
            nn.Conv2d(o, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True),
        )


class UNet(nn.Module):
    def __init__(self, c=1, classes=3, w=4):
        super().__init__()
        self.inc, self.down1, self.down2 = DoubleConv(c, w), DoubleConv(w, 2 * w), DoubleConv(2 * w, 4 * w)
        self.up1, self.conv1 = nn.ConvTranspose2d(4 * w, 2 * w, 2, 2), DoubleConv(4 * w, 2 * w)
        self.up2, self.conv2 = nn.ConvTranspose2d(2 * w, w, 2, 2), DoubleConv(2 * w, w)
        self.out, self.drop = nn.Conv2d(w, classes, 1), nn.Dropout2d(0.1)

    def forward(self, x):
        x1 = self.inc(x)
        x2 = self.down1(F.max_pool2d(x1, 2))
        x3 = self.drop(self.down2(F.max_pool2d(x2, 2)))
        x = self.conv1(torch.cat([x2, self.up1(x3)], 1))
        return self.out(self.conv2(torch.cat([x1, self.up2(x)], 1)))


def dice_loss(probs, target, eps=1e-6):
    inter = 2 * (probs * target).sum((0, 2, 3))
    sets = probs.sum((0, 2, 3)) + target.sum((0, 2, 3))
    return 1 - ((inter + eps) / (sets + eps)).mean()


torch.manual_seed(0)
model = UNet()
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3, weight_decay=1e-8, momentum=0.9, foreach=True)
scheduler = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 3)
swa_model, swa_scheduler = AveragedModel(model), SWALR(optimizer, swa_lr=5e-4)
loader = [torch.rand(4, 1, 8, 8) for _ in range(2)]
for epoch in range(4):
    epoch_loss = 0
    for images in loader:
        masks = (images[:, 0] * 3).long().clamp(max=2)
        pred = model(images)
        loss = F.cross_entropy(pred, masks)
        loss += dice_loss(F.softmax(pred, 1), F.one_hot(masks, 3).permute(0, 3, 1, 2).float())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        epoch_loss += loss.item()
    if epoch >= 2:
        swa_model.update_parameters(model)
        swa_scheduler.step()
    else:
        scheduler.step()
    print("epoch", epoch, epoch_loss / len(loader))
update_bn(loader, swa_model)
with torch.no_grad():
    print(swa_model(loader[0]).argmax(1).float().mean().item())
