"""Parts of a run's images: computed on request, then searched with boxes as examples and counter-examples."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from threading import Lock
from typing import TYPE_CHECKING

from dataeval_ui.errors import AccessDeniedError, InputError, StorageError
from dataeval_ui.types import Json, batches, digest_of

if TYPE_CHECKING:
    from dataeval_ui.analysis.part_search import Box, CellCompressor, PartQuery
    from dataeval_ui.embed.embedder import Embedder
    from dataeval_ui.embed.part_features import PartLayer
    from dataeval_ui.services.context import Services
    from dataeval_ui.services.run import Run
    from dataeval_ui.store.cells import CellParts, Int8
    from dataeval_ui.types import Progress
    from dataeval_ui.types.base import Float32, Int64, UInt8

N_SAMPLED = 128
"""Images whose cells say along which axes cells differ."""
_CELLS_SAMPLED = 64
MAX_EXAMPLES = 16
_PICTURE_PX = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class PartsState:
    """How far the parts of a run are.

    Attributes
    ----------
    n_images : int
        Rows of the run.
    n_stored : int
        Those whose parts are stored.
    n_bytes : int
        What the parts of the run's dataset take on the disk, before they are mapped.
    """

    n_images: int
    n_stored: int
    n_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A box on an image that results should look like, or not.

    Attributes
    ----------
    codes : ndarray of shape (side * side, n_components), int8
        Cells of the image.
    box : tuple of 4 floats
        Left, top, width, height, as shares of the upright image.
    row : int or None
        The image in the run; None for one that the user brought.
    """

    codes: Int8
    box: Box
    row: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartsResult:
    """Images with a similar part, best first.

    Attributes
    ----------
    rows : ndarray of shape (k,), int64
    scores : ndarray of shape (k,), float32
        See `dataeval_ui.analysis.part_search.score_parts`.
    heat : ndarray of shape (k, side * side), float32
        Where it is, in [0, 1].
    """

    rows: Int64
    scores: Float32
    heat: Float32

    def __len__(self) -> int:
        return int(self.rows.shape[0])

    @property
    def side(self) -> int:
        """Cells on a side."""
        return math.isqrt(self.heat.shape[1])

    def boxes(self) -> dict[int, Box]:
        """Return by row a box around the place where each image matched best."""
        from dataeval_ui.analysis.part_search import hottest_box

        return {int(row): hottest_box(heat) for row, heat in zip(self.rows, self.heat, strict=True)}


class RunParts:
    """The parts of one run; opening it loads no network. Safe to share between threads.

    Parameters
    ----------
    run : Run
    aside : bool, default True
        Have layers listed by another process, as a server should.

    Raises
    ------
    InputError
        The run's rows are objects, or its weights are other ones now.
    DataEvalUIError
        The backbone is gone, or tells no places apart.
    """

    def __init__(self, run: Run, *, aside: bool = True) -> None:
        from dataeval_ui.embed.part_features import load_part_embedder
        from dataeval_ui.store.cells import CELLS_VERSION, CellParts

        if run.is_of_objects:
            raise InputError("The rows of this run are parts already; look for parts in a run of whole images.")
        self.run = run
        services = run.services
        embedder, layer = load_part_embedder(
            run.record.backbone, settings=services.settings, workspace=services.workspace, aside=aside
        )
        if embedder.key.checkpoint != run.record.key.checkpoint:
            raise InputError(
                f"The weights of {run.record.backbone!r} have changed since this run; run the dataset again."
            )
        self.embedder: Embedder = embedder
        self.layer: PartLayer = layer
        self.card: Json = {**asdict(embedder.key), "dataset": run.record.dataset_id, "version": CELLS_VERSION}
        self.cells: CellParts = CellParts(services.workspace, digest_of(self.card))
        self._lock = Lock()

    def state(self) -> PartsState:
        """Tell how many images have their parts."""
        stored = self.cells.ids()
        n_stored = sum(image_id in stored for image_id in self.run.image_ids)
        return PartsState(n_images=self.run.n_images, n_stored=n_stored, n_bytes=self.cells.n_bytes)

    def compressor(self) -> CellCompressor | None:
        """Return what codes are made with; None before the first part was computed."""
        from dataeval_ui.analysis.part_search import CellCompressor

        axes = self.cells.load_axes()
        return None if axes is None else CellCompressor(mean=axes[0], components=axes[1])

    def cells_of(self, pixels: UInt8) -> Float32:
        """Compute cells of decoded images, of shape (n, side * side, n_dims)."""
        flat = self.embedder.embed(pixels)
        return flat.reshape(len(pixels), self.layer.side**2, -1)

    def example(self, row: int, box: Sequence[float]) -> Example:
        """Take a box on an image of the run as an example.

        Raises
        ------
        ParameterError
            The box is none.
        StorageError
            The parts of this image are not computed.
        """
        from dataeval_ui.analysis.part_search import check_box

        image_id, found = self.run.image_id(row), self._compressor()
        if image_id not in self.cells.ids():
            raise StorageError(f"The parts of image {row} are not computed; its file could not be read then.")
        codes = self.cells.read(image_id, len(found.components))
        return Example(codes=codes, box=check_box(box), row=row)

    def search(
        self, plus: Sequence[Example], minus: Sequence[Example] = (), *, k: int = 24, with_examples: bool = False
    ) -> PartsResult:
        """Find the k images that have the plus parts and not the minus parts. Exact.

        Parameters
        ----------
        plus, minus : sequence of Example
            At least one of plus; `MAX_EXAMPLES` in all.
        k : int, default 24
            In [1, 1000].
        with_examples : bool, default False
            The images that examples are on may be found as well.
        """
        import numpy as np

        from dataeval_ui.analysis.part_search import match_heat, score_parts
        from dataeval_ui.errors import ParameterError
        from dataeval_ui.services.search import MAX_RESULTS

        if not 1 <= k <= MAX_RESULTS:
            raise ParameterError(f"k must be in [1, {MAX_RESULTS}], got {k}.")
        if len(plus) + len(minus) > MAX_EXAMPLES:
            raise ParameterError(f"At most {MAX_EXAMPLES} examples make a search; remove some.")
        view = self.cells.open_view(self.run.image_ids, len(self._compressor().components))
        wanted, unwanted = _queries(plus), _queries(minus)
        scores = score_parts(view.codes, wanted, unwanted)
        order = np.lexsort((view.rows, -scores))
        if not with_examples:
            used = [one.row for one in (*plus, *minus) if one.row is not None]
            order = order[~np.isin(view.rows[order], used)]
        best = order[:k]
        heat = match_heat(np.asarray(view.codes[best]), wanted, unwanted)
        return PartsResult(rows=view.rows[best], scores=scores[best], heat=heat)

    def own_image(self, data: bytes) -> tuple[Int8, bytes]:
        """Compute the parts of an image that the user brings.

        Returns
        -------
        codes : ndarray of shape (side * side, n_components), int8
        picture : bytes
            A JPEG of our own making, safe to show: the image as the network saw it, in its own aspect.

        Raises
        ------
        InputError
            The bytes are no readable image; the message says why.
        """
        from dataeval_ui.analysis.part_search import compress_cells
        from dataeval_ui.embed.pipeline import decode_image

        compressor = self._compressor()
        image = decode_image(
            data, preprocessing=self.embedder.backbone.preprocessing, settings=self.run.services.settings
        )
        if image.pixels is None:
            raise InputError(f"This image cannot be searched with: {image.reason}")
        with self._lock:
            cells = self.cells_of(image.pixels[None])[0]
        picture = _picture(image.pixels, image.width_px / max(1, image.height_px))
        return compress_cells(cells, compressor), picture

    def _compressor(self) -> CellCompressor:
        found = self.compressor()
        if found is None:
            raise StorageError("No part of these images is computed yet; have the run's parts computed first.")
        return found


def compute_parts(services: Services, run: Run, progress: Progress) -> PartsState:
    """Compute and store the parts of a run's images that are not stored yet; what is committed stays.

    Raises
    ------
    CancelledError
        The user cancelled; committed images stay.
    InputError
        No file of the run can be read any more, or its rows are objects.
    StorageError
        The disk is full or cannot be written.
    """
    from dataeval_ui.analysis.part_search import compress_cells

    progress.report("prepare", 0, 1)
    parts = RunParts(run, aside=False)
    stored = parts.cells.ids()
    missing = [row for row in range(run.n_images) if run.image_ids[row] not in stored]
    n_total, n_done = run.n_images, run.n_images - len(missing)
    if missing:
        parts.embedder.open()
        compressor = parts.compressor() or _fit(parts, progress)
        for chunk in batches(len(missing), services.settings.commit_size):
            ids: list[str] = []
            codes: list[Int8] = []
            for rows, pixels in _decoded(parts, missing[chunk], progress):
                progress.report("embed", n_done, n_total)
                codes += list(compress_cells(parts.cells_of(pixels), compressor))
                ids += [run.image_ids[row] for row in rows]
                n_done += len(rows)
            if ids:
                import numpy as np

                parts.cells.append(ids, np.stack(codes))
    progress.report("embed", n_total, n_total)
    return parts.state()


def _fit(parts: RunParts, progress: Progress) -> CellCompressor:
    """Find the axes of a sample spread over the run, and keep them."""
    import numpy as np

    from dataeval_ui.analysis.part_search import fit_compressor

    rows = np.unique(np.linspace(0, parts.run.n_images - 1, N_SAMPLED).astype(np.int64)).tolist()
    rng = np.random.default_rng(0)
    sample = []
    for _, pixels in _decoded(parts, rows, progress):
        for cells in parts.cells_of(pixels):
            sample.append(cells[rng.permutation(len(cells))[:_CELLS_SAMPLED]])
    if not sample:
        raise InputError("None of this run's images can be read any more; put its files back.")
    compressor = fit_compressor(np.concatenate(sample))
    parts.cells.save_axes(compressor.mean, compressor.components, parts.card)
    return compressor


def _decoded(parts: RunParts, rows: Sequence[int], progress: Progress) -> Iterator[tuple[list[int], UInt8]]:
    """Decode images of the run, a batch at a time; files that are gone or have changed are left out."""
    import numpy as np

    from dataeval_ui.embed.decoders import DecoderPool

    run, settings = parts.run, parts.run.services.settings
    there, paths = [], []
    for row in rows:
        try:
            paths.append(str(run.image_path(row)))
        except (AccessDeniedError, InputError):
            continue
        there.append(row)
    preprocessing = parts.embedder.backbone.preprocessing
    with DecoderPool(preprocessing=preprocessing, settings=settings, n_files=len(paths)) as pool:
        images = zip(there, pool.decode(paths, on_wait=progress.check_cancelled), strict=True)
        batch: list[tuple[int, UInt8]] = []
        for row, image in images:
            if image.pixels is not None and image.image_id == run.image_ids[row]:
                batch.append((row, image.pixels))
            if len(batch) == settings.batch_size:
                progress.check_cancelled()
                yield [row for row, _ in batch], np.stack([pixels for _, pixels in batch])
                batch = []
        if batch:
            progress.check_cancelled()
            yield [row for row, _ in batch], np.stack([pixels for _, pixels in batch])


def _queries(examples: Sequence[Example]) -> list[PartQuery]:
    from dataeval_ui.analysis.part_search import part_query

    return [part_query(one.codes, one.box) for one in examples]


def _picture(pixels: UInt8, aspect: float) -> bytes:
    from PIL import Image

    width = max(1, round(_PICTURE_PX * min(1.0, aspect)))
    height = max(1, round(_PICTURE_PX / max(1.0, aspect)))
    buffer = io.BytesIO()
    Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=88)
    return buffer.getvalue()
