"""What the map keeps of each image's neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataeval_ui.types.base import Float32


@dataclass(frozen=True, slots=True, kw_only=True)
class MapHonesty:
    """How far each image's place on the map can be trusted; larger is better, in [0, 1].

    Attributes
    ----------
    precision : ndarray of shape (n_images,), float32
        Share of the nearest on the map that are true neighbours, or neighbours of those.
    recall : ndarray of shape (n_images,), float32
        Share of the true neighbours that the map keeps near.
    """

    precision: Float32
    recall: Float32
