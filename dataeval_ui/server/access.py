"""Who may do what. Every route asks `may`; nothing else decides.

Today there is one viewer, the person at this machine, who may do everything. Anyone else is refused, whatever address
the server was bound to.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

Action = Literal["view", "upload"]

UPLOAD_HEADER = "x-dataeval-ui"
"""A page of another site cannot send this header without asking first, and the answer is no."""

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?")
_PROXY_HEADERS = (
    *("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"),
    *("x-real-ip", "true-client-ip", "cf-connecting-ip"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Who asks.

    Attributes
    ----------
    is_local : bool
        The request came from this machine, through no proxy.
    """

    is_local: bool


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


def viewer_of(connection: HTTPConnection) -> Viewer:
    """Tell who sent a request."""
    client = connection.client
    through_proxy = any(name in connection.headers for name in _PROXY_HEADERS)
    return Viewer(is_local=client is not None and is_loopback(client.host) and not through_proxy)


def may(viewer: Viewer, action: Action, run_id: str | None = None) -> Permission:
    """Say whether a viewer may do something.

    Parameters
    ----------
    viewer : Viewer
    action : {"view", "upload"}
    run_id : str, optional
        The run it is about, or None for what belongs to no run.
    """
    if viewer.is_local:
        return Permission(allowed=True)
    return Permission(allowed=False, reason="This server answers its own machine alone.")


def is_loopback(host: str) -> bool:
    """Say whether an address or host name stands for this machine: 127.0.0.1, ::1, localhost."""
    name = host.strip("[]").lower().rstrip(".")
    if name == "localhost":
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return address.is_loopback or (mapped is not None and mapped.is_loopback)


def host_name(header: str) -> str:
    """Return the name in a `Host` header, without port and brackets; empty for anything but a name and a port."""
    match = _HOST.fullmatch(header)
    return match[1].strip("[]").lower() if match else ""


def is_same_origin(headers: Mapping[str, str]) -> bool:
    """Say whether a request that changes something, or a web socket, comes from a page of this server.

    Browsers send `Origin` with every POST and every web socket; its host and port must be those that were asked.
    Programs send none.
    """
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc.lower() == headers.get("host", "").lower()


class AccessMiddleware:
    """Refuses strangers before any route, Streamlit's own and its web socket included.

    A page on the web can point its own name at 127.0.0.1 and would then read everything here (DNS rebinding): so the
    `Host` of a request must be one of ours.

    Parameters
    ----------
    app : ASGI application
    hosts : iterable of str
        Names to answer to beside those of this machine.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str] = ()) -> None:
        self.app = app
        self.hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with 403."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        from starlette.requests import HTTPConnection
        from starlette.responses import PlainTextResponse

        connection = HTTPConnection(scope)
        host = connection.headers.get("host", "")
        name = host_name(host)
        permission = may(viewer_of(connection), "view")
        if not is_loopback(name) and name not in self.hosts:
            permission = Permission(allowed=False, reason="Open this server by the address that it printed.")
        elif scope["type"] == "websocket" and not is_same_origin(connection.headers):
            # Streamlit takes any port of this machine, and asks the web for its own address to judge another host.
            permission = Permission(allowed=False, reason="Pages of other sites may not talk to this server.")
        if permission.allowed:
            await self.app(scope, receive, _with_headers(send, host) if scope["type"] == "http" else send)
        elif scope["type"] == "http":
            await PlainTextResponse(permission.reason, status_code=403)(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008, "reason": permission.reason})


def content_security_policy(host: str) -> str:
    """Say what a page of ours may load: this server alone, so that nothing leaves the machine.

    Streamlit styles its elements inline and loads components from `blob:`; Plotly's WebGL needs `eval`.
    """
    return "; ".join(
        (
            "default-src 'self'",
            "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "media-src 'self' data: blob:",
            "worker-src 'self' blob:",
            "frame-src 'self' data: blob:",
            f"connect-src 'self' data: blob: ws://{host} wss://{host}",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'self'",
        )
    )


def _with_headers(send: Send, host: str) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers: list[Any] = list(message.get("headers", []))
            names = {name.lower() for name, _ in headers}
            for name, value in (
                (b"x-content-type-options", b"nosniff"),
                (b"x-frame-options", b"SAMEORIGIN"),
                (b"referrer-policy", b"same-origin"),
                (b"cross-origin-resource-policy", b"same-origin"),
                (b"content-security-policy", content_security_policy(host).encode("latin-1")),
            ):
                if name not in names:
                    headers.append((name, value))
            message = {**message, "headers": headers}
        await send(message)

    return sending
