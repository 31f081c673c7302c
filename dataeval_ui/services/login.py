"""The owner's password and cookie, and the roles of people whom an OpenID Connect provider has named."""

from __future__ import annotations

import base64
import ipaddress
import logging
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from dataeval_ui.errors import AccessDeniedError, ParameterError

if TYPE_CHECKING:
    from dataeval_ui.services.access import Role
    from dataeval_ui.services.context import Services

logger = logging.getLogger(__name__)

MIN_PASSWORD_CHARS, MAX_PASSWORD_CHARS = 10, 1024
SESSION_S = 14 * 24 * 3600
N_FREE_TRIES = 5
MAX_WAIT_S = 300.0
_MAX_ADDRESSES = 10_000

LoginMode = Literal["none", "password", "oidc"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Somebody who logged in."""

    role: Role
    name: str
    reason: str = ""


def set_password(services: Services, password: str) -> None:
    """Keep the owner's password, as an argon2id hash. Everyone who is logged in with the old one is out.

    Raises
    ------
    ParameterError
        Fewer than 10 or more than 1,024 characters.
    """
    from argon2 import PasswordHasher

    from dataeval_ui.store.secret import write_password_hash

    if not MIN_PASSWORD_CHARS <= len(password) <= MAX_PASSWORD_CHARS:
        raise ParameterError(
            f"The password has {MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS:,} characters, got {len(password)}."
        )
    write_password_hash(services.workspace, PasswordHasher().hash(password))


def remove_password(services: Services) -> None:
    """Forget the owner's password."""
    from dataeval_ui.store.secret import write_password_hash

    write_password_hash(services.workspace, None)


class Gate:
    """Slows down whoever guesses: after five wrong passwords an address waits 1, 2, 4, ... up to 300 s between tries.

    Parameters
    ----------
    clock : callable
        Seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait_s(self, address: str) -> float:
        """Seconds until an address may try again; 0 is now."""
        with self._lock:
            n_wrong, until = self._wrong.get(_network(address), (0, 0.0))
            return max(0.0, until - self._clock()) if n_wrong >= N_FREE_TRIES else 0.0

    def take(self, address: str) -> float:
        """Count a try before its outcome is known, so that many at once are no way around; returns `wait_s`."""
        key = _network(address)
        with self._lock:
            n_wrong, until = self._wrong.get(key, (0, 0.0))
            now = self._clock()
            if n_wrong >= N_FREE_TRIES and until > now:
                return until - now
            n_wrong += 1
            wait = min(MAX_WAIT_S, 2.0 ** min(n_wrong - N_FREE_TRIES, 30)) if n_wrong >= N_FREE_TRIES else 0.0
            self._wrong[key] = (n_wrong, now + wait)
            self._wrong.move_to_end(key)
            while len(self._wrong) > _MAX_ADDRESSES:
                self._wrong.popitem(last=False)
            return 0.0

    def forgive(self, address: str) -> None:
        """Forget an address's tries: it knew the password."""
        with self._lock:
            self._wrong.pop(_network(address), None)


_hashing = threading.BoundedSemaphore(2)
"""argon2 takes 64 MiB for each password; more at once could fill the memory."""


def log_in(services: Services, password: str, *, address: str, gate: Gate) -> str:
    """Return the owner's cookie for the right password.

    Raises
    ------
    AccessDeniedError
        A wrong password, or one that comes too soon after wrong ones; both are logged, without the password.
    """
    from argon2 import PasswordHasher
    from argon2.exceptions import Argon2Error, InvalidHashError

    from dataeval_ui.store.secret import read_password_hash

    if wait := gate.take(address):
        logger.warning("A password from %s came too soon after wrong ones", address)
        raise AccessDeniedError(f"Too many wrong passwords. Try again in {max(1, round(wait))} s.")
    hashed = read_password_hash(services.workspace)
    right = False
    if hashed is not None and len(password) <= MAX_PASSWORD_CHARS:
        try:
            with _hashing:
                right = PasswordHasher().verify(hashed, password)
        except (Argon2Error, InvalidHashError):
            right = False
    if not right:
        logger.warning("A wrong password from %s", address)
        raise AccessDeniedError("That password is wrong.")
    gate.forgive(address)
    logger.info("The owner logged in from %s", address)
    body = f"{int(time.time()) + SESSION_S}.{secrets.token_hex(8)}"
    return f"{body}.{_owner_signature(services, body)}"


def account_of(
    services: Services, cookies: Mapping[str, str], claims: Mapping[str, Any] | None = None
) -> Account | None:
    """Return who is logged in, by the owner's cookie or by what a provider said; None for nobody."""
    from dataeval_ui.services.links import cookie_name

    cookie = cookies.get(cookie_name(services, "owner"))
    if cookie is not None and _is_owner(services, cookie):
        return Account(role="owner", name="owner")
    if claims is not None and services.settings.login == "oidc":
        return account_of_claims(services.settings.roles, claims)
    return None


def account_of_claims(roles: Mapping[str, str], claims: Mapping[str, Any]) -> Account:
    """Return the role of somebody whom a provider has named: the greatest that the settings give.

    Parameters
    ----------
    roles : mapping of str to str
        Role of an e-mail address, of `group:NAME`, or of everybody at `*@DOMAIN`.
    claims : mapping
        `email`, `email_verified`, `groups`.
    """
    email = claims.get("email")
    email = email.strip().lower() if isinstance(email, str) and "@" in email else ""
    if claims.get("email_verified") in (False, "false"):
        return Account(role="nobody", name=email, reason="Your provider has not verified your e-mail address.")
    groups = claims.get("groups")
    names = {email, f"*@{email.rpartition('@')[2]}"} if email else set()
    if isinstance(groups, list):
        names |= {f"group:{group}".lower() for group in groups if isinstance(group, str)}
    given = {role for name, role in roles.items() if name.lower() in names}
    for role in ("owner", "decide", "comment", "view"):
        if role in given:
            return Account(role=role, name=email or "somebody")
    return Account(role="nobody", name=email, reason="You are logged in, but the owner has given you no role here.")


def _is_owner(services: Services, cookie: str) -> bool:
    import hmac

    body, _, signature = cookie.rpartition(".")
    ends, _, _ = body.partition(".")
    if not cookie.isascii() or len(cookie) > 200 or not ends.isdigit() or int(ends) < time.time():
        return False
    return hmac.compare_digest(_owner_signature(services, body), signature)


def _owner_signature(services: Services, body: str) -> str:
    """Sign with the password's hash too: a new password ends all sessions of the old one."""
    from dataeval_ui.services.links import sign
    from dataeval_ui.store.secret import read_password_hash

    hashed = read_password_hash(services.workspace)
    return sign(services, "owner", f"{body}\0{hashed}") if hashed is not None else secrets.token_hex(32)


def login_mode(services: Services, *, is_loopback: bool) -> LoginMode:
    """Say how people log in to a server.

    Parameters
    ----------
    services : Services
    is_loopback : bool
        It can be reached from its own machine alone.

    Raises
    ------
    AccessDeniedError
        It can be reached by others and has neither a password nor a provider; or the settings ask for one that is not
        set up. The sentence says how.
    """
    from dataeval_ui.store.secret import read_password_hash

    wanted = services.settings.login
    has_password = read_password_hash(services.workspace) is not None
    if wanted == "password" and not has_password:
        raise AccessDeniedError("The setting login = 'password' needs one: set it with `dataeval-ui password`.")
    if wanted == "auto":
        if is_loopback:
            return "none"
        if not has_password:
            raise AccessDeniedError(
                f"A server at {services.settings.host!r} can be reached by others and has no login. Set a password "
                "with `dataeval-ui password` or set up OpenID Connect (docs/sharing.md); or leave --host out, and "
                "reach it from elsewhere through `ssh -L`."
            )
        return "password"
    if wanted not in ("password", "oidc"):
        raise ParameterError(f"The setting login is 'auto', 'password' or 'oidc', got {wanted[:40]!r}.")
    return wanted  # type: ignore[return-value]


def _network(address: str) -> str:
    """Return what one person holds: an IPv4 address, or the /64 of an IPv6 one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return base64.urlsafe_b64encode(address.encode()[:64]).decode()
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else str(parsed)
