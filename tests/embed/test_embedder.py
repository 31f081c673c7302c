from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from dataeval_ui.embed.embedder import load_embedder
from dataeval_ui.errors import OutOfMemoryError, ParameterError, UnknownNameError
from dataeval_ui.settings import Settings
from dataeval_ui.store.workspace import open_workspace
from dataeval_ui.types import EmbeddingKey
from tests.embed.fakes import CountingRunner, tiny_embedder
from tests.exported import prepared


def _pixels(n: int) -> np.ndarray:
    return np.random.default_rng(n).integers(0, 256, (n, 16, 16, 3), dtype=np.uint8)


def test_images_go_through_in_batches_and_keep_their_order() -> None:
    runner = CountingRunner()
    pixels = _pixels(10)
    embeddings = tiny_embedder(runner, batch_size=4).embed(pixels)
    assert runner.batches == [4, 4, 2]
    np.testing.assert_array_equal(embeddings[7], pixels[7].astype(np.float32).mean(axis=1).ravel())


def test_out_of_memory_halves_the_batch_and_loses_no_image() -> None:
    runner = CountingRunner(max_batch=5)
    pixels = _pixels(37)
    embedder = tiny_embedder(runner, batch_size=32)
    embeddings = embedder.embed(pixels)
    assert embedder.batch_size == 4
    assert set(runner.batches) == {4, 1}
    np.testing.assert_array_equal(embeddings, tiny_embedder(CountingRunner()).embed(pixels))


def test_one_image_that_does_not_fit_is_told() -> None:
    with pytest.raises(OutOfMemoryError, match="tiny does not fit into memory even with one image"):
        tiny_embedder(CountingRunner(max_batch=0), batch_size=8).embed(_pixels(3))


@pytest.mark.parametrize("shape", [(16, 16, 3), (1, 3, 16, 16), (1, 16, 17, 3)])
def test_pixels_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ParameterError, match=r"takes pixels of shape \(n, 16, 16, 3\)"):
        tiny_embedder(CountingRunner()).embed(np.zeros(shape, dtype=np.uint8))


def test_no_image_opens_no_network() -> None:
    def refuse() -> CountingRunner:
        raise AssertionError

    embedder = tiny_embedder(CountingRunner())
    embedder._open_runner = refuse
    assert embedder.embed(_pixels(0)).shape == (0, 48)


def test_an_unknown_backbone_is_told(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path)
    with pytest.raises(UnknownNameError, match="Did you mean 'efficientnet-lite0'"):
        load_embedder("efficientnet-lite", workspace=workspace, settings=Settings(workspace=tmp_path))


def test_the_key_names_the_weights_and_the_preprocessing(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path)
    key = load_embedder("efficientnet-lite0", workspace=workspace, settings=Settings(workspace=tmp_path)).key
    assert (key.backbone, key.pooling, key.input_px, key.numeric_type) == ("efficientnet-lite0", "avg", 224, "float32")
    assert len(key.checkpoint) == 32


@pytest.mark.parametrize("name", [field.name for field in fields(EmbeddingKey)])
def test_every_field_of_the_key_shapes_its_digest(name: str) -> None:
    key = tiny_embedder(CountingRunner()).key
    changed = replace(key, **{name: 17 if name == "input_px" else "other"})
    assert changed.digest() != key.digest()


@pytest.mark.slow
def test_a_run_embeds_without_torch_and_agrees_with_it(tmp_path: Path) -> None:
    """In processes of their own: the first to need it exports, aside; every later one finds the export."""
    code = (
        "import sys, numpy as np; from pathlib import Path; from dataeval_ui.embed.embedder import load_embedder; "
        "from dataeval_ui.settings import Settings; from dataeval_ui.store.workspace import open_workspace; "
        "from tests.embed.generated import golden_images; root = Path(sys.argv[1]); "
        "workspace = open_workspace(root); settings = Settings(workspace=root); "
        "embedder = load_embedder('efficientnet-lite0', workspace=workspace, settings=settings); "
        "np.save(sys.argv[2], embedder.embed(golden_images())); assert 'torch' not in sys.modules"
    )
    workspace = prepared(tmp_path / "workspace")
    exports = []
    for i in range(2):
        output = tmp_path / f"{i}.npy"
        subprocess.run([sys.executable, "-c", code, str(workspace), str(output)], check=True)
        with np.load(Path(__file__).parent / "golden_efficientnet_lite0.npz") as golden:
            np.testing.assert_allclose(np.load(output), golden["embeddings"], atol=1e-4)
        exports.append({path.name: path.stat().st_mtime_ns for path in (workspace / "models").glob("*.onnx")})
    assert exports[0]
    assert exports[0] == exports[1]
