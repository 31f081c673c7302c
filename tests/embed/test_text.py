"""The text tower: the source library's own numbers, from a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dataeval_ui.embed.backbones import BACKBONES, get_backbone
from dataeval_ui.embed.checkpoints import Checkpoint
from dataeval_ui.embed.text import TextEmbedder, backbone_with_words, has_text_tower, load_text_embedder
from dataeval_ui.embed.text_process import TextProcess, load_text_tower
from dataeval_ui.errors import BackboneUnavailableError, CheckpointError, InputError, ParameterError
from dataeval_ui.settings import Settings
from tests.fakes import KEY
from tests.tiny_open_clip import load_open_clip, write_open_clip

TEXTS = ["a dog", "ein Hund im Schnee, ✓", "word " * 200]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of a small network, beside its configuration."""
    return write_open_clip(tmp_path_factory.mktemp("weights")) / "open_clip_model.safetensors"


@pytest.fixture(scope="module")
def expected(checkpoint: Path) -> np.ndarray:
    """What the library's own `encode_text` gives with the same weights."""
    import open_clip
    import torch

    with torch.inference_mode():
        tokens = open_clip.get_tokenizer(f"local-dir:{checkpoint.parent}")(TEXTS)
        embeddings: np.ndarray = load_open_clip(checkpoint.parent).encode_text(tokens).numpy()
    return embeddings


@pytest.fixture(scope="module")
def process(checkpoint: Path) -> Iterator[TextProcess]:
    backbone = replace(get_backbone("clip-vit-b-32"), model=f"local-dir:{checkpoint.parent}")
    running = TextProcess(backbone, checkpoint, n_threads=1, offline=True)
    yield running
    running.close()


def test_the_process_gives_open_clips_own_text_embeddings(process: TextProcess, expected: np.ndarray) -> None:
    np.testing.assert_allclose(process.run(TEXTS), expected, atol=1e-5)
    np.testing.assert_allclose(process.run(TEXTS[1:2]), expected[1:2], atol=1e-5)
    assert process.logit_scale == pytest.approx(1 / 0.07, rel=1e-5)


def test_a_process_that_was_ended_comes_back_with_the_next_text(process: TextProcess, expected: np.ndarray) -> None:
    process.close()
    np.testing.assert_allclose(process.run(TEXTS[:1]), expected[:1], atol=1e-5)


def test_weights_of_another_network_are_refused_in_their_own_words(checkpoint: Path, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    save_file({"weight": torch.zeros(2, 2)}, tmp_path / "w.safetensors")
    backbone = replace(get_backbone("clip-vit-b-32"), model=f"local-dir:{checkpoint.parent}")
    with pytest.raises(CheckpointError, match="do not fit"):
        TextProcess(backbone, tmp_path / "w.safetensors", n_threads=1, offline=True)


def test_a_tokenizer_that_is_not_here_is_one_sentence(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import open_clip

    def missing(_: str) -> None:
        raise OSError("no such tokenizer\nand more lines")

    monkeypatch.setattr(open_clip, "get_tokenizer", missing)
    with pytest.raises(
        BackboneUnavailableError, match=r"The tokenizer of x is not on this machine \(no such tokenizer\)"
    ):
        load_text_tower(f"local-dir:{checkpoint.parent}", checkpoint, name="x")


class CountingTower:
    """One number a text: its length. Notes what it was asked."""

    logit_scale = 2.0

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def run(self, texts: list[str]) -> np.ndarray:
        self.asked.append(list(texts))
        return np.array([[len(text)] for text in texts], np.float32)


def test_a_text_is_embedded_once_and_texts_keep_their_order() -> None:
    tower = CountingTower()
    embedder = TextEmbedder(key=KEY, open_runner=lambda: tower)
    assert embedder.embed(["aa", "b", "aa"]).tolist() == [[2], [1], [2]]
    assert embedder.embed(["ccc", "b"]).tolist() == [[3], [1]]
    assert tower.asked == [["aa", "b"], ["ccc"]]
    assert embedder.logit_scale == 2


@pytest.mark.parametrize("texts", [[], [""], ["a", "  "], ["x" * 1001]])
def test_what_is_no_text_is_refused(texts: list[str]) -> None:
    with pytest.raises(ParameterError, match="1 to 1,000 characters"):
        TextEmbedder(key=KEY, open_runner=CountingTower).embed(texts)


def test_a_backbone_without_words_names_one_that_has_them(tmp_path: Path) -> None:
    checkpoint = Checkpoint(path=tmp_path / "w", digest="d")
    settings = Settings(workspace=tmp_path)
    with pytest.raises(InputError, match=r"resnet50 has no text tower.*clip-vit-b-32"):
        load_text_embedder(get_backbone("resnet50"), checkpoint, settings=settings)
    words = {name for name, backbone in BACKBONES.items() if has_text_tower(backbone)}
    assert words == {"clip-vit-b-32", "clip-openai-b-32", "siglip-b-16"}
    assert backbone_with_words() in words
    keys = {load_text_embedder(get_backbone(name), checkpoint, settings=settings).key.digest() for name in words}
    assert len(keys) == len(words)
