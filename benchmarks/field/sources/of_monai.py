"""MONAI: networks for volumes and images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from monai.networks import nets

from sources import Made, image

V = (1, 32, 32, 32)
TWO = {"spatial_dims": 2, "in_channels": 1, "out_channels": 2}
THREE = {"spatial_dims": 3, "in_channels": 1, "out_channels": 2}
STEPS = {"channels": (8, 16, 32), "strides": (2, 2)}
MAKERS: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
    "UNet 2d": (lambda: nets.UNet(**TWO, **STEPS, num_res_units=2), (1, 64, 64)),
    "UNet 3d": (lambda: nets.UNet(**THREE, **STEPS), V),
    "BasicUNet": (lambda: nets.BasicUNet(**THREE), V),
    "BasicUNetPlusPlus": (lambda: nets.BasicUNetPlusPlus(**THREE), V),
    "AttentionUnet": (lambda: nets.AttentionUnet(**THREE, **STEPS), V),
    "AutoEncoder": (lambda: nets.AutoEncoder(**TWO, **STEPS), (1, 64, 64)),
    "AHNet": (lambda: nets.AHNet(spatial_dims=3, in_channels=1, out_channels=2), (1, 64, 64, 64)),
    "DenseNet121": (lambda: nets.DenseNet121(**THREE), V),
    "DenseNet169": (lambda: nets.DenseNet169(**TWO), (1, 64, 64)),
    "DynUNet": (lambda: nets.DynUNet(**THREE, kernel_size=[3, 3, 3], strides=[1, 2, 2], upsample_kernel_size=[2, 2]), V),
    "EfficientNetBN b0": (lambda: nets.EfficientNetBN("efficientnet-b0", pretrained=False, spatial_dims=2), (3, 224, 224)),
    "FlexibleUNet": (lambda: nets.FlexibleUNet(in_channels=3, out_channels=2, backbone="efficientnet-b0", pretrained=False), (3, 64, 64)),
    "HighResNet": (lambda: nets.HighResNet(**THREE), V),
    "HoVerNet": (lambda: nets.HoVerNet(), (3, 256, 256)),
    "LocalNet": (lambda: nets.LocalNet(spatial_dims=3, in_channels=2, out_channels=3, num_channel_initial=8, extract_levels=(0, 1)), (2, 32, 32, 32)),
    "MedNeXtS": (lambda: nets.MedNeXtS(**THREE), V),
    "MedNeXtB": (lambda: nets.MedNeXtB(**THREE), V),
    "SegResNet": (lambda: nets.SegResNet(**THREE), V),
    "SegResNetDS": (lambda: nets.SegResNetDS(**THREE), V),
    "SegResNetVAE": (lambda: nets.SegResNetVAE(input_image_size=(32, 32, 32), **THREE), V),
    "SEResNet50": (lambda: nets.SEResNet50(spatial_dims=3, in_channels=1, num_classes=2), V),
    "SEResNext50": (lambda: nets.SEResNext50(spatial_dims=2, in_channels=3, num_classes=2), (3, 64, 64)),
    "SENet154": (lambda: nets.SENet154(spatial_dims=2, in_channels=3, num_classes=2), (3, 64, 64)),
    "resnet18": (lambda: nets.resnet18(spatial_dims=3, n_input_channels=1), V),
    "resnet50": (lambda: nets.resnet50(spatial_dims=3, n_input_channels=1), V),
    "SwinUNETR": (lambda: nets.SwinUNETR(in_channels=1, out_channels=2, feature_size=12), (1, 64, 64, 64)),
    "UNETR": (lambda: nets.UNETR(in_channels=1, out_channels=2, img_size=(32, 32, 32), hidden_size=96, mlp_dim=192, num_heads=4), V),
    "ViT": (lambda: nets.ViT(in_channels=1, img_size=(32, 32, 32), patch_size=(8, 8, 8), hidden_size=96, mlp_dim=192, num_heads=4, num_layers=3), V),
    "ViTAutoEnc": (lambda: nets.ViTAutoEnc(in_channels=1, img_size=(32, 32, 32), patch_size=(8, 8, 8), hidden_size=96, mlp_dim=192, num_heads=4, num_layers=3), V),
    "VNet": (lambda: nets.VNet(spatial_dims=3, in_channels=1, out_channels=2), V),
    "VQVAE": (lambda: nets.VQVAE(**TWO, channels=(8, 16), num_res_channels=(8, 16)), (1, 64, 64)),
    "AutoencoderKL": (lambda: nets.AutoencoderKL(**TWO, channels=(32, 64), num_res_blocks=(1, 1), attention_levels=(False, True), latent_channels=4), (1, 64, 64)),
    "VarAutoEncoder": (lambda: nets.VarAutoEncoder(spatial_dims=2, in_shape=(1, 64, 64), out_channels=1, latent_size=8, channels=(8, 16), strides=(2, 2)), (1, 64, 64)),
    "VoxelMorphUNet": (lambda: nets.VoxelMorphUNet(spatial_dims=3, in_channels=2, unet_out_channels=16, channels=(8, 8, 16, 16, 16, 16), final_conv_channels=(16,)), (2, 32, 32, 32)),
    "DAF3D": (lambda: nets.DAF3D(in_channels=1, out_channels=2, visual_output=False), (1, 64, 64, 64)),
    "VISTA3D encoder": (lambda: nets.SegResNetDS2(spatial_dims=3, in_channels=1, out_channels=2), V),
    "PatchDiscriminator": (lambda: nets.PatchDiscriminator(spatial_dims=2, channels=16, in_channels=1), (1, 64, 64)),
    "GlobalNet": (lambda: nets.GlobalNet(image_size=[32, 32, 32], spatial_dims=3, in_channels=2, num_channel_initial=8, depth=3), (2, 32, 32, 32)),
}  # fmt: skip


def names() -> list[tuple[str, str]]:
    """Return (name, name)."""
    return [(name, name) for name in MAKERS] + [("DiffusionModelUNet", "DiffusionModelUNet")]


def make(name: str) -> Made:
    """Make one."""
    if name == "DiffusionModelUNet":
        net = nets.DiffusionModelUNet(
            spatial_dims=2, in_channels=1, out_channels=1, channels=(32, 64),
            attention_levels=(False, True), num_head_channels=32, num_res_blocks=1,
        )  # fmt: skip
        return net, (image(1, 32, 32), torch.tensor([3], device="cpu"))
    maker, shape = MAKERS[name]
    return maker(), (image(*shape),)
