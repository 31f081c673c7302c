"""The most similar images of a run to one of its own, or to one that the user brings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from dataeval_ui.errors import InputError, ParameterError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from dataeval_ui.embed.embedder import Embedder
    from dataeval_ui.services.context import Services
    from dataeval_ui.services.run import Run
    from dataeval_ui.types.base import Bool, Float32, Int32

MAX_RESULTS = 1_000
MAX_KEPT = 2_000
"""Searches that are kept of each run; 400 bytes each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """Images by similarity, most similar first.

    Attributes
    ----------
    rows : ndarray of shape (k,), int32
    similarities : ndarray of shape (k,), float32
        Cosine, in [-1, 1].
    """

    rows: Int32
    similarities: Float32

    def __len__(self) -> int:
        return int(self.rows.shape[0])


def search_row(run: Run, row: int, *, k: int = 24, mask: Bool | None = None) -> SearchResult:
    """Return the k images most similar to one of the run, without itself. Exact.

    Parameters
    ----------
    k : int, default 24
        In [1, 1000].
    mask : ndarray of shape (n_images,), bool, optional
        Images that may be returned.
    """
    import numpy as np

    run.image_id(row)  # says so where there is no such row
    kept = _kept_of(run) if mask is None else None
    if kept is not None and (known := kept.get((row, k))) is not None:
        return known
    allowed = np.ones(run.n_images, dtype=np.bool_) if mask is None else mask.copy()
    allowed[row] = False
    found = search_vector(run, run.view.embeddings[row], k=k, mask=allowed)
    if kept is not None:
        if len(kept) >= MAX_KEPT:
            kept.clear()
        kept[row, k] = found
    return found


_kept: WeakKeyDictionary[Run, dict[tuple[int, int], SearchResult]] = WeakKeyDictionary()
_kept_lock = Lock()


def _kept_of(run: Run) -> dict[tuple[int, int], SearchResult]:
    """Return what was found in a run: reviewers look at the same images, and each search reads all embeddings."""
    with _kept_lock:
        return _kept.setdefault(run, {})


def search_vector(run: Run, query: Float32, *, k: int = 24, mask: Bool | None = None) -> SearchResult:
    """Return the k images most similar to an embedding made with the run's own backbone.

    Raises
    ------
    ParameterError
        k outside [1, 1000], or an embedding of another length.
    """
    from dataeval_ui.analysis.neighbors import search

    if not 1 <= k <= MAX_RESULTS:
        raise ParameterError(f"k must be in [1, {MAX_RESULTS}], got {k}.")
    if query.shape != (run.view.embeddings.shape[1],):
        raise ParameterError(
            f"The query has {query.shape} numbers and the run's embeddings {run.view.embeddings.shape[1]}; "
            "embed it with the run's own backbone."
        )
    rows, similarities = search(run.view.embeddings, run.view.norms, query, k=k, mask=mask)
    return SearchResult(rows=rows, similarities=similarities)


_embedders: dict[tuple[str, str], Embedder] = {}
_embedders_lock = Lock()


def embedder_of(services: Services, run: Run) -> Embedder:
    """Return the run's embedder, loaded once a process.

    Raises
    ------
    InputError
        The weights on this machine are no longer those of the run.
    BackboneUnavailableError
        The weights are gone.
    """
    from dataeval_ui.embed.embedder import load_embedder

    name = (str(services.workspace.root), run.record.key.digest())
    with _embedders_lock:
        if name not in _embedders:
            embedder = load_embedder(
                run.record.backbone,
                workspace=services.workspace,
                settings=services.settings,
                layer=run.record.key.layer,
                pooling=run.record.key.pooling,
            )
            # a query in float32 finds the same neighbours among embeddings that were computed with casting
            if replace(embedder.key, numeric_type=run.record.key.numeric_type) != run.record.key:
                raise InputError(
                    f"The weights of {run.record.backbone!r} have changed since this run; "
                    "run the dataset again to search with an image of your own."
                )
            _embedders[name] = embedder
        return _embedders[name]


def search_image(services: Services, run: Run, data: bytes, *, k: int = 24, mask: Bool | None = None) -> SearchResult:
    """Embed an image that the user brings and return the most similar images of the run.

    Parameters
    ----------
    data : bytes
        The file's content; it is decoded in a process of its own.

    Raises
    ------
    InputError
        The bytes are no readable image; the message says why.
    """
    return search_vector(run, embed_query(services, run, data).vector, k=k, mask=mask)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryImage:
    """An image that the user brought, made ready to search with.

    Attributes
    ----------
    vector : ndarray of shape (n_dims,), float32
    thumbnail : bytes
        A JPEG of our own making: safe to show, whatever the file was.
    """

    vector: Float32
    thumbnail: bytes


def embed_query(services: Services, run: Run, data: bytes) -> QueryImage:
    """Embed an image that the user brings with the run's own backbone.

    Raises
    ------
    InputError
        The bytes are no readable image; the message says why.
    """
    from dataeval_ui.embed.pipeline import embed_image

    decoded, vector = embed_image(data, embedder=embedder_of(services, run), settings=services.settings)
    if vector is None:
        raise InputError(f"This image cannot be searched for: {decoded.reason}")
    return QueryImage(vector=vector, thumbnail=decoded.thumbnail)


def rows_matching(run: Run, filters: dict[str, Sequence[str]]) -> npt.NDArray[np.bool_]:
    """Return which images have, in each named column, one of the named categories.

    Raises
    ------
    UnknownNameError
        No such column.
    """
    import numpy as np

    mask = np.ones(run.n_images, dtype=np.bool_)
    for name, wanted in filters.items():
        column = run.column(name)
        if column.codes is None:
            raise InputError(f"{column.title} is no category; filter it by a range.")
        codes = [i for i, category in enumerate(column.categories) if category in set(wanted)]
        mask &= np.isin(column.codes, codes)
    return mask
