"""Image towers of open_clip."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataeval_ui.embed.state_dicts import load_weights, read_state_dict
from dataeval_ui.errors import CheckpointError

if TYPE_CHECKING:
    import torch

    from dataeval_ui.types import Backbone

LOCAL_SCHEMA = "local-dir:"
"""What open_clip puts before a folder that has its configuration, its tokenizer where it needs one, and weights."""

_FALSE_ALARMS = ("No pretrained weights loaded", "Local config loaded, but no CLIP weights")


def architecture_of(backbone: Backbone) -> str:
    """Return what open_clip calls a network: a name of its own, or a folder behind `LOCAL_SCHEMA`."""
    return backbone.model if backbone.model.startswith(LOCAL_SCHEMA) else backbone.model.partition(":")[0]


def build_open_clip(architecture: str, *, backbone: str) -> torch.nn.Module:
    """Build a network of open_clip with random weights.

    Raises
    ------
    CheckpointError
        The configuration of a folder describes none that open_clip can build.
    """
    import open_clip

    root = logging.getLogger()
    root.addFilter(_is_no_false_alarm)
    try:
        network: torch.nn.Module = open_clip.create_model(architecture, pretrained=None, load_weights=False)
    except (RuntimeError, ValueError, TypeError, KeyError, AttributeError, AssertionError, OSError) as error:
        if not architecture.startswith(LOCAL_SCHEMA):
            raise
        why = (str(error).strip() or type(error).__name__).splitlines()[0][:160].rstrip(".")
        raise CheckpointError(f"open_clip cannot build {backbone} from its open_clip_config.json ({why}).") from None
    finally:
        root.removeFilter(_is_no_false_alarm)
    return network


def _is_no_false_alarm(record: logging.LogRecord) -> bool:
    """Pass over open_clip's warning that nothing was loaded: weights are read and checked here, after it."""
    return not (record.module == "factory" and str(record.msg).startswith(_FALSE_ALARMS))


def load_open_clip(backbone: Backbone, checkpoint: Path | None) -> torch.nn.Module:
    """Build open_clip's network, load a checkpoint into both towers and keep the image tower.

    Parameters
    ----------
    backbone : Backbone
    checkpoint : Path or None
        None leaves the weights random: for its layers alone.

    Returns
    -------
    torch.nn.Module
        Takes (n, 3, px, px), gives (n, n_dims): what `encode_image` gives, not scaled to unit length; in evaluation
        mode.

    Raises
    ------
    CheckpointError
        The file is damaged or does not fit.
    """
    network: Any = build_open_clip(architecture_of(backbone), backbone=backbone.name)
    if checkpoint is not None:
        load_weights(network, read_state_dict(checkpoint), backbone=backbone.name)
    tower: torch.nn.Module = network.visual.eval()
    return tower
