"""Every torchvision network against the figures that its weights publish.

torchvision prints `_ops` (in 10⁹ multiply-accumulates, three decimals) and `num_params` beside
every set of weights. It counts convolutions, linear layers and the two matrix products of
attention (its script is built on torch's FlopCounterMode), which is what `total.multiplications`
holds: no convention stands between them, and the comparison is of plain numbers.

Left out, because their figures depend on what is not printed or cannot run here: detection (nms and
RoI pooling are in torchvision's compiled part, and the count depends on the boxes found) and RAFT,
whose input size is not given (at 520×960, 12 updates, one count is 409.324, the print 211.007).
"""

import pytest
import torch

from convbench.counting.engine.run import profile

_CLASSIFICATION = """
    alexnet convnext_base convnext_large convnext_small convnext_tiny densenet121 densenet161
    densenet169 densenet201 efficientnet_b0 efficientnet_b1 efficientnet_b2 efficientnet_b3
    efficientnet_b4 efficientnet_b5 efficientnet_b6 efficientnet_b7 efficientnet_v2_l
    efficientnet_v2_m efficientnet_v2_s googlenet inception_v3 maxvit_t mnasnet0_5 mnasnet0_75
    mnasnet1_0 mnasnet1_3 mobilenet_v2 mobilenet_v3_large mobilenet_v3_small regnet_x_16gf
    regnet_x_1_6gf regnet_x_32gf regnet_x_3_2gf regnet_x_400mf regnet_x_800mf regnet_x_8gf
    regnet_y_128gf regnet_y_16gf regnet_y_1_6gf regnet_y_32gf regnet_y_3_2gf regnet_y_400mf
    regnet_y_800mf regnet_y_8gf resnet101 resnet152 resnet18 resnet34 resnet50 resnext101_32x8d
    resnext101_64x4d resnext50_32x4d shufflenet_v2_x0_5 shufflenet_v2_x1_0 shufflenet_v2_x1_5
    shufflenet_v2_x2_0 squeezenet1_0 squeezenet1_1 swin_b swin_s swin_t swin_v2_b swin_v2_s
    swin_v2_t vgg11 vgg11_bn vgg13 vgg13_bn vgg16 vgg16_bn vgg19 vgg19_bn vit_b_16 vit_b_32
    vit_h_14 vit_l_16 vit_l_32 wide_resnet101_2 wide_resnet50_2
"""
_VIDEO = "mc3_18 mvit_v1_b mvit_v2_s r2plus1d_18 r3d_18 s3d swin3d_b swin3d_s swin3d_t"
FRAMES = 16
"""Of a video, in torchvision's count; its recipes for s3d and swin3d read more."""
_SEGMENTATION = """
    deeplabv3_mobilenet_v3_large deeplabv3_resnet101 deeplabv3_resnet50 fcn_resnet101 fcn_resnet50
    lraspp_mobilenet_v3_large
"""
SEGMENTATION_SIZE = (520, 520)
_QUANTISABLE = """
    quantized_googlenet quantized_inception_v3 quantized_mobilenet_v2 quantized_mobilenet_v3_large
    quantized_resnet18 quantized_resnet50 quantized_resnext101_32x8d quantized_resnext101_64x4d
    quantized_shufflenet_v2_x0_5 quantized_shufflenet_v2_x1_0 quantized_shufflenet_v2_x1_5
    quantized_shufflenet_v2_x2_0
"""
CLASSIFICATION, VIDEO = _CLASSIFICATION.split(), _VIDEO.split()
SEGMENTATION, QUANTISABLE = _SEGMENTATION.split(), _QUANTISABLE.split()
UNTRIED = ("rcnn", "retinanet", "fcos", "ssd", "raft")


def made(torchvision, unheld, name, weights):
    """The network as these weights fill it, and the size that they read."""
    crop = getattr(weights.transforms(), "crop_size", None)
    size = SEGMENTATION_SIZE if crop is None else (crop[0], crop[-1])
    options = {}
    if "googlenet" in name:
        options = {"aux_logits": False, "init_weights": False}  # what loading weights leaves
    elif "inception" in name:
        options = {"init_weights": False}
    elif name.startswith("vit"):
        options = {"image_size": size[0]}
    elif name in SEGMENTATION:
        options = {"weights_backbone": None}
        if not name.startswith("lraspp"):
            options["aux_loss"] = True  # their weights hold the auxiliary head
    if name in QUANTISABLE:
        options["quantize"] = False
    with unheld():
        module = torchvision.models.get_model(name, weights=None, **options)
    return module.eval(), ((FRAMES, *size) if name in VIDEO else size)


def differences(torchvision, unheld, name):
    found = []
    for weights in torchvision.models.get_model_weights(name):
        module, size = made(torchvision, unheld, name, weights)
        counted = profile(module, torch.empty(1, 3, *size, device="meta"))
        assert counted.how == "shapes"
        assert counted.complete, counted.unsupported
        got = (round(counted.total.multiplications / 1e9, 3), counted.parameters)
        printed = (weights.meta["_ops"], weights.meta["num_params"])
        if got != printed:
            found.append((weights.name, got, printed))
    return found


@pytest.mark.parametrize("name", [*CLASSIFICATION, *VIDEO, *SEGMENTATION])
def test_the_published_figures(torchvision, unheld, name):
    assert differences(torchvision, unheld, name) == []


@pytest.mark.parametrize("name", QUANTISABLE)
def test_the_published_figures_before_quantisation(torchvision, unheld, name):
    """The quantisable variants in floats: the same multiplications as after."""
    assert differences(torchvision, unheld, name) == []


def test_no_network_is_forgotten(torchvision):
    tried = {*CLASSIFICATION, *VIDEO, *SEGMENTATION, *QUANTISABLE}
    left = set(torchvision.models.list_models()) - tried
    assert {name for name in left if not any(part in name for part in UNTRIED)} == set()


@pytest.mark.filterwarnings("ignore")  # torch calls its eager quantisation deprecated
@pytest.mark.parametrize("name", ["quantized_resnet18"])
def test_a_quantised_network_counts_as_its_float_one(torchvision, name):
    """It runs for real, on the integers, and says so."""
    if "qnnpack" not in torch.backends.quantized.supported_engines:
        pytest.skip("this torch has no qnnpack engine")
    before = torch.backends.quantized.engine
    torch.backends.quantized.engine = "qnnpack"
    try:
        module = torchvision.models.get_model(name, weights=None, quantize=False).eval()
        inputs = torch.zeros(1, 3, 64, 64)
        floats = profile(module, inputs)
        module.fuse_model()
        module.qconfig = torch.ao.quantization.get_default_qconfig("qnnpack")
        torch.ao.quantization.prepare(module, inplace=True)
        module(inputs)
        torch.ao.quantization.convert(module, inplace=True)
        integers = profile(module, inputs)
    finally:
        torch.backends.quantized.engine = before
    assert floats.how == "shapes"
    assert "quantised" in integers.how
    assert integers.total.multiplications == floats.total.multiplications
    assert integers.complete, integers.unsupported
