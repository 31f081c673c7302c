"""Do an image's neighbours carry its label?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from dataeval_ui.errors import ParameterError
from dataeval_ui.types import NeighborGraph

if TYPE_CHECKING:
    from dataeval_ui.types.base import Float32


def score_label_agreement(graph: NeighborGraph, labels: Sequence[str | None]) -> Float32:
    """Share of each image's labelled neighbours that carry its own label.

    Parameters
    ----------
    graph : NeighborGraph
    labels : sequence of str or None, of length n_images
        None for an image without a label.

    Returns
    -------
    ndarray of shape (n_images,), float32
        In [0, 1]; 1 where all agree; NaN for an image without a label or without any labelled neighbour.

    Raises
    ------
    ParameterError
        As many labels as images are needed.
    """
    if len(labels) != graph.n_images:
        raise ParameterError(f"There must be one label an image, {graph.n_images} in all, got {len(labels)}.")
    names = {name: code for code, name in enumerate(dict.fromkeys(label for label in labels if label is not None))}
    codes = np.array([-1 if label is None else names[label] for label in labels], dtype=np.int32)
    around = codes[graph.indices]
    n_labelled = (around >= 0).sum(axis=1)
    n_agreeing = ((around == codes[:, None]) & (around >= 0)).sum(axis=1)
    agreement = np.divide(n_agreeing, n_labelled, out=np.full(len(codes), np.nan), where=n_labelled > 0)
    agreement[codes < 0] = np.nan
    result: Float32 = agreement.astype(np.float32)
    return result
