from __future__ import annotations

import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from dataeval_ui.data import decode_file
from dataeval_ui.embed.decoders import DecoderPool
from dataeval_ui.errors import DataEvalUIError
from dataeval_ui.settings import Settings
from dataeval_ui.types import DecodedImage
from tests.embed.fakes import TINY
from tests.embed.generated import write_images

SETTINGS = Settings(n_decoders=2, decode_timeout_s=20.0)

# Loaded by every Python that starts with its folder on the path: images of certain sizes then act like files that
# exploit a fault of a decoder.
HOSTILE = """
import os, time
from PIL import ImageFile
whole = ImageFile.ImageFile.load
def hostile(self):
    if self.size == (13, 37):
        os.abort()
    if self.size == (13, 41):
        time.sleep(3600)
    return whole(self)
ImageFile.ImageFile.load = hostile
"""


@pytest.fixture
def hostile_sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "hostile"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(HOSTILE)
    monkeypatch.setenv("PYTHONPATH", str(folder))


def _files(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.iterdir())


def _decode(files: list[str], settings: Settings, **options: object) -> list[DecodedImage]:
    with DecoderPool(preprocessing=TINY, settings=settings) as pool:
        return list(pool.decode(files, **options))


def _assert_same(left: DecodedImage, right: DecodedImage) -> None:
    assert replace(left, pixels=None) == replace(right, pixels=None)
    np.testing.assert_array_equal(left.pixels, right.pixels)


@pytest.mark.parametrize("n_decoders", [0, 1, 2])
def test_images_come_back_whole_and_in_order(tmp_path: Path, n_decoders: int) -> None:
    files = _files(write_images(tmp_path / "images", 23))
    (tmp_path / "images" / "010.png").write_bytes(b"no image")
    images = _decode([*files, str(tmp_path / "gone.png")], replace(SETTINGS, n_decoders=n_decoders))
    assert len(images) == 24
    for file, image in zip(files, images, strict=False):
        expected = decode_file(file, preprocessing=TINY, settings=SETTINGS)
        if expected.pixels is None:
            assert image == expected
        else:
            _assert_same(image, expected)
    assert images[10].reason is not None
    assert images[10].image_id is not None
    assert images[23] == decode_file(tmp_path / "gone.png", preprocessing=TINY, settings=SETTINGS)


@pytest.mark.parametrize("n_decoders", [0, 2])
def test_a_known_image_is_hashed_and_not_decoded(tmp_path: Path, n_decoders: int) -> None:
    files = _files(write_images(tmp_path / "images", 6))
    asked: list[tuple[str, int]] = []

    def is_known(image_id: str, place: int) -> bool:
        asked.append((image_id, place))
        return place % 2 == 0

    images = _decode(files, replace(SETTINGS, n_decoders=n_decoders), is_known=is_known)
    assert sorted(place for _, place in asked) == list(range(6))
    for place, (file, image) in enumerate(zip(files, images, strict=True)):
        expected = decode_file(file, preprocessing=TINY, settings=SETTINGS)
        if place % 2 == 0:
            assert image == DecodedImage(image_id=expected.image_id)
        else:
            _assert_same(image, expected)


def test_a_file_that_ends_its_process_costs_itself_alone(tmp_path: Path, hostile_sizes: None) -> None:
    folder = write_images(tmp_path / "images", 12)
    Image.new("RGB", (13, 37)).save(folder / "005.png")
    files = _files(folder)
    images = _decode(files, SETTINGS)
    assert images[5].reason == "Decoding ended its process (SIGABRT); the file is damaged or made to do harm."
    assert images[5].image_id == decode_file(files[5], preprocessing=None, settings=SETTINGS).image_id
    for place in set(range(12)) - {5}:
        _assert_same(images[place], decode_file(files[place], preprocessing=TINY, settings=SETTINGS))


def test_a_file_that_blocks_its_process_is_given_up(tmp_path: Path, hostile_sizes: None) -> None:
    folder = write_images(tmp_path / "images", 6)
    Image.new("RGB", (13, 41)).save(folder / "002.png")
    images = _decode(_files(folder), replace(SETTINGS, decode_timeout_s=0.7))
    assert images[2].reason == "Decoding took longer than 0.7 s and was given up; see the setting decode_timeout_s."
    assert [image.reason for i, image in enumerate(images) if i != 2] == [None] * 5


def test_a_process_that_was_killed_by_others_is_replaced_and_its_file_decoded(tmp_path: Path) -> None:
    files = _files(write_images(tmp_path / "images", 40))
    others = set(psutil.Process().children())  # such as a database of other tests
    with DecoderPool(preprocessing=TINY, settings=SETTINGS) as pool:
        decoded = pool.decode(files)
        images = [next(decoded)]
        for child in set(psutil.Process().children()) - others:
            child.kill()
        images += decoded
    assert [image.reason for image in images] == [None] * 40


def test_no_process_outlives_its_pool(tmp_path: Path) -> None:
    before = set(psutil.Process().children())
    files = _files(write_images(tmp_path / "images", 40))
    with DecoderPool(preprocessing=TINY, settings=SETTINGS) as pool:
        next(pool.decode(files))
        assert 1 <= len(set(psutil.Process().children()) - before) <= 2
    assert set(psutil.Process().children()) == before


def test_few_files_start_one_process(tmp_path: Path) -> None:
    before = set(psutil.Process().children())
    files = _files(write_images(tmp_path / "images", 8))
    with DecoderPool(preprocessing=TINY, settings=SETTINGS, n_files=len(files)) as pool:
        assert len(list(pool.decode(files))) == 8
        assert len(set(psutil.Process().children()) - before) == 1


def test_decoding_runs_ahead_only_so_far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dataeval_ui.embed.decoders.MAX_AHEAD", 8)
    files = _files(write_images(tmp_path / "images", 30))
    asked: list[int] = []

    def is_known(_: str, place: int) -> bool:
        asked.append(place)
        return True

    with DecoderPool(preprocessing=TINY, settings=SETTINGS) as pool:
        decoded = pool.decode(files, is_known=is_known)
        next(decoded)
        deadline = time.monotonic() + 10
        while len(asked) < 8 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert max(asked) == 7
        assert len(list(decoded)) == 29


def test_large_images_are_decoded_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dataeval_ui.embed.decoder.LARGE_PIXELS", 40 * 40)
    files = _files(write_images(tmp_path / "images", 12))
    gate = _CountingGate()
    with DecoderPool(preprocessing=TINY, settings=SETTINGS) as pool:
        monkeypatch.setattr(pool, "_large", gate)
        images = list(pool.decode(files))
    assert [image.reason for image in images] == [None] * 12
    assert gate.n_entered == 12


class _CountingGate:
    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.n_entered = 0

    def __enter__(self) -> None:
        self._lock.acquire()
        self.n_entered += 1

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_who_waits_is_asked_whether_to_go_on(tmp_path: Path, hostile_sizes: None) -> None:
    folder = write_images(tmp_path / "images", 1)
    Image.new("RGB", (13, 41)).save(folder / "000.png")

    def cancel() -> None:
        raise KeyboardInterrupt

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        _decode(_files(folder), SETTINGS, on_wait=cancel)
    assert time.monotonic() - started < SETTINGS.decode_timeout_s


def test_a_decoder_that_cannot_start_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['xxhash'] = None; sys.modules['pickle'] = None")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    files = _files(write_images(tmp_path / "images", 2))
    with pytest.raises(DataEvalUIError, match=r"A decoder process cannot be started \(.+\)\. Set n_decoders to 0"):
        _decode(files, SETTINGS)


def test_a_path_that_is_no_utf8_is_opened(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"\xff\xfe.png")
    source = write_images(tmp_path / "images", 1) / "000.png"
    try:
        path.write_bytes(source.read_bytes())
    except OSError:
        pytest.skip("This file system takes UTF-8 names alone.")
    (image,) = _decode([str(path)], SETTINGS)
    _assert_same(image, decode_file(source, preprocessing=TINY, settings=SETTINGS))
