"""Any name of a source library as a backbone: `timm:NAME`, `open_clip:MODEL/TAG`, `hf:REPOSITORY`, or a local folder
behind either of the last two.

What a name stands for is kept in the workspace, so that a later process need not import the library to know it.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataeval_ui.embed.extras import check_extra
from dataeval_ui.embed.families.inputs import IMAGENET_MEAN, IMAGENET_STD, whole_image
from dataeval_ui.embed.hub import HubError, cached_file, fetch_file
from dataeval_ui.embed.named_open_clip import UNKNOWN_LICENCE, of_folder, of_open_clip
from dataeval_ui.embed.pins import pin_repository, pinned_revision
from dataeval_ui.errors import BackboneUnavailableError, CheckpointError, InputError, StorageError, UnknownNameError
from dataeval_ui.store.durable import read_json, write_json_durably
from dataeval_ui.types import Backbone, Preprocessing

if TYPE_CHECKING:
    from dataeval_ui.settings import Settings
    from dataeval_ui.store.workspace import Workspace

NAMED_PREFIXES = ("timm:", "open_clip:", "hf:")
_REMEMBERED = "named-backbones.json"
_VERSION = 1
_WEIGHTS = "model.safetensors"
_CONFIGS = ("config.json", "preprocessor_config.json")


def resolve_name(name: str, *, settings: Settings, workspace: Workspace) -> Backbone:
    """Find out what a name of a source library stands for.

    Raises
    ------
    UnknownNameError
        The library has no such name; the nearest is suggested.
    InputError
        It has, but tells no weights or no preprocessing that could be used here.
    BackboneUnavailableError
        The extra is not installed, or the configuration can be had neither here nor from the hub.
    """
    prefix, _, rest = name.partition(":")
    if prefix == "hf":
        return _of_transformers(name, rest, settings, workspace)
    if prefix == "open_clip" and (folder := Path(rest).expanduser()).is_dir():
        return of_folder(name, folder)
    path = workspace.models_dir / _REMEMBERED
    remembered: dict[str, Any] = {}
    with contextlib.suppress(StorageError):  # absent at first, and made anew when damaged
        read = read_json(path)
        remembered = read if isinstance(read, dict) and read.get("version") == _VERSION else {}
    if name in remembered:
        return _from_json(remembered[name])
    backbone = _of_timm(name, rest) if prefix == "timm" else of_open_clip(name, rest)
    write_json_durably(path, {**remembered, "version": _VERSION, name: asdict(backbone)})
    return backbone


def _from_json(value: Mapping[str, Any]) -> Backbone:
    given = dict(value["preprocessing"])
    preprocessing = Preprocessing(**{**given, "mean": tuple(given["mean"]), "std": tuple(given["std"])})
    companions = tuple(value["companions"])
    return Backbone(**{**value, "preprocessing": preprocessing, "companions": companions})


def _of_timm(name: str, model: str) -> Backbone:
    import timm
    from timm.data import resolve_data_config
    from timm.models import get_pretrained_cfg

    try:
        config = get_pretrained_cfg(model) if timm.is_model(model.partition(".")[0]) else None
    except RuntimeError:  # the network is known and the tag is not
        config = None
    if config is None:
        raise UnknownNameError("model of timm", model, timm.list_pretrained())
    told = config.to_dict()
    url = told.get("url") or None
    hub = f"{told['hf_hub_id']}/{told.get('hf_hub_filename') or 'model.safetensors'}" if told.get("hf_hub_id") else None
    if hub is None and url is None:
        raise InputError(f"timm has no weights for {model!r}; `timm.list_pretrained()` lists the names that have.")
    data = resolve_data_config({}, pretrained_cfg=told)
    _, height, width = data["input_size"]
    return Backbone(
        name=name,
        title=model,
        family="any of timm",
        source="timm",
        model=model,
        n_dims=0,
        preprocessing=Preprocessing(
            input_px=max(height, width),
            resize_px=math.floor(max(height, width) / data["crop_pct"]),
            interpolation="bilinear" if data["interpolation"] == "bilinear" else "bicubic",
            mean=tuple(data["mean"]),
            std=tuple(data["std"]),
            squash=data["crop_mode"] == "squash",
        ),
        layer="features",
        pooling="timm",
        licence=told.get("license") or UNKNOWN_LICENCE,
        size_mb=0,
        best_for="what its authors say",
        n_gmacs=4.0,
        hub=hub,
        url=None if hub else url,
    )


def _of_transformers(name: str, repository: str, settings: Settings, workspace: Workspace) -> Backbone:
    check_extra("transformers", name)
    folder = Path(repository).expanduser()
    is_local = folder.is_dir()
    if not is_local and repository.count("/") != 1:
        raise InputError(f"{name!r} names neither a folder nor a repository: hf:OWNER/NAME.")
    weights = f"{repository}/{_WEIGHTS}"
    configs = []
    for file_name in _CONFIGS:  # of the weights' commit, which the first of them pins where none is pinned yet
        if is_local:
            configs.append(folder / file_name)
            continue
        configs.append(_config_file(repository, file_name, pinned_revision(weights, workspace), settings))
        pin_repository(weights, configs[-1], workspace)
    _, preprocessor = configs
    try:
        told = read_json(preprocessor)
    except StorageError:
        raise InputError(f"{name!r} has no preprocessor_config.json, which says how to prepare an image.") from None
    return Backbone(
        name=name,
        title=repository,
        family="any of transformers",
        source="transformers",
        model=repository,
        n_dims=0,
        preprocessing=_preprocessing(told, name),
        layer="output",
        pooling="auto",
        tapped=True,
        licence=UNKNOWN_LICENCE,
        size_mb=0,
        best_for="what its authors say",
        n_gmacs=10.0,
        hub=None if is_local else weights,
        companions=("config.json",),
        path=str(folder.absolute() / _WEIGHTS) if is_local else None,
    )


def _config_file(repository: str, file_name: str, revision: str, settings: Settings) -> Path:
    path = cached_file(f"{repository}/{file_name}", revision=revision)
    if path is not None:
        return path
    why = "the hub may not be asked (offline)"
    if not settings.offline:
        try:
            return fetch_file(f"{repository}/{file_name}", revision=revision)
        except HubError as error:
            why = str(error)
    raise BackboneUnavailableError(
        f"{file_name} of {repository} is not on this machine and {why}. Fetch the repository to a folder and name "
        "that: hf:FOLDER."
    )


def _preprocessing(told: Any, name: str) -> Preprocessing:
    """Read transformers' own description of an image processor."""
    if not isinstance(told, dict):
        raise CheckpointError(f"The preprocessor_config.json of {name} is no description of an image processor.")
    size, crop = told.get("size"), told.get("crop_size")
    sides = size if isinstance(size, dict) else {"shortest_edge": size}
    if "longest_edge" in sides:  # a detector's, which takes any size
        return whole_image(448)
    is_cropped = bool(told.get("do_center_crop")) and crop is not None
    resize = sides.get("shortest_edge") or max(sides.get("height") or 0, sides.get("width") or 0)
    cropped = max(crop.get("height") or 0, crop.get("width") or 0) if isinstance(crop, dict) else crop
    input_px: Any = cropped if is_cropped else resize
    resize_px: Any = resize or input_px
    mean, std = told.get("image_mean", IMAGENET_MEAN), told.get("image_std", IMAGENET_STD)
    if not told.get("do_normalize", True):
        mean, std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    good = isinstance(input_px, int) and isinstance(resize_px, int) and 1 <= input_px <= resize_px <= 4096
    if not good or any(not isinstance(v, (list, tuple)) or len(v) != 3 for v in (mean, std)) or min(std) <= 0:
        raise InputError(f"The preprocessor_config.json of {name} describes no square input that could be made here.")
    return Preprocessing(
        input_px=input_px,
        resize_px=resize_px,
        interpolation="bilinear" if told.get("resample") == 2 else "bicubic",
        mean=(float(mean[0]), float(mean[1]), float(mean[2])),
        std=(float(std[0]), float(std[1]), float(std[2])),
        squash="height" in sides and not is_cropped,
    )
