from __future__ import annotations

import io
import os
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest
from PIL import Image

from dataeval_ui.data import decode_file, list_source
from dataeval_ui.embed.pipeline import EmbedOutcome, embed_image, embed_listing
from dataeval_ui.errors import CancelledError
from dataeval_ui.settings import Settings
from dataeval_ui.store.parts import EmbeddingParts, ImageParts
from dataeval_ui.store.workspace import Workspace, open_workspace
from dataeval_ui.types import LabelRule, Manifest, Silent
from tests.embed.fakes import TINY, CountingRunner, tiny_embedder
from tests.embed.generated import write_images


class _Bench:
    """A workspace, a folder of images and a fake backbone that counts."""

    def __init__(self, root: Path, **settings: object) -> None:
        self.workspace: Workspace = open_workspace(root)
        self.settings = Settings(workspace=root, **{"n_decoders": 0, "commit_size": 8, "batch_size": 4, **settings})
        self.runner = CountingRunner()
        self.embedder = tiny_embedder(self.runner)

    def run(
        self, folder: Path, previous: Manifest | None = None, *, progress: object = None, **options: object
    ) -> EmbedOutcome:
        listing = list_source(str(folder), rule=LabelRule(), settings=self.settings)
        return embed_listing(
            listing,
            embedder=self.embedder,
            workspace=self.workspace,
            previous=previous,
            settings=self.settings,
            progress=progress or Silent(),
            **options,
        )

    def embeddings(self, manifest: Manifest) -> np.ndarray:
        ids = [i for i, s in zip(*_columns(manifest, "image_id", "status"), strict=True) if s == "ok"]
        table = EmbeddingParts(self.workspace, self.embedder.key).read(ids)
        return np.stack(table.column("embedding").to_numpy(zero_copy_only=False))


def _columns(manifest: Manifest, *names: str) -> list[list[object]]:
    return [manifest.table.column(name).to_pylist() for name in names]


@pytest.fixture
def bench(tmp_path: Path) -> _Bench:
    return _Bench(tmp_path / "workspace")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_images(tmp_path / "images", 21, n_copies=3)


def test_every_file_is_an_image_or_a_finding_and_equal_contents_are_embedded_once(bench: _Bench, folder: Path) -> None:
    (folder / "bad.png").write_bytes(b"no image")
    (folder / "bad-too.png").write_bytes(b"no image")
    (folder / "text.txt").write_text("no image either")
    outcome = bench.run(folder)
    paths, status, reason, ids, width, form = _columns(
        outcome.manifest, "path", "status", "reason", "image_id", "width_px", "format"
    )
    row = {path: i for i, path in enumerate(paths)}
    assert (outcome.n_embedded, outcome.n_cached, bench.runner.n_images) == (21, 3, 21)
    assert outcome.images_per_s == round(21 / outcome.seconds_embed, 2)
    assert status.count("ok") == 24
    assert all((s == "ok") == (r is None) for s, r in zip(status, reason, strict=True))
    assert ids[row["copy-1.png"]] == ids[row["001.png"]]
    assert width[row["copy-1.png"]] == width[row["001.png"]] == 41
    assert form[row["copy-1.png"]] == "PNG"
    assert ids[row["bad.png"]] == ids[row["bad-too.png"]] is not None
    assert reason[row["bad.png"]] == reason[row["bad-too.png"]]
    assert (width[row["bad.png"]], form[row["bad.png"]]) == (None, None)


def test_the_stored_embedding_is_that_of_the_file(bench: _Bench, folder: Path) -> None:
    manifest = bench.run(folder).manifest
    for path, embedding in zip(_columns(manifest, "path")[0], bench.embeddings(manifest), strict=True):
        image = decode_file(folder / str(path), preprocessing=TINY, settings=bench.settings)
        assert image.pixels is not None
        np.testing.assert_array_equal(embedding, CountingRunner().run(image.pixels[None])[0])
    stored = ImageParts(bench.workspace).read(None, ["image_id", "thumbnail"])
    assert stored.num_rows == 21
    assert pc.min(pc.binary_length(stored.column("thumbnail"))).as_py() > 100


def test_decoder_processes_change_no_byte(bench: _Bench, folder: Path, tmp_path: Path) -> None:
    other = _Bench(tmp_path / "other", n_decoders=2)
    left, right = bench.run(folder), other.run(folder)
    assert left.manifest.digest == right.manifest.digest
    assert left.manifest.table.equals(right.manifest.table)
    assert left.n_cached == right.n_cached
    np.testing.assert_array_equal(bench.embeddings(left.manifest), other.embeddings(right.manifest))
    parts = [sorted(p.name for p in (b.workspace.root / "images" / "parts").iterdir()) for b in (bench, other)]
    assert parts[0] == parts[1]


def test_an_unchanged_file_is_not_read(bench: _Bench, folder: Path) -> None:
    first = bench.run(folder)
    path = folder / "004.png"
    stat = path.stat()
    path.write_bytes(bytes(stat.st_size))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    second = bench.run(folder, first.manifest)
    assert (second.n_embedded, second.n_cached) == (0, 24)
    assert second.manifest.table.equals(first.manifest.table)
    assert second.manifest.digest == first.manifest.digest
    third = bench.run(folder, first.manifest, refresh=True)
    assert _columns(third.manifest, "status")[0].count("unreadable") == 1


def test_a_changed_and_a_new_file_are_embedded_alone(bench: _Bench, folder: Path) -> None:
    first = bench.run(folder)
    Image.new("RGB", (50, 50), "red").save(folder / "004.png")
    Image.new("RGB", (50, 50), "blue").save(folder / "new.png")
    (folder / "005.png").unlink()
    second = bench.run(folder, first.manifest)
    assert (second.n_embedded, second.n_cached) == (2, 22)
    assert second.images_per_s is None  # two images say nothing of the speed
    assert bench.runner.batches[-1] == 2


def test_a_known_image_at_a_new_place_is_not_embedded_again(bench: _Bench, folder: Path, tmp_path: Path) -> None:
    first = bench.run(folder)
    moved = tmp_path / "moved"
    shutil.copytree(folder, moved)
    second = bench.run(moved)
    assert (second.n_embedded, second.n_cached) == (0, 24)
    assert _columns(second.manifest, "image_id", "width_px") == _columns(first.manifest, "image_id", "width_px")


def test_another_backbone_embeds_again_and_stores_the_images_once(bench: _Bench, folder: Path) -> None:
    first = bench.run(folder)
    bench.embedder = tiny_embedder(bench.runner, checkpoint="another")
    second = bench.run(folder, first.manifest)
    assert (second.n_embedded, second.n_cached) == (21, 3)
    assert second.manifest.table.equals(first.manifest.table)
    assert ImageParts(bench.workspace).read(None, ["image_id"]).num_rows == 21


def test_a_forward_pass_never_holds_images_of_two_chunks(bench: _Bench, folder: Path) -> None:
    bench.run(folder)
    # 24 files in chunks of 8, the copies first of all in the order of names: 8, then 8, then 5 that are new
    assert bench.runner.batches == [4, 4, 4, 4, 4, 1]


class _Cancelling(Silent):
    def __init__(self, after: int) -> None:
        self.after = after
        self.reports: list[tuple[str, int, int]] = []

    def report(self, stage: str, n_done: int, n_total: int) -> None:
        self.reports.append((stage, n_done, n_total))

    def check_cancelled(self) -> None:
        if self.reports and self.reports[-1][1] >= self.after:
            raise CancelledError("Cancelled.")


def test_progress_is_told_every_batch_and_ends_at_the_whole(bench: _Bench, folder: Path) -> None:
    progress = _Cancelling(after=1000)
    bench.run(folder, progress=progress)
    assert progress.reports[0] == ("embed", 0, 24)
    assert progress.reports[-1] == ("embed", 24, 24)
    done = [n for _, n, _ in progress.reports]
    assert done == sorted(done)
    assert max(b - a for a, b in pairwise(done)) <= 4


def test_committed_chunks_stay_after_a_cancel_and_the_next_run_goes_on_from_them(
    bench: _Bench, folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(CancelledError):
        bench.run(folder, progress=_Cancelling(after=12))
    committed = EmbeddingParts(bench.workspace, bench.embedder.key).ids()
    assert len(committed) == 8
    bench.runner.batches.clear()
    resumed = bench.run(folder)
    assert bench.runner.n_images == 21 - 8
    whole = _Bench(tmp_path / "whole")
    expected = whole.run(folder)
    assert resumed.manifest.digest == expected.manifest.digest
    np.testing.assert_array_equal(bench.embeddings(resumed.manifest), whole.embeddings(expected.manifest))


def test_a_lost_part_of_embeddings_is_computed_again(bench: _Bench, folder: Path) -> None:
    first = bench.run(folder)
    before = bench.embeddings(first.manifest)
    next((bench.workspace.embeddings_dir(bench.embedder.key) / "parts").glob("*.parquet")).unlink()
    bench.runner.batches.clear()
    second = bench.run(folder, first.manifest)
    assert 5 <= bench.runner.n_images == second.n_embedded <= 8
    np.testing.assert_array_equal(bench.embeddings(second.manifest), before)


def test_an_empty_listing_is_an_empty_manifest(bench: _Bench, folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    (folder / "readme.txt").write_text("nothing here")
    listing = list_source(str(write_images(folder / "one", 1)), rule=LabelRule(), settings=bench.settings)
    outcome = embed_listing(
        replace(listing, table=listing.table.slice(0, 0)),
        embedder=bench.embedder,
        workspace=bench.workspace,
        previous=None,
        settings=bench.settings,
        progress=Silent(),
    )
    assert outcome.manifest.table.num_rows == 0
    assert bench.runner.batches == []


def test_a_dropped_image_gives_the_embedding_of_its_file(bench: _Bench, folder: Path) -> None:
    manifest = bench.run(folder).manifest
    image, vector = embed_image((folder / "003.png").read_bytes(), embedder=bench.embedder, settings=bench.settings)
    assert image.image_id == dict(zip(*_columns(manifest, "path", "image_id"), strict=True))["003.png"]
    row = _columns(manifest, "path")[0].index("003.png")
    np.testing.assert_array_equal(vector, bench.embeddings(manifest)[row])


def test_dropped_bytes_that_are_no_image_say_why(bench: _Bench) -> None:
    image, vector = embed_image(b"GIF89a", embedder=bench.embedder, settings=bench.settings)
    assert vector is None
    assert image.reason is not None
    buffer = io.BytesIO()
    Image.new("RGB", (9, 9)).save(buffer, "PNG")
    assert embed_image(buffer.getvalue(), embedder=bench.embedder, settings=bench.settings)[1] is not None
