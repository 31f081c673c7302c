"""Fetching weights that are on no hub: one file at one address, resumed where it was cut, checked where it can be."""

from __future__ import annotations

import hashlib
import logging
import os
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from dataeval_ui.embed.hub import HubError
from dataeval_ui.store.durable import storing

if TYPE_CHECKING:
    from http.client import HTTPResponse

logger = logging.getLogger(__name__)

TIMEOUT_S = 20.0
"""Without an answer or a further byte."""
_CHUNK_BYTES = 1 << 20
_LOGGED_EVERY = 10  # percent


def fetch_url(url: str, path: Path, *, sha256: str = "") -> Path:
    """Fetch a file to `path`, which appears once it is whole.

    Parameters
    ----------
    url : str
        An address of the registry, never one that a browser names.
    path : Path
    sha256 : str
        What the digest must begin with; empty checks the length alone.

    Raises
    ------
    HubError
        The server is away, slow, refuses, or gives another file. What came stays for the next try, unless it is wrong.
    StorageError
        The disk is full.
    """
    host = urlsplit(url).hostname or url
    part = path.with_name(path.name + ".part")
    try:
        with storing(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
            n_bytes = part.stat().st_size if part.exists() else 0
        request = Request(url, headers={"Range": f"bytes={n_bytes}-"} if n_bytes else {})  # noqa: S310 - of the registry
        with urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
            _copy(answer, part, n_bytes if answer.status == 206 else 0, path.name)
    except HTTPError as error:
        if error.code != 416:  # 416: all of it is here already
            raise HubError(f"{host} answers with status {error.code}") from error
    except URLError as error:
        raise HubError(f"{host} cannot be reached ({error.reason})") from error
    except (TimeoutError, ConnectionError, HTTPException) as error:
        raise HubError(f"{host} stopped answering; the next try goes on where this one ended") from error
    _check(part, sha256, host)
    with storing(path.parent):
        part.replace(path)
    return path


def _copy(answer: HTTPResponse, part: Path, start: int, name: str) -> None:
    length = answer.headers.get("Content-Length", "")
    total = start + int(length) if length.isdigit() else 0
    done, told = start, 0
    with storing(part.parent):
        stream = part.open("ab" if start else "wb")
    with stream:
        while chunk := answer.read(_CHUNK_BYTES):
            with storing(part.parent):
                stream.write(chunk)
            done += len(chunk)
            if total and (percent := 100 * done // total) >= told + _LOGGED_EVERY:
                told = percent - percent % _LOGGED_EVERY
                logger.info("Fetching %s: %d %% of %d MB.", name, told, total // 10**6)
        with storing(part.parent):
            stream.flush()
            os.fsync(stream.fileno())
    if done < total:
        raise ConnectionError(f"{done} of {total} bytes came")


def _check(part: Path, sha256: str, host: str) -> None:
    with part.open("rb") as stream:
        if sha256 and not hashlib.file_digest(stream, "sha256").hexdigest().startswith(sha256):
            is_wrong = True
        else:
            stream.seek(0)
            is_wrong = stream.read(64).lstrip()[:1] == b"<"  # a proxy's page
    if is_wrong:
        part.unlink()
        raise HubError(f"what {host} gives is another file than expected (a proxy's page?)")
