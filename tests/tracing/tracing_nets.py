"""Small networks of every kind, for the tests of formulas."""

import math

import torch
from torch import nn
from torch.nn import functional


class Stem(nn.Module):
    """2d: strides, groups, depthwise, 'same', dilation, pooling to a fixed size, linear."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 12, 5, stride=2, padding=1),
            nn.BatchNorm2d(12),
            nn.ReLU(),
            nn.Conv2d(12, 12, 3, padding="same", dilation=2, groups=12),
            nn.Conv2d(12, 24, 1, groups=4),
            nn.MaxPool2d(3, stride=2, ceil_mode=True),
            nn.Conv2d(24, 8, (3, 1), stride=(2, 1), padding=(0, 2)),
            nn.AdaptiveAvgPool2d(3),
            nn.Flatten(),
            nn.Linear(72, 10),
        )

    def forward(self, x):
        return self.layers(x)


class Up(nn.Module):
    """Transposed convolutions with groups, output padding and dilation, and resizing."""

    def __init__(self):
        super().__init__()
        self.down = nn.Conv2d(3, 8, 3, stride=2)
        self.up = nn.ConvTranspose2d(8, 4, 3, stride=2, padding=1, output_padding=1, groups=2)
        self.end = nn.ConvTranspose2d(4, 2, (2, 3), stride=3, dilation=(1, 2))

    def forward(self, x):
        y = self.end(self.up(self.down(x)))
        return functional.interpolate(y, scale_factor=2.0), functional.interpolate(
            y, size=x.shape[2:]
        )


class Patches(nn.Module):
    """A small vision transformer: its attention is quadratic in the number of patches."""

    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, 16, 8, stride=8)
        self.token = nn.Parameter(torch.zeros(1, 1, 16))
        self.layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)

    def forward(self, x):
        y = self.patch(x).flatten(2).transpose(1, 2)
        y = torch.cat([self.token.expand(y.shape[0], -1, -1), y], dim=1)
        return self.layer(y)[:, 0]


class Products(nn.Module):
    """Every matrix product: einsum, matmul, bmm, baddbmm, addmm and mm of activations."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3)
        self.weight = nn.Parameter(torch.zeros(6, 5))

    def forward(self, x):
        y = self.conv(x)
        flat = y.flatten(2)
        gram = torch.einsum("bcp,bdp->bcd", flat, flat)
        more = torch.bmm(gram, flat) + torch.matmul(gram, flat)
        added = torch.baddbmm(gram, flat, flat.transpose(1, 2))
        pooled = y.mean(dim=(2, 3))
        return more, added, torch.addmm(pooled @ self.weight, pooled, self.weight), y @ y.mT


class Shared(nn.Module):
    """One layer used three times, at three sizes: its parameters count once."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x):
        y = functional.avg_pool2d(self.conv(x), 2)
        return self.conv(functional.avg_pool2d(self.conv(y), 3))


class Windows(nn.Module):
    """Pads to a multiple of 7 and works in windows."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 3, padding=1)

    def forward(self, x):
        x = functional.pad(x, (0, (-x.shape[3]) % 7, 0, (-x.shape[2]) % 7))
        b, c, h, w = x.shape
        y = x.view(b, c, h // 7, 7, w // 7, 7).permute(0, 2, 4, 1, 3, 5)
        return self.conv(y.reshape(-1, c, 7, 7))


class SamePadding(nn.Module):
    """Pads so that strided layers give ceil(size / stride), as TensorFlow does."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, stride=2)
        self.second = nn.Conv2d(8, 8, 5, stride=2, groups=8)
        self.norm = nn.LayerNorm(8)

    def forward(self, x):
        for conv in (self.first, self.second):
            sizes, kernel = x.shape[2:], conv.kernel_size[0]
            wide = [max((math.ceil(n / 2) - 1) * 2 + kernel - n, 0) for n in sizes]
            high, across = wide
            halves = (across // 2, across - across // 2, high // 2, high - high // 2)
            x = conv(functional.pad(x, halves))
        return self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Tokens(nn.Module):
    """Embedding, one encoder layer, output scores."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(50, 16)
        self.layer = nn.TransformerEncoderLayer(16, 2, 24, batch_first=True)
        self.score = nn.Linear(16, 50)

    def forward(self, x):
        return self.score(self.layer(self.embed(x)))


class Wrapped(nn.Module):
    """Layers under no_grad and autocast, which an exported program keeps in graphs of their own."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        with torch.no_grad():
            y = self.conv(x)
        with torch.enable_grad():
            return y + self.conv(x)


class Scaled(nn.Module):
    """A convolution of a resized image."""

    def __init__(self, factor):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.factor = factor

    def forward(self, x):
        return self.conv(functional.interpolate(x, scale_factor=self.factor))


class Fixed(nn.Module):
    """A linear layer on flattened positions: it takes one size only."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.score = nn.Linear(4 * 8 * 6, 5)

    def forward(self, x):
        return self.score(functional.max_pool2d(self.conv(x), 2).flatten(1))


class Chooses(nn.Module):
    """Its forward is what it is given: for control flow of all kinds."""

    def __init__(self, choose):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.wide = nn.Conv2d(3, 16, 3)
        self.choose = choose

    def forward(self, x):
        return self.choose(self, x)


class Counts(nn.Module):
    """Changes itself when it runs: an attribute, a list, a buffer."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.calls = 0
        self.seen = []
        self.register_buffer("sum", torch.zeros(()))

    def forward(self, x):
        self.calls += 1
        self.seen.append(x.shape[0])
        self.sum += 1
        return self.norm(self.conv(x))
