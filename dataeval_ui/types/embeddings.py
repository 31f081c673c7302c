"""Backbones and the key that names an embedding."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

from dataeval_ui.types.base import digest_of
from dataeval_ui.types.images import Preprocessing

BackboneSource = Literal[
    "bundled", "timm", "open_clip", "torchvision", "transformers", "smp", "checkpoint", "onnx", "exported", "factory"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backbone:
    """One row of the registry: what a user needs to choose, and what a loader needs to load. Data alone, no code.

    Attributes
    ----------
    name, title, family : str
        `name` is what the command line takes; family: "image classification", "self-supervised", "contrastive", ...
    source : str
        Which loader. "checkpoint": a file of weights of another project for one of timm's architectures.
    model : str
        The source library's own name, with its pretrained tag where it has one.
    n_dims : int
        Length of an embedding; 0 where only the network itself can tell.
    preprocessing : Preprocessing
    pooling, layer : str
        Which output is taken.
    tapped : bool
        `layer` is tapped and pooled by `dataeval_ui.embed.layers`; else the source library's own features are taken,
        and `layer` and `pooling` describe them.
    licence : str
        SPDX identifier of the weights, or what their owner calls it.
    licence_note : str
        What the licence forbids or asks for, as a sentence; empty where it is one of the permissive ones.
    size_mb : int
        Download size of the weights, 10^6 bytes; 0 for what is never downloaded.
    best_for : str
        A phrase for the page.
    n_gmacs : float
        Cost of one forward pass, 10^9 multiply-adds; for the time estimate.
    hub : str or None
        Hub repository and file, or None where the weights come from elsewhere.
    revision : str
        Commit of the hub repository, or "main" where the first use pins it; see `dataeval_ui.embed.pins`.
    companions : tuple of str
        Files of the same repository that must lie beside the weights.
    url : str or None
        Address of the weights where they are on no hub.
    sha256 : str
        The digest of the file, or what it begins with; empty where none is known.
    path : str or None
        File of an own model.
    output : str or None
        Which output of an own ONNX file is taken.
    """

    name: str
    title: str
    family: str
    source: BackboneSource
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
    revision: str = "main"
    companions: tuple[str, ...] = ()
    url: str | None = None
    sha256: str = ""
    tapped: bool = False
    licence_note: str = ""
    path: str | None = None
    output: str | None = None


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
