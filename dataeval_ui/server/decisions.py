"""Decisions that programs send: `POST /api/runs/{run}/decisions`, acknowledged once they are on the disk."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dataeval_ui.errors import AccessDeniedError, DataEvalUIError, InputError, StorageError, UnknownNameError
from dataeval_ui.server.access import UPLOAD_HEADER, is_same_origin, may, viewer_of
from dataeval_ui.store.catalog_decisions import VERDICTS
from dataeval_ui.ui.components.urls import API_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from dataeval_ui.services.run import Run

MAX_BODY_BYTES = 64 * 2**10
_TEXTS = ("id", "finding", "label", "comment", "keep")


def decision_routes(open_run: Callable[[str], Run]) -> list[BaseRoute]:
    """Make the route.

    Parameters
    ----------
    open_run : callable
        Run id to opened run; raises UnknownNameError.
    """
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def add(request: Request) -> Response:
        run_id, viewer = request.path_params["run"], viewer_of(request)
        permission = may(viewer, "comment", run_id)
        if not permission.allowed:
            return JSONResponse({"error": permission.reason}, status_code=403)
        if UPLOAD_HEADER not in request.headers or not is_same_origin(request.headers):
            return JSONResponse(
                {"error": "Decisions are taken from programs and from this server's own pages alone."}, status_code=403
            )

        def store(sent: dict[str, Any]) -> str:
            from dataeval_ui.services.review import decide, find_item

            run = open_run(run_id)
            item = find_item(run, sent["finding"] or "")
            decided = decide(
                run,
                item,
                sent["verdict"],
                viewer=viewer,
                label=sent["label"] or "",
                comment=sent["comment"] or "",
                keep=sent["keep"],
                decision_id=sent["id"],
            )
            return decided.id

        try:
            return JSONResponse({"id": await run_in_threadpool(store, await _read(request))}, status_code=201)
        except DataEvalUIError as error:
            return JSONResponse({"error": str(error)}, status_code=_status(error))

    return [Route(f"{API_PREFIX}/runs/{{run}}/decisions", add, methods=["POST"])]


async def _read(request: Request) -> dict[str, Any]:
    """Read the body: an object of texts, and a verdict; InputError for anything else."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise InputError(f"A decision has at most {MAX_BODY_BYTES // 2**10} kB.")
    wrong = InputError('Send JSON such as {"id": "...", "finding": "<key>", "verdict": "keep", "comment": ""}.')
    try:
        sent = json.loads(body)
    except (ValueError, RecursionError):
        raise wrong from None
    if not isinstance(sent, dict) or set(sent) - {*_TEXTS, "verdict"} or sent.get("verdict") not in (None, *VERDICTS):
        raise wrong
    if any(not isinstance(sent.get(name), (str, type(None))) for name in _TEXTS):
        raise wrong
    return {name: sent.get(name) for name in (*_TEXTS, "verdict")}


def _status(error: DataEvalUIError) -> int:
    match error:
        case AccessDeniedError():
            return 403
        case UnknownNameError():
            return 404
        case StorageError():
            return 503
        case _:
            return 400
