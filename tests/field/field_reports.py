"""What people reported of counters: one small program for each kind, its value by hand."""

import functools
import warnings
from collections import OrderedDict, namedtuple
from itertools import pairwise

import torch
from field.field_making import CASES, Forward, case, image
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrizations
from torch.utils.checkpoint import checkpoint_sequential

__all__ = ["CASES"]


def conv(inputs, outputs, kernel=3, **knobs):
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False, **knobs)


# fvcore, thop: a grouped 1-d convolution, 12 to 6 in 3 groups, 5 taps, 16 places of 20
@case("grouped in one dimension", "2 * 6 * 4 * 5 * 16")
def grouped_1d():
    return nn.Conv1d(12, 6, 5, groups=3), image(2, 12, 20)


# thop, torchinfo: a weight that is used by a function, on three axes
@case("functional linear on three axes", "2*3*4 * 5*7")
def functional_linear():
    return Forward(
        lambda self, x: functional.linear(x, self.weight), weight=torch.randn(7, 5)
    ), image(2, 3, 4, 5)


# torchinfo, ptflops: 6 queries, 9 keys, 8 wide, 2 heads, keys of 5 and values of 3
@case("MultiheadAttention, keys and values of other sizes",
      "2*6 * 8*8 + 2*9 * 5*8 + 2*9 * 3*8 + 2 * 2 * 6*9*8 + 2*6 * 8*8")  # fmt: skip
def attention():
    layer = nn.MultiheadAttention(8, 2, kdim=5, vdim=3, batch_first=True)
    return layer, (torch.randn(2, 6, 8), torch.randn(2, 9, 5), torch.randn(2, 9, 3))


# torch: the fused path of an encoder layer in evaluation
@case(
    "TransformerEncoderLayer in evaluation", "10 * 3*8*8 + 2 * 2 * 5*5*8 + 10 * 8*8 + 2*10 * 8*16"
)
def encoder():
    return nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dropout=0.0), image(2, 5, 8)


# torchinfo: one layer on four levels of a pyramid
@case("a head shared by four levels", "3*4 * 9 * (64 + 16 + 4 + 1)")
def shared_head():
    return Forward(
        lambda self, *levels: [self.head(level) for level in levels], head=conv(4, 3)
    ), tuple(torch.randn(1, 4, size, size) for size in (8, 4, 2, 1))


# thop: two layers, both directions: 3 and 2*5 inputs, 5 states, 4 gates, 6 steps of a batch of 2
@case("LSTM, two layers, both directions", "6*2 * 2*4*5*(3 + 5) + 6*2 * 2*4*5*(10 + 5)")
def lstm():
    return nn.LSTM(3, 5, num_layers=2, bidirectional=True), image(6, 2, 3)


# as above with three gates, and the batch first
@case("GRU, batch first", "2*6 * 3*5*(3 + 5)")
def gru():
    return nn.GRU(3, 5, batch_first=True), image(2, 6, 3)


# torch: a projection of the state makes two more products a step
@case("LSTM with projections", "6*2 * (4*5*3 + 4*5*2 + 5*2)")
def projected():
    return nn.LSTM(3, 5, proj_size=2), image(6, 2, 3)


# fvcore: weight normalisation of a linear and a transposed layer; the norms are of weights
@case("weight normalisation", "4 * 6*5 + 4*5*3 * 4")
def weight_norm():
    return Forward(
        lambda self, x: self.up(self.layer(x).unsqueeze(-1)),
        layer=parametrizations.weight_norm(nn.Linear(6, 5)),
        up=parametrizations.weight_norm(nn.ConvTranspose1d(5, 3, 4), dim=1),
    ), image(4, 6)


# fvcore: einsum of three tensors goes in two steps, torch's order is from the left: 3*4*5 + 3*5*6
@case("einsum of three tensors", "3*4*5 + 3*5*6")
def einsum():
    return Forward(
        lambda self, x: torch.einsum("ab,bc,cd->ad", x, self.one, self.two),
        one=torch.randn(4, 5),
        two=torch.randn(5, 6),
    ), image(3, 4)


# thop counted output positions: 36 input places; 4 channels to 6 in 2 groups, 3x3
@case("transposed, output padding, grouped", "4 * 3 * 3*3 * 6*6")
def transposed():
    layer = nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2, bias=False)
    return layer, image(1, 4, 6, 6)


# 3-d transposed, 4*4*4 input places
@case("transposed in three dimensions", "2*3 * 2*2*2 * 4*4*4")
def transposed_3d():
    return nn.ConvTranspose3d(2, 3, 2, stride=2), image(1, 2, 4, 4, 4)


# DeepSpeed, thop: bilinear resizing multiplies, and is no product that is counted
@case("resized by scale, then convolved", "3*4 * 9 * 12*18")
def resized():
    return Forward(
        lambda self, x: self.conv(
            functional.interpolate(x, scale_factor=1.5, mode="bicubic", align_corners=False)
        ),
        conv=conv(4, 3),
    ), image(1, 4, 8, 12)


# a layer of 8-bit integers made when it is called: 3 rows, 16 to 8
@case("dynamically quantised", "3 * 16*8")
def quantised():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch moves it elsewhere; models still hold it
        layers = nn.Sequential(nn.Linear(16, 8), nn.ReLU())
        return torch.ao.quantization.quantize_dynamic(layers, {nn.Linear}), image(3, 16)


# casts count as nothing; the two layers, one in bfloat16 and one kept out of it
@case("autocast with an island of float32", "5*4 * 9 * 36 + 5*5 * 9 * 36")
def autocast():
    def forward(self, x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            x = self.one(x)
            with torch.autocast("cpu", enabled=False):
                return self.two(x.float())

    return Forward(forward, one=conv(4, 5), two=conv(5, 5)), image(1, 4, 6, 6)


# each of three layers once: what a checkpoint runs again is not the forward
@case("checkpointing of a sequence", "3 * 4*4 * 9 * 36")
def checkpointed():
    layers = nn.Sequential(*(conv(4, 4) for _ in range(3)))
    return Forward(
        lambda self, x: checkpoint_sequential(self.layers, 2, x, use_reentrant=False),
        layers=layers,
    ), image(1, 4, 6, 6)


# ptflops: the wrapper of a model trained on several GPUs, on a machine without any
@case("DataParallel", "4*3 * 9 * 36")
def parallel():
    return nn.DataParallel(nn.Sequential(conv(3, 4), nn.ReLU())), image(1, 3, 6, 6)


Outputs = namedtuple("Outputs", "logits states")


# transformers: a named tuple, a dict in order, lists
@case("outputs of several kinds", "2 * 3*3 * 9 * 36")
def outputs():
    def forward(self, x):
        states = [self.one(x)]
        states.append(self.two(states[-1]))
        return Outputs(states[-1].mean((2, 3)), OrderedDict(last=states))

    return Forward(forward, one=conv(3, 3), two=conv(3, 3)), image(1, 3, 6, 6)


# torchinfo, fvcore: a dict that holds lists of tensors
@case("nested inputs", "4*3 * 9 * 36 + 2*6 * 4*4")
def nested():
    def forward(self, batch):
        return self.conv(batch["image"]), [self.layer(one) for one in batch["text"][0]]

    batch = {"image": torch.randn(1, 3, 6, 6), "text": [[torch.randn(2, 6, 4)]]}
    return Forward(forward, conv=conv(3, 4), layer=nn.Linear(4, 4)), (batch,)


# torch: a part is compiled, the rest is not
@case("a compiled submodule", "4*3 * 9 * 36 + 2*4 * 9 * 36")
def compiled():
    part = torch.compile(nn.Sequential(conv(3, 4), nn.ReLU()), backend="eager")
    return Forward(lambda self, x: self.last(self.part(x)), part=part, last=conv(4, 2)), image(
        1, 3, 6, 6
    )


# layers in a plain list are no submodules (a mistake that people report as "0 parameters")
@case("layers in a plain list", "3 * 4*4 * 9 * 36")
def plain_list():
    layers = [conv(4, 4) for _ in range(3)]
    module = Forward(lambda self, x: functools.reduce(lambda y, layer: layer(y), self.held, x))
    module.held = layers
    return module, image(1, 4, 6, 6)


# RepVGG: kernels of branches are added, which is work on weights alone; one convolution runs
@case("reparametrised branches", "4*4 * 9 * 36")
def reparametrised():
    def forward(self, x):
        kernel = self.wide + functional.pad(self.narrow * self.scale.view(4, 1, 1, 1), [1] * 4)
        return functional.conv2d(x, kernel, padding=1)

    return Forward(
        forward,
        wide=torch.randn(4, 4, 3, 3),
        narrow=torch.randn(4, 4, 1, 1),
        scale=torch.ones(4),
    ), image(1, 4, 6, 6)


# LoRA: a frozen layer and a low rank beside it: 8 to 6, rank 2
@case("a low rank beside a frozen layer", "5 * 8*6 + 5 * 8*2 + 5 * 2*6")
def lora():
    frozen = nn.Linear(8, 6).requires_grad_(requires_grad=False)
    return Forward(
        lambda self, x: self.frozen(x) + x @ self.down @ self.up * 2.0,
        frozen=frozen,
        down=torch.randn(8, 2),
        up=torch.zeros(2, 6),
    ), image(5, 8)


# mixture of experts, all of them on all 6 tokens, weighted by gates: the gate's layer, 3 experts,
# and the weighted sum of one stacked product of all, by einsum
@case("experts weighted by einsum", "6 * 8*3 + 3*6 * 8*8 + 6 * 3*8")
def experts():
    def forward(self, x):
        gates = self.gate(x).softmax(-1)
        each = torch.einsum("nd,edh->neh", x, self.experts)
        return torch.einsum("ne,neh->nh", gates, each)

    return Forward(forward, gate=nn.Linear(8, 3), experts=torch.randn(3, 8, 8)), image(6, 8)


# deep supervision: a loss inside the forward multiplies elementwise
@case("a loss inside the forward", "2 * 8*5")
def loss():
    def forward(self, x, target):
        logits = self.layer(x)
        smooth = functional.cross_entropy(logits, target, label_smoothing=0.1)
        probability = logits.softmax(-1)
        return logits, smooth + -(probability * probability.log()).sum(-1).mean()

    return Forward(forward, layer=nn.Linear(8, 5)), (torch.randn(2, 8), torch.tensor([1, 2]))


# a causal mask made of integers, as floats: 4 tokens of 8
@case("averages over the past by a triangle", "2 * 4 * 8*8")
def triangle():
    def forward(self, x):
        mask = torch.tril(torch.ones(4, 4, device=x.device))
        past = (x[:, None] * mask[None, :, :, None]).sum(2) / mask.sum(-1)[:, None]
        return self.layer(past)

    return Forward(forward, layer=nn.Linear(8, 8)), image(2, 4, 8)


def inference(forward):
    def inside(self, x):
        with torch.inference_mode():
            return forward(self, x)

    return inside


# every layer that autograd takes apart, and nobody does in inference mode: a convolution on 2 x 3
# channels, attention of 2 heads (four layers of 6 to 6, scores and values), a recurrent layer
@case("inference mode: attention and a recurrent layer",
      "3*2 * 9 * 6*5 + 5 * 4*6*6 + 2 * 5*5*6 + 5 * 4*4*(6 + 4)")  # fmt: skip
def in_inference():
    def forward(self, x):
        tokens = self.conv(x)[:, 0].transpose(1, 2)
        mixed, _ = self.attention(tokens, tokens, tokens)
        return self.cell(mixed)

    return Forward(
        inference(forward),
        conv=conv(2, 3),
        attention=nn.MultiheadAttention(6, 2, batch_first=True),
        cell=nn.LSTM(6, 4, batch_first=True),
    ), image(1, 2, 6, 5)


# a product whose half is inside no_grad: 2 x 4 x 6 products, summed outside, and the other way
@case("products across no_grad", "2 * 2*4*6", by_hand="2 * 2*4*6")
def across():
    def forward(self, x):
        with torch.no_grad():
            inside = x * self.weight
        outside = x * self.weight.tanh()
        with torch.no_grad():
            return inside.sum(-1), outside.sum(-1)

    return Forward(forward, weight=torch.randn(4, 6)), image(2, 4, 6)


# GAN discriminators: a spectral norm in training iterates on weights alone, also of buffers
@case("spectral normalisation in training", "4*3 * 9 * 36 + 3 * 4*5", training=True)
def spectral():
    return Forward(
        lambda self, x: self.layer(self.conv(x).mean((2, 3)).expand(3, 4)),
        conv=parametrizations.spectral_norm(conv(3, 4)),
        layer=parametrizations.spectral_norm(nn.Linear(4, 5)),
    ), image(1, 3, 6, 6)


# a model that unrolls itself: 3 steps of a GRU cell and a readout of what all steps gave
@case("an unrolled cell", "3 * 2 * 3*4*(5 + 4) + 2*3 * 4*2")
def unrolled():
    def forward(self, x):
        state, states = x.new_zeros(2, 4), []
        for step in x.unbind(1):
            state = self.cell(step, state)
            states.append(state)
        return self.read(torch.stack(states, 1))

    return Forward(forward, cell=nn.GRUCell(5, 4), read=nn.Linear(4, 2)), image(2, 3, 5)


# DenseNet: each layer takes all before it: 4, 6, 8 channels to 2 each
@case("densely connected", "2 * (4 + 6 + 8) * 9 * 25")
def dense():
    def forward(self, x):
        features = [x]
        for layer in self.layers:
            features.append(layer(torch.cat(features, 1)))
        return torch.cat(features, 1)

    widths = (4, 6, 8, 10)
    layers = nn.ModuleList(conv(one, other - one) for one, other in pairwise(widths))
    return Forward(forward, layers=layers), image(1, 4, 5, 5)
