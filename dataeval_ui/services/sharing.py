"""What the Share page and `dataeval-ui share` tell of links and views."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dataeval_ui.errors import UnknownNameError

if TYPE_CHECKING:
    from dataeval_ui.services.context import Services
    from dataeval_ui.store.catalog_sharing import SavedView


def server_url(services: Services) -> str:
    """Return the address of this workspace's server, as its settings say, without a slash at its end."""
    settings = services.settings
    if settings.public_url:
        return settings.public_url.rstrip("/")
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port}{settings.base_path}"


def link_url(services: Services, token: str, *, base: str | None = None) -> str:
    """Return what to send: the address that a token opens."""
    return f"{(base or server_url(services)).rstrip('/')}/s/{token}"


def link_rows(services: Services, run_id: str | None = None) -> list[dict[str, Any]]:
    """List links, newest first, with their state now."""
    from dataeval_ui.store.catalog_base import now_utc

    now = now_utc()
    return [
        {
            "id": link.id,
            "state": link.state(now),
            "role": link.role,
            "run": link.run_id,
            "note": link.note,
            "uses": str(link.n_uses) if link.max_uses is None else f"{link.n_uses} of {link.max_uses}",
            "expires_at": link.expires_at.isoformat(timespec="minutes"),
        }
        for link in services.catalog.list_links(run_id)
    ]


def find_view(services: Services, run_id: str, name: str) -> SavedView:
    """Look up a saved view of a run by its name or id; raises UnknownNameError."""
    views = services.catalog.list_views(run_id)
    for view in views:
        if name in (view.id, view.name):
            return view
    raise UnknownNameError("saved view", name, [view.name for view in views])
