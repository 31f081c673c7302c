"""Links for reviewers: made, opened, listed and revoked. Whoever holds a link's token may see one run.

A token is `<link id>.<random>.<signature>`; the signature is HMAC-SHA256 with the workspace's secret, and the catalog
holds the token's SHA-256. Neither the catalog nor the secret alone therefore makes a token. The first visit changes the
token for a cookie that is signed for another purpose, so that a used-up token is no way in, however it is presented.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import re
import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, get_args

from dataeval_ui.errors import AccessDeniedError, ParameterError
from dataeval_ui.services.known_links import known_links
from dataeval_ui.store.catalog_sharing import LinkRecord, LinkRole

if TYPE_CHECKING:
    from dataeval_ui.services.context import Services

MAX_EXPIRY = timedelta(days=366)
MAX_USES = 1_000_000
_TOKEN = re.compile(r"[0-9a-f]{16}\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}")
_COOKIE = re.compile(r"[0-9a-f]{16}\.[0-9a-f]{16}\.[A-Za-z0-9_-]{43}")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def sign(services: Services, purpose: str, text: str) -> str:
    """Return the 43 characters that only a holder of the workspace's secret can make for a text and a purpose."""
    from dataeval_ui.store.secret import workspace_secret

    return _signature(workspace_secret(services.workspace), purpose, text)


def _signature(secret: bytes, purpose: str, text: str) -> str:
    digest = hmac.digest(secret, purpose.encode() + b"\0" + text.encode(), "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def is_signed(services: Services, purpose: str, text: str, signature: str) -> bool:
    """Say whether a signature is right, in the same time for every wrong one."""
    return hmac.compare_digest(sign(services, purpose, text), signature)


def cookie_name(services: Services, kind: str) -> str:
    """Name of a cookie of this workspace: browsers send one server's cookies to every other port of its machine."""
    from dataeval_ui.store.secret import workspace_secret

    return f"dataeval_ui_{kind}_{_cookie_mark(workspace_secret(services.workspace))}"


@functools.lru_cache(maxsize=8)
def _cookie_mark(secret: bytes) -> str:
    return hashlib.sha256(_signature(secret, "cookie name", "").encode()).hexdigest()[:8]


def parse_expiry(text: str) -> timedelta:
    """Read a time such as 30m, 12h, 7d or 2w.

    Raises
    ------
    ParameterError
        Anything else, nothing, or more than 366 days.
    """
    match = re.fullmatch(r"([0-9]{1,6})([mhdw])", text.strip().lower())
    length = timedelta(**{_UNITS[match[2]]: int(match[1])}) if match else timedelta(0)
    if not timedelta(0) < length <= MAX_EXPIRY:
        raise ParameterError(f"A link expires after 1m to 366d, such as 30m, 12h, 7d or 2w; got {text[:40]!r}.")
    return length


def make_link(
    services: Services,
    run_id: str,
    *,
    role: str,
    expires: timedelta,
    max_uses: int | None = None,
    view_id: str | None = None,
    note: str = "",
) -> tuple[LinkRecord, str]:
    """Make a link to a run.

    Returns
    -------
    link : LinkRecord
    token : str
        Shown now or never: it cannot be had again from what is stored.

    Raises
    ------
    UnknownNameError
        No such run or view.
    ParameterError
        Another role, a time outside (0, 366 days], fewer than 1 use, a view of another run, or a note too long.
    """
    from dataeval_ui.store.catalog_base import new_id, now_utc

    services.catalog.get_run(run_id)
    if role not in get_args(LinkRole):
        raise ParameterError(f"A link's role is one of {', '.join(get_args(LinkRole))}; got {role[:40]!r}.")
    if not timedelta(0) < expires <= MAX_EXPIRY:
        raise ParameterError(f"A link lasts at most {MAX_EXPIRY.days} days; got {expires}.")
    if max_uses is not None and not 1 <= max_uses <= MAX_USES:
        raise ParameterError(f"A link lets in 1 to {MAX_USES:,} browsers, got {max_uses}.")
    if len(note) > 255:
        raise ParameterError(f"A link's note has at most 255 characters, got {len(note)}.")
    if view_id is not None and services.catalog.get_view(view_id).run_id != run_id:
        raise ParameterError("That view shows another run. Choose a view of this run.")
    link_id, now = new_id(), now_utc()
    body = f"{link_id}.{secrets.token_urlsafe(16)}"
    token = f"{body}.{sign(services, 'link', body)}"
    link = LinkRecord(
        id=link_id,
        run_id=run_id,
        view_id=view_id,
        role=role,  # type: ignore[arg-type]
        note=note.strip(),
        token_hash=_hash(token),
        created_at=now,
        expires_at=now + expires,
        max_uses=max_uses,
    )
    services.catalog.add_link(link)
    return link, token


def open_link(services: Services, token: str, *, cookie: str | None = None) -> tuple[LinkRecord, str]:
    """Change a token for a cookie, and count one use; none where the browser holds the link's cookie already.

    Raises
    ------
    AccessDeniedError
        A token that is forged, expired, revoked or used up; the sentence does not tell a forger which.
    """
    link = _link_of(services, token)
    if cookie is not None and (known := link_of_cookie(services, cookie)) is not None and known.id == link.id:
        return link, cookie
    if not services.catalog.use_link(link.id):
        raise AccessDeniedError(_ended(services.catalog.find_link(link.id) or link))
    body = f"{link.id}.{secrets.token_hex(8)}"
    return link, f"{body}.{sign(services, 'guest', body)}"


def link_of_cookie(services: Services, cookie: str) -> LinkRecord | None:
    """Return the link that a cookie was given for, as it stands now; None for a cookie that we did not sign."""
    if not _COOKIE.fullmatch(cookie):
        return None
    body, _, signature = cookie.rpartition(".")
    if not is_signed(services, "guest", body, signature):
        return None
    return known_links(services.catalog).find(body.partition(".")[0])


def is_known_cookie(services: Services, cookie: str) -> bool:
    """Say whether a cookie's link is known, so that to look at it again asks no database."""
    return known_links(services.catalog).has(cookie.partition(".")[0])


def is_in_force(link: LinkRecord, now: datetime | None = None) -> bool:
    """Say whether those whom a link has let in may still stay."""
    from dataeval_ui.store.catalog_base import now_utc

    return link.state(now or now_utc()) in ("open", "used up")


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("ascii")).hexdigest()


def _link_of(services: Services, token: str) -> LinkRecord:
    unknown = AccessDeniedError("This link is not valid. Ask whoever sent it for a new one.")
    if not _TOKEN.fullmatch(token):
        raise unknown
    body, _, signature = token.rpartition(".")
    if not is_signed(services, "link", body, signature):
        raise unknown
    link = services.catalog.find_link(body.partition(".")[0])
    if link is None or not hmac.compare_digest(link.token_hash, _hash(token)):
        raise unknown
    if not is_in_force(link):
        raise AccessDeniedError(_ended(link))
    return link


def _ended(link: LinkRecord) -> str:
    from dataeval_ui.store.catalog_base import now_utc

    what = {
        "revoked": "was revoked",
        "expired": "has expired",
        "used up": "has been used as often as it may be",
        "open": "cannot be used just now",
    }[link.state(now_utc())]
    return f"This link {what}. Ask whoever sent it for a new one."
