"""The registry of backbones: data alone, so that a page can show it without loading a network."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from dataeval_ui.errors import UnknownNameError
from dataeval_ui.types import Backbone, Preprocessing

DEFAULT_BACKBONE = "efficientnet-lite0"

_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)

BACKBONES: Mapping[str, Backbone] = MappingProxyType(
    {
        backbone.name: backbone
        for backbone in (
            Backbone(
                name="efficientnet-lite0",
                title="EfficientNet-Lite0",
                family="image classification",
                source="bundled",
                model="tf_efficientnet_lite0",
                n_dims=1280,
                preprocessing=Preprocessing(
                    input_px=224, resize_px=256, interpolation="bicubic", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)
                ),
                layer="conv_head",
                pooling="avg",
                licence="Apache-2.0",
                size_mb=18,
                best_for="a first look: small, fast, and always there",
                n_gmacs=0.4,
            ),
            Backbone(
                name="resnet50",
                title="ResNet-50",
                family="image classification",
                source="timm",
                model="resnet50.a1_in1k",
                n_dims=2048,
                preprocessing=Preprocessing(
                    input_px=224, resize_px=235, interpolation="bicubic", mean=_IMAGENET_MEAN, std=_IMAGENET_STD
                ),
                layer="layer4",
                pooling="avg",
                licence="Apache-2.0",
                size_mb=102,
                best_for="class balance and outliers, comparable with most of the literature",
                n_gmacs=4.1,
                hub="timm/resnet50.a1_in1k/model.safetensors",
            ),
            Backbone(
                # 224 px, not the 518 px of the pretraining: a ninth of the cost for the same kind of neighbours
                name="dinov2-small",
                title="DINOv2 small",
                family="self-supervised",
                source="timm",
                model="vit_small_patch14_dinov2.lvd142m",
                n_dims=384,
                preprocessing=Preprocessing(
                    input_px=224, resize_px=224, interpolation="bicubic", mean=_IMAGENET_MEAN, std=_IMAGENET_STD
                ),
                layer="norm",
                pooling="cls",
                licence="Apache-2.0",
                size_mb=88,
                best_for="near duplicates, drift, and images unlike ImageNet",
                n_gmacs=6.1,
                hub="timm/vit_small_patch14_dinov2.lvd142m/model.safetensors",
            ),
            Backbone(
                name="clip-vit-b-32",
                title="CLIP ViT-B/32",
                family="contrastive",
                source="open_clip",
                model="ViT-B-32:laion2b_s34b_b79k",
                n_dims=512,
                preprocessing=Preprocessing(
                    input_px=224,
                    resize_px=224,
                    interpolation="bicubic",
                    mean=(0.48145466, 0.4578275, 0.40821073),
                    std=(0.26862954, 0.26130258, 0.27577711),
                ),
                layer="visual.proj",
                pooling="cls",
                licence="MIT",
                size_mb=605,
                best_for="similarity by meaning rather than by look",
                n_gmacs=4.4,
                hub="laion/CLIP-ViT-B-32-laion2B-s34B-b79K/open_clip_model.safetensors",
            ),
        )
    }
)
"""Every backbone by its name, the cheapest first."""


def get_backbone(name: str) -> Backbone:
    """Look a backbone up.

    Raises
    ------
    UnknownNameError
        No backbone has that name; the nearest one is suggested.
    """
    try:
        return BACKBONES[name]
    except KeyError:
        raise UnknownNameError("backbone", name, BACKBONES) from None
