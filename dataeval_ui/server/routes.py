"""What the browser fetches by itself: map data, thumbnails, whole images, the components' modules.

Everything here is named by what it holds, so a browser keeps it for ever and asks once.
"""

from __future__ import annotations

import functools
import struct
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from dataeval_ui.errors import AccessDeniedError, DataEvalUIError, InputError, StorageError, UnknownNameError
from dataeval_ui.server.access import may, viewer_of
from dataeval_ui.services.access import may_see_column
from dataeval_ui.types import digest_of
from dataeval_ui.ui.components.frontend_files import MEDIA_TYPES, frontend_digest, frontend_files
from dataeval_ui.ui.components.urls import API_PREFIX

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from dataeval_ui.services.columns import Column
    from dataeval_ui.services.objects import RunObject
    from dataeval_ui.settings import Settings
    from dataeval_ui.types import NeighborGraph, Projection

IMMUTABLE = "private, max-age=31536000, immutable"
MAX_IMAGE_PX = 2048
MAX_THUMBNAILS = 200
"""Thumbnails in one answer: about 1 MB."""
_MAX_DIGITS = 20
BINARY = "application/octet-stream"

_decoding = threading.BoundedSemaphore(2)
"""A 250-megapixel image takes 750 MB while it is decoded; more than two at a time could fill the memory."""


class RunData(Protocol):
    """What the routes need of an opened run; `dataeval_ui.services.run.Run` has it."""

    @property
    def projection(self) -> Projection:
        """The map."""

    @property
    def graph(self) -> NeighborGraph:
        """The nearest neighbours of each row."""

    def column(self, name: str) -> Column:
        """One column; UnknownNameError where there is none."""

    def image_id(self, row: int) -> str:
        """Id of a row; InputError where there is none."""

    def thumbnail(self, row: int) -> bytes | None:
        """JPEG, or None if the store lost it."""

    def thumbnails(self, rows: Sequence[int]) -> list[bytes | None]:
        """JPEGs in the order of the rows; None for one that the store lost."""

    def image_path(self, row: int) -> Path:
        """File of an image; InputError when it is gone."""

    def object_of(self, row: int) -> RunObject | None:
        """The object of a row; None in a run of whole images."""


OpenRun = Callable[[str], RunData]


def _status(error: DataEvalUIError) -> int:
    match error:
        case AccessDeniedError():
            return 403
        case UnknownNameError():
            return 404
        case StorageError():
            return 410
        case _:
            return 400


def guarded(handler: Callable[[Request], Response]) -> Callable[[Request], Response]:
    """Ask `may` before a handler, and turn our errors into answers."""

    @functools.wraps(handler)
    def handle(request: Request) -> Response:
        from starlette.responses import JSONResponse

        viewer = viewer_of(request)
        permission = may(viewer, "view", request.path_params.get("run"))
        if permission.allowed:
            permission = may_see_column(viewer, request.path_params.get("column", ""))
        if not permission.allowed:
            return JSONResponse({"error": permission.reason}, status_code=403)
        try:
            return handler(request)
        except DataEvalUIError as error:
            return JSONResponse({"error": str(error)}, status_code=_status(error))

    return handle


def _immutable(request: Request, etag: str, media_type: str, content: Callable[[], bytes]) -> Response:
    """Answer with bytes that never change, or with 304 when the browser has them."""
    from starlette.responses import Response

    headers = {"Cache-Control": IMMUTABLE, "ETag": f'"{etag}"', "X-Content-Type-Options": "nosniff"}
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    if f'"{etag}"' in known:
        return Response(status_code=304, headers=headers)
    if media_type == BINARY:
        # Floats hardly shrink: gzip took nine times as long to send a million points.
        headers["Content-Encoding"] = "identity"
    return Response(content(), media_type=media_type, headers=headers)


def _row(request: Request) -> int:
    return _read_row(request.path_params["row"])


def _rows(request: Request) -> list[int]:
    rows = [_read_row(text) for text in request.query_params.get("rows", "").split(",", MAX_THUMBNAILS)]
    if len(rows) > MAX_THUMBNAILS:
        raise InputError(f"Ask for at most {MAX_THUMBNAILS} thumbnails at once.")
    return rows


def _read_row(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > _MAX_DIGITS:
        raise UnknownNameError("image", text[:40], ())
    return int(text)


def encode_points(projection: Projection) -> bytes:
    """Write a map's points: uint32 n, float32 x[n], float32 y[n], little-endian."""
    xy = np.asarray(projection.xy, dtype="<f4")
    return struct.pack("<I", len(xy)) + bytes(xy[:, 0].tobytes()) + bytes(xy[:, 1].tobytes())


def encode_column(column: Column) -> bytes:
    """Write a column: uint8 codes where they fit, else uint16; or float32 values. Little-endian."""
    if column.codes is None:
        return np.asarray(column.values, dtype="<f4").tobytes()
    return np.asarray(column.codes, dtype="u1" if len(column.categories) <= 255 else "<u2").tobytes()


def encode_thumbnails(thumbnails: Sequence[bytes]) -> bytes:
    """Write thumbnails: uint32 n, uint32 lengths[n], little-endian, then the JPEGs; a lost one is empty."""
    n = len(thumbnails)
    return struct.pack(f"<{n + 1}I", n, *map(len, thumbnails)) + b"".join(thumbnails)


def data_routes(open_run: OpenRun, settings: Settings) -> list[BaseRoute]:
    """Make the routes of runs.

    Parameters
    ----------
    open_run : callable
        Run id to opened run; raises UnknownNameError. Called on every request: it must keep what it opened.
    settings : Settings
        Limits of the decoder.
    """
    from starlette.responses import JSONResponse, RedirectResponse, Response
    from starlette.routing import Route

    @guarded
    def points(request: Request) -> Response:
        run_id = request.path_params["run"]
        run = open_run(run_id)
        etag = digest_of([run_id, "points"])
        return _immutable(request, etag, BINARY, lambda: encode_points(run.projection))

    @guarded
    def column(request: Request) -> Response:
        run_id, name = request.path_params["run"], request.path_params["column"]
        found = open_run(run_id).column(name)
        return _immutable(request, digest_of([run_id, "column", name]), BINARY, lambda: encode_column(found))

    @guarded
    def neighbours(request: Request) -> Response:
        run_id, row = request.path_params["run"], _row(request)
        run = open_run(run_id)
        run.image_id(row)  # refuses a row that there is not
        etag = digest_of([run_id, "neighbours", row])
        return _immutable(request, etag, BINARY, lambda: np.asarray(run.graph.indices[row], "<u4").tobytes())

    @guarded
    def thumbnail(request: Request) -> Response:
        run, row = open_run(request.path_params["run"]), _row(request)

        def content() -> bytes:
            stored = run.thumbnail(row)
            if stored is None:
                raise StorageError("The store has lost this thumbnail. Run the dataset again.")
            return stored

        return _immutable(request, run.image_id(row), "image/jpeg", content)

    @guarded
    def thumbnails(request: Request) -> Response:
        run_id, rows = request.path_params["run"], _rows(request)
        run = open_run(run_id)
        stored = [jpeg or b"" for jpeg in run.thumbnails(rows)]
        content = encode_thumbnails(stored)
        if not all(stored):  # what was lost may come back: to run the dataset again makes it anew
            return Response(content, media_type=BINARY, headers={"Cache-Control": "no-store"})
        return _immutable(request, digest_of([run_id, "thumbs", *rows]), BINARY, lambda: content)

    @guarded
    def image(request: Request) -> Response:
        run, row = open_run(request.path_params["run"]), _row(request)
        image_id = run.image_id(row)
        etag = f"{image_id}-{MAX_IMAGE_PX}"
        return _immutable(request, etag, "image/jpeg", lambda: _picture(run, row, settings, boxed=False))

    @guarded
    def boxed(request: Request) -> Response:
        run, row = open_run(request.path_params["run"]), _row(request)
        if (found := run.object_of(row)) is None:
            raise InputError("The rows of this run are whole images; there is no box to show.")
        etag = digest_of([found.file_id, found.box, found.mask, MAX_IMAGE_PX])
        return _immutable(request, etag, "image/jpeg", lambda: _picture(run, row, settings, boxed=True))

    async def frontend(request: Request) -> Response:
        # from memory, and therefore in no thread of its own: a page asks for twenty of them at once
        path = request.path_params["path"]
        files = frontend_files()
        if request.path_params["digest"] != frontend_digest() or path not in files:
            return JSONResponse({"error": "There is no such file; reload the page."}, status_code=404)
        media_type = MEDIA_TYPES[path[path.rindex(".") :]]
        return _immutable(request, digest_of([frontend_digest(), path]), media_type, lambda: files[path])

    def health(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    def datasets(request: Request) -> Response:
        # Streamlit knows its first page by "/" alone and would say that there is no page of this name.
        return RedirectResponse(f"./?{request.url.query}" if request.url.query else "./", status_code=307)

    runs = f"{API_PREFIX}/runs/{{run}}"
    return [
        Route("/datasets", datasets),
        Route(f"{runs}/points", points),
        Route(f"{runs}/columns/{{column}}", column),
        Route(f"{runs}/neighbours/{{row}}", neighbours),
        Route(f"{runs}/thumbs", thumbnails),
        Route(f"{runs}/thumbs/{{row}}", thumbnail),
        Route(f"{runs}/images/{{row}}", image),
        Route(f"{runs}/boxes/{{row}}", boxed),
        Route(f"{API_PREFIX}/frontend/{{digest}}/{{path:path}}", frontend),
        Route(f"{API_PREFIX}/health", health),
    ]


def _picture(run: RunData, row: int, settings: Settings, *, boxed: bool) -> bytes:
    """Decode an image of the user's and write it anew: its own bytes never reach the browser.

    Of an object it is the crop, or the whole image with the box and, where there is one, the mask.
    """
    from dataeval_ui.data.crops import render_object
    from dataeval_ui.data.decode import render_image

    path, found = run.image_path(row), run.object_of(row)
    image_id = run.image_id(row) if found is None else found.file_id
    with _decoding:
        if found is None:
            found_id, rendered = render_image(path, longer_px=MAX_IMAGE_PX, settings=settings, expected_id=image_id)
        else:
            found_id, rendered = render_object(
                path,
                crop=found.crop,
                box=found.box if boxed else None,
                longer_px=MAX_IMAGE_PX,
                settings=settings,
                expected_id=image_id,
                mask=found.mask,
            )
    if found_id is not None and found_id != image_id:
        raise StorageError(f"{path.name!r} has changed since this run. Run the dataset again to see it.")
    if isinstance(rendered, str):
        raise InputError(rendered)
    return rendered
