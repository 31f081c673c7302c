"""Names of open_clip as backbones: `open_clip:MODEL/TAG`, or a folder with a network of that library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dataeval_ui.embed.families.inputs import CLIP_MEAN, CLIP_STD
from dataeval_ui.embed.open_clip_loader import LOCAL_SCHEMA
from dataeval_ui.errors import InputError, StorageError, UnknownNameError
from dataeval_ui.store.durable import read_json
from dataeval_ui.types import Backbone, Preprocessing

UNKNOWN_LICENCE = "see its page"
OPEN_CLIP_POOLING = "open_clip"
"""What stands in the key for the network's own image embedding, which words lie beside."""
FOLDER_CONFIG = "open_clip_config.json"
_FOLDER_WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
_MAX_PX = 2048


def of_open_clip(name: str, rest: str) -> Backbone:
    """Find out what `MODEL/TAG` stands for.

    Raises
    ------
    UnknownNameError
        open_clip has no such model or tag.
    InputError
        It tells no weights for it.
    """
    import open_clip

    model, _, tag = rest.partition("/")
    if model not in open_clip.list_models():
        raise UnknownNameError("model of open_clip", model, open_clip.list_models())
    told = open_clip.get_pretrained_cfg(model, tag)
    if not told:
        raise UnknownNameError(f"tag of {model}", tag, open_clip.list_pretrained_tags_by_model(model))
    hub = told.get("hf_hub") or None
    if hub is not None and hub.endswith("/"):
        hub += open_clip.constants.HF_SAFE_WEIGHTS_NAME
    if hub is None and not told.get("url"):
        raise InputError(f"open_clip tells no weights for {rest!r}.")
    if told.get("quick_gelu") and f"{model}-quickgelu" in open_clip.list_models():
        model = f"{model}-quickgelu"
    config = open_clip.get_model_config(model)
    px = config["vision_cfg"]["image_size"]
    px = px if isinstance(px, int) else max(px)
    return Backbone(
        name=name,
        title=rest,
        family="any of open_clip",
        source="open_clip",
        model=f"{model}:{tag}",
        n_dims=config["embed_dim"],
        preprocessing=Preprocessing(
            input_px=px,
            resize_px=px,
            interpolation="bilinear" if told.get("interpolation") == "bilinear" else "bicubic",
            mean=tuple(told.get("mean") or open_clip.OPENAI_DATASET_MEAN),
            std=tuple(told.get("std") or open_clip.OPENAI_DATASET_STD),
            squash=told.get("resize_mode") == "squash",
        ),
        layer="visual.proj",
        pooling=OPEN_CLIP_POOLING,
        licence=UNKNOWN_LICENCE,
        size_mb=0,
        best_for="similarity by meaning",
        n_gmacs=4.4,
        hub=hub,
        url=None if hub else told["url"],
    )


def of_folder(name: str, folder: Path) -> Backbone:
    """Read a folder as open_clip saves one for the hub: its configuration, weights, and a tokenizer if it needs one.

    Raises
    ------
    InputError
        A file is missing, or the configuration describes no square input of three channels.
    """
    folder = folder.absolute()
    weights = next((folder / file for file in _FOLDER_WEIGHTS if (folder / file).is_file()), None)
    if weights is None:
        raise InputError(f"{str(folder)!r} has neither {' nor '.join(_FOLDER_WEIGHTS)}.")
    try:
        told: Any = read_json(folder / FOLDER_CONFIG)
        model = told["model_cfg"]
        n_dims, px = model["embed_dim"], model["vision_cfg"]["image_size"]
        inputs = told.get("preprocess_cfg") or {}
        mean, std = (tuple(map(float, inputs.get(k, v))) for k, v in (("mean", CLIP_MEAN), ("std", CLIP_STD)))
        interpolation, mode = inputs.get("interpolation", "bicubic"), inputs.get("resize_mode", "shortest")
    except StorageError:
        raise InputError(
            f"{str(folder)!r} has no {FOLDER_CONFIG} that can be read, which says what network it is."
        ) from None
    except (KeyError, TypeError, ValueError, AttributeError):
        raise InputError(f"The {FOLDER_CONFIG} of {name!r} describes no network of open_clip.") from None
    if isinstance(px, list) and len(set(map(str, px))) == 1:
        px = px[0]
    good = all(isinstance(n, int) and not isinstance(n, bool) and n >= 1 for n in (n_dims, px)) and px <= _MAX_PX
    if not good or (len(mean), len(std)) != (3, 3) or min(std) <= 0 or mode not in ("shortest", "squash"):
        raise InputError(f"The {FOLDER_CONFIG} of {name!r} describes no square input that could be made here.")
    return Backbone(
        name=name,
        title=folder.name,
        family="any of open_clip",
        source="open_clip",
        model=f"{LOCAL_SCHEMA}{folder}",
        n_dims=n_dims,
        preprocessing=Preprocessing(
            input_px=px,
            resize_px=px,
            interpolation="bilinear" if interpolation == "bilinear" else "bicubic",
            mean=(mean[0], mean[1], mean[2]),
            std=(std[0], std[1], std[2]),
            squash=mode == "squash",
        ),
        layer="visual.proj",
        pooling=OPEN_CLIP_POOLING,
        licence=UNKNOWN_LICENCE,
        size_mb=0,
        best_for="similarity by meaning",
        n_gmacs=4.4,
        companions=(FOLDER_CONFIG,),
        path=str(weights),
    )
