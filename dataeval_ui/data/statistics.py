"""Numbers of an image's pixels, from a small copy of it, so that they cost little and compare between sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

STATISTICS_PX = 256
"""Longer side of the grey copy; smaller images are taken as they are."""

_SATURATION_PX = 64  # colour is smooth, and the conversion to HSV is the dearest step of all


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistic:
    """One number of an image.

    Attributes
    ----------
    name, title, doc : str
    low, high : float or None
        Legal range; None is without an end.
    """

    name: str
    title: str
    doc: str
    low: float | None
    high: float | None


STATISTICS = (
    Statistic(name="brightness", title="Brightness", doc="Mean of the grey values; 1 is white.", low=0, high=1),
    Statistic(
        name="contrast",
        title="Contrast",
        doc="Standard deviation of the grey values; at most 0.5, half black and half white.",
        low=0,
        high=0.5,
    ),
    Statistic(
        name="sharpness",
        title="Sharpness",
        doc="Variance of the Laplacian of the grey values at 256 pixels; low where an image is blurred or blank.",
        low=0,
        high=None,
    ),
    Statistic(
        name="entropy_bits",
        title="Entropy",
        doc="Shannon entropy of the histogram of grey values, in bits; 0 for a blank image.",
        low=0,
        high=8,
    ),
    Statistic(
        name="saturation",
        title="Saturation",
        doc="Mean of (max - min) / max over the three colours; 0 for a grey image.",
        low=0,
        high=1,
    ),
    Statistic(
        name="dark_fraction",
        title="Dark pixels",
        doc="Share of pixels with a grey value under 5 percent of white.",
        low=0,
        high=1,
    ),
    Statistic(
        name="bright_fraction",
        title="Bright pixels",
        doc="Share of pixels with a grey value over 95 percent of white.",
        low=0,
        high=1,
    ),
    Statistic(
        name="alpha_fraction",
        title="Transparency",
        doc="Mean transparency before it is composited on white; 0 is opaque.",
        low=0,
        high=1,
    ),
    Statistic(name="aspect", title="Aspect", doc="Width divided by height, upright.", low=0, high=None),
)
"""Every statistic that `DecodedImage.statistics` holds, in this order."""


def measure(
    grey: Image.Image, colour: Image.Image, *, width_px: int, height_px: int, alpha_fraction: float
) -> Mapping[str, float]:
    """Measure an image.

    Parameters
    ----------
    grey : PIL.Image.Image
        Mode "L", the longer side at most `STATISTICS_PX`.
    colour : PIL.Image.Image
        "L" or "RGB", of any small size.
    width_px, height_px : int
        Of the upright original.
    alpha_fraction : float

    Returns
    -------
    dict of str to float
        A finite value for each of `STATISTICS`.
    """
    values = np.asarray(grey)
    counts = np.asarray(grey.histogram(), dtype=np.float64)
    shares = counts / counts.sum()
    levels = np.arange(256)
    mean = float(shares @ levels)
    variance = float(shares @ (levels - mean) ** 2)
    present = shares[shares > 0]
    return {
        "brightness": mean / 255,
        "contrast": variance**0.5 / 255,
        "sharpness": _laplacian_variance(values),
        "entropy_bits": max(0.0, float(-(present @ np.log2(present)))),
        "saturation": _saturation(colour),
        "dark_fraction": float(shares[:13].sum()),
        "bright_fraction": float(shares[243:].sum()),
        "alpha_fraction": alpha_fraction,
        "aspect": width_px / height_px,
    }


def _laplacian_variance(values: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> float:
    if min(values.shape) < 3:
        return 0.0
    v = values.astype(np.int16)
    laplacian = v[:-2, 1:-1] + v[2:, 1:-1] + v[1:-1, :-2] + v[1:-1, 2:] - 4 * v[1:-1, 1:-1]
    return float(laplacian.astype(np.float32).var())


def _saturation(colour: Image.Image) -> float:
    if colour.mode == "L":
        return 0.0
    factor = max(1, max(colour.size) // _SATURATION_PX)
    counts = np.asarray(colour.reduce(factor).convert("HSV").getchannel("S").histogram(), dtype=np.float64)
    return float(counts @ np.arange(256) / counts.sum() / 255)
