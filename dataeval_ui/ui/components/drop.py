"""Places to drop files into: a whole dataset, or one image to ask about."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Any

from dataeval_ui.errors import ParameterError
from dataeval_ui.ui.components.mount import base_path, mount
from dataeval_ui.ui.components.urls import API_PREFIX

MAX_IMAGE_BYTES = 20 * 2**20
_UPLOAD_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A dataset that a browser has sent and the server has on disk.

    Attributes
    ----------
    upload_id : str
        32 hexadecimal digits; its folder below the workspace's `sources`.
    n_files : int
    name : str
        Name of the archive or folder that was dropped, as the browser said: text to show, never a path.
    """

    upload_id: str
    n_files: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryImage:
    """An image of the user's own.

    Attributes
    ----------
    name : str
    content : bytes
        The file as it was, undecoded and not to be trusted; at most 20 MB.
    """

    name: str
    content: bytes


def read_upload(sent: Any) -> Upload | None:
    """Check the message that an upload has ended.

    Raises
    ------
    ParameterError
        A message that our drop zone cannot have sent.
    """
    if sent is None:
        return None
    match sent:
        case {"id": str(upload_id), "n_files": int(n_files), "name": str(name)} if _UPLOAD_ID.fullmatch(upload_id):
            return Upload(upload_id=upload_id, n_files=n_files, name=name[:200])
    raise ParameterError("The browser sent an upload that the server does not know; reload the page.")


def read_query_image(sent: Any) -> QueryImage | None:
    """Check an image that a browser sent.

    Raises
    ------
    ParameterError
        No image, or one above 20 MB.
    """
    if sent is None:
        return None
    match sent:
        case {"name": str(name), "content": str(encoded)} if len(encoded) <= MAX_IMAGE_BYTES * 4 // 3 + 4:
            try:
                return QueryImage(name=name[:200], content=base64.b64decode(encoded, validate=True))
            except binascii.Error:
                pass
    raise ParameterError("The image could not be read; give one image of at most 20 MB.")


def dataset_dropzone(*, key: str, max_bytes: int) -> Upload | None:
    """Draw a drop zone for a zip or tar, several images, or a whole folder.

    The files go straight to the server's disk, in a few streams, with progress and a button to cancel.

    Parameters
    ----------
    key : str
    max_bytes : int
        Largest upload; the zone refuses more before it sends a byte.

    Returns
    -------
    Upload or None
        The upload that ended since the last rerun.
    """
    data = {"url": f"{base_path()}{API_PREFIX}/uploads", "kind": "dataset", "maxBytes": max_bytes}
    return read_upload(mount("drop", key=key, data=data, events=("done",))["done"])


def image_dropzone(*, key: str) -> QueryImage | None:
    """Draw a drop zone for one image: dropped, pasted or picked.

    Returns
    -------
    QueryImage or None
        The image given since the last rerun.
    """
    data = {"kind": "image", "maxBytes": MAX_IMAGE_BYTES}
    return read_query_image(mount("drop", key=key, data=data, events=("done",))["done"])
