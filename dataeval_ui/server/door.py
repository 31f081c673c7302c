"""The ways in and out: `/s/<token>` for a link, `/login` for the owner, `/leave` and `/logout`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode

from dataeval_ui.errors import AccessDeniedError, DataEvalUIError, UnknownNameError
from dataeval_ui.server.access import is_same_origin
from dataeval_ui.server.door_pages import login_page, message_page
from dataeval_ui.services.links import cookie_name, open_link
from dataeval_ui.services.login import SESSION_S, Gate, log_in

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from dataeval_ui.services.context import Services
    from dataeval_ui.services.login import LoginMode
    from dataeval_ui.store.catalog_sharing import LinkRecord

MAX_FORM_BYTES = 8_192


def door_routes(
    services: Callable[[], Services], gate: Gate | None = None, *, login: LoginMode = "none", base_path: str = ""
) -> list[BaseRoute]:
    """Make the routes of the door.

    Parameters
    ----------
    services : callable
        Opens the workspace.
    gate : Gate, optional
        What slows down guessing; by default a new one.
    login : {"none", "password", "oidc"}
    base_path : str, default ""
        As of `AccessMiddleware`; what browsers are sent to begins with it, and their cookies are for it alone.
    """
    from starlette.concurrency import run_in_threadpool
    from starlette.routing import Route

    guard = gate or Gate()
    cookies_at = base_path or "/"

    def enter(request: Request) -> Response:
        if "prefetch" in request.headers.get("sec-purpose", request.headers.get("purpose", "")):
            return message_page("Not yet", "Open the link itself: a look ahead counts as no visit.")
        ours = services()
        name = cookie_name(ours, "guest")
        try:
            link, cookie = open_link(ours, request.path_params["token"], cookie=request.cookies.get(name))
        except AccessDeniedError as error:
            return message_page("This link does not open", str(error))
        except DataEvalUIError as error:
            return message_page("This link does not open just now", str(error), status=503)
        answer = _redirect(base_path + _landing(ours, link))
        max_age_s = int((link.expires_at - link.created_at).total_seconds())
        _set(answer, request, name, cookie, max_age_s, path=cookies_at)
        return answer

    def leave(request: Request) -> Response:
        answer = _redirect(f"{base_path}/")
        answer.delete_cookie(cookie_name(services(), "guest"), path=cookies_at, httponly=True, samesite="lax")
        return answer

    def ask(request: Request) -> Response:
        if login == "oidc":
            return _to_provider(base_path)
        return login_page(wanted=_own_path(request.query_params.get("next", ""), base_path), base_path=base_path)

    async def log_in_here(request: Request) -> Response:
        if not is_same_origin(request.headers):
            return message_page("Not from here", "Log in from this server's own page.")
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_FORM_BYTES:
                said = "That is too long for a password."
                return login_page(wanted=f"{base_path}/", error=said, status=413, base_path=base_path)
        fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=10)
        wanted = _own_path(fields.get("next", [""])[0], base_path)
        ours, address = services(), request.client.host if request.client else "unknown"
        try:
            cookie = await run_in_threadpool(log_in, ours, fields.get("password", [""])[0], address=address, gate=guard)
        except AccessDeniedError as error:
            wait = guard.wait_s(address)
            status = 429 if "Too many" in str(error) else 401
            answer = login_page(wanted=wanted, error=str(error), status=status, base_path=base_path)
            if wait:
                answer.headers["Retry-After"] = str(max(1, round(wait)))
            return answer
        answer = _redirect(wanted)
        _set(answer, request, cookie_name(ours, "owner"), cookie, SESSION_S, path=cookies_at)
        return answer

    def log_out(request: Request) -> Response:
        if not is_same_origin(request.headers):
            return message_page("Not from here", "Log out from this server's own page.")
        # Streamlit keeps the cookie of who came from a provider, and takes the browser out there as well
        answer = _redirect(f"{base_path}/auth/logout" if login == "oidc" else f"{base_path}/login")
        answer.delete_cookie(cookie_name(services(), "owner"), path=cookies_at, httponly=True, samesite="lax")
        return answer

    return [
        Route("/s/{token}", enter, methods=["GET"]),
        Route("/leave", leave, methods=["GET"]),
        Route("/login", ask, methods=["GET"]),
        Route("/login", log_in_here, methods=["POST"]),
        Route("/logout", log_out, methods=["GET"]),
    ]


def _to_provider(base_path: str) -> Response:
    """Send a browser to the OpenID Connect provider, as `st.login` does.

    By an address and not by a page's button: the messages of pages that nobody looks at are never run.
    """
    from streamlit.auth_util import encode_provider_token, validate_auth_credentials
    from streamlit.errors import StreamlitAuthError, StreamlitMissingAuthlibError

    try:
        validate_auth_credentials("default")
        token = encode_provider_token("default")
    except StreamlitMissingAuthlibError:
        return message_page("Not set up", "The owner must install dataeval-ui[oidc] to let people log in.", status=503)
    except StreamlitAuthError:
        said = "The owner must name a provider in .streamlit/secrets.toml to let people log in (docs/deploy.md)."
        return message_page("Not set up", said, status=503)
    return _redirect(f"{base_path}/auth/login?" + urlencode({"provider": token}))


def _landing(services: Services, link: LinkRecord) -> str:
    """Return the address that a link opens: its view, or its run's map."""
    if link.view_id is not None:
        try:
            view = services.catalog.get_view(link.view_id)
        except UnknownNameError:  # the view was forgotten since; the run is still there
            pass
        else:
            return f"/{view.page}?" + urlencode({**view.address, "run": [link.run_id]}, doseq=True)
    return "/explore?" + urlencode({"run": link.run_id})


def _own_path(path: str, base_path: str) -> str:
    """Return a path of this server; anything that a browser could take for another site becomes the first page."""
    is_own = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and "\\" not in path
    is_below = not base_path or path.startswith((f"{base_path}/", f"{base_path}?"))
    return path if is_own and is_below and len(path) < 2_000 else f"{base_path}/"


def _redirect(path: str) -> Response:
    from starlette.responses import RedirectResponse

    headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return RedirectResponse(path, status_code=303, headers=headers)


def _set(answer: Response, request: Request, name: str, value: str, max_age_s: int, *, path: str) -> None:
    is_https = request.url.scheme == "https" or request.headers.get("x-forwarded-proto", "").lower() == "https"
    answer.set_cookie(name, value, max_age=max_age_s, httponly=True, samesite="lax", secure=is_https, path=path)
