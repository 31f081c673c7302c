"""Masks of objects as pictures: polygons and COCO's run lengths, at the size that is shown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dataeval_ui.data.objects import read_polygons, read_run_lengths

if TYPE_CHECKING:
    from PIL import Image

    from dataeval_ui.types.base import Bool

_MOST_DIGITS = 7
"""Five bits each: more than any image has pixels."""


def mask_picture(mask: str, *, size: tuple[int, int], shown: tuple[int, int]) -> Image.Image | None:
    """Draw a mask.

    Parameters
    ----------
    mask : str
        JSON, as `AnnotatedObject.mask` has it, in pixels of the upright image.
    size : tuple of 2 ints
        Width and height of the upright image.
    shown : tuple of 2 ints
        Those of the picture.

    Returns
    -------
    PIL.Image.Image or None
        Mode "L", 255 inside; None where the text is no mask, or one of an image of another size.
    """
    from PIL import Image, ImageDraw

    if (value := _parsed(mask)) is None:
        return None
    if "polygons" in value:
        if read_polygons(value["polygons"])[0] is None:
            return None
        picture = Image.new("L", shown)
        draw = ImageDraw.Draw(picture)
        scale = shown[0] / size[0], shown[1] / size[1]
        for polygon in value["polygons"]:
            points = zip(polygon[::2], polygon[1::2], strict=True)
            draw.polygon([(x * scale[0], y * scale[1]) for x, y in points], fill=255)
        return picture
    inside = read_inside(value, size=size)
    if inside is None:
        return None
    return Image.fromarray(inside).convert("L").resize(shown, Image.Resampling.NEAREST)


def read_inside(value: object, *, size: tuple[int, int]) -> Bool | None:
    """Read COCO's run lengths, compressed or not.

    Parameters
    ----------
    value : object
        `{"size": [height, width], "counts": list or text}`.
    size : tuple of 2 ints
        Width and height of the image.

    Returns
    -------
    ndarray of shape (height, width), bool, or None
        None where they are no mask of an image of that size.

    Notes
    -----
    Runs of outside and inside by turns, down the columns. Compressed ones are pycocotools': five bits a character from
    "0" on, the sixth tells that more follow; from the fourth on, a run is written as its difference to the one two
    before.
    """
    import numpy as np

    if not isinstance(value, dict) or read_run_lengths(value)[0] is None or value["size"] != [size[1], size[0]]:
        return None
    counts = value["counts"] if isinstance(value["counts"], list) else _counts_of(value["counts"])
    if counts is None or any(count < 0 for count in counts) or sum(counts) != size[0] * size[1]:
        return None
    runs = np.arange(len(counts)) % 2 == 1
    inside: Bool = np.repeat(runs, counts).reshape(size).T
    return inside


def _counts_of(text: str) -> list[int] | None:
    counts: list[int] = []
    number = n_digits = 0
    for character in text:
        code = ord(character) - 48
        if not 0 <= code < 64 or n_digits == _MOST_DIGITS:
            return None
        number |= (code & 31) << 5 * n_digits
        n_digits += 1
        if code & 32:
            continue
        if code & 16:
            number -= 1 << 5 * n_digits
        counts.append(number + counts[-2] if len(counts) > 2 else number)
        number = n_digits = 0
    return counts if n_digits == 0 else None


def _parsed(mask: str) -> dict[str, Any] | None:
    """Return what a mask's text holds; None where it is no JSON object."""
    try:
        value = json.loads(mask)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def mask_extent(mask: str) -> tuple[float, float, float, float] | None:
    """Return the box around a mask: left, top, width, height; without area where it is empty, None where it is none."""
    import numpy as np

    if (value := _parsed(mask)) is None:
        return None
    if "polygons" in value:
        return read_polygons(value["polygons"])[1]
    if read_run_lengths(value)[0] is None:
        return None
    height, width = value["size"]
    counts = value["counts"] if isinstance(value["counts"], list) else _counts_of(value["counts"])
    if counts is None or any(count < 0 for count in counts) or sum(counts) != height * width:
        return None
    ends = np.cumsum(np.array(counts, dtype=np.int64))
    starts, stops = ends[:-1:2], ends[1::2]
    starts, stops = starts[stops > starts], stops[stops > starts]
    if len(starts) == 0:
        return 0.0, 0.0, 0.0, 0.0
    left, right = int(starts.min()) // height, (int(stops.max()) - 1) // height + 1
    tops, bottoms = starts % height, (stops - 1) % height + 1
    if (starts // height != (stops - 1) // height).any():  # a run that goes on in the next column
        top, bottom = 0, height
    else:
        top, bottom = int(tops.min()), int(bottoms.max())
    return float(left), float(top), float(right - left), float(bottom - top)
