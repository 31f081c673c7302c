"""An image with a box that the user draws on it."""

from __future__ import annotations

import math
from typing import Any

from dataeval_ui.errors import ParameterError
from dataeval_ui.ui.components.mount import mount

Box = tuple[float, float, float, float]


def read_box(sent: Any) -> Box | None:
    """Check a box that a browser sent.

    Raises
    ------
    ParameterError
        Not four shares of an image in [0, 1].
    """
    if sent is None:
        return None
    if isinstance(sent, (list, tuple)) and len(sent) == 4 and all(type(n) in (int, float) for n in sent):
        left, top, width, height = (float(n) for n in sent)
        is_inside = all(math.isfinite(n) and 0 <= n <= 1 for n in (left, top, width, height))
        if is_inside and width > 0 and height > 0:
            return left, top, width, height
    raise ParameterError("The browser sent a box that is not on the image; reload the page.")


def image_box(url: str, *, alt: str, box: Box, key: str) -> Box | None:
    """Draw an image with a box on it.

    Parameters
    ----------
    url : str
        Of the image, or a `data:` address of one of our own making.
    alt : str
        What a screen reader says of the image.
    box : tuple of 4 floats
        Where the box is: left, top, width, height, as shares of the image.
    key : str

    Returns
    -------
    tuple of 4 floats or None
        The box that was drawn, moved or resized since the last rerun.
    """
    return read_box(mount("box", key=key, data={"url": url, "alt": alt, "box": list(box)}, events=("box",))["box"])
