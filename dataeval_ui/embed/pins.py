"""Which version of a backbone's weights is used: the registry's, or the one that was met first, from then on.

The registry pins a commit where its author has seen one named for exactly that repository. Elsewhere the first use pins
it: the commit that the hub answered, and the digest of the file, stand in the workspace beside the exported networks.
"""

from __future__ import annotations

import hashlib
import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataeval_ui.embed.hub import HubError
from dataeval_ui.errors import StorageError
from dataeval_ui.store.durable import read_json, write_json_durably

if TYPE_CHECKING:
    from dataeval_ui.store.workspace import Workspace
    from dataeval_ui.types import Backbone

logger = logging.getLogger(__name__)

MOVING = "main"
"""The branch that is asked where nothing is pinned yet."""
_PINS = "pinned-weights.json"
_COMMIT = re.compile(r"[0-9a-f]{40}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One version of a file of weights.

    Attributes
    ----------
    revision : str
        Commit of the hub repository, 40 hexadecimal digits; empty for a file that is on no hub.
    sha256 : str
        Of the file's bytes: 64 hexadecimal digits, or those that it begins with, or empty where only the commit is
        known.
    """

    revision: str
    sha256: str


def pin_of(backbone: Backbone, workspace: Workspace) -> Pin | None:
    """Return what is pinned for a backbone; None where its weights are not fetched, or were not used yet."""
    if backbone.hub is not None and backbone.revision != MOVING:
        return Pin(revision=backbone.revision, sha256=backbone.sha256)
    if backbone.hub is None and backbone.sha256:
        return Pin(revision="", sha256=backbone.sha256)
    return _read(workspace).get(_place(backbone))


def revision_of(backbone: Backbone, workspace: Workspace) -> str:
    """Return the commit to ask the hub for, or "main" where none is pinned."""
    pin = pin_of(backbone, workspace)
    return pin.revision if pin is not None else backbone.revision


def pin_repository(hub: str, path: Path, workspace: Workspace) -> None:
    """Pin the commit of a repository by another file of it that was met before its weights, unless one is pinned.

    Parameters
    ----------
    hub : str
        Of the weights: "owner/name/file".
    path : Path
        Of the other file, in the cache of the hub's client.
    workspace : Workspace
    """
    if hub not in _read(workspace) and (revision := commit_of(path)) is not None:
        _write(workspace, hub, Pin(revision=revision, sha256=""))


def pinned_revision(hub: str, workspace: Workspace) -> str:
    """Return the commit that the workspace has pinned for a repository, or "main"."""
    pin = _read(workspace).get(hub)
    return MOVING if pin is None else pin.revision


def pin_first_use(backbone: Backbone, path: Path, workspace: Workspace) -> Pin | None:
    """Pin the version of a file that was fetched, unless one is pinned.

    Parameters
    ----------
    backbone : Backbone
    path : Path
        In the cache of the hub's client, or where an address was saved. A file that somebody laid into the folder of
        weights has no known commit, and is named by its digest in the embedding key alone: nothing is pinned.
    workspace : Workspace
    """
    known = pin_of(backbone, workspace)
    is_settled = known is not None and (known.sha256 != "" or backbone.revision != MOVING)
    if is_settled or not _place(backbone):
        return known
    revision = commit_of(path) if backbone.hub is not None else ""
    if revision is None:
        return known
    pin = Pin(revision=revision, sha256=_sha256(path))
    _write(workspace, _place(backbone), pin)
    logger.info("%s is pinned to %s.", backbone.name, revision or f"SHA-256 {pin.sha256}")
    return pin


def check_pin(backbone: Backbone, path: Path, pin: Pin) -> None:
    """Refuse a file that was just fetched and is another one than is pinned.

    Raises
    ------
    HubError
        Its digest is another one. The file is gone, so that the next try fetches it anew.
    """
    if pin.sha256 and not _sha256(path).startswith(pin.sha256):
        path.resolve().unlink()
        path.unlink(missing_ok=True)
        raise HubError(
            f"what was fetched for {backbone.name} is another file than is pinned (SHA-256 {pin.sha256[:16]}...); "
            "try again, or ask whoever keeps the server"
        )


def commit_of(path: Path) -> str | None:
    """Read the commit of a file in the cache of the hub's client from its folder: `.../snapshots/<commit>/<file>`."""
    for folder in path.parents:
        if folder.parent.name == "snapshots":
            return folder.name if _COMMIT.fullmatch(folder.name) else None
    return None


def _place(backbone: Backbone) -> str:
    return backbone.hub or backbone.url or ""


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _write(workspace: Workspace, place: str, pin: Pin) -> None:
    pins = {**_read(workspace), place: pin}
    table = {at: {"revision": kept.revision, "sha256": kept.sha256} for at, kept in pins.items()}
    write_json_durably(workspace.models_dir / _PINS, table)


def _read(workspace: Workspace) -> dict[str, Pin]:
    try:
        read = read_json(workspace.models_dir / _PINS)
    except StorageError:  # absent at first, and pinned anew when damaged
        return {}
    entries: dict[str, Any] = read if isinstance(read, dict) else {}
    return {
        place: Pin(revision=entry["revision"], sha256=entry["sha256"])
        for place, entry in entries.items()
        if isinstance(entry, dict) and _is_pin(entry.get("revision"), entry.get("sha256"))
    }


def _is_pin(revision: object, sha256: object) -> bool:
    """Whether at least one is told, and none is anything else than it should be."""
    is_commit, is_digest = (
        bool(expected.fullmatch(str(told))) for expected, told in ((_COMMIT, revision), (_DIGEST, sha256))
    )
    return (is_commit or revision == "") and (is_digest or sha256 == "") and (is_commit or is_digest)
