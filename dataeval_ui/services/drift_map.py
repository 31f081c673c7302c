"""The reference's map with the test images on it, each placed by its own nearest reference images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from dataeval_ui.services.drift import DriftAnswer
    from dataeval_ui.services.run import Run
    from dataeval_ui.types.base import Bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftMap:
    """Places of the compared images, in the order of `DriftAnswer.rows`.

    Attributes
    ----------
    reference_xy, test_xy : ndarray of shape (n_images, 2)
    is_unsure : ndarray of shape (n_test,), bool
        See `Placement.is_unsure`.
    """

    reference_xy: np.ndarray
    test_xy: np.ndarray
    is_unsure: Bool


def drift_map(reference: Run, test: Run, answer: DriftAnswer) -> DriftMap:
    """Place the compared test images on the map of the compared reference images, which stays as it is."""
    import numpy as np

    from dataeval_ui.analysis.drift.placement import place_by_reference

    xy = np.asarray(reference.projection.xy[answer.rows[0]])
    found = place_by_reference(
        np.asarray(reference.view.embeddings[answer.rows[0]]), xy, np.asarray(test.view.embeddings[answer.rows[1]])
    )
    return DriftMap(reference_xy=xy, test_xy=found.xy, is_unsure=found.is_unsure)
