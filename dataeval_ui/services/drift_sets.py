"""The two sets that are compared for drift: two runs, or two parts of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dataeval_ui.errors import InputError

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run
    from dataeval_ui.types.base import Bool, Int64

REST = "rest"
"""As the filter of the test set of one run: all images that the reference's filter leaves out."""


def chosen_rows(
    reference: Run,
    test: Run,
    *,
    splits: tuple[str, str] | None = None,
    filters: tuple[str | None, str | None] | None = None,
) -> tuple[Int64, Int64]:
    """Return the rows of the reference in its run, and those of the test set in its own.

    Parameters
    ----------
    splits : pair of str, optional
        Take only images of this split of the reference, and of that split of the test run.
    filters : pair of str or None, optional
        Take only images that these filters mean, see `image_filters`; None is all images, and "rest" as the second the
        images of the run that the first leaves out.

    Raises
    ------
    InputError
        Runs of different embeddings, a split or filter that means no image, or an image in both sets.
    """
    import numpy as np

    if reference.record.key != test.record.key:
        raise InputError(
            f"These runs have different embeddings ({reference.record.backbone} and {test.record.backbone}), so their "
            f"images cannot be compared; run the test set with --backbone {reference.record.backbone} and the same "
            "layer and pooling."
        )
    runs = reference, test
    masks: list[Bool] = []
    for side, run in enumerate(runs):
        mask = np.ones(run.n_images, dtype=np.bool_)
        if splits is not None:
            mask &= _of_split(run, splits[side])
        if filters is not None and (text := filters[side]) is not None:
            if side and text.strip() == REST:
                if reference.id != test.id:
                    raise InputError("Only of one run named twice the test set can be the rest; write another filter.")
                mask &= ~masks[0]
            else:
                mask &= _of_filter(run, text)
        masks.append(mask)
    if reference.id == test.id and (n_both := int((masks[0] & masks[1]).sum())):
        if n_both == masks[0].sum() == masks[1].sum():
            raise InputError(
                "Reference and test are the same images; choose another run, or two splits or filters of this one."
            )
        raise InputError(
            f"{n_both:,} images are in both sets, so the sets are not independent; let the filters exclude each other, "
            f"or write {REST} for the second."
        )
    for run, mask, name in zip(runs, masks, ("reference", "test"), strict=True):
        if not mask.any():
            raise InputError(f"The {name} set has no image of the run {run.record.name!r}; choose another filter.")
    return np.flatnonzero(masks[0]), np.flatnonzero(masks[1])


def _of_split(run: Run, split: str) -> Bool:
    import numpy as np

    splits = run.first_places["split"].to_pylist()
    mask = np.array([one == split for one in splits], dtype=np.bool_)
    if not mask.any():
        known = ", ".join(sorted({s for s in splits if s is not None})) or "none"
        raise InputError(f"The run {run.record.name!r} has no split {split!r}. Known: {known}.")
    return mask


def _of_filter(run: Run, text: str) -> Bool:
    from dataeval_ui.services.image_filters import rows_of_filter

    mask = rows_of_filter(run, text)
    if not mask.any():
        raise InputError(f"No image of the run {run.record.name!r} fits {text!r}; choose another filter.")
    return mask
