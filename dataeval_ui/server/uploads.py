"""Uploads: a browser's files streamed to the disk, many in a request, none held in memory.

`POST /api/uploads` begins one; `POST /api/uploads/{id}/files` adds a batch, as often as needed; `POST
/api/uploads/{id}/done` ends it; `DELETE /api/uploads/{id}` drops it. A batch is a row of records: uint32 length of the
name, uint64 length of the file (both little-endian), the name in UTF-8, the file's bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import struct
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, BinaryIO

from dataeval_ui.errors import DataEvalUIError, InputError, StorageError
from dataeval_ui.server.access import UPLOAD_HEADER, is_same_origin, may, viewer_of
from dataeval_ui.services.uploads import (
    UploadWriter,
    begin_upload,
    cancel_upload,
    finish_upload,
    remove_abandoned,
)
from dataeval_ui.ui.components.urls import API_PREFIX

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from dataeval_ui.settings import Settings

__all__ = ["RecordReader", "remove_abandoned", "upload_routes"]

MAX_NAME_BYTES = 4096
SILENCE_S = 120.0
"""A browser that sends nothing for so long has gone; its half of an upload would stay for ever."""

_HEAD = struct.Struct("<IQ")


class RecordReader:
    """Cuts a stream into named files, whatever pieces it comes in.

    Parameters
    ----------
    writer : UploadWriter
    """

    def __init__(self, writer: UploadWriter) -> None:
        self.writer = writer
        self._pending = bytearray()
        self._file: BinaryIO | None = None
        self._n_left = 0
        self._head: tuple[int, int] | None = None

    def feed(self, chunk: bytes) -> None:
        """Take the next piece.

        Raises
        ------
        InputError
            A batch that breaks the format, a name that leaves its folder, or more than an upload may have.
        StorageError
            The disk is full.
        """
        view = memoryview(chunk)
        while view:
            if self._n_left:
                view = view[self._write(view[: self._n_left]) :]
                continue
            n_wanted = _HEAD.size if self._head is None else self._head[0]
            part = view[: n_wanted - len(self._pending)]
            self._pending += part
            view = view[len(part) :]
            if len(self._pending) == n_wanted:
                self._take(bytes(self._pending))
                self._pending.clear()

    def _take(self, content: bytes) -> None:
        if self._head is None:
            n_name, n_bytes = _HEAD.unpack(content)
            if not 0 < n_name <= MAX_NAME_BYTES:
                raise InputError("The upload is damaged. Send it again.")
            self.writer.check_room(n_bytes)
            self._head = (n_name, n_bytes)
            return
        try:
            name = content.decode("utf-8")
        except UnicodeDecodeError:
            raise InputError("A file's name is not UTF-8. Rename it and send it again.") from None
        self._n_left, self._head = self._head[1], None
        self._file = self.writer.create(name)
        if self._n_left == 0:
            self.close()

    def _write(self, part: memoryview) -> int:
        if self._file is not None:
            self.writer.wrote(len(part))
            try:
                self._file.write(part)
            except OSError as error:
                raise StorageError(f"The upload cannot be written: {error.strerror}.") from None
        self._n_left -= len(part)
        if self._n_left == 0:
            self.close()
        return len(part)

    def close(self) -> None:
        """Close the file that is open; StorageError where its last bytes do not reach the disk."""
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except OSError as error:
                raise StorageError(f"The upload cannot be written: {error.strerror}.") from None

    def finish(self) -> None:
        """Say that the stream has ended.

        Raises
        ------
        InputError
            It ended within a file.
        """
        if self._n_left or self._pending or self._head is not None:
            raise InputError("The upload broke off. Send it again.")


def _guarded(handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    @functools.wraps(handler)
    async def handle(request: Request) -> Response:
        from starlette.responses import JSONResponse

        permission = may(viewer_of(request), "upload")
        if not permission.allowed:
            return JSONResponse({"error": permission.reason}, status_code=403)
        if UPLOAD_HEADER not in request.headers or not is_same_origin(request.headers):
            return JSONResponse({"error": "Uploads are taken from this server's own pages alone."}, status_code=403)
        try:
            return await handler(request)
        except StorageError as error:
            return JSONResponse({"error": str(error)}, status_code=507)
        except DataEvalUIError as error:
            return JSONResponse({"error": str(error)}, status_code=400)

    return handle


def upload_routes(settings: Settings) -> list[BaseRoute]:
    """Make the routes of uploads."""
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    @_guarded
    async def begin(request: Request) -> Response:
        return JSONResponse({"id": await run_in_threadpool(begin_upload, settings)}, status_code=201)

    @_guarded
    async def add(request: Request) -> Response:
        upload_id = request.path_params["upload"]
        writer = await run_in_threadpool(UploadWriter, settings, upload_id)
        reader = RecordReader(writer)
        try:
            writer.check_room(int(request.headers.get("content-length", 0)))
            pieces = aiter(request.stream())
            while (chunk := await asyncio.wait_for(anext(pieces, None), SILENCE_S)) is not None:
                await run_in_threadpool(reader.feed, chunk)
            reader.finish()
        except BaseException as error:
            with contextlib.suppress(StorageError):
                reader.close()
            cancel_upload(settings, upload_id)  # nothing half written, whatever ended it
            if isinstance(error, TimeoutError):
                raise InputError(f"Nothing came for {SILENCE_S:g} s: the upload was dropped. Send it again.") from None
            raise
        return JSONResponse({"n_files": writer.n_files, "n_bytes": writer.n_bytes})

    @_guarded
    async def done(request: Request) -> Response:
        summary = await run_in_threadpool(finish_upload, settings, request.path_params["upload"])
        return JSONResponse({"id": summary.upload_id, "n_files": summary.n_files, "n_bytes": summary.n_bytes})

    @_guarded
    async def cancel(request: Request) -> Response:
        await run_in_threadpool(cancel_upload, settings, request.path_params["upload"])
        return JSONResponse({})

    one = f"{API_PREFIX}/uploads/{{upload}}"
    return [
        Route(f"{API_PREFIX}/uploads", begin, methods=["POST"]),
        Route(f"{one}/files", add, methods=["POST"]),
        Route(f"{one}/done", done, methods=["POST"]),
        Route(one, cancel, methods=["DELETE"]),
    ]
