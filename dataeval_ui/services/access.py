"""Who is asking, and what they may do. Every route, every message of a page and every page asks `may`.

A viewer is the owner (the person at this machine where no login is required, or whoever logged in), or a guest whom a
link or a role of the settings has let in, or nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from dataeval_ui.services.context import Services

Role = Literal["nobody", "view", "comment", "decide", "owner"]
Action = Literal["view", "comment", "decide", "upload", "manage"]

_ALLOWED: Mapping[Role, frozenset[Action]] = {
    "nobody": frozenset(),
    "view": frozenset({"view"}),
    "comment": frozenset({"view", "comment"}),
    "decide": frozenset({"view", "comment", "decide"}),
    "owner": frozenset({"view", "comment", "decide", "upload", "manage"}),
}
LOCAL_ONLY = "This server answers its own machine alone."
LOG_IN = "Log in, or open the link that you were sent."


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Who asks.

    Attributes
    ----------
    role : {"nobody", "view", "comment", "decide", "owner"}
    name : str
        For the log of decisions: "owner", "link <id>", or an e-mail address.
    run_id : str or None
        The only run that it may see; None is all of them.
    link_id : str or None
        The link that let it in.
    view_id : str or None
        The saved view that the link opens.
    reason : str
        Why it is nobody, as a sentence.
    """

    role: Role
    name: str = ""
    run_id: str | None = None
    link_id: str | None = None
    view_id: str | None = None
    reason: str = ""

    @property
    def is_owner(self) -> bool:
        """Whether it may do everything."""
        return self.role == "owner"

    @property
    def is_guest(self) -> bool:
        """Whether a link has let it in."""
        return self.link_id is not None


OWNER = Viewer(role="owner", name="owner")


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """An answer with its reason.

    Attributes
    ----------
    allowed : bool
    reason : str
        A sentence for whoever was refused; empty when allowed.
    """

    allowed: bool
    reason: str = ""


def may(viewer: Viewer, action: Action, run_id: str | None = None) -> Permission:
    """Say whether a viewer may do something.

    Parameters
    ----------
    viewer : Viewer
    action : {"view", "comment", "decide", "upload", "manage"}
    run_id : str, optional
        The run it is about, or None for what belongs to no run.
    """
    if viewer.role == "nobody":
        return Permission(allowed=False, reason=viewer.reason or LOG_IN)
    if action not in _ALLOWED[viewer.role]:
        return Permission(allowed=False, reason=f"Your link or role lets you {viewer.role}, not {action}.")
    if viewer.run_id is not None and run_id is not None and run_id != viewer.run_id:
        return Permission(allowed=False, reason="Your link is for another run.")
    return Permission(allowed=True)


def may_see_column(viewer: Viewer, column: str) -> Permission:
    """Say whether a viewer may see a column: one that compares runs tells of runs outside a link's scope."""
    from dataeval_ui.services.run import OVERLAP

    if viewer.run_id is not None and column.startswith(OVERLAP):
        return Permission(allowed=False, reason="Your link is for one run; this column compares several.")
    return Permission(allowed=True)


def is_known_guest(services: Services, cookies: Mapping[str, str]) -> bool:
    """Say whether `viewer_of_cookies` is a matter of microseconds: a link's guest whose link has not changed."""
    from dataeval_ui.services.links import cookie_name, is_known_cookie

    cookie = cookies.get(cookie_name(services, "guest"))
    return cookie is not None and is_known_cookie(services, cookie)


def viewer_of_cookies(
    services: Services,
    cookies: Mapping[str, str],
    *,
    is_local: bool,
    claims: Mapping[str, Any] | None = None,
) -> Viewer:
    """Tell who sent a request, by its cookies and by where it came from.

    A link's cookie counts before everything else, so that the owner sees what a reviewer sees, and so that a reviewer
    whose link has ended is nobody even at this machine.

    Parameters
    ----------
    services : Services
    cookies : mapping of str to str
    is_local : bool
        It came from this machine, through no proxy, and no login is required: its sender is the owner.
    claims : mapping, optional
        What an OpenID Connect provider said of the sender, already checked.
    """
    from dataeval_ui.services.links import cookie_name, is_in_force, link_of_cookie
    from dataeval_ui.services.login import account_of

    guest_cookie = cookies.get(cookie_name(services, "guest"))
    if guest_cookie is not None:
        link = link_of_cookie(services, guest_cookie)
        if link is None or not is_in_force(link):
            ended = "is not valid" if link is None else "was revoked" if link.revoked_at else "has expired"
            return Viewer(role="nobody", reason=f"This link {ended}. Ask whoever sent it for a new one.")
        return Viewer(role=link.role, name=f"link {link.id}", run_id=link.run_id, link_id=link.id, view_id=link.view_id)
    if (account := account_of(services, cookies, claims)) is not None:
        return Viewer(role=account.role, name=account.name, reason=account.reason)
    return OWNER if is_local else Viewer(role="nobody", reason=LOG_IN)
