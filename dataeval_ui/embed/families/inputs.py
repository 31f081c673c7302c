"""The preprocessings that several backbones share."""

from __future__ import annotations

from typing import Literal

from dataeval_ui.types import Preprocessing

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
HALF = (0.5, 0.5, 0.5)
NON_COMMERCIAL = "Not for commercial use."


def imagenet(
    input_px: int, resize_px: int, *, interpolation: Literal["bicubic", "bilinear"] = "bicubic"
) -> Preprocessing:
    """ImageNet's mean and deviation, the centre of an image whose shorter side is `resize_px`."""
    return Preprocessing(
        input_px=input_px, resize_px=resize_px, interpolation=interpolation, mean=IMAGENET_MEAN, std=IMAGENET_STD
    )


def whole_image(input_px: int) -> Preprocessing:
    """ImageNet's mean and deviation, the whole image squashed to a square: what lies at its border counts too."""
    return Preprocessing(
        input_px=input_px,
        resize_px=input_px,
        interpolation="bilinear",
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        squash=True,
    )


def half(input_px: int, resize_px: int, *, squash: bool = False) -> Preprocessing:
    """A mean and a deviation of one half."""
    return Preprocessing(
        input_px=input_px, resize_px=resize_px, interpolation="bicubic", mean=HALF, std=HALF, squash=squash
    )
