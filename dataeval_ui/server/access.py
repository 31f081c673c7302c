"""The door of the server: every request and every message of a web socket is somebody's, or is refused here.

`dataeval_ui.services.access` says who somebody is and what they may do; this finds out where a request comes from.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from dataeval_ui.server.looks import without_hasty_looks
from dataeval_ui.services.access import LOCAL_ONLY, OWNER, Permission, Viewer, is_known_guest, may, viewer_of_cookies
from dataeval_ui.ui.viewer import DOOR, claims_of

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from dataeval_ui.services.context import Services
    from dataeval_ui.services.login import LoginMode

__all__ = ["AccessMiddleware", "Viewer", "host_name", "is_loopback", "is_same_origin", "may", "viewer_of"]

_VIEWER = "dataeval_ui.viewer"
_OPEN_PATHS = ("/api/health", "/_stcore/health", "/login", "/logout", "/leave", "/favicon.png")
_LINK = re.compile(r"/s/[^/]+")
_OIDC_PREFIXES = ("/auth/", "/oauth2callback", "/static/", "/_stcore/", "/vendor/")
_OURS = re.compile(r"/(api|s)/.*|/(datasets|login|logout|leave)")
"""Paths of our own routes; Streamlit's own are all others."""

_OWNERS_PREFIXES = ("/_stcore/upload_file/", "/_stcore/metrics", "/_stcore/agent/")

UPLOAD_HEADER = "x-dataeval-ui"
"""A page of another site cannot send this header without asking first, and the answer is no."""

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?")
_PROXY_HEADERS = (
    *("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"),
    *("x-real-ip", "true-client-ip", "cf-connecting-ip"),
)


def comes_from_here(connection: HTTPConnection) -> bool:
    """Say whether a request comes from this machine, through no proxy."""
    client = connection.client
    through_proxy = any(name in connection.headers for name in _PROXY_HEADERS)
    return client is not None and is_loopback(client.host) and not through_proxy


def viewer_of(connection: HTTPConnection) -> Viewer:
    """Return who sent a request, as the middleware found out; nobody where it was not asked."""
    viewer = connection.scope.get(_VIEWER)
    return viewer if isinstance(viewer, Viewer) else Viewer(role="nobody", reason=LOCAL_ONLY)


@functools.lru_cache(maxsize=1024)
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
        Names to answer to beside those of this machine, where no login is required.
    services : callable, optional
        Opens the workspace, for links and log-ins; without it this machine's user is the only viewer.
    login : {"none", "password", "oidc"}
        With "none" whoever sits at this machine is the owner, and no other machine is answered.
    base_path : str, default ""
        Path below which browsers see this server, Streamlit's `server.baseUrlPath`, without a slash at its end. A proxy
        may leave it in the path or take it away.
    """

    def __init__(
        self,
        app: ASGIApp,
        hosts: Iterable[str] = (),
        *,
        services: Callable[[], Services] | None = None,
        login: LoginMode = "none",
        base_path: str = "",
    ) -> None:
        self.app = app
        self.base_path = base_path
        self.hosts = frozenset(host.lower() for host in hosts)
        self.services = services
        self.login = login

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its viewer, or answer it with a refusal."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        from starlette.requests import HTTPConnection

        scope = self._placed(scope)
        connection = HTTPConnection(scope)
        host = connection.headers.get("host", "")
        is_socket = scope["type"] == "websocket"
        permission = self._door(connection, host_name(host))
        viewer = Viewer(role="nobody", reason=permission.reason)
        if permission.allowed:
            viewer = await self.viewer(connection)
            permission = self._judge(viewer, self._own_path(scope["path"]))
        if is_socket and permission.allowed and not is_same_origin(connection.headers):
            # Streamlit takes any port of this machine, and asks the web for its own address to judge another host.
            permission = Permission(allowed=False, reason="Pages of other sites may not talk to this server.")
        if not permission.allowed:
            await self._refuse(connection, permission.reason, receive, send, host)
            return
        scope = {**scope, _VIEWER: viewer, "headers": _with_door(scope["headers"], self._is_local(connection))}
        if is_socket:
            await self.app(scope, *without_hasty_looks(self._checked(connection, receive), send))
        else:
            await self.app(scope, receive, _with_headers(send, host))

    def _own_path(self, path: str) -> str:
        """Return a path as it is without the one that this server is mounted below."""
        base = self.base_path
        if not base or not (path == base or path.startswith(f"{base}/")):
            return path
        return path.removeprefix(base) or "/"

    def _placed(self, scope: Scope) -> Scope:
        """Put a path where its route is: Streamlit's are below the base path, ours are at the root."""
        if not self.base_path:
            return scope
        path = self._own_path(scope["path"])
        if not _OURS.fullmatch(path):
            path = self.base_path + path
        return {**scope, "path": path, "raw_path": quote(path).encode("ascii")}

    async def viewer(self, connection: HTTPConnection) -> Viewer:
        """Tell who sent a request, from the catalog as it stands now."""
        from starlette.concurrency import run_in_threadpool

        is_local, cookies = self._is_local(connection), connection.cookies
        if self.services is None:
            return OWNER if is_local else Viewer(role="nobody", reason=LOCAL_ONLY)
        if is_local and not any(name.startswith("dataeval_ui_") for name in cookies):
            return OWNER
        claims = claims_of(cookies) if self.login == "oidc" else None
        services = self.services()
        if is_known_guest(services, cookies):  # no thread, and no wait for one, where nothing has changed
            return viewer_of_cookies(services, cookies, is_local=is_local, claims=claims)
        return await run_in_threadpool(viewer_of_cookies, services, cookies, is_local=is_local, claims=claims)

    def _is_local(self, connection: HTTPConnection) -> bool:
        return self.login == "none" and comes_from_here(connection)

    def _door(self, connection: HTTPConnection, name: str) -> Permission:
        """Judge where a request comes from, before who sent it."""
        if self.login != "none":
            # Cookies belong to one name: a page that points its own name here has none of them.
            return Permission(allowed=bool(name), reason="" if name else "The request names no host.")
        if not is_loopback(name) and name not in self.hosts:
            return Permission(allowed=False, reason="Open this server by the address that it printed.")
        if not comes_from_here(connection):
            return Permission(allowed=False, reason=LOCAL_ONLY)
        return Permission(allowed=True)

    def _judge(self, viewer: Viewer, path: str) -> Permission:
        if path in _OPEN_PATHS or _LINK.fullmatch(path):
            return Permission(allowed=True)
        if path.startswith(_OWNERS_PREFIXES):
            return may(viewer, "upload")
        if self.login == "oidc" and viewer.role == "nobody" and not path.startswith(("/api/", "/media/")):
            return Permission(allowed=True)  # Streamlit's own page, which offers to log in and shows nothing else
        return may(viewer, "view")

    async def _refuse(self, connection: HTTPConnection, reason: str, receive: Receive, send: Send, host: str) -> None:
        from starlette.responses import PlainTextResponse, RedirectResponse, Response

        scope = connection.scope
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": reason[:120]})
            return
        wants_page = scope["method"] == "GET" and "text/html" in connection.headers.get("accept", "")
        is_guest = any(name.startswith("dataeval_ui_guest_") for name in connection.cookies)
        answer: Response = PlainTextResponse(reason, status_code=403)
        if wants_page and self.login == "password" and not is_guest:
            query = scope["query_string"].decode("latin-1")
            here = self.base_path + self._own_path(scope["path"]) + (f"?{query}" if query else "")
            answer = RedirectResponse(f"{self.base_path}/login?next={quote(here, safe='')}", status_code=303)
        elif wants_page and is_guest:
            from dataeval_ui.server.door_pages import message_page

            answer = message_page("You are out", reason, link=(f"{self.base_path}/leave", "Forget this link"))
        await answer(scope, receive, _with_headers(send, host) if host_name(host) else send)

    def _checked(self, connection: HTTPConnection, receive: Receive) -> Receive:
        """Check the viewer again at every message: a link that ends takes its pages with it at the next click.

        The message of somebody who is out is swallowed, and the page's script is run from its top in its place, with no
        widget's value: it finds nobody, says why, and no callback of the page runs.
        """

        async def receiving() -> Message:
            message = await receive()
            if message["type"] == "websocket.receive" and self.services is not None:
                viewer = await self.viewer(connection)
                if viewer.role == "nobody":
                    message = {"type": "websocket.receive", "bytes": _empty_rerun(), "text": None}
            return message

        return receiving


def _empty_rerun() -> bytes:
    from streamlit.proto.BackMsg_pb2 import BackMsg

    message = BackMsg()
    message.rerun_script.query_string = ""
    return bytes(message.SerializeToString())


def _with_door(headers: Iterable[tuple[bytes, bytes]], is_local: bool) -> list[tuple[bytes, bytes]]:
    """Tell the pages whether a request came from this machine; nobody else may tell them."""
    name = DOOR.lower().encode("ascii")
    return [*((n, v) for n, v in headers if n.lower() != name), (name, b"local" if is_local else b"remote")]


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
