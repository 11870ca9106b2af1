import torch
import torch.nn.functional as F
from gradient_names import print_gradient_names
from torch import nn


class Residual(nn.Module):
    def __init__(self, inside, outside, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outside)
        self.shortcut = nn.Conv2d(inside, outside, 1, stride) if stride > 1 else nn.Identity()
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        out = self.relu(self.norm1(self.conv1(x)))
        out = self.norm2(self.conv2(out))
        out += self.shortcut(x)
        return self.relu(out)


class Up(nn.Module):
    def __init__(self):
        super().__init__()
        self.down1, self.down2 = nn.Conv2d(3, 4, 3, 1, 1), nn.Conv2d(4, 8, 3, 2, 1)
        self.middle = nn.Sequential(nn.GroupNorm(2, 8), nn.SiLU(), nn.Conv2d(8, 8, 3, 1, 1))
        self.up = nn.ConvTranspose2d(8, 4, 2, 2)
        self.last = nn.Conv2d(8, 3, 1)

    def forward(self, x):
        first = F.relu(self.down1(x))
        second = self.middle(self.down2(first))
        return self.last(torch.cat([self.up(second), first], dim=1))


torch.manual_seed(0)
resnet = nn.Sequential(nn.Conv2d(3, 4, 3, 1, 1), Residual(4, 4), Residual(4, 8, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5))
unet = Up()
image = torch.randn(2, 3, 8, 8)
F.cross_entropy(resnet(image), torch.tensor([1, 4])).backward()
F.mse_loss(unet(image), image).backward()
print_gradient_names(resnet=resnet, unet=unet)
