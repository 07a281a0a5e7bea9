"""Parts of real networks that counters got wrong, written anew, each with its value by hand.

A case is as in the audit: what is multiplied, as arithmetic with the program's own numbers.
"""

import math

import torch
from field.field_making import CASES, Forward, case, image
from torch import nn
from torch.nn import functional

__all__ = ["CASES"]


def conv(inputs, outputs, kernel=1, **knobs):
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False, **knobs)


class Swish(nn.Module):
    """EfficientNet's own, as an autograd function that keeps memory low."""

    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * torch.sigmoid(x)

        @staticmethod
        def backward(ctx, gradient):
            (x,) = ctx.saved_tensors
            gate = torch.sigmoid(x)
            return gradient * (gate * (1 + x * (1 - gate)))

    def forward(self, x):
        return self.Function.apply(x)


class Excitation(nn.Module):
    def __init__(self, channels, hidden, activation, gate):
        super().__init__()
        self.down, self.up = conv(channels, hidden), conv(hidden, channels)
        self.activation, self.gate = activation, gate

    def forward(self, x):
        return x * self.gate(self.up(self.activation(self.down(x.mean((2, 3), keepdim=True)))))


# MBConv 4 -> 24 -> 4 on 10 x 10: 1x1, depthwise 3x3, two layers of the excitation, 1x1
@case("EfficientNet's block", "24*4 * 10*10 + 24 * 3*3 * 10*10 + 24*2 + 2*24 + 4*24 * 10*10 + 4*5")
def efficientnet():
    def forward(self, x):
        y = self.swish(self.norm(self.expand(x)))
        y = self.swish(self.depthwise(y))
        y = self.project(self.excitation(y))
        return self.head(functional.adaptive_avg_pool2d(x + y, 1).flatten(1))

    return Forward(
        forward,
        swish=Swish(),
        norm=nn.BatchNorm2d(24),
        expand=conv(4, 24),
        depthwise=conv(24, 24, 3, groups=24),
        excitation=Excitation(24, 2, Swish(), torch.sigmoid),
        project=conv(24, 4),
        head=nn.Linear(4, 5),
    ), image(1, 4, 10, 10)


def hard_sigmoid(x):
    return functional.relu6(x + 3.0, inplace=True) / 6.0


# 16 channels on 8 x 8, depthwise 5x5, excitation 16-4-16, 1x1 to 8, then pooled: gates are scales
@case("MobileNetV3's block", "16 * 5*5 * 8*8 + 16*4 + 4*16 + 8*16 * 8*8 + 8*12")
def mobilenet_v3():
    def forward(self, x):
        y = self.excitation(self.depthwise(x))
        y = y * hard_sigmoid(y)
        y = self.project(y)
        y = y * hard_sigmoid(y)
        return self.head(y.mean((2, 3)))

    return Forward(
        forward,
        depthwise=conv(16, 16, 5, groups=16),
        excitation=Excitation(16, 4, torch.relu, hard_sigmoid),
        project=conv(16, 8),
        head=nn.Linear(8, 12),
    ), image(1, 16, 8, 8)


# MixNet: half of 8 channels with 3x3, half with 5x5, depthwise, then the swish and a pool
@case("MixNet's mixed kernels", "4 * 3*3 * 9*9 + 4 * 5*5 * 9*9")
def mixnet():
    def forward(self, x):
        parts = [layer(part) for layer, part in zip(self.layers, x.chunk(2, 1), strict=True)]
        y = torch.cat(parts, 1)
        return (y * y.sigmoid()).mean((2, 3))

    layers = nn.ModuleList([conv(4, 4, 3, groups=4), conv(4, 4, 5, groups=4)])
    return Forward(forward, layers=layers), image(1, 8, 9, 9)


# RegionViT: 4 regions of 1 + 4 tokens of 8; a layer to q, k, v, scores and values of 2 heads by
# einsum, a layer out; the bias is looked up by integer places (no products)
@case("RegionViT's attention", "4*5 * 24*8 + 2 * 4*2 * 5*5*4 + 4*5 * 8*8")
def regionvit():
    def forward(self, x):
        q, k, v = self.qkv(x).reshape(4, 5, 3, 2, 4).permute(2, 0, 3, 1, 4)
        grid = torch.arange(5, device=x.device)
        places = torch.stack([grid[:, None] - grid[None] + 4, grid[:, None] * 0 + grid[None]], -1)
        strides = torch.tensor([1, 0], device=x.device)
        bias = self.table[(places * strides).sum(-1)]
        scores = torch.einsum("bhnd,bhmd->bhnm", q, k) / math.sqrt(4) + bias.permute(2, 0, 1)
        mixed = torch.einsum("bhnm,bhmd->bhnd", scores.softmax(-1), v)
        return self.out(mixed.transpose(1, 2).reshape(4, 5, 8))

    return Forward(
        forward, qkv=nn.Linear(8, 24), out=nn.Linear(8, 8), table=torch.randn(9, 2)
    ), image(4, 5, 8)


# 2 x 4 x 4 vectors of 6 against 10 words: the product in the middle of |x|2 - 2xw + |w|2, then the
# words chosen as one-hot rows times the codebook (a matrix product that is written as one)
@case("a VQ-VAE's quantiser", "32 * 6*10 + 32 * 10*6")
def vq_vae():
    def forward(self, x):
        flat = x.permute(0, 2, 3, 1).reshape(-1, 6)
        words = self.words.weight
        distances = (flat**2).sum(1, keepdim=True) + (words**2).sum(1) - 2 * flat @ words.t()
        chosen = torch.zeros_like(distances).scatter_(1, distances.argmin(1)[:, None], 1)
        quantised = (chosen @ words).view(2, 4, 4, 6).permute(0, 3, 1, 2)
        loss = functional.mse_loss(quantised.detach(), x) + (quantised - x.detach()).pow(2).mean()
        return x + (quantised - x).detach(), loss

    return Forward(forward, words=nn.Embedding(10, 6)), image(2, 6, 4, 4)


# iSQRT-COV: covariance of 5 channels over 4 x 4 positions (X I X': two products), 2 steps of
# Newton and Schulz on 5 x 5, four products; the trace is a choice
@case("iSQRT-COV's pooling", "2 * 5*16*16 + 2 * 5*5*16 + 2 * 4 * 5*5*5")
def isqrt_cov():
    def forward(_, x):
        flat = x.reshape(2, 5, 16)
        centre = torch.eye(16, device=x.device) / 16 - torch.ones(16, 16, device=x.device) / 256
        covariance = flat.bmm(centre[None].expand(2, 16, 16)).bmm(flat.transpose(1, 2))
        eye = 3 * torch.eye(5, device=x.device)[None].expand(2, 5, 5)
        a = covariance / (covariance * torch.eye(5, device=x.device)).sum((1, 2), keepdim=True)
        half = 0.5 * (eye - a)
        y, z = a.bmm(half), half
        half = 0.5 * (eye - z.bmm(y))
        return y.bmm(half), half.bmm(z)

    return Forward(forward), image(2, 5, 4, 4)


# SKNet: 3x3 and dilated 3x3 in 2 groups, 8-4-16 for the gates; the blend of two tensors is none
@case("SKNet's selection", "2 * 8*4 * 3*3 * 7*7 + 8*4 + 4*16")
def sknet():
    def forward(self, x):
        u = torch.stack([branch(x) for branch in self.branches], 1)
        gates = self.up(torch.relu(self.down(u.sum(1).mean((2, 3))))).view(-1, 2, 8, 1, 1)
        return (u * gates.softmax(1)).sum(1)

    branches = nn.ModuleList(
        [nn.Conv2d(8, 8, 3, padding=step, dilation=step, groups=2, bias=False) for step in (1, 2)]
    )
    return Forward(forward, branches=branches, down=nn.Linear(8, 4), up=nn.Linear(4, 16)), image(
        1, 8, 7, 7
    )


# ResNeSt: a grouped 3x3 to 2 x 8, gates, and the splits of that one tensor weighted and summed:
# by the stated rule a contraction, in a column of its own
@case("ResNeSt's split attention", "16*4 * 3*3 * 7*7 + 8*4 + 4*16 + 2*8 * 7*7", by_hand="2*8 * 7*7")
def resnest():
    def forward(self, x):
        splits = self.conv(x).relu().view(-1, 2, 8, 7, 7)
        gates = self.up(torch.relu(self.down(splits.sum(1).mean((2, 3))))).view(-1, 2, 8, 1, 1)
        return (splits * gates.softmax(1)).sum(1)

    return Forward(
        forward,
        conv=nn.Conv2d(8, 16, 3, padding=1, groups=2, bias=False),
        down=nn.Linear(8, 4),
        up=nn.Linear(4, 16),
    ), image(1, 8, 7, 7)


# CBAM: a shared 8-2-8 on mean and maximum, a 7x7 on 2 maps; a 1x1 on what was gated. The mean over
# channels of what a gate for each channel scaled is by the stated rule a contraction
@case(
    "CBAM's two gates",
    "2 * (8*2 + 2*8) + 8 * 6*6 + 1*2 * 7*7 * 6*6 + 4*8 * 6*6",
    by_hand="8 * 6*6",
)
def cbam():
    def forward(self, x):
        pooled = (x.mean((2, 3), keepdim=True), x.amax((2, 3), keepdim=True))
        x = x * sum(self.up(torch.relu(self.down(one))) for one in pooled).sigmoid()
        maps = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)
        return self.last(x * self.spatial(maps).sigmoid())

    return Forward(
        forward, down=conv(8, 2), up=conv(2, 8), spatial=conv(2, 1, 7), last=conv(8, 4)
    ), image(1, 8, 6, 6)


class ClassInstantier(dict):
    """As Hugging Face's ACT2FN: what is taken from it is made anew."""

    def __getitem__(self, key):
        kind, knobs = super().__getitem__(key)
        return kind(**knobs)


ACTIVATIONS = ClassInstantier(swish=(Swish, {}), leaky=(nn.LeakyReLU, {"negative_slope": 0.1}))


# 3 tokens of 8, to 16 and back
@case("activations from a dict of one's own", "2*3 * 8*16 + 2*3 * 16*8")
def act2fn():
    def forward(self, x):
        return self.up(ACTIVATIONS["swish"](ACTIVATIONS["leaky"](self.down(x))))

    return Forward(forward, down=nn.Linear(8, 16), up=nn.Linear(16, 8)), image(2, 3, 8)


# 2 x 5 tokens of 8 in 2 heads, linear attention: keys times values (4 x 4 a head), queries times
# that, and the normaliser, queries times the sum of keys, one number a token and head
@case("linear attention by einsum", "3 * 10 * 8*8 + 2*2 * 5*4*4 + 2*2 * 5*4*4 + 2*2 * 5*4")
def linear_attention():
    def forward(self, x):
        q, k, v = (layer(x).view(2, 5, 2, 4) for layer in (self.q, self.k, self.v))
        q, k = functional.elu(q) + 1, functional.elu(k) + 1
        context = torch.einsum("bnhd,bnhe->bhde", k, v)
        norm = torch.einsum("bnhd,bhd->bnh", q, k.sum(1))
        return torch.einsum("bnhd,bhde->bnhe", q, context) / norm[..., None]

    parts = {name: nn.Linear(8, 8, bias=False) for name in "qkv"}
    return Forward(forward, **parts), image(2, 5, 8)


# ConvNeXt: depthwise 7x7, two layers over the last axis, layer scale: elementwise
@case("ConvNeXt's block", "8 * 7*7 * 6*6 + 36 * 8*32 + 36 * 32*8")
def convnext():
    def forward(self, x):
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        y = self.gamma * self.down(functional.gelu(self.up(y)))
        return x + y.permute(0, 3, 1, 2)

    return Forward(
        forward,
        depthwise=conv(8, 8, 7, groups=8),
        norm=nn.LayerNorm(8),
        up=nn.Linear(8, 32),
        down=nn.Linear(32, 8),
        gamma=torch.ones(8),
    ), image(1, 8, 6, 6)


# rotary positions are elementwise; then the scores of 2 x 3 tokens of 8
@case("rotary attention", "2 * 2 * 3*3*8")
def rotary():
    def forward(self, x):
        turned = torch.cat([-x[..., 4:], x[..., :4]], -1)
        x = x * self.cos + turned * self.sin
        return functional.scaled_dot_product_attention(x, x, x)

    module = Forward(forward)
    module.register_buffer("cos", torch.ones(3, 8))
    module.register_buffer("sin", torch.ones(3, 8))
    return module, image(2, 1, 3, 8)
