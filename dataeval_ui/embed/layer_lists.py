"""The layers of a backbone, listed once and kept, so that a page can show them without loading a network."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataeval_ui.embed.checkpoints import find_weights
from dataeval_ui.embed.layers import Layer
from dataeval_ui.errors import BackboneUnavailableError, StorageError
from dataeval_ui.store.durable import read_json, write_json_durably
from dataeval_ui.types import digest_of

if TYPE_CHECKING:
    from dataeval_ui.settings import Settings
    from dataeval_ui.store.workspace import Workspace
    from dataeval_ui.types import Backbone

_VERSION = 1
_TIMEOUT_S = 300.0


def layers_of(backbone: Backbone, *, settings: Settings, workspace: Workspace) -> tuple[Layer, ...]:
    """List a backbone's layers from one dry run.

    A network of the registry is built with random weights where its own are not here: shapes are the same.

    Raises
    ------
    DataEvalUIError
        A model that must be on this machine to know its layers and is not, or that cannot be loaded.
    """
    place = _place(backbone, workspace)
    weights = find_weights(backbone, settings=settings, workspace=workspace)
    with contextlib.suppress(StorageError, KeyError, TypeError, ValueError):
        return _read(place, weights)
    if backbone.source == "onnx":
        from dataeval_ui.embed.onnx_model import list_tensors

        layers = list_tensors(backbone)
    else:
        from dataeval_ui.embed.layers import list_layers
        from dataeval_ui.embed.networks import load_whole_network

        needs_weights = backbone.source in ("transformers", "exported", "factory")
        network = load_whole_network(backbone, weights if needs_weights else None)
        layers = list_layers(network, input_px=backbone.preprocessing.input_px)
    write_json_durably(place, {"weights": _stamp(weights), "layers": [asdict(layer) for layer in layers]})
    return layers


def layers_aside(name: str, *, settings: Settings, workspace: Workspace) -> tuple[Layer, ...]:
    """List a backbone's layers as `layers_of`, in a process of its own: torch stays out of the caller.

    Raises
    ------
    BackboneUnavailableError
        The process could not; the sentence has its own words.
    """
    from dataeval_ui.embed.choices import find_backbone
    from dataeval_ui.settings import environment_of

    backbone = find_backbone(name, settings=settings, workspace=workspace)
    with contextlib.suppress(StorageError, KeyError, TypeError, ValueError):
        return _read(_place(backbone, workspace), find_weights(backbone, settings=settings, workspace=workspace))
    package_parent = str(Path(__file__).absolute().parents[2])
    python_path = os.pathsep.join(filter(None, [package_parent, os.environ.get("PYTHONPATH")]))
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "dataeval_ui", "backbones", "--layers", "--json", "--", name],
            env={**os.environ, **environment_of(settings), "PYTHONPATH": python_path},
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BackboneUnavailableError(f"The layers of {name} could not be listed: {error}.") from None
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        why = said[-1].removeprefix("dataeval-ui: ") if said else "the process was ended."
        raise BackboneUnavailableError(f"The layers of {name} could not be listed: {why}")
    return tuple(
        Layer(
            name=row["layer"],
            kind=row["kind"],
            shape=tuple(row["shape"]),
            poolings=tuple(row["poolings"]),
            n_flat=row["flat"],
        )
        for row in json.loads(done.stdout)["layers"]
    )


def _place(backbone: Backbone, workspace: Workspace) -> Path:
    from dataeval_ui.embed.onnx import exporter_digest

    return workspace.models_dir / f"layers-{digest_of([_VERSION, exporter_digest(), asdict(backbone)])}.json"


def _read(place: Path, weights: Path | None) -> tuple[Layer, ...]:
    kept = read_json(place)
    if kept["weights"] != _stamp(weights):
        raise ValueError("listed for another file")
    return tuple(
        Layer(**{**layer, "shape": tuple(layer["shape"]), "poolings": tuple(layer["poolings"])})
        for layer in kept["layers"]
    )


def _stamp(weights: Path | None) -> list[Any] | None:
    """Size and time of a file: what it holds may change what layers there are."""
    if weights is None:
        return None
    stat = weights.stat()
    return [str(weights), stat.st_size, stat.st_mtime_ns]
