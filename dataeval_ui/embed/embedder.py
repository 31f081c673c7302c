"""The one class that turns pixels into embeddings, whatever the backbone and whatever runs it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from dataeval_ui.embed.checkpoints import resolve_checkpoint
from dataeval_ui.embed.choices import find_backbone
from dataeval_ui.embed.engines import numeric_type_of, open_engine
from dataeval_ui.embed.preprocessing import digest_preprocessing
from dataeval_ui.embed.runners import FindsBatch
from dataeval_ui.errors import CheckpointError, OutOfMemoryError, ParameterError
from dataeval_ui.types import EmbeddingKey

if TYPE_CHECKING:
    from dataeval_ui.embed.checkpoints import Checkpoint
    from dataeval_ui.embed.runners import Runner
    from dataeval_ui.settings import Settings
    from dataeval_ui.store.workspace import Workspace
    from dataeval_ui.types import Backbone
    from dataeval_ui.types.base import Float32, UInt8

logger = logging.getLogger(__name__)


class Embedder:
    """A backbone with its weights.

    Parameters
    ----------
    backbone : Backbone
    key : EmbeddingKey
        Names what this embedder computes.
    open_runner : callable
        Opens the network; called at the first `embed`, since most uses of a finished run need the key alone.
    batch_size : int, default 32
        Images in a forward pass. Halved, and kept so, when memory runs out.
    max_batch : int, optional
        A runner that can tell how many images it takes best is asked, when it is opened, up to so many.

    Notes
    -----
    Safe to use from several threads.
    """

    def __init__(
        self,
        *,
        backbone: Backbone,
        key: EmbeddingKey,
        open_runner: Callable[[], Runner],
        batch_size: int = 32,
        max_batch: int | None = None,
    ) -> None:
        if batch_size < 1:
            raise ParameterError(f"batch_size must be at least 1, got {batch_size}.")
        self.backbone = backbone
        self.key = key
        self.batch_size = batch_size
        self._max_batch = max_batch
        self._n_dims = backbone.n_dims
        self._open_runner = open_runner
        self._runner: Runner | None = None
        self._lock = threading.Lock()

    @property
    def n_dims(self) -> int:
        """Length of an embedding; where only the network can tell, it is opened and tried."""
        import numpy as np

        if self._n_dims == 0:
            px = self.backbone.preprocessing.input_px
            self._n_dims = int(self.open().run(np.full((1, px, px, 3), 128, dtype=np.uint8)).shape[1])
        return self._n_dims

    def embed(self, pixels: UInt8) -> Float32:
        """Embed images.

        Parameters
        ----------
        pixels : ndarray of shape (n, input_px, input_px, 3), uint8
            RGB before mean and std, as `DecodedImage.pixels` holds it. n may be 0.

        Returns
        -------
        ndarray of shape (n, n_dims), float32
            Not scaled to unit length.

        Raises
        ------
        OutOfMemoryError
            Not even one image fits.
        ParameterError
            Pixels of another shape or type.
        CheckpointError
            At the first call: weights that do not fit the network.

        Notes
        -----
        What the other images of a batch are changes an embedding by less than 1e-5.
        """
        import numpy as np

        px = self.backbone.preprocessing.input_px
        if pixels.ndim != 4 or pixels.shape[1:] != (px, px, 3) or pixels.dtype != np.uint8:
            raise ParameterError(
                f"{self.backbone.name} takes pixels of shape (n, {px}, {px}, 3) and type uint8, "
                f"got {pixels.shape} and {pixels.dtype}."
            )
        embeddings = np.empty((len(pixels), self.n_dims), dtype=np.float32)
        if len(pixels) == 0:
            return embeddings
        runner = self.open()
        start = 0
        while start < len(pixels):
            stop = min(start + self.batch_size, len(pixels))
            try:
                part = runner.run(pixels[start:stop])
            except MemoryError as error:
                self._halve(error)
            else:
                if part.shape[1:] != (self.n_dims,):
                    raise CheckpointError(
                        f"{self.backbone.name} gives {part.shape[1:]} numbers an image and {self.n_dims} are expected. "
                        "Use the file that the backbone's page names."
                    )
                embeddings[start:stop] = part
                start = stop
        return embeddings

    def open(self) -> Runner:
        """Open the network now instead of at the first `embed`; the first time on a machine it is exported."""
        with self._lock:
            if self._runner is None:
                runner = self._open_runner()
                if self._max_batch is not None and isinstance(runner, FindsBatch):
                    self.batch_size = runner.find_batch(self.batch_size, self._max_batch)
                self._runner = runner
            return self._runner

    def _halve(self, error: MemoryError) -> None:
        if self.batch_size == 1:
            raise OutOfMemoryError(
                f"{self.backbone.name} does not fit into memory even with one image at a time. Close other programs "
                "or choose a smaller backbone."
            ) from error
        self.batch_size //= 2
        logger.warning("Out of memory: going on with %d images in a forward pass.", self.batch_size)


def load_embedder(
    backbone_name: str,
    *,
    workspace: Workspace,
    settings: Settings,
    layer: str | None = None,
    pooling: str | None = None,
) -> Embedder:
    """Get a backbone ready: its weights are found (or downloaded) and named, the network opens at the first use.

    Parameters
    ----------
    backbone_name : str
        As `dataeval_ui.embed.choices.find_backbone` takes it.
    layer, pooling : str, optional
        Another layer than the backbone's own.

    Raises
    ------
    UnknownNameError
        No backbone has that name.
    BackboneUnavailableError
        Its weights are not here and cannot be had.
    """
    backbone = find_backbone(backbone_name, settings=settings, workspace=workspace, layer=layer, pooling=pooling)
    return embedder_of_backbone(backbone, workspace=workspace, settings=settings)


def embedder_of_backbone(backbone: Backbone, *, workspace: Workspace, settings: Settings) -> Embedder:
    """Get a backbone that was looked up ready; see `load_embedder`."""
    checkpoint = resolve_checkpoint(backbone, settings=settings, workspace=workspace)
    key = key_of(backbone, checkpoint, numeric_type=numeric_type_of(backbone, settings))

    def open_runner() -> Runner:
        return open_engine(backbone, key, checkpoint, workspace=workspace, settings=settings)

    return Embedder(
        backbone=backbone,
        key=key,
        open_runner=open_runner,
        batch_size=settings.batch_size,
        max_batch=settings.commit_size,
    )


def key_of(backbone: Backbone, checkpoint: Checkpoint, *, numeric_type: str = "float32") -> EmbeddingKey:
    """Name what a backbone computes with these weights."""
    return EmbeddingKey(
        backbone=backbone.name,
        checkpoint=checkpoint.digest,
        layer=backbone.layer,
        pooling=backbone.pooling,
        input_px=backbone.preprocessing.input_px,
        preprocessing=digest_preprocessing(backbone.preprocessing),
        numeric_type=numeric_type,
    )
