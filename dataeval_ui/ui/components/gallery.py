"""A grid of thumbnails, each of them a button."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dataeval_ui.errors import ParameterError
from dataeval_ui.ui.components.mount import mount


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryItem:
    """One thumbnail.

    Attributes
    ----------
    row : int
    caption : str
        First line below it, and its name for a screen reader.
    sub : str
        Second, fainter line.
    badge : str
        Short text in its corner, such as a similarity: "0.93".
    heat : str
        Drawn over the thumbnail: base64 of a byte a cell, row by row, of a square; 0 is cold.
    """

    row: int
    caption: str
    sub: str = ""
    badge: str = ""
    heat: str = ""


def read_click(sent: Any, rows: Sequence[int]) -> int | None:
    """Check a click that a browser sent.

    Raises
    ------
    ParameterError
        A row that the gallery does not show.
    """
    if sent is None:
        return None
    if type(sent) is not int or sent not in set(rows):
        raise ParameterError("The browser sent a click on an image that is not in the gallery; reload the page.")
    return sent


def gallery(
    items: Sequence[GalleryItem],
    *,
    key: str,
    thumbnails_url: str,
    size_px: int = 120,
    selected_row: int | None = None,
    label: str = "Images",
    empty: str = "No images here.",
) -> int | None:
    """Draw the grid.

    Parameters
    ----------
    items : sequence of GalleryItem
        In the order to show. Thumbnails load as they come into view.
    key : str
    thumbnails_url : str
        With `{row}`; `RunUrls.thumbnails`.
    size_px : int, default 120
        Least width of a thumbnail; columns fill the page's width. In [48, 400].
    selected_row : int, optional
        Drawn with a frame.
    label : str
        What a screen reader calls the grid.
    empty : str
        What to say, and what to do next, when there are no items.

    Returns
    -------
    int or None
        The row that was clicked since the last rerun.
    """
    if not 48 <= size_px <= 400:
        raise ParameterError(f"size_px must be in [48, 400], got {size_px}.")
    data: dict[str, Any] = {
        "items": [[int(item.row), item.caption, item.sub, item.badge] for item in items],
        "thumbnails": thumbnails_url,
        "sizePx": size_px,
        "selected": selected_row,
        "label": label,
        "empty": empty,
    }
    if any(item.heat for item in items):
        data["heat"] = {str(int(item.row)): item.heat for item in items}
    return read_click(
        mount("gallery", key=key, data=data, events=("click",))["click"], [int(item.row) for item in items]
    )
