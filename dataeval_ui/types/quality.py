"""What image quality found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from dataeval_ui.types.base import Bool, Float32, Int64

QualitySide = Literal["low", "high"]
ThresholdMethod = Literal["adjusted_boxplot", "modified_z"]


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityCheck:
    """One way in which an image can be bad, told by one number of it.

    Attributes
    ----------
    name : str
        In URLs, metrics and exports: "blurry".
    title, doc : str
        For a person.
    metric : str
        Name of the number: one of `dataeval_ui.data.statistics.STATISTICS`, or "side_px" (square root of the number of
        pixels), "relative_aspect" (how many times longer or flatter than the dataset's median, at least 1),
        "odd_channels" (share of the dataset's images that have other channels, 0 for the majority).
    side : {"low", "high"}
        Which end of the metric is bad.
    always : float
        An image beyond this is flagged whatever the others look like.
    never : float
        An image that is not beyond this is never flagged.
    is_log : bool
        Whether the spread is measured on the logarithm.
    """

    name: str
    title: str
    doc: str
    metric: str
    side: QualitySide
    always: float
    never: float
    is_log: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityIssue:
    """One check of all images of a run.

    Attributes
    ----------
    check : QualityCheck
    values : ndarray of shape (n_images,), float32
        The metric; NaN where it is unknown.
    threshold : float
        Images below it (side "low") or above it ("high") are flagged. Between `check.always` and `check.never` unless
        the caller gave one.
    suggested_threshold : float
        What the dataset itself suggests, also where the caller gave another.
    flags : ndarray of shape (n_images,), bool
    rows : ndarray of shape (n_flagged,), int64
        Flagged images, worst first (ties: lower row first).
    class_thresholds : mapping of str to float
        By label, for classes of at least 30 images: the same rule within the class.
    class_flags : ndarray of shape (n_images,), bool
        Images beyond the threshold of their class.
    """

    check: QualityCheck
    values: Float32
    threshold: float
    suggested_threshold: float
    flags: Bool
    rows: Int64
    class_thresholds: Mapping[str, float] = field(default_factory=dict)
    class_flags: Bool

    @property
    def n_flagged(self) -> int:
        """Number of flagged images."""
        return int(self.rows.shape[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableFile:
    """A file that is no usable image, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityReport:
    """Quality of a run's images.

    Attributes
    ----------
    issues : tuple of QualityIssue
        One for each of `dataeval_ui.analysis.quality.CHECKS`, in that order.
    unreadable : tuple of UnreadableFile
        By path.
    n_images : int
    """

    issues: tuple[QualityIssue, ...]
    unreadable: tuple[UnreadableFile, ...]
    n_images: int

    def issue(self, name: str) -> QualityIssue:
        """Return one check's issue.

        Raises
        ------
        UnknownNameError
            No such check.
        """
        from dataeval_ui.errors import UnknownNameError

        for issue in self.issues:
            if issue.check.name == name:
                return issue
        raise UnknownNameError("quality check", name, [issue.check.name for issue in self.issues])

    @property
    def flags(self) -> Bool:
        """Images that any check flags, of shape (n_images,)."""
        import numpy as np

        any_flag: Bool = np.zeros(self.n_images, dtype=np.bool_)
        for issue in self.issues:
            any_flag |= issue.flags
        return any_flag
