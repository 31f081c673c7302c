"""A small random network of open_clip in a folder, as that library saves one for the hub."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

INPUT_PX, N_DIMS = 32, 16
CONFIG = {
    "model_cfg": {
        "embed_dim": N_DIMS,
        "vision_cfg": {"image_size": INPUT_PX, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8},
        "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
    },
    "preprocess_cfg": {
        "mean": [0.5, 0.5, 0.5],
        "std": [0.25, 0.25, 0.25],
        "interpolation": "bilinear",
        "resize_mode": "squash",
    },
}


def write_open_clip(folder: Path) -> Path:
    """Write the network; its weights are larger than fresh ones, so that images and words differ clearly."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "open_clip_config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    torch.manual_seed(0)
    network = open_clip.create_model(f"local-dir:{folder}", pretrained=None, load_weights=False)
    state = {name: value.contiguous().clone() for name, value in network.state_dict().items()}
    for name in ("token_embedding.weight", "visual.conv1.weight"):
        state[name] *= 20
    save_file(state, folder / "open_clip_model.safetensors")
    return folder


def load_open_clip(folder: Path) -> Any:
    """Open the folder by the library alone."""
    import open_clip

    return open_clip.create_model(f"local-dir:{folder}").eval()


def text_embeddings(folder: Path, texts: Sequence[str]) -> np.ndarray:
    """What the library's own `encode_text` gives, each row of length 1."""
    import open_clip
    import torch

    with torch.inference_mode():
        tokens = open_clip.get_tokenizer(f"local-dir:{folder}")(list(texts))
        vectors: np.ndarray = load_open_clip(folder).encode_text(tokens, normalize=True).numpy()
    return vectors
