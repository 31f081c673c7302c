"""Boxes of a run's images: those of its objects, or those that the annotations of its images tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dataeval_ui.types import Json

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from dataeval_ui.services.run import Run
    from dataeval_ui.types.base import Int64

N_SHOWN = 24
"""Images that are named for each fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunBoxes:
    """The usable boxes of some rows of a run.

    Attributes
    ----------
    n_images : int
        Whole images; in a run of objects those that the rows are cut from.
    image : ndarray of shape (n_boxes,), int64
        In [0, n_images).
    rows : ndarray of shape (n_boxes,), int64
        Row of the run that shows the box: its object, or its image.
    pixels : ndarray of shape (n_boxes, 4), float64
        Left, top, width and height in pixels of the upright image.
    sizes : ndarray of shape (n_boxes, 2), float64
        Width and height of its image.
    labels : tuple of str or None
        Class of each.
    """

    n_images: int
    image: Int64
    rows: Int64
    pixels: np.ndarray
    sizes: np.ndarray
    labels: tuple[str | None, ...]

    def __len__(self) -> int:
        return len(self.image)


def run_boxes(run: Run, rows: Int64) -> RunBoxes | None:
    """Return the boxes of some rows of a run; None where its dataset has no annotations."""
    return _of_objects(run, rows) if run.is_of_objects else _of_images(run, rows)


def localization(run: Run) -> Json | None:
    """Tell the faults of a run's boxes.

    Returns
    -------
    dict or None
        `n_images`, `n_boxes`, `median_area_share`, `median_boxes_of_image`, and `faults`, each with `name`, `title`,
        `n_boxes`, `share`, `rows` and `paths` (of the first 24 images or objects). None where the dataset has no
        annotations.
    """
    import numpy as np

    from dataeval_ui.analysis.boxes import FLAGS

    found = run_boxes(run, np.arange(run.n_images))
    if found is None or not len(found):
        return None
    flags = flags_of(found)
    shares = found.pixels[:, 2] * found.pixels[:, 3] / np.maximum(found.sizes.prod(axis=1), 1)
    faults = []
    for name, flag in flags.items():
        rows = np.unique(found.rows[flag])
        shown = [int(row) for row in rows[:N_SHOWN]]
        faults.append(
            {
                "name": name,
                "title": FLAGS[name],
                "n_boxes": int(flag.sum()),
                "share": round(float(flag.mean()), 6),
                "n_rows": len(rows),
                "rows": shown,
                "paths": [run.places(row)[0].path for row in shown],
            }
        )
    return {
        "n_images": found.n_images,
        "n_boxes": len(found),
        "median_area_share": round(float(np.median(shares)), 6),
        "median_boxes_of_image": float(np.median(np.bincount(found.image, minlength=found.n_images))),
        "faults": faults,
    }


def flags_of(boxes: RunBoxes) -> dict[str, np.ndarray]:
    """Return the faults of each box, see `analysis.boxes.flag_boxes`."""
    import numpy as np

    from dataeval_ui.analysis.boxes import flag_boxes

    names = {name: code for code, name in enumerate(sorted({one for one in boxes.labels if one is not None}))}
    labels = np.array([-1 if one is None else names[one] for one in boxes.labels], dtype=np.int32)
    found: dict[str, np.ndarray] = dict(flag_boxes(boxes.pixels, boxes.sizes, image=boxes.image, labels=labels))
    return found


def _of_objects(run: Run, rows: Int64) -> RunBoxes:
    import numpy as np
    import pyarrow as pa

    place = run.first_places.take(pa.array(rows))
    pixels = _numbers(place, ("box_left_px", "box_top_px", "box_width_px", "box_height_px"))
    sizes = _numbers(place, ("file_width_px", "file_height_px"))
    known = np.isfinite(pixels).all(axis=1) & (sizes > 0).all(axis=1)
    files, image = np.unique(np.array(place["file"].to_pylist(), dtype=np.str_)[known], return_inverse=True)
    labels = place["label"].to_pylist()
    return RunBoxes(
        n_images=len(files),
        image=image.astype(np.int64),
        rows=rows[known],
        pixels=pixels[known],
        sizes=sizes[known],
        labels=tuple(labels[at] for at in np.flatnonzero(known)),
    )


def _of_images(run: Run, rows: Int64) -> RunBoxes | None:
    import numpy as np
    import pyarrow as pa

    objects = run.objects
    if objects is None:
        return None
    place = run.first_places.take(pa.array(rows))
    at_path = {path: at for at, path in enumerate(place["path"].to_pylist())}
    image = np.array([at_path.get(path, -1) for path in objects["path"].to_pylist()], dtype=np.int64)
    sizes = _numbers(place, ("width_px", "height_px"))
    pixels = _numbers(objects, ("x_px", "y_px", "width_px", "height_px"))
    usable = np.array([status == "ok" for status in objects["status"].to_pylist()], dtype=np.bool_)
    known = usable & (image >= 0) & np.isfinite(pixels).all(axis=1) & (sizes[image] > 0).all(axis=1)
    labels = objects["label"].to_pylist()
    return RunBoxes(
        n_images=len(rows),
        image=image[known],
        rows=rows[image[known]],
        pixels=pixels[known],
        sizes=sizes[image[known]],
        labels=tuple(labels[at] for at in np.flatnonzero(known)),
    )


def _numbers(table: pa.Table, names: tuple[str, ...]) -> np.ndarray:
    import numpy as np

    return np.stack([table[name].to_numpy(zero_copy_only=False).astype(np.float64) for name in names], axis=1)
