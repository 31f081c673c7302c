"""Models of the user's own: declared in the settings, or named once on the command line and kept in the workspace."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dataeval_ui.embed.backbones import BACKBONES, OWN_FAMILY
from dataeval_ui.errors import DataEvalUIError, InputError
from dataeval_ui.store.durable import read_json, storing, write_json_durably
from dataeval_ui.types import Backbone, OwnModel, digest_of

if TYPE_CHECKING:
    from dataeval_ui.settings import Settings
    from dataeval_ui.store.workspace import Workspace

logger = logging.getLogger(__name__)

KINDS_BY_SUFFIX = {".onnx": "onnx", ".pt2": "exported"}
_FOLDER = "own-models"
_WORDS = {
    "onnx": "an ONNX file",
    "exported": "a torch.export file",
    "checkpoint": "weights of {model}",
    "factory": "the Python function {factory}",
}


def own_backbones(settings: Settings, workspace: Workspace) -> dict[str, Backbone]:
    """List the user's own models: those of the settings, then those that the command line has named.

    Raises
    ------
    InputError
        A model of the settings has a name that is taken.
    """
    found: dict[str, Backbone] = {}
    for own in settings.models:
        if own.name in BACKBONES or own.name in found:
            raise InputError(f"The name of the model {own.name!r} in settings.toml is taken; choose another one.")
        found[own.name] = backbone_of(own)
    for own in _recorded(workspace):
        if own.name not in BACKBONES:
            found.setdefault(own.name, backbone_of(own))
    return found


def backbone_of(own: OwnModel) -> Backbone:
    """Turn a declared model into a row like those of the registry."""
    is_smp = own.kind == "checkpoint" and (own.model or "").startswith("smp:")
    is_tapped = is_smp or own.kind in ("exported", "factory") or own.layer is not None or own.pooling is not None
    # an encoder's coarsest map is its last: five halvings of the input
    default_layer = "encoder.5" if is_smp else (own.output or "output") if own.kind == "onnx" else "output"
    default_pooling = "mean" if is_smp else "auto"
    return Backbone(
        name=own.name,
        title=own.title or own.name,
        family=OWN_FAMILY,
        source="smp" if is_smp else own.kind,
        model=(own.factory or (own.model or "").removeprefix("smp:")) or own.kind,
        n_dims=0,
        preprocessing=own.preprocessing,
        layer=own.layer or default_layer,
        pooling=own.pooling or default_pooling,
        licence=own.licence,
        size_mb=0,
        best_for="what you trained it for: " + _WORDS[own.kind].format(model=own.model, factory=own.factory),
        n_gmacs=4.0,
        tapped=is_tapped and own.kind != "onnx",
        path=None if own.path is None else str(Path(own.path).expanduser().absolute()),
        output=own.output,
    )


def record_model(table: Mapping[str, object], *, workspace: Workspace) -> OwnModel:
    """Keep a model that the command line names, so that the worker and the pages know it by its name.

    Parameters
    ----------
    table : mapping
        As in `settings.toml`, without `name`: it is made of the file's name and of everything that is declared.

    Raises
    ------
    InputError
        A factory, which the settings alone may name; or a file that is not there.
    ParameterError
        As `OwnModel.from_table`.
    """
    path = Path(str(table.get("path", ""))).expanduser().absolute()
    if not path.is_file():
        raise InputError(f"There is no file {str(path)!r}; name an ONNX, .pt2 or weights file with --model.")
    stem = (
        "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "-" for c in path.stem).strip("-_.")[:40]
        or "model"
    )
    own = OwnModel.from_table({**table, "path": str(path), "name": stem})
    if own.kind == "factory":
        raise InputError("A Python factory is named in settings.toml alone.")
    own = replace(own, name=f"own-{stem}-{digest_of(own.to_table(), n_chars=8)}", title=own.title or path.name[:60])
    folder = workspace.root / _FOLDER
    with storing(folder):
        folder.mkdir(exist_ok=True)
    write_json_durably(folder / f"{own.name}.json", own.to_table())
    return own


def _recorded(workspace: Workspace) -> list[OwnModel]:
    models = []
    for path in sorted((workspace.root / _FOLDER).glob("*.json")):
        try:
            own = OwnModel.from_table(read_json(path))
        except DataEvalUIError as error:
            logger.warning("%s is passed over: %s", path, error)
            continue
        if own.kind != "factory" and own.name == path.stem:
            models.append(own)
    return models
