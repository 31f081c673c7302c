"""Segmentation: trained to name every pixel."""

from __future__ import annotations

from dataeval_ui.embed.families.inputs import imagenet, whole_image
from dataeval_ui.types import Backbone

SEGMENTATION = (
    Backbone(
        name="deeplabv3",
        title="DeepLabV3 ResNet-50",
        family="segmentation",
        source="torchvision",
        model="deeplabv3_resnet50",
        n_dims=256,
        preprocessing=whole_image(448),
        layer="classifier.0",
        pooling="mean",
        tapped=True,
        licence="BSD-3-Clause",
        size_mb=168,
        best_for="fine-grained analysis: what fills the picture, at several scales",
        n_gmacs=132.0,
        url="https://download.pytorch.org/models/deeplabv3_resnet50_coco-cd0a2569.pth",
        sha256="cd0a2569",
    ),
    Backbone(
        name="mask-rcnn",
        title="Mask R-CNN",
        family="segmentation",
        source="torchvision",
        model="maskrcnn_resnet50_fpn",
        n_dims=2048,
        preprocessing=whole_image(448),
        layer="backbone.body.layer4",
        pooling="mean",
        tapped=True,
        licence="BSD-3-Clause",
        size_mb=178,
        best_for="pixel-level quality of objects, and spatial drift",
        n_gmacs=16.4,
        url="https://download.pytorch.org/models/maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth",
        sha256="bf2d0c1e",
    ),
    Backbone(
        name="unet-resnet34",
        title="U-Net encoder ResNet-34",
        family="segmentation",
        source="smp",
        model="resnet34",
        n_dims=512,
        preprocessing=imagenet(224, 256, interpolation="bilinear"),
        layer="output.5",
        pooling="mean",
        tapped=True,
        licence="BSD-3-Clause",
        licence_note="The encoder alone is trained; a U-Net of your own comes in as an own model.",
        size_mb=87,
        best_for="what a U-Net starts from",
        n_gmacs=3.7,
        hub="smp-hub/resnet34.imagenet/model.safetensors",
        revision="7a57b34f723329ff020b3f8bc41771163c519d0c",
    ),
)
