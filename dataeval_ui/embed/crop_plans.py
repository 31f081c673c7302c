"""What is to be cut out of a file, planned once its head is known and before it is decoded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dataeval_ui.data import FileHead, Rect, decode_crops, image_id_of, read_bytes, read_head
from dataeval_ui.types import DecodedImage

if TYPE_CHECKING:
    from dataeval_ui.settings import Settings
    from dataeval_ui.types import Preprocessing


@dataclass(frozen=True, slots=True)
class CropTask:
    """Objects of one file that are cut out of one decode.

    Attributes
    ----------
    path : str
        Of the file.
    rows : tuple of int
        Rows of the objects among the run's places.
    """

    path: str
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PlannedCrop:
    """What to do for one object.

    Attributes
    ----------
    image_id : str or None
        Of its crop; None where there is none.
    crop : Rect or None
        None where it need not be decoded, or cannot be.
    reason : str or None
        Why it cannot.
    """

    image_id: str | None = None
    crop: Rect | None = None
    reason: str | None = None

    def image(self, decoded: DecodedImage | None = None) -> DecodedImage:
        """Return what was decoded under the crop's id, or the id or the reason alone."""
        if decoded is None:
            return DecodedImage(image_id=self.image_id, reason=self.reason)
        return replace(decoded, image_id=self.image_id)


Plan = Callable[[Sequence[int], FileHead], Sequence[PlannedCrop]]
"""From rows and the head of their file to a plan for each row."""


def planned_crops(task: CropTask, plan: Plan, said: Mapping[str, Any]) -> Sequence[PlannedCrop]:
    """Plan by what a decoder process said of a file."""
    head = said["head"]
    if head is None:
        return [PlannedCrop(reason=str(said["reason"]))] * len(task.rows)
    return plan(
        task.rows,
        FileHead(
            image_id=str(head["image_id"]),
            width_px=int(head["width_px"]),
            height_px=int(head["height_px"]),
            orientation=int(head["orientation"]),
            format=str(head["format"]),
        ),
    )


def crops_here(
    task: CropTask, plan: Plan, *, preprocessing: Preprocessing | None, settings: Settings
) -> list[DecodedImage]:
    """Decode the crops of a file in this process; as `DecoderPool.decode_crops` for one task."""
    data, reason = read_bytes(task.path, settings=settings)
    head = None
    if data is not None:
        head, reason = read_head(data, image_id_of(data), settings=settings)
    if data is None or head is None:
        return [DecodedImage(image_id=None, reason=reason)] * len(task.rows)
    planned = plan(task.rows, head)
    wanted = [one.crop for one in planned if one.crop is not None]
    decoded = iter(decode_crops(data, wanted, preprocessing=preprocessing, settings=settings) if wanted else ())
    return [one.image(None if one.crop is None else next(decoded)) for one in planned]
