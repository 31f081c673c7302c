"""Which backbones there are, as rows for people and scripts, and a model of one's own that a run names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataeval_ui.errors import InputError

if TYPE_CHECKING:
    from dataeval_ui.services.context import Services
    from dataeval_ui.settings import Settings
    from dataeval_ui.store.workspace import Workspace
    from dataeval_ui.types import Backbone

MODEL_OPTIONS = ("architecture", "input_px", "resize_px", "mean", "std", "interpolation", "output", "licence")


def backbone_rows(services: Services, name: str | None = None, *, newest: bool = False) -> list[dict[str, Any]]:
    """List every backbone that a run can name, or one of them, and whether its weights are here.

    Parameters
    ----------
    services : Services
    name : str, optional
    newest : bool, default False
        Ask the hub which commit it has now, and add it as `newest`: None for what is on no hub.

    Raises
    ------
    InputError
        The hub is to be asked and cannot be.
    UnknownNameError
        No such backbone.
    """
    from dataeval_ui.embed.checkpoints import available_backbones
    from dataeval_ui.embed.choices import find_backbone, list_backbones

    settings, workspace = services.settings, services.workspace
    if name is None:
        chosen = list_backbones(settings, workspace)
    else:
        chosen = {name: find_backbone(name, settings=settings, workspace=workspace)}
    here = available_backbones(settings, workspace, chosen)
    return [
        {
            "name": backbone.name,
            "family": backbone.family,
            "n_dims": backbone.n_dims or None,
            "input_px": backbone.preprocessing.input_px,
            "licence": backbone.licence,
            "size_mb": backbone.size_mb or None,
            "revision": _revision(backbone, workspace),
            "available": here[backbone.name].state,
            "best_for": backbone.best_for,
            **({"newest": _newest(backbone, settings)} if newest else {}),
        }
        for backbone in chosen.values()
    ]


def _revision(backbone: Backbone, workspace: Workspace) -> str | None:
    """Tell the commit or the digest that is pinned; None for a model of one's own, whose file is its version."""
    from dataeval_ui.embed.pins import pin_of

    pin = pin_of(backbone, workspace)
    if pin is not None:
        return pin.revision or f"sha256:{pin.sha256}"
    return "pinned at first use" if backbone.hub or backbone.url else None


def _newest(backbone: Backbone, settings: Settings) -> str | None:
    from dataeval_ui.embed.hub import HubError, newest_commit

    if backbone.hub is None:
        return None
    if settings.offline:
        raise InputError("The hub may not be asked (offline); leave --newest out.")
    try:
        return newest_commit(backbone.hub)
    except HubError as error:
        raise InputError(f"The newest revision of {backbone.name} is not known: {error}.") from error


def layer_rows(services: Services, name: str, *, in_words: bool) -> list[dict[str, Any]]:
    """List a backbone's layers, the size of each output, and the poolings that fit.

    Parameters
    ----------
    name : str
    in_words : bool
        Shapes and poolings as text, for a table.
    """
    from dataeval_ui.embed.choices import find_backbone
    from dataeval_ui.embed.layer_lists import layers_of

    places: dict[str, Any] = {"settings": services.settings, "workspace": services.workspace}
    return [
        {
            "layer": layer.name,
            "kind": layer.kind,
            "shape": " x ".join(map(str, layer.shape)) if in_words else list(layer.shape),
            "flat": layer.n_flat,
            "poolings": ", ".join(layer.poolings) if in_words else list(layer.poolings),
        }
        for layer in layers_of(find_backbone(name, **places), **places)
    ]


def _with_whole_path(name: str) -> str:
    """Write the folder of `hf:FOLDER` and `open_clip:FOLDER` out: a worker or a server may stand elsewhere."""
    prefix, _, rest = name.partition(":")
    folder = Path(rest).expanduser()
    return f"{prefix}:{folder.absolute()}" if prefix in ("hf", "open_clip") and rest and folder.is_dir() else name


def name_backbone(services: Services, options: Mapping[str, Any]) -> str:
    """Name the backbone of a run; a model of one's own that is given as a file is recorded first.

    Parameters
    ----------
    options : mapping
        `backbone`, `model` (a file, or None) and `MODEL_OPTIONS`, as the command line spells them.

    Raises
    ------
    InputError
        Something is said about a model that is not given, or something is missing about one that is.
    """
    from dataeval_ui.embed.own_models import KINDS_BY_SUFFIX, record_model

    file = options["model"]
    given = {name: options[name] for name in MODEL_OPTIONS if options[name] is not None}
    if file is None:
        if given:
            first = next(iter(given)).replace("_", "-")
            raise InputError(f"--{first} says something about --model FILE, which is missing.")
        return _with_whole_path(str(options["backbone"]))
    kind = KINDS_BY_SUFFIX.get(Path(file).suffix.lower(), "checkpoint")
    architecture = given.pop("architecture", None)
    if kind == "checkpoint" and architecture is None:
        raise InputError(f"{file!r} is neither .onnx nor .pt2; name the network of its weights: --architecture.")
    if "input_px" not in given:
        raise InputError("--model needs --input-px, the side of its square input in pixels.")
    table = {**given, "kind": kind, "path": file, **({} if architecture is None else {"model": architecture})}
    return record_model(table, workspace=services.workspace).name
