"""Links that let a reviewer in, and pages saved under a name, in the catalog."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from dataeval_ui.errors import ParameterError, UnknownNameError
from dataeval_ui.store.catalog_base import CatalogBase, new_id, now_utc

LinkRole = Literal["view", "comment", "decide"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRecord:
    """A link to one run. The catalog holds the hash of its token, never the token.

    Attributes
    ----------
    view_id : str or None
        The saved view that it opens; None opens the run's map.
    token_hash : str
        SHA-256 of the token, in hexadecimal.
    revoked_at : datetime or None
        UTC.
    max_uses : int or None
        Browsers that it lets in, at least 1; None sets no limit.
    n_uses : int
        Browsers that it has let in.
    """

    id: str
    run_id: str
    role: LinkRole
    note: str
    token_hash: str
    created_at: datetime
    expires_at: datetime
    view_id: str | None = None
    revoked_at: datetime | None = None
    max_uses: int | None = None
    n_uses: int = 0
    last_used_at: datetime | None = None

    def state(self, now: datetime) -> Literal["open", "used up", "expired", "revoked"]:
        """Say whether it lets anyone in at a moment; those who are in stay in when it is used up."""
        if self.revoked_at is not None:
            return "revoked"
        if now >= self.expires_at:
            return "expired"
        if self.max_uses is not None and self.n_uses >= self.max_uses:
            return "used up"
        return "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedView:
    """A page as it stood, under a name.

    Attributes
    ----------
    page : str
        Path of the page: "explore".
    address : mapping of str to list of str
        The address's parameters.
    """

    id: str
    run_id: str
    name: str
    page: str
    address: Mapping[str, list[str]]
    created_at: datetime


class CatalogSharing(CatalogBase):
    """The links and saved views of a catalog."""

    def add_link(self, link: LinkRecord) -> None:
        """Add a link under an id of the caller's."""
        from dataeval_ui.store.catalog_tables import LINKS

        self._insert(LINKS, asdict(link))

    def find_link(self, link_id: str) -> LinkRecord | None:
        """Look a link up; None where there is none."""
        from dataeval_ui.store.catalog_tables import LINKS

        rows = self._rows(LINKS.select().where(LINKS.c.id == link_id))
        return LinkRecord(**rows[0]) if rows else None

    def list_links(self, run_id: str | None = None) -> list[LinkRecord]:
        """List links, newest first; of one run or of all."""
        from dataeval_ui.store.catalog_tables import LINKS

        query = LINKS.select().order_by(LINKS.c.created_at.desc(), LINKS.c.id)
        if run_id is not None:
            query = query.where(LINKS.c.run_id == run_id)
        return [LinkRecord(**row) for row in self._rows(query)]

    def use_link(self, link_id: str) -> bool:
        """Count one more browser, in one statement; False where the link lets no more in."""
        import sqlalchemy as sa

        from dataeval_ui.store.catalog_tables import LINKS

        now = now_utc()
        lets_in = sa.and_(
            LINKS.c.id == link_id,
            LINKS.c.revoked_at.is_(None),
            LINKS.c.expires_at > now,
            sa.or_(LINKS.c.max_uses.is_(None), LINKS.c.n_uses < LINKS.c.max_uses),
        )
        return self._update(LINKS, lets_in, {"n_uses": LINKS.c.n_uses + 1, "last_used_at": now}) == 1

    def revoke_link(self, link_id: str) -> LinkRecord:
        """Let nobody in any more, nor those who are in; raises UnknownNameError."""
        import sqlalchemy as sa

        from dataeval_ui.store.catalog_tables import LINKS

        open_one = sa.and_(LINKS.c.id == link_id, LINKS.c.revoked_at.is_(None))
        self._update(LINKS, open_one, {"revoked_at": now_utc()})
        if (link := self.find_link(link_id)) is None:
            raise self._unknown("link", link_id, LINKS.c.id)
        return link

    def save_view(self, *, run_id: str, name: str, page: str, address: Mapping[str, list[str]]) -> SavedView:
        """Save a page under a name; a view of the same run and name is replaced and keeps its id.

        Raises
        ------
        ParameterError
            The name is empty or longer than 255 characters.
        """
        import sqlalchemy as sa

        from dataeval_ui.store.catalog_tables import SAVED_VIEWS

        name = name.strip()
        if not 0 < len(name) <= 255:
            raise ParameterError(f"The name of a view has 1 to 255 characters, got {len(name)}.")
        values: dict[str, Any] = {"page": page, "address": dict(address), "created_at": now_utc()}
        same = sa.and_(SAVED_VIEWS.c.run_id == run_id, SAVED_VIEWS.c.name == name)
        if not self._update(SAVED_VIEWS, same, values):
            try:
                self._insert(SAVED_VIEWS, {"id": new_id(), "run_id": run_id, "name": name, **values})
            except sa.exc.IntegrityError:  # another session saved it a moment ago
                self._update(SAVED_VIEWS, same, values)
        return SavedView(**self._rows(SAVED_VIEWS.select().where(same))[0])

    def get_view(self, view_id: str) -> SavedView:
        """Look a view up by its id; raises UnknownNameError."""
        from dataeval_ui.store.catalog_tables import SAVED_VIEWS

        rows = self._rows(SAVED_VIEWS.select().where(SAVED_VIEWS.c.id == view_id))
        if not rows:
            raise UnknownNameError("saved view", view_id, ())
        return SavedView(**rows[0])

    def list_views(self, run_id: str) -> list[SavedView]:
        """List the views of a run by name."""
        from dataeval_ui.store.catalog_tables import SAVED_VIEWS

        query = SAVED_VIEWS.select().where(SAVED_VIEWS.c.run_id == run_id).order_by(SAVED_VIEWS.c.name)
        return [SavedView(**row) for row in self._rows(query)]

    def remove_view(self, view_id: str) -> None:
        """Forget a view; raises UnknownNameError."""
        from dataeval_ui.store.catalog_tables import SAVED_VIEWS

        if not self._delete(SAVED_VIEWS, SAVED_VIEWS.c.id == view_id):
            raise UnknownNameError("saved view", view_id, ())
