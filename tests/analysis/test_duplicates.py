import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from dataeval_ui.analysis.duplicates import Earlier, find_near_duplicates, group_pairs
from dataeval_ui.analysis.neighbors import extend_neighbors, find_neighbors
from dataeval_ui.data.hashes import dhash, phash
from dataeval_ui.errors import CancelledError, ParameterError, StorageError
from dataeval_ui.types import AnalysisParams, Silent


def drawing(seed, size=(240, 200)):
    """A few coloured shapes on white: the hard case, since drawings share most of their pixels."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    for _ in range(5):
        x, y = rng.uniform(0.1, 0.7, 2) * size
        w, h = rng.uniform(0.1, 0.35, 2) * size
        shape = draw.ellipse if rng.random() < 0.5 else draw.rectangle
        shape([x, y, x + w, y + h], fill=tuple(rng.integers(0, 220, 3).tolist()), outline="black", width=3)
    return image


def jpeg(image, quality):
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()


def crop(image):
    dx, dy = image.width // 20, image.height // 20
    return image.crop((dx, dy, image.width - dx, image.height - dy))


CHANGES = {
    "half size": lambda image: image.resize((image.width // 2, image.height // 2)),
    "JPEG 30": lambda image: Image.open(io.BytesIO(jpeg(image, 30))),
    "crop": crop,
    "darker": lambda image: ImageEnhance.Brightness(image).enhance(0.6),
    "grey": lambda image: image.convert("L").convert("RGB"),
}


def shrunk(image):
    small = image.convert("RGB")
    small.thumbnail((128, 128))
    return jpeg(small, 85)


def embed(images):
    """A stand-in for embeddings that brings likeness of any kind close: 8 x 8 pixels."""
    return 255 - np.stack([np.asarray(i.convert("RGB").resize((8, 8)), dtype=np.float32).ravel() for i in images])


def find(images, params=None, graph=None, read=None, **kwargs):
    """Near duplicates; `read` takes note of the rows whose thumbnails were read."""
    thumbnails = [shrunk(image) for image in images]

    def get(rows):
        if read is not None:
            read.update(rows)
        return [thumbnails[row] for row in rows]

    return find_near_duplicates(
        find_neighbors(embed(images), n_neighbors=10) if graph is None else graph,
        phash=np.array([phash(image.convert("L")) for image in images], dtype=np.uint64),
        dhash=np.array([dhash(image.convert("L")) for image in images], dtype=np.uint64),
        thumbnails=get,
        params=params or AnalysisParams(),
        **kwargs,
    )


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_found_and_nothing_else(change):
    originals = [drawing(seed) for seed in range(30)]
    copies = [CHANGES[change](image) for image in originals[:10]]
    pairs = find([*originals, *copies])
    assert list(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)) != []
    found = set(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True))
    assert found == {(i, 30 + i) for i in range(10)}
    assert (pairs.pixel_similarity > 0.8).all()
    assert (pairs.pixel_similarity <= 1).all()


@pytest.mark.parametrize("seed", [0, 1, 2, 4, 5])  # of 3 the colours are as faint as colours that are not compared
def test_a_recoloured_drawing_is_another_image(seed):
    image = drawing(seed)
    red, green, blue = image.split()
    pairs = find([image, Image.merge("RGB", (blue, red, green)), *(drawing(seed) for seed in range(10, 15))])
    assert pairs.n_pairs == 0


def test_a_moved_shape_on_white_is_another_image():
    def card(x):
        image = Image.new("RGB", (200, 200), "white")
        draw = ImageDraw.Draw(image)
        draw.rectangle([20, 20, 180, 60], fill="navy")
        draw.ellipse([x, 90, x + 60, 150], fill="darkred")
        return image

    assert find([card(30), card(110), *(drawing(seed) for seed in range(5))]).n_pairs == 0


def test_blank_images_pair_with_nothing():
    blanks = [Image.new("RGB", (100 + i, 100), "white") for i in range(40)]
    assert find([*blanks, drawing(0)]).n_pairs == 0


def test_copies_of_one_picture_are_one_group():
    image = drawing(1)
    copies = [image, *(change(image) for change in CHANGES.values())]
    others = [drawing(seed) for seed in range(20, 30)]
    pairs = find([*copies, *others])
    assert pairs.n_pairs == 15
    assert pairs.groups.tolist() == [0] * 15
    assert (np.diff(pairs.pixel_similarity) <= 0).all()
    assert (pairs.left < pairs.right).all()


def test_permuting_images_permutes_the_pairs():
    images = [drawing(seed) for seed in range(20)]
    images += [change(images[i]) for i, change in enumerate(CHANGES.values())]
    order = np.random.default_rng(0).permutation(len(images))
    whole, permuted = find(images), find([images[i] for i in order])

    def as_set(pairs, names):
        return {frozenset((int(names[a]), int(names[b]))) for a, b in zip(pairs.left, pairs.right, strict=True)}

    assert as_set(whole, np.arange(len(images))) == as_set(permuted, order)


def test_the_cosine_of_a_pair_that_is_no_edge_comes_from_the_embeddings():
    image = drawing(2)
    rng = np.random.default_rng(0)
    embeddings = rng.normal(2, 1, size=(60, 8)).astype(np.float32)
    images = [image, *(drawing(seed) for seed in range(100, 158)), CHANGES["half size"](image)]
    thumbnails = [jpeg(i.resize((128, 107)), 90) for i in images]
    hashes = {
        name: np.array([function(i.convert("L")) for i in images], dtype=np.uint64)
        for name, function in (("phash", phash), ("dhash", dhash))
    }
    graph = find_neighbors(embeddings, n_neighbors=3)
    assert 59 not in graph.indices[0]
    assert 0 not in graph.indices[59]
    cosine = embeddings[0] @ embeddings[59] / np.linalg.norm(embeddings[0]) / np.linalg.norm(embeddings[59])
    assert cosine > 0.5
    options = {"thumbnails": lambda rows: [thumbnails[row] for row in rows], "params": AnalysisParams(), **hashes}
    with_them = find_near_duplicates(graph, embeddings=embeddings, **options)
    without = find_near_duplicates(graph, **options)
    assert (with_them.left[0], with_them.right[0]) == (0, 59)
    assert with_them.cosine[0] == pytest.approx(cosine, abs=1e-6)
    assert np.isnan(without.cosine[0])


@pytest.mark.parametrize("n", [0, 1, 2])
def test_tiny_sets_have_no_pairs_of_unlike_images(n):
    if n == 0:
        graph = find_neighbors(np.empty((0, 4), np.float32), n_neighbors=5)
        empty = np.empty(0, np.uint64)
        found = find_near_duplicates(graph, phash=empty, dhash=empty, thumbnails=lambda r: [], params=AnalysisParams())
    else:
        found = find([drawing(seed) for seed in range(n)])
    assert found.n_pairs == 0
    assert found.groups.dtype == np.int32


def test_hashes_must_fit_the_graph():
    graph = find_neighbors(np.eye(4, dtype=np.float32), n_neighbors=2)
    hashes = np.zeros(3, np.uint64)
    with pytest.raises(ParameterError, match="one hash an image, 4 in all"):
        find_near_duplicates(graph, phash=hashes, dhash=hashes, thumbnails=lambda r: [], params=AnalysisParams())
    hashes = np.zeros(4, np.uint64)
    with pytest.raises(ParameterError, match=r"hash_radius must be in \[0, 16\], got 40"):
        find_near_duplicates(
            graph, phash=hashes, dhash=hashes, thumbnails=lambda r: [], params=AnalysisParams(hash_radius=40)
        )


def test_a_damaged_thumbnail_is_an_error_of_the_store():
    graph = find_neighbors(np.eye(4, dtype=np.float32) + 0.5, n_neighbors=2)
    hashes = np.full(4, 7, np.uint64)
    with pytest.raises(StorageError, match="thumbnail"):
        find_near_duplicates(
            graph, phash=hashes, dhash=hashes, thumbnails=lambda r: [b"\xff\xd8junk"] * len(r), params=AnalysisParams()
        )


def test_cancelling_stops_the_comparison():
    class Cancelled(Silent):
        def check_cancelled(self):
            raise CancelledError("stop")

    with pytest.raises(CancelledError):
        find([drawing(0), ImageOps.autocontrast(drawing(0))], progress=Cancelled())


def test_new_images_are_compared_and_old_pairs_taken_over():
    images = [drawing(seed) for seed in range(24)]
    images += [change(images[i]) for i, change in enumerate(CHANGES.values())]
    order = np.random.default_rng(1).permutation(len(images))
    images = [images[i] for i in order]
    # The second run loses three images, has two new ones, one of them a copy of an old pair, and another order.
    first = images[:-2]
    old_rows = np.array([*range(len(first) - 1, 2, -1), -1, -1], dtype=np.int32)
    original = images[int(np.flatnonzero(order == 0)[0])]
    second = [*(first[row] for row in old_rows[:-2]), CHANGES["crop"](original), images[-1]]
    graph = find_neighbors(embed(first), n_neighbors=10)
    pairs = find(first, graph=graph)
    extended = extend_neighbors(graph, old_rows=old_rows, embeddings=embed(second))
    read = set()
    again = find(second, graph=extended, read=read, earlier=Earlier(pairs=pairs, graph=graph, old_rows=old_rows))
    whole = find(second, graph=extended)
    ours, theirs = ({(a, b): i for i, (a, b) in enumerate(zip(p.left, p.right, strict=True))} for p in (again, whole))
    assert ours.keys() == theirs.keys()
    assert len(ours) > 4
    assert len(read) < len(second)
    same = [theirs[pair] for pair in ours]
    np.testing.assert_array_equal(again.hash_distance, whole.hash_distance[same])
    # In the other order one picture is laid on the other instead.
    np.testing.assert_allclose(again.pixel_similarity, whole.pixel_similarity[same], atol=0.08)


def test_a_run_without_new_images_reads_no_thumbnail():
    images = [drawing(seed) for seed in range(20)]
    images += [change(images[i]) for i, change in enumerate(CHANGES.values())]
    graph = find_neighbors(embed(images), n_neighbors=10)
    pairs, read = find(images, graph=graph), set()
    earlier = Earlier(pairs=pairs, graph=graph, old_rows=np.arange(len(images), dtype=np.int32))
    again = find(images, graph=graph, read=read, earlier=earlier)
    assert read == set()
    np.testing.assert_array_equal(again.left, pairs.left)
    np.testing.assert_array_equal(again.pixel_similarity, pairs.pixel_similarity)


def test_groups_never_chain_unlike_images():
    # 0-1-2 are all pairs; 3 is like 2 alone; 4 and 5 are like each other and both like 3.
    left, right = np.array([[0, 1], [4, 5], [0, 2], [1, 2], [2, 3], [3, 4], [3, 5]], dtype=np.int32).T
    assert group_pairs(left, right).tolist() == [0, 1, 0, 0, -1, 1, 1]


def test_larger_groups_come_first():
    left, right = np.array([[8, 9], [1, 2], [1, 3], [2, 3]], dtype=np.int32).T
    assert group_pairs(left, right).tolist() == [1, 0, 0, 0]
    assert group_pairs(left[:0], right[:0]).tolist() == []
