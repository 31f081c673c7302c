"""From a listing to stored images and embeddings, in one decode pass that can be cut anywhere."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dataeval_ui.embed.decoders import DecoderPool
from dataeval_ui.embed.object_places import ObjectPlaces
from dataeval_ui.embed.places import Places
from dataeval_ui.store.durable import storing
from dataeval_ui.store.parts import EmbeddingParts, ImageParts
from dataeval_ui.types import DecodedImage, Manifest

if TYPE_CHECKING:
    from dataeval_ui.embed.crop_plans import CropTask
    from dataeval_ui.embed.embedder import Embedder
    from dataeval_ui.settings import Settings
    from dataeval_ui.store.workspace import Workspace
    from dataeval_ui.types import Listing, Preprocessing, Progress
    from dataeval_ui.types.base import Float32, UInt8


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedOutcome:
    """What `embed_listing` did.

    Attributes
    ----------
    manifest : Manifest
    n_embedded : int
        Distinct images that went through the network.
    n_cached : int
        Places whose image was in the store already, or earlier in the same listing.
    seconds_read : float
        Spent waiting for decoders and committing.
    seconds_embed : float
        Spent in the network.
    """

    manifest: Manifest
    n_embedded: int
    n_cached: int
    seconds_read: float
    seconds_embed: float

    @property
    def images_per_s(self) -> float | None:
        """Speed of the network; None where fewer than 16 images went through it, too few to tell."""
        return None if self.n_embedded < 16 else round(self.n_embedded / self.seconds_embed, 2)


def embed_listing(
    listing: Listing,
    *,
    embedder: Embedder,
    workspace: Workspace,
    previous: Manifest | None,
    settings: Settings,
    progress: Progress,
    refresh: bool = False,
    object_margin: float | None = None,
) -> EmbedOutcome:
    """Decode and embed every image of a listing, or every object, that the store does not hold yet.

    Parameters
    ----------
    listing : Listing
    embedder : Embedder
    workspace : Workspace
    previous : Manifest or None
        The dataset's last manifest: a file whose path, size and time stand unchanged there is not read.
    settings : Settings
    progress : Progress
        Asked and told every batch.
    refresh : bool, default False
        Read every file even so.
    object_margin : float, optional
        Embed the crop of every object with this margin instead of whole images; see `dataeval_ui.data.crops`. The
        listing has objects, and `previous` is the manifest of such a run.

    Returns
    -------
    EmbedOutcome

    Raises
    ------
    CancelledError
        The user cancelled; committed chunks stay.
    StorageError
        The disk is full or cannot be written; committed chunks stay.
    OutOfMemoryError
        Not even one image fits through the network.

    Notes
    -----
    Files to be read are cut into chunks of `commit_size` (of objects: of whole files with at least so many), each
    committed as one part of images, then one of embeddings. A forward pass never holds images of two chunks, and which
    images of a chunk are computed follows from what earlier chunks committed; so a run that was killed and started
    again makes the same batches, hence the same bytes, as one that was not.
    """
    places = Places(listing) if object_margin is None else ObjectPlaces(listing, margin=object_margin)
    run = _Run(places, embedder, workspace, settings, progress)
    n_reused = run.places.reuse(previous, run.is_stored) if previous is not None and not refresh else 0
    unread = run.places.unread()
    run.report(len(unread))
    tasks = places.tasks(unread)
    n_left = len(unread)
    with DecoderPool(preprocessing=embedder.backbone.preprocessing, settings=settings, n_files=len(tasks)) as pool:
        decoded = places.decode(pool, tasks, is_known=run.is_known, on_wait=progress.check_cancelled)
        for chunk in _chunks(tasks, settings.commit_size):
            run.do_chunk(chunk, decoded, pool, n_left=n_left)
            n_left -= len(chunk)
    return EmbedOutcome(
        manifest=run.places.to_manifest(run.images, settings),
        n_embedded=run.n_embedded,
        n_cached=n_reused + run.n_cached,
        seconds_read=run.seconds_read,
        seconds_embed=run.seconds_embed,
    )


def embed_image(data: bytes, *, embedder: Embedder, settings: Settings) -> tuple[DecodedImage, Float32 | None]:
    """Decode and embed one image that is not in a dataset, such as one that was dropped on the page.

    Returns
    -------
    image : DecodedImage
        Decoded in a process of its own; `reason` says why it is not usable.
    embedding : ndarray of shape (n_dims,), float32, or None
        None for an image that is not usable.
    """
    image = decode_image(data, preprocessing=embedder.backbone.preprocessing, settings=settings)
    if image.pixels is None:
        return image, None
    return image, embedder.embed(image.pixels[None])[0]


def decode_image(data: bytes, *, preprocessing: Preprocessing, settings: Settings) -> DecodedImage:
    """Decode one image that is not in a dataset, in a process of its own."""
    one = replace(settings, n_decoders=1)
    with storing(tempfile.gettempdir()), tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image"
        path.write_bytes(data)
        with DecoderPool(preprocessing=preprocessing, settings=one) as pool:
            (image,) = pool.decode([str(path)])
    return image


def _chunks(tasks: Sequence[CropTask], commit_size: int) -> Iterator[list[int]]:
    """Group the rows of whole tasks into chunks of at least `commit_size`."""
    chunk: list[int] = []
    for task in tasks:
        chunk += task.rows
        if len(chunk) >= commit_size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


class _Run:
    """The state of one `embed_listing`."""

    def __init__(
        self,
        places: Places | ObjectPlaces,
        embedder: Embedder,
        workspace: Workspace,
        settings: Settings,
        progress: Progress,
    ) -> None:
        self.places = places
        self.images = ImageParts(workspace)
        self.embeddings = EmbeddingParts(workspace, embedder.key)
        self.n_embedded = self.n_cached = 0
        self.seconds_read = self.seconds_embed = 0.0
        self._embedder = embedder
        self._settings = settings
        self._progress = progress
        self._image_ids = self.images.ids()
        self._embedded_ids = self.embeddings.ids()
        self._refused: dict[str, str] = {}
        self._taken: set[str] = set()
        self._first_place: dict[str, int] = {}
        self._lock = threading.Lock()

    def is_stored(self, image_id: str) -> bool:
        """Whether the store holds both what is known of an image and its embedding."""
        return image_id in self._image_ids and image_id in self._embedded_ids

    def is_known(self, image_id: str, place: int) -> bool:
        """Whether a file need not be decoded, asked by the decoders' threads.

        Of files with equal content the first in order is always decoded, whichever decoder comes first; so which chunk
        an image belongs to does not depend on the speed of decoders.
        """
        with self._lock:
            first = self._first_place.get(image_id)
            if first is None or place < first:
                self._first_place[image_id] = place
            return (first is not None and place > first) or self.is_stored(image_id)

    def report(self, n_left: int) -> None:
        """Tell how many places are still to be read, and stop here if the user asked to."""
        self._progress.check_cancelled()
        self._progress.report("embed", len(self.places) - n_left, len(self.places))

    def do_chunk(self, rows: Sequence[int], decoded: Iterator[DecodedImage], pool: DecoderPool, n_left: int) -> None:
        """Read, embed and commit the places of one chunk."""
        chunk = _Chunk(self._embedder, max(self._settings.batch_size, self._embedder.batch_size))
        started = time.perf_counter()
        for done, row in enumerate(rows, start=1):
            self._take(row, next(decoded), chunk, pool)
            if done % self._settings.batch_size == 0:
                self.report(n_left - done)
        chunk.embed_rest()
        if chunk.images:
            self.images.append_images(chunk.images)
            self._image_ids.update(image.image_id for image in chunk.images if image.image_id is not None)
        if chunk.embedded_ids:
            self.embeddings.append_embeddings(chunk.embedded_ids, chunk.embeddings())
            self._embedded_ids.update(chunk.embedded_ids)
        self.n_embedded += len(chunk.embedded_ids)
        self.seconds_embed += chunk.seconds
        self.seconds_read += time.perf_counter() - started - chunk.seconds
        self.report(n_left - len(rows))

    def _take(self, row: int, image: DecodedImage, chunk: _Chunk, pool: DecoderPool) -> None:
        image_id = image.image_id
        if image_id in self._refused and image.reason is None:
            image = replace(image, reason=self._refused[image_id])
        if image.reason is not None:
            self.places.refuse(row, image_id, image.reason)
            if image_id is not None:
                self._refused[image_id] = image.reason
            return
        if image_id is None:
            raise ValueError(f"The decoder gave neither an id nor a reason for {self.places.paths[row]}.")
        if image_id in self._taken or self.is_stored(image_id):
            self.n_cached += 1
        elif image.pixels is None:  # its earlier copy changed while it was read
            tasks = self.places.tasks([row])
            (again,) = self.places.decode(pool, tasks, is_known=None, on_wait=self._progress.check_cancelled)
            self._take(row, again, chunk, pool)
            return
        else:
            self._taken.add(image_id)
            chunk.add(image, is_new=image_id not in self._image_ids, is_embedded=image_id in self._embedded_ids)
        self.places.settle(row, image)


class _Chunk:
    """Images of one chunk that are not in the store yet."""

    def __init__(self, embedder: Embedder, batch_size: int) -> None:
        self.images: list[DecodedImage] = []
        self.embedded_ids: list[str] = []
        self.seconds = 0.0
        self._embedder = embedder
        self._batch_size = batch_size
        self._waiting: list[UInt8] = []
        self._embeddings: list[Float32] = []

    def add(self, image: DecodedImage, *, is_new: bool, is_embedded: bool) -> None:
        """Take an image, and embed a batch once there are enough."""
        if is_new:
            self.images.append(replace(image, pixels=None))
        if is_embedded or image.image_id is None or image.pixels is None:
            return
        self.embedded_ids.append(image.image_id)
        self._waiting.append(image.pixels)
        if len(self._waiting) == self._batch_size:
            self.embed_rest()

    def embed_rest(self) -> None:
        """Embed what waits for its batch to be full."""
        import numpy as np

        if self._waiting:
            started = time.perf_counter()
            self._embeddings.append(self._embedder.embed(np.stack(self._waiting)))
            self._waiting.clear()
            self.seconds += time.perf_counter() - started

    def embeddings(self) -> Float32:
        """Embeddings of `embedded_ids`, in their order."""
        import numpy as np

        return np.concatenate(self._embeddings)
