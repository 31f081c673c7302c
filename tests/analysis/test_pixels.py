import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from dataeval_ui.analysis.pixels import (
    COARSE_PX,
    SIDE_PX,
    coarse_squares,
    compare_coarsely,
    decode_squares,
    similarity,
)
from dataeval_ui.analysis.squares import Squares
from dataeval_ui.errors import StorageError


def picture(seed=0):
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (256, 256), "white")
    draw = ImageDraw.Draw(image)
    for _ in range(6):
        x, y, w, h = rng.uniform(20, 130, 4)
        draw.ellipse([x, y, x + w, y + h], fill=tuple(rng.integers(0, 230, 3).tolist()), outline="black", width=4)
    return image


def jpeg(image, quality=90):
    file = io.BytesIO()
    image.resize((128, 128), Image.Resampling.BOX).save(file, "JPEG", quality=quality)
    return file.getvalue()


def squares(images, side_px, n_threads=1):
    whole = decode_squares([jpeg(image) for image in images], n_threads=n_threads)[0]
    return whole if side_px == SIDE_PX else coarse_squares(whole)


def compare(left, right):
    """Similarity and warp of two pictures; 0 and None where the small ones are unlike."""
    pair = np.array([[0, 1]])
    alike, warps = compare_coarsely(squares([left, right], COARSE_PX), pair)
    if not alike.size:
        return 0.0, None
    return float(similarity(squares([left, right], SIDE_PX), pair, warps)[0]), warps[0]


def zoomed(image, share, angle=0):
    edge = round(image.width * (1 - share) / 2)
    turned = image.rotate(angle, Image.Resampling.BICUBIC, fillcolor="white")
    return turned.crop((edge, edge, image.width - edge, image.height - edge))


def test_a_picture_is_like_itself():
    score, warp = compare(picture(), picture())
    assert score == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(warp, [[1, 0, 0], [0, 1, 0]], atol=1e-3)


@pytest.mark.parametrize("share", [0.88, 0.9, 0.95])
def test_the_alignment_finds_the_zoom_of_a_crop(share):
    score, warp = compare(picture(), zoomed(picture(), share))
    np.testing.assert_allclose(np.diag(warp[:, :2]), 1 / share, atol=0.03)
    assert score > 0.84


def test_the_order_of_a_pair_hardly_matters():
    there, back = compare(picture(), zoomed(picture(), 0.9)), compare(zoomed(picture(), 0.9), picture())
    assert there[0] == pytest.approx(back[0], abs=0.06)


def test_a_small_turn_is_aligned():
    score, warp = compare(picture(2), zoomed(picture(2), 0.95, angle=4))
    assert score > 0.84
    assert abs(warp[0, 1]) == pytest.approx(np.sin(np.deg2rad(4)) / 0.95, abs=0.02)


def test_brightness_and_contrast_count_little():
    image = picture(3)
    assert compare(image, image.point(lambda v: int(40 + 0.6 * v)))[0] > 0.9


def test_a_grey_version_is_alike_and_a_black_one_is_not():
    image = Image.new("RGB", (256, 256), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle([30, 30, 226, 120], fill=(0, 100, 220))
    draw.ellipse([60, 140, 200, 230], fill=(0, 100, 220))
    assert compare(image, image.convert("L").convert("RGB"))[0] > 0.95
    black = image.convert("L").point(lambda v: 255 if v > 240 else 0).convert("RGB")
    assert compare(image, black)[0] < 0.82


@pytest.mark.parametrize("seed", range(5))
def test_other_pictures_are_unlike(seed):
    assert compare(picture(seed), picture(seed + 50))[0] < 0.6


def test_a_blank_picture_is_like_nothing_not_even_another():
    blank = Image.new("RGB", (256, 256), "white")
    for other in (blank, picture()):
        assert compare(blank, other) == (0.0, None)
        whole = similarity(squares([blank, other], SIDE_PX), np.array([[0, 1]]), np.eye(2, 3, dtype=np.float32)[None])
        assert whole == [0]


def test_a_pair_whose_colours_alone_agree_less_than_needed_is_0():
    image = picture()
    red, green, _ = image.split()
    rgb, pair = (
        squares([image, Image.blend(image, Image.merge("RGB", (red, green, green)), 0.3)], SIDE_PX),
        np.array([[0, 1]]),
    )
    still = np.eye(2, 3, dtype=np.float32)[None]
    score = similarity(rgb, pair, still)[0]
    assert 0.68 < score < 0.95
    assert similarity(rgb, pair, still, least=0.99) == [0]


def test_periodic_pictures_of_two_sizes_are_alike():
    stripes = np.repeat(np.tile([40, 220], 12), 4).astype(np.uint8)
    image = Image.fromarray(np.repeat(stripes[None], 96, axis=0)).convert("RGB")
    files = []
    for copy in (image, image.resize((72, 72), Image.Resampling.LANCZOS)):
        file = io.BytesIO()
        copy.save(file, "JPEG", quality=82)
        files.append(file.getvalue())
    rgb, _ = decode_squares(files)
    assert similarity(rgb, np.array([[0, 1]]), np.eye(2, 3, dtype=np.float32)[None])[0] > 0.82


def test_the_batch_changes_nothing():
    images = [picture(seed) for seed in range(20)] + [zoomed(picture(seed), 0.95) for seed in range(20)]
    small, rgb = squares(images, COARSE_PX, n_threads=2), squares(images, SIDE_PX, n_threads=2)
    pairs = np.array([[i, j] for i in range(20) for j in (i + 20, (i + 1) % 40)])
    alike, warps = compare_coarsely(small, pairs)
    assert set(range(0, 40, 2)) <= set(alike.tolist()) < set(range(40))
    together = similarity(rgb, pairs[alike], warps)
    for i, pair in enumerate(pairs):
        found, warp = compare_coarsely(small, pair[None])
        assert found.size == (i in alike)
        if found.size:
            at = int(np.flatnonzero(alike == i)[0])
            np.testing.assert_allclose(warp[0], warps[at], atol=1e-4)
            np.testing.assert_allclose(similarity(rgb, pair[None], warp), together[at], atol=1e-4)


def test_the_aspect_is_that_of_the_thumbnail():
    file = io.BytesIO()
    Image.new("RGB", (128, 64), "red").save(file, "JPEG")
    rgb, aspects = decode_squares([file.getvalue()])
    assert aspects.tolist() == [2.0]
    assert rgb.shape == (1, SIDE_PX, SIDE_PX, 3)
    np.testing.assert_allclose(rgb.mean(axis=(0, 1, 2)), [254, 0, 0], atol=2)


def test_squares_are_the_same_whether_they_are_kept_or_decoded_again():
    files = [jpeg(picture(seed)) for seed in range(6)]
    asked = []

    def thumbnails(rows):
        asked.append(list(rows))
        return [files[row] for row in rows]

    some = Squares(thumbnails, n_threads=1, max_bytes=3 * SIDE_PX**2 * 3)
    rows = np.arange(6)
    first, again = some.whole(rows), some.whole(rows)
    assert asked == [[0, 1, 2, 3, 4, 5], [3, 4, 5]]
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(some.coarse(rows)[0], coarse_squares(first[0]))


def test_coarse_squares_are_rounded_means():
    square = np.zeros((1, SIDE_PX, SIDE_PX, 3), np.uint8)
    square[0, :4, :4] = 7
    square[0, 0, 0] = 16  # 15 * 7 + 16 = 121, of 16
    assert coarse_squares(square)[0, 0, 0].tolist() == [8, 8, 8]
    assert coarse_squares(square)[0, 1:].max() == 0


def test_a_thumbnail_that_would_fill_the_memory_is_refused_unread():
    file = io.BytesIO()
    Image.new("RGB", (1100, 8)).save(file, "JPEG")
    with pytest.raises(StorageError, match="damaged"):
        decode_squares([file.getvalue()])
    with pytest.raises(StorageError, match="damaged"):
        decode_squares([b"no picture"])
