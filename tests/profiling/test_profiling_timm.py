"""timm's networks against its own results table, to the second decimal, with what it adds.

Source: huggingface/pytorch-image-models at aa4b585, results/
benchmark-infer-amp-nhwc-pt240-cu124-rtx4090.csv, columns infer_gmacs and param_count. Its
benchmark.py has fvcore count, whose total holds more than convolutions, linear layers and
products: 2 for each element of a batch norm, 5 for each of a layer or group norm, 1 for each
element that an adaptive average pool reads. `published_by_fvcore` adds exactly that to convbench's
count, from convbench's own columns; nothing is tuned. fvcore's 0 for padding='same' is why
ConvMixer is printed without its depthwise convolutions: there they are taken away instead.
"""

import pytest
import torch

from convbench.counting.engine.run import profile

TABLE = {
    # name: (input size, 10⁹ MACs as printed, 10⁶ parameters as printed)
    "beit_base_patch16_224": (224, "17.58", "86.53"),
    "cait_xxs24_224": (224, "2.53", "11.96"),
    "coatnet_0_rw_224": (224, "4.43", "27.44"),
    "convnext_tiny": (384, "13.14", "28.59"),
    "crossvit_15_240": (240, "5.81", "27.53"),
    "cspresnet50": (256, "4.54", "21.62"),
    "davit_tiny": (224, "4.54", "28.36"),
    "deit3_small_patch16_224": (224, "4.61", "22.06"),
    "densenet121": (288, "4.74", "7.98"),
    "dla34": (224, "3.07", "15.74"),
    "dpn68": (224, "2.35", "12.61"),
    "edgenext_small": (320, "1.97", "5.59"),
    "efficientformer_l1": (224, "1.30", "12.29"),
    "efficientnet_b0": (256, "0.52", "5.29"),
    "eva02_tiny_patch14_224": (224, "1.70", "5.50"),
    "fastvit_t8": (256, "0.70", "4.03"),
    "focalnet_tiny_srf": (224, "4.42", "28.43"),
    "ghostnet_100": (224, "0.15", "5.18"),
    "gmlp_s16_224": (224, "4.42", "19.42"),
    "hrnet_w18": (224, "4.32", "21.30"),
    "inception_v4": (299, "12.28", "42.68"),
    "lcnet_100": (224, "0.16", "2.95"),
    "levit_256": (224, "1.13", "18.89"),
    "maxvit_tiny_rw_224": (224, "5.11", "29.06"),
    "mixer_b16_224": (224, "12.62", "59.88"),
    "mixnet_s": (224, "0.25", "4.13"),
    "mobilenetv2_100": (224, "0.31", "3.50"),
    "mobilenetv3_large_100": (256, "0.29", "5.48"),
    "mobilevit_s": (256, "2.03", "5.58"),
    "pit_s_224": (224, "2.88", "23.46"),
    "poolformer_s12": (224, "1.82", "11.92"),
    "pvt_v2_b0": (224, "0.57", "3.67"),
    "regnety_016": (224, "1.63", "11.20"),
    "regnetz_c16": (320, "3.92", "13.46"),
    "repvgg_b0": (224, "3.41", "15.82"),
    "res2net50_26w_4s": (224, "4.28", "25.70"),
    "resmlp_12_224": (224, "3.01", "15.35"),
    "resnest50d": (224, "5.40", "27.48"),
    "resnet18": (288, "3.01", "11.69"),
    "resnet50": (288, "6.80", "25.56"),
    "resnext50_32x4d": (288, "7.04", "25.03"),
    "seresnet50": (288, "6.80", "28.09"),
    "swin_tiny_patch4_window7_224": (224, "4.51", "28.29"),
    "swinv2_tiny_window8_256": (256, "5.96", "28.35"),
    "tf_efficientnet_b0": (224, "0.40", "5.29"),
    "tf_efficientnetv2_s": (384, "8.44", "21.46"),
    "vgg16": (224, "15.47", "138.36"),
    "visformer_small": (224, "4.88", "40.22"),
    "vit_base_patch16_224": (224, "17.58", "86.57"),
    "xception41": (299, "9.28", "26.97"),
}
NORMS = {"batch_norm": 1.0, "layer_norm": 2.5, "group_norm": 2.5}
"""fvcore's count of a normalisation, as a multiple of convbench's 2 for each element."""
ALONE = [
    "beit_base_patch16_224", "cait_xxs24_224", "convnext_tiny", "cspresnet50", "davit_tiny",
    "deit3_small_patch16_224", "densenet121", "dla34", "efficientformer_l1", "efficientnet_b0",
    "eva02_tiny_patch14_224", "focalnet_tiny_srf", "gmlp_s16_224", "hrnet_w18", "inception_v4",
    "levit_256", "maxvit_tiny_rw_224", "mixer_b16_224", "mobilenetv2_100",
    "mobilenetv3_large_100", "mobilevit_s", "pit_s_224", "poolformer_s12", "regnety_016",
    "repvgg_b0", "resnest50d", "resnet50", "resnext50_32x4d", "seresnet50",
    "swin_tiny_patch4_window7_224", "tf_efficientnet_b0", "tf_efficientnetv2_s", "vgg16",
    "visformer_small", "vit_base_patch16_224",
]  # fmt: skip
"""Those whose one decimal, which the model cards print, no such addition changes."""


def counted(timm, unheld, name, size):
    with unheld():
        module = timm.create_model(name).eval()
    found = profile(module, torch.empty(1, 3, size, size, device="meta"))
    assert found.how == "shapes"
    assert found.complete, found.unsupported
    return module, found


def published_by_fvcore(found):
    """What fvcore's total holds, as its jit_handles.py counts."""
    total = found.total.multiplications
    for operator, counts in found.by_operator.items():
        factor = next((f for name, f in NORMS.items() if name in operator), 0)
        total += factor * counts.normalisation
        total += counts.elementwise if "adaptive_avg_pool" in operator else 0
    return total


@pytest.mark.parametrize("name", TABLE)
def test_the_published_figures(timm, unheld, name):
    size, gmacs, parameters = TABLE[name]
    _, found = counted(timm, unheld, name, size)
    assert f"{published_by_fvcore(found) / 1e9:.2f}" == gmacs
    assert f"{found.parameters / 1e6:.2f}" == parameters


@pytest.mark.parametrize("name", ALONE)
def test_convolutions_and_linear_layers_alone_at_the_one_decimal_of_the_model_cards(
    timm, unheld, name
):
    size, gmacs, parameters = TABLE[name]
    _, found = counted(timm, unheld, name, size)
    assert f"{found.total.multiplications / 1e9:.1f}" == f"{float(gmacs):.1f}"
    assert f"{found.parameters / 1e6:.1f}" == f"{float(parameters):.1f}"


def test_convmixer_is_printed_without_its_depthwise_convolutions(timm, unheld):
    module, found = counted(timm, unheld, "convmixer_768_32", 224)
    same = {n for n, part in module.named_modules() if getattr(part, "padding", 0) == "same"}
    forgotten = sum(row.counts.multiplications for row in found.rows if row.module in same)
    assert len(same) == 32
    assert forgotten == 32 * 768 * 7 * 7 * 32 * 32
    assert f"{(published_by_fvcore(found) - forgotten) / 1e9:.2f}" == "19.55"
    assert f"{found.total.multiplications / 1e9:.2f}" == "20.68", "which its MACs are"
