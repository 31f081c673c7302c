"""Two images side by side, to see by eye what differs."""

from __future__ import annotations

from dataclasses import dataclass

from dataeval_ui.ui.components.mount import mount


@dataclass(frozen=True, slots=True, kw_only=True)
class PairImage:
    """One side of a pair.

    Attributes
    ----------
    url : str
        `RunUrls.image(row)`.
    caption, sub : str
        Name, and size, label or split below it.
    turn : tuple of float
        (a, b, c, d) of the matrix that the picture is drawn with, as CSS and canvas have it; the default turns nothing.
    """

    url: str
    caption: str
    sub: str = ""
    turn: tuple[float, float, float, float] = (1, 0, 0, 1)


def pair(left: PairImage, right: PairImage, *, key: str, height_px: int = 360) -> None:
    """Draw both images with buttons for side by side, difference and flicker.

    Parameters
    ----------
    left, right : PairImage
    key : str
    height_px : int, default 360
        Height of the images; they keep their aspect.
    """
    data = {
        "images": [[side.url, side.caption, side.sub, list(side.turn)] for side in (left, right)],
        "heightPx": height_px,
    }
    mount("pair", key=key, data=data, events=())
