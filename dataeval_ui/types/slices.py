"""Groups of images in which something is more or less frequent than elsewhere."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceCell:
    """One group and one property of its images.

    Attributes
    ----------
    group, group_code : str, int
        Name of the grouping and code of the group in it.
    about, about_code : str, int
        Name of the property and code of its value.
    n_images : int
        Images of the group whose property is known.
    n_both : int
        Those of them that have the value.
    share : float
        `n_both / n_images`, in [0, 1].
    base_share : float
        Share of the value among all images that have a group and the property, in (0, 1).
    lift : float
        `share / base_share`, at least 0.
    p_value : float
        Of Fisher's exact test, two-sided by doubling, after Benjamini and Hochberg's correction over all cells.
    """

    group: str
    group_code: int
    about: str
    about_code: int
    n_images: int
    n_both: int
    share: float
    base_share: float
    lift: float
    p_value: float
