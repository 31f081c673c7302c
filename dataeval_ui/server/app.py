"""The web server: Streamlit's pages and our own routes in one ASGI application."""

from __future__ import annotations

import contextlib
import gc
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from starlette.middleware import Middleware
    from starlette.routing import BaseRoute
    from streamlit.starlette import App

    from dataeval_ui.server.routes import OpenRun
    from dataeval_ui.settings import Settings

GC_EVERY_S = 30.0
FREEZE_AFTER_S = 10.0

MAIN_SCRIPT = Path(__file__).resolve().parent.parent / "ui" / "main.py"


@contextlib.contextmanager
def gc_thread(every_s: float = GC_EVERY_S) -> Iterator[None]:
    """Collect garbage now and then, in place of Streamlit's collection after every run of a script.

    A collection holds up everybody for as long as it looks at all objects: those of the libraries and of what the start
    opened are many, live as long as the server, and are looked at once.
    """
    stop = threading.Event()

    def collect() -> None:
        if not stop.wait(min(every_s, FREEZE_AFTER_S)):
            gc.collect()
            gc.freeze()
        while not stop.wait(every_s):
            gc.collect()

    thread = threading.Thread(target=collect, name="gc", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=1)
        gc.unfreeze()


class AppParts(TypedDict):
    """What `App` takes beside its script."""

    routes: list[BaseRoute]
    middleware: list[Middleware]
    lifespan: Callable[[Any], contextlib.AbstractAsyncContextManager[dict[str, Any] | None]]


def app_parts(
    settings: Settings | None = None,
    *,
    open_run: OpenRun | None = None,
    on_start: Callable[[], None] | None = None,
    base_path: str | None = None,
) -> AppParts:
    """Make what Streamlit's `App` takes: `App(MAIN_SCRIPT, **app_parts())`.

    `streamlit run app.py` serves an ASGI application only where it reads a call of `App` in the file itself.

    Parameters
    ----------
    settings : Settings, optional
        Default: those of the environment.
    open_run : callable, optional
        Run id to opened run. Default: `services.shared.shared_run`.
    on_start : callable, optional
        Called when the server starts, from its event loop; must not block.
    base_path : str, optional
        See `AccessMiddleware`. Default: Streamlit's `server.baseUrlPath`, as `streamlit run` was told it.
    """
    from starlette.middleware import Middleware

    from dataeval_ui.server.access import AccessMiddleware, is_loopback
    from dataeval_ui.server.decisions import decision_routes
    from dataeval_ui.server.door import door_routes
    from dataeval_ui.server.routes import data_routes
    from dataeval_ui.server.uploads import remove_abandoned, upload_routes
    from dataeval_ui.services.login import login_mode
    from dataeval_ui.services.shared import shared_run, shared_services
    from dataeval_ui.settings import load_settings
    from dataeval_ui.ui.components.mount import base_path as path_of_streamlit

    base_path = path_of_streamlit() if base_path is None else base_path
    settings = load_settings() if settings is None else settings
    login = login_mode(shared_services(), is_loopback=is_loopback(settings.host))

    @contextlib.asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[dict[str, Any]]:
        remove_abandoned(settings)
        if on_start is not None:
            on_start()
        with gc_thread():
            yield {}

    return {
        "routes": [
            *data_routes(open_run or shared_run, settings),
            *upload_routes(settings),
            *decision_routes(shared_run),
            *door_routes(shared_services, login=login, base_path=base_path),
        ],
        "middleware": [
            Middleware(
                AccessMiddleware, hosts=(settings.host,), services=shared_services, login=login, base_path=base_path
            ),
        ],
        "lifespan": lifespan,
    }


def build_app(
    settings: Settings | None = None,
    *,
    open_run: OpenRun | None = None,
    script: Path = MAIN_SCRIPT,
    on_start: Callable[[], None] | None = None,
) -> App:
    """Build the application; see `app_parts`.

    Parameters
    ----------
    script : Path
        Streamlit's main script.

    Notes
    -----
    Must be called before Streamlit's runtime exists: it makes the runtime, and imports no page.
    """
    from streamlit.starlette import App

    from dataeval_ui.settings import load_settings

    settings = load_settings() if settings is None else settings
    return App(script, **app_parts(settings, open_run=open_run, on_start=on_start, base_path=settings.base_path))
