"""DataEval's own answers on the same arrays: the one module that imports it (extra `dataeval`).

What it guards: DataEval takes integer codes of labelled images alone, has no place for -1, and needs float64 or float32
arrays of two dimensions. Nothing here changes DataEval's process-wide settings.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from dataeval_ui.errors import InputError, ParameterError

if TYPE_CHECKING:
    from dataeval_ui.types.base import Float32, Int32

    Float64 = np.ndarray[Any, np.dtype[np.float64]]

Statistic = Literal["knn", "mst"]


def has_dataeval() -> bool:
    """Whether the extra is installed; nothing is imported."""
    return importlib.util.find_spec("dataeval") is not None


def _dataeval(module: str) -> Any:
    """Import one of DataEval's modules.

    Raises
    ------
    InputError
        It is not installed.
    """
    if not has_dataeval():
        raise InputError('DataEval is not installed. Install it with: pip install "dataeval-ui[dataeval]".')
    return importlib.import_module(f"dataeval.{module}")


def bound_bayes_error(embeddings: Float32, codes: Int32, *, statistic: Statistic = "knn") -> tuple[float, float]:
    """Return DataEval's lower and upper bound of the Bayes error: `ber_knn` with k = 1, or `ber_mst`.

    Parameters
    ----------
    embeddings : ndarray of shape (n_images, n_dims), float32
    codes : ndarray of shape (n_images,), int32
        -1 for no label; such images are left out.
    statistic : {"knn", "mst"}

    Raises
    ------
    ParameterError
        Fewer than two classes.
    InputError
        DataEval is not installed.

    Notes
    -----
    Euclidean distances: scale the embeddings to length 1 to compare with ours, whose order by cosine is then the same.
    """
    known = codes >= 0
    if np.unique(codes[known]).size < 2:
        raise ParameterError("The Bayes error needs two classes. Choose another column.")
    core = _dataeval("core")
    labelled, classes = embeddings[known], codes[known].astype(np.intp)
    found = core.ber_knn(labelled, classes, k=1) if statistic == "knn" else core.ber_mst(labelled, classes)
    return float(found["lower_bound"]), float(found["upper_bound"])


def measure_divergence(reference: Float32, test: Float32, *, statistic: Statistic = "mst") -> float:
    """Return DataEval's Henze-Penrose divergence, in [0, 1]: `divergence_mst`, or `divergence_fnn` for "knn".

    Raises
    ------
    InputError
        DataEval is not installed.
    """
    core = _dataeval("core")
    found = core.divergence_mst if statistic == "mst" else core.divergence_fnn
    return float(found(reference, test)["divergence"])


def measure_completeness(embeddings: Float32) -> tuple[float, float]:
    """Return DataEval's completeness and isotropy, both in [0, 1].

    Raises
    ------
    InputError
        DataEval is not installed.

    Notes
    -----
    DataEval replaces the values of each dimension by their ranks before it takes the spectrum; `coverage` takes the
    values as they are. On `ranks_of(embeddings)` the two agree, and DataEval's isotropy is ours times the number of
    dimensions over the numerical rank.
    """
    found = _dataeval("core").completeness(embeddings)
    return float(found["completeness"]), float(found["isotropy"])


def ranks_of(embeddings: Float32) -> Float32:
    """Replace the values of each dimension by their ranks, as DataEval's completeness does: in (-1/2, 1/2)."""
    ranks = embeddings.argsort(axis=0).argsort(axis=0)
    centred: Float32 = ((ranks + 0.5) / embeddings.shape[0] - 0.5).astype(np.float32)
    return centred


def cluster(embeddings: Float32) -> Int32:
    """Return DataEval's HDBSCAN labels, -1 for noise; of shape (n_images,).

    Raises
    ------
    InputError
        DataEval is not installed.
    """
    found = _dataeval("core").cluster(embeddings, algorithm="hdbscan")
    return np.asarray(found["clusters"], dtype=np.int32)


def score_label_errors(embeddings: Float32, codes: Int32, *, k: int = 50) -> Float64:
    """Return DataEval's ratio of distances within the class to distances to other classes; larger is more suspect.

    Parameters
    ----------
    embeddings : ndarray of shape (n_images, n_dims), float32
    codes : ndarray of shape (n_images,), int32
    k : int, default 50
        Neighbours; classes of at most k images are left out, for the smallest class would set k for all of them.

    Returns
    -------
    ndarray of shape (n_images,), float64
        NaN for images that are not judged.

    Raises
    ------
    ParameterError
        Fewer than two classes of more than k images.
    InputError
        DataEval is not installed.
    """
    names, counts = np.unique(codes[codes >= 0], return_counts=True)
    judged = np.isin(codes, names[counts > k])
    if np.unique(codes[judged]).size < 2:
        raise ParameterError(f"DataEval's label errors need two classes of more than {k} images; take a smaller k.")
    scores = np.full(codes.size, np.nan)
    found = _dataeval("core").label_errors(embeddings[judged], codes[judged].astype(np.int64), k=k)
    scores[judged] = found["scores"]
    return scores


def hash_image(pixels: np.ndarray[Any, Any]) -> tuple[int, int, str]:
    """Return DataEval's pHash and dHash, 64 bits each, and the xxHash of the pixels.

    Parameters
    ----------
    pixels : ndarray of shape (3, height, width), uint8
        At least 9 pixels a side.

    Raises
    ------
    ParameterError
        Too small to be hashed.
    InputError
        DataEval is not installed.
    """
    core = _dataeval("core")
    texts = core.phash(pixels), core.dhash(pixels)
    if "" in texts:
        raise ParameterError(f"DataEval hashes images of at least 9 pixels a side, got {pixels.shape[-2:]}.")
    return int(texts[0], 16), int(texts[1], 16), str(core.xxhash(pixels))
