"""Backbones and the key that names an embedding."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from dataeval_ui.types.base import digest_of
from dataeval_ui.types.images import Preprocessing

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Backbone:
    """One row of the registry: what a user needs to choose, and what a loader needs to load. Data alone, no code.

    Attributes
    ----------
    name, title, family : str
        `name` is what the command line takes; family: "image classification", "self-supervised", "contrastive", ...
    source : str
        Which loader: "bundled", "timm", "open_clip".
    model : str
        The source library's own name, with its pretrained tag where it has one.
    n_dims : int
        Length of an embedding.
    preprocessing : Preprocessing
    pooling, layer : str
        Which output is taken.
    licence : str
        SPDX identifier of the weights.
    size_mb : int
        Download size of the weights.
    best_for : str
        A phrase for the page.
    n_gmacs : float
        Cost of one forward pass, 10^9 multiply-adds; for the time estimate.
    hub : str or None
        Hub repository and file, or None where the weights come with an installed package.
    """

    name: str
    title: str
    family: str
    source: Literal["bundled", "timm", "open_clip"]
    model: str
    n_dims: int
    preprocessing: Preprocessing
    layer: str
    pooling: str
    licence: str
    size_mb: int
    best_for: str
    n_gmacs: float
    hub: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingKey:
    """Everything that shapes an embedding's bytes. Embeddings are stored by `(image_id, key)`.

    Attributes
    ----------
    checkpoint : str
        Digest of the weights' file.
    preprocessing : str
        Digest of the `Preprocessing` and the decoder's version.
    numeric_type : str
        "float32".
    """

    backbone: str
    checkpoint: str
    layer: str
    pooling: str
    input_px: int
    preprocessing: str
    numeric_type: str = "float32"

    def digest(self) -> str:
        """Name of this key's folder in the store, 16 hexadecimal digits."""
        return digest_of(asdict(self))
