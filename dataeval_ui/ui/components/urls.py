"""Addresses of what the browser fetches by itself, beside the page: the one place that spells them."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

API_PREFIX = "/api"


@dataclass(frozen=True, slots=True)
class RunUrls:
    """Addresses of one run's data. A finished run never changes, so neither does what stands at them.

    Parameters
    ----------
    run_id : str
    base_path : str, default ""
        Path that the server is mounted below (`server.baseUrlPath`), without a slash at its end.
    """

    run_id: str
    base_path: str = ""

    @property
    def _root(self) -> str:
        return f"{self.base_path}{API_PREFIX}/runs/{quote(self.run_id, safe='')}"

    @property
    def points(self) -> str:
        """The map's coordinates."""
        return f"{self._root}/points"

    @property
    def thumbnails(self) -> str:
        """Thumbnails, with `{row}` to be filled in."""
        return f"{self._root}/thumbs/{{row}}"

    @property
    def images(self) -> str:
        """Whole images, at most 2,048 px, with `{row}` to be filled in."""
        return f"{self._root}/images/{{row}}"

    def boxed(self, row: int) -> str:
        """The whole image of an object, with its box drawn into it."""
        return f"{self._root}/boxes/{row}"

    @property
    def neighbours(self) -> str:
        """Rows of an image's nearest neighbours, with `{row}` to be filled in."""
        return f"{self._root}/neighbours/{{row}}"

    def column(self, name: str, *, version: int | None = None) -> str:
        """Codes or values of one column, in the order of the rows; of a version where its method may change."""
        return f"{self._root}/columns/{quote(name, safe='')}" + ("" if version is None else f"?v={version}")

    def thumbnail(self, row: int) -> str:
        """One thumbnail."""
        return self.thumbnails.format(row=row)

    def image(self, row: int) -> str:
        """One whole image."""
        return self.images.format(row=row)
