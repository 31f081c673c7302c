"""Links as the catalog has them, without asking it again before anything in it has changed."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING

from dataeval_ui.store.catalog_changes import CatalogChanges

if TYPE_CHECKING:
    from dataeval_ui.store.catalog import Catalog
    from dataeval_ui.store.catalog_sharing import LinkRecord

MAX_KEPT = 4_096


class KnownLinks:
    """The links of a catalog that were looked up since its last change.

    A page fetches dozens of thumbnails for a click, and each is the guest's of a link. A link that was revoked, by
    whatever process, is seen at the next look: the catalog tells of every change. Expiry is not kept: it is judged anew
    each time.

    Parameters
    ----------
    catalog : Catalog
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = weakref.proxy(catalog)
        self._changes = CatalogChanges(catalog.path)
        self._lock = threading.Lock()
        self._version: int | None = None
        self._links: dict[str, LinkRecord | None] = {}

    def find(self, link_id: str) -> LinkRecord | None:
        """Look a link up, as the catalog stands now; None where there is none."""
        version = self._changes.version()  # before the look: what changes after it has another version
        with self._lock:
            self._forget_unless(version)
            if version is not None and link_id in self._links:
                return self._links[link_id]
        link: LinkRecord | None = self._catalog.find_link(link_id)
        with self._lock:
            if version is not None and version == self._version and len(self._links) < MAX_KEPT:
                self._links[link_id] = link
        return link

    def has(self, link_id: str) -> bool:
        """Say whether `find` would answer without asking the catalog."""
        version = self._changes.version()
        with self._lock:
            self._forget_unless(version)
            return version is not None and link_id in self._links

    def _forget_unless(self, version: int | None) -> None:
        if version != self._version:
            self._links.clear()
            self._version = version


_known: weakref.WeakKeyDictionary[Catalog, KnownLinks] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def known_links(catalog: Catalog) -> KnownLinks:
    """Return the links of a catalog that are known; one for all threads."""
    with _lock:
        if catalog not in _known:
            _known[catalog] = KnownLinks(catalog)
        return _known[catalog]
