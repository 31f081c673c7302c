from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from dataeval_ui.embed.backbones import get_backbone
from dataeval_ui.embed.preprocessing import digest_preprocessing, normalise, scale_and_offset
from dataeval_ui.types import Preprocessing
from tests.embed.fakes import TINY


def test_black_and_white_become_minus_one_and_one() -> None:
    pixels = np.zeros((1, 16, 16, 3), dtype=np.uint8)
    pixels[0, 0, 0] = 255
    values = normalise(pixels, TINY)
    assert values.shape == (1, 3, 16, 16)
    assert values[0, :, 0, 0].tolist() == [1, 1, 1]
    assert values[0, :, 1, 1].tolist() == [-1, -1, -1]


def test_the_folded_form_agrees_with_the_plain_one() -> None:
    preprocessing = get_backbone("clip-vit-b-32").preprocessing
    pixels = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 16, 16, 3)
    scale, offset = scale_and_offset(preprocessing)
    folded = (pixels * scale + offset).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(folded, normalise(pixels, preprocessing), atol=1e-6)


def test_normalising_agrees_with_torchvision() -> None:
    import torch
    from torchvision.transforms import v2

    preprocessing = get_backbone("resnet50").preprocessing
    pixels = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)
    steps = v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize(preprocessing.mean, preprocessing.std)])
    theirs = steps(torch.from_numpy(pixels).permute(0, 3, 1, 2)).numpy()
    np.testing.assert_allclose(normalise(pixels, preprocessing), theirs, atol=1e-6)


CHANGED = {
    "input_px": 17,
    "resize_px": 17,
    "interpolation": "bicubic",
    "mean": (0.4, 0.5, 0.5),
    "std": (0.4, 0.5, 0.5),
    "squash": True,
    "version": 2,
}


@pytest.mark.parametrize("name", [field.name for field in fields(Preprocessing)])
def test_every_field_shapes_the_digest(name: str) -> None:
    assert digest_preprocessing(replace(TINY, **{name: CHANGED[name]})) != digest_preprocessing(TINY)


def test_the_decoders_version_shapes_the_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest_preprocessing(TINY)
    monkeypatch.setattr("dataeval_ui.data.decode.DECODER_VERSION", -1)
    assert digest_preprocessing(TINY) != before
