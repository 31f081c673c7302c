"""Processes that are killed while they commit."""

import random
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

from dataeval_ui.store.parts import EmbeddingParts, ImageParts, to_matrix
from dataeval_ui.store.workspace import Workspace
from tests.fakes import KEY, decoded_image, embedding_of, image_id

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX's")

N_IMAGES, BATCH = 400, 8
MANY = 8000  # more than a writer commits before it is killed, on any disk
WRITER = """
    import sys
    import numpy as np
    from pathlib import Path
    from dataeval_ui.store.parts import EmbeddingParts, ImageParts
    from dataeval_ui.store.workspace import open_workspace
    from tests.fakes import KEY, decoded_image, embedding_of, image_id

    workspace = open_workspace(Path(sys.argv[1]))
    images, embeddings = ImageParts(workspace), EmbeddingParts(workspace, KEY)
    n_images, batch = int(sys.argv[2]), int(sys.argv[3])
    has_image, has_embedding = images.ids(), embeddings.ids()
    print("ready", flush=True)
    for start in range(0, n_images, batch):
        numbers = range(start, start + batch)
        new = [n for n in numbers if image_id(n) not in has_image]
        if new:
            images.append_images([decoded_image(n) for n in new])
        new = [n for n in numbers if image_id(n) not in has_embedding]
        if new:
            embeddings.append_embeddings([image_id(n) for n in new], np.stack([embedding_of(n, 64) for n in new]))
        print(start, flush=True)
        if start % 80 == 72:
            images.parts.compact(target_rows=64)
"""


def start_writer(workspace: Workspace, n_images: int = N_IMAGES) -> subprocess.Popen[str]:
    argv = [sys.executable, "-c", textwrap.dedent(WRITER), str(workspace.root), str(n_images), str(BATCH)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)


def check_content(workspace: Workspace) -> set[str]:
    """Every committed row is whole and right; returns the ids that have an image and an embedding."""
    images, embeddings = ImageParts(workspace), EmbeddingParts(workspace, KEY)
    by_id = {image_id(n): n for n in range(MANY)}
    has_image, has_embedding = sorted(images.ids()), sorted(embeddings.ids())
    numbers = [by_id[i] for i in has_image]
    table = images.read(has_image, ["thumbnail", "phash", "width_px"])
    assert table.column("thumbnail").to_pylist() == [decoded_image(n).thumbnail for n in numbers]
    assert table.column("phash").to_pylist() == [decoded_image(n).phash for n in numbers]
    if has_embedding:
        matrix = to_matrix(embeddings.read(has_embedding).column("embedding"))
        np.testing.assert_array_equal(matrix, np.stack([embedding_of(by_id[i], 64) for i in has_embedding]))
    return set(has_image) & set(has_embedding)


def test_a_writer_killed_at_random_moments_loses_no_committed_part_and_tears_none(workspace: Workspace) -> None:
    rng = random.Random(7)
    acknowledged: set[str] = set()
    for _ in range(8):
        writer = start_writer(workspace, MANY)
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        time.sleep(rng.uniform(0.0, 0.12))
        writer.kill()
        told = writer.stdout.read().split("\n")[:-1]  # the last line may be torn, the ones before were acknowledged
        assert writer.wait() == -signal.SIGKILL
        acknowledged |= {image_id(int(start) + i) for start in told for i in range(BATCH)}
        assert acknowledged <= check_content(workspace)
    n_images = len(acknowledged) + 10 * BATCH
    done = start_writer(workspace, n_images)
    done.communicate()
    assert done.returncode == 0
    assert check_content(workspace) == {image_id(n) for n in range(n_images)}
    assert list(workspace.root.rglob("*.damaged")) == []
    assert list(workspace.root.rglob(".*.tmp")) == []


def test_a_resumed_writer_ends_with_the_bytes_of_an_uninterrupted_one(workspace: Workspace, tmp_path) -> None:
    from dataeval_ui.store.workspace import open_workspace

    killed = start_writer(workspace)
    assert killed.stdout is not None
    while killed.stdout.readline() != "160\n":
        pass
    killed.kill()
    killed.wait()
    whole = open_workspace(tmp_path / "whole")
    for target in (workspace, whole):
        writer = start_writer(target)
        writer.communicate()
        assert writer.returncode == 0

    def content(of: Workspace) -> dict[str, bytes]:
        folder = of.embeddings_dir(KEY)
        return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}

    assert content(workspace) == content(whole)


def test_a_reader_beside_a_writer_sees_whole_batches_and_never_fewer(workspace: Workspace) -> None:
    writer = start_writer(workspace)
    reader = EmbeddingParts(workspace, KEY)
    by_id = {image_id(n): n for n in range(N_IMAGES)}
    n_seen = n_reads = 0
    while writer.poll() is None or n_reads == 0:
        ids = sorted(reader.ids())
        assert len(ids) >= n_seen
        assert len(ids) % BATCH == 0
        n_seen, n_reads = len(ids), n_reads + 1
        if ids:
            matrix = to_matrix(reader.read(ids).column("embedding"))
            np.testing.assert_array_equal(matrix, np.stack([embedding_of(by_id[i], 64) for i in ids]))
    assert writer.stdout is not None
    writer.stdout.close()
    assert writer.returncode == 0
    assert len(reader.ids()) == N_IMAGES
