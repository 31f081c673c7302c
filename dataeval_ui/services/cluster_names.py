"""Names for clusters from a bundled list of words, offline, each with an image that fits it and one that does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, BinaryIO

from dataeval_ui.errors import InputError, StorageError
from dataeval_ui.settings import assets_dir
from dataeval_ui.types import Json, Progress, batches, digest_of

if TYPE_CHECKING:
    from pathlib import Path

    from dataeval_ui.embed.text import TextEmbedder
    from dataeval_ui.services.context import Services
    from dataeval_ui.services.run import Run
    from dataeval_ui.types.base import Float32

N_WORDS = 3
TEMPLATE = "a picture of {}."
_RESULT = "cluster-names"
_VERSION = 1
_TEXTS_AT_ONCE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterName:
    """What a cluster is called.

    Attributes
    ----------
    cluster : int
    words : tuple of str
        The three words that set it apart most, the best first.
    lifts : tuple of float
        For each word: mean cosine to the cluster's images, less that to all images.
    example_row, counterexample_row : int
        The images of the cluster that fit the first word best and least.
    n_images : int
    """

    cluster: int
    words: tuple[str, ...]
    lifts: tuple[float, ...]
    example_row: int
    counterexample_row: int
    n_images: int


def vocabulary() -> tuple[str, ...]:
    """Return the bundled words.

    Raises
    ------
    StorageError
        The installation lacks them.
    """
    path = assets_dir() / "vocabulary" / "words.txt"
    try:
        return tuple(path.read_text(encoding="utf-8").split("\n")[:-1])
    except OSError:
        raise StorageError(f"The list of words is missing from {path}. Install the package again.") from None


def load_cluster_names(run: Run) -> tuple[ClusterName, ...] | None:
    """Return what `name_clusters` stored for a run, None before it was asked to, or with other words."""
    from dataeval_ui.store.results import load_json

    if not (run.services.workspace.run_dir(run.id) / f"{_RESULT}.json").is_file():
        return None
    stored = load_json(run.services.workspace, run.id, _RESULT)
    try:
        if stored["words"] != _words_digest(vocabulary()):
            return None
        return tuple(
            ClusterName(**{**name, "words": tuple(name["words"]), "lifts": tuple(name["lifts"])})
            for name in stored["names"]
        )
    except (KeyError, TypeError):
        raise StorageError(
            f"The cluster names of run {run.id!r} are damaged. Delete {_RESULT}.json in its folder and name them again."
        ) from None


def name_clusters(services: Services, run: Run, progress: Progress) -> tuple[ClusterName, ...]:
    """Find for each cluster the words of the bundled list that set it apart from the other images; kept.

    Raises
    ------
    InputError
        The backbone has no text tower (the sentence names one that has), or the run has no clusters.
    CancelledError
        The user cancelled; nothing is kept.

    Notes
    -----
    A word's lift is its mean cosine to the cluster's images, less that to all images: words that fit the whole set,
    such as "drawing" in a set of drawings, name no part of it.
    """
    from dataeval_ui.services.words import text_embedder_of, unit_rows
    from dataeval_ui.store.results import save_json

    if (known := load_cluster_names(run)) is not None:
        return known
    if run.clustering.n_clusters == 0:
        raise InputError("This run has no clusters to name; run the dataset again with smaller ones.")
    words = vocabulary()
    progress.report("prepare", 0, 1)
    vectors = unit_rows(_word_vectors(services, text_embedder_of(services, run), words, progress))
    progress.check_cancelled()
    names = _names(run, words, vectors)
    stored: Json = {"version": _VERSION, "words": _words_digest(words), "names": [asdict(name) for name in names]}
    save_json(services.workspace, run.id, _RESULT, stored)
    progress.report("findings", 1, 1)
    return names


def _names(run: Run, words: Sequence[str], vectors: Float32) -> tuple[ClusterName, ...]:
    import numpy as np

    from dataeval_ui.services.words import unit_rows

    labels = run.clustering.cluster_labels
    n_clusters, n_dims = run.clustering.n_clusters, run.view.embeddings.shape[1]
    sums = np.zeros((n_clusters + 1, n_dims))  # the last row: images in no cluster
    for rows in batches(run.n_images, 4096):
        units = unit_rows(np.asarray(run.view.embeddings[rows], dtype=np.float32))
        np.add.at(sums, labels[rows], units)
    sizes = np.bincount(np.where(labels < 0, n_clusters, labels), minlength=n_clusters + 1)
    means = sums[:n_clusters] / sizes[:n_clusters, None]
    lifts = (means - sums.sum(axis=0) / run.n_images) @ vectors.T.astype(np.float64)
    names = []
    for cluster in range(n_clusters):
        best = np.argsort(-lifts[cluster], kind="stable")[:N_WORDS]
        members = np.flatnonzero(labels == cluster)
        fits = unit_rows(np.asarray(run.view.embeddings[members], dtype=np.float32)) @ vectors[best[0]]
        names.append(
            ClusterName(
                cluster=cluster,
                words=tuple(words[i] for i in best),
                lifts=tuple(round(float(lifts[cluster, i]), 6) for i in best),
                example_row=int(members[fits.argmax()]),
                counterexample_row=int(members[fits.argmin()]),
                n_images=len(members),
            )
        )
    return tuple(names)


def _words_digest(words: Sequence[str]) -> str:
    return digest_of([_VERSION, TEMPLATE, *words])


def _word_vectors(services: Services, embedder: TextEmbedder, words: Sequence[str], progress: Progress) -> Float32:
    """Embeddings of the words, kept beside the exported networks: they are the same for every run of a backbone."""
    import numpy as np

    from dataeval_ui.store.durable import write_durably

    digest = digest_of([embedder.key.digest(), _words_digest(words)])
    path = services.workspace.models_dir / f"words-{digest}.npy"
    if (kept := _kept_vectors(path, len(words))) is not None:
        return kept
    parts = []
    for rows in batches(len(words), _TEXTS_AT_ONCE):
        progress.check_cancelled()
        progress.report("embed", rows.start, len(words))
        parts.append(embedder.embed([TEMPLATE.format(word) for word in words[rows]]))
    vectors: Float32 = np.concatenate(parts)

    def write(stream: BinaryIO) -> None:
        np.lib.format.write_array(stream, vectors, allow_pickle=False)

    write_durably(path, write)
    return vectors


def _kept_vectors(path: Path, n_words: int) -> Float32 | None:
    """Read kept embeddings; None where there are none, or where they are damaged and must be made again."""
    import numpy as np

    try:
        vectors: Float32 = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    fits = vectors.ndim == 2 and len(vectors) == n_words and vectors.dtype == np.float32
    return vectors if fits and bool(np.isfinite(vectors).all()) else None
