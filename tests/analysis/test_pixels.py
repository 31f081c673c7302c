import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from dataeval_ui.analysis.pixels import COARSE_PX, SIDE_PX, compare_coarsely, decode_pictures, similarity
from dataeval_ui.analysis.squares import BYTES_EACH, Squares
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


def pictures(images, n_threads=1):
    return decode_pictures([jpeg(image) for image in images], n_threads=n_threads)


def compare(left, right):
    """Similarity and warp of two pictures; 0 and None where the small ones are unlike."""
    pair = np.array([[0, 1]])
    both = pictures([left, right])
    alike, warps = compare_coarsely(both.coarse, pair)
    if not alike.size:
        return 0.0, None
    return float(similarity(both, pair, warps)[0]), warps[0]


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
        whole = similarity(pictures([blank, other]), np.array([[0, 1]]), np.eye(2, 3, dtype=np.float32)[None])
        assert whole == [0]


def test_a_pair_whose_colours_alone_agree_less_than_needed_is_0():
    image = picture()
    red, green, _ = image.split()
    both, pair = pictures([image, Image.blend(image, Image.merge("RGB", (red, green, green)), 0.3)]), np.array([[0, 1]])
    still = np.eye(2, 3, dtype=np.float32)[None]
    score = similarity(both, pair, still)[0]
    assert 0.68 < score < 0.95
    assert similarity(both, pair, still, least=0.99) == [0]


def test_periodic_pictures_of_two_sizes_are_alike():
    stripes = np.repeat(np.tile([40, 220], 12), 4).astype(np.uint8)
    image = Image.fromarray(np.repeat(stripes[None], 96, axis=0)).convert("RGB")
    files = []
    for copy in (image, image.resize((72, 72), Image.Resampling.LANCZOS)):
        file = io.BytesIO()
        copy.save(file, "JPEG", quality=82)
        files.append(file.getvalue())
    assert similarity(decode_pictures(files), np.array([[0, 1]]), np.eye(2, 3, dtype=np.float32)[None])[0] > 0.82


def test_the_batch_changes_nothing():
    images = [picture(seed) for seed in range(20)] + [zoomed(picture(seed), 0.95) for seed in range(20)]
    whole = pictures(images, n_threads=2)
    pairs = np.array([[i, j] for i in range(20) for j in (i + 20, (i + 1) % 40)])
    alike, warps = compare_coarsely(whole.coarse, pairs)
    assert set(range(0, 40, 2)) <= set(alike.tolist()) < set(range(40))
    together = similarity(whole, pairs[alike], warps)
    for i, pair in enumerate(pairs):
        found, warp = compare_coarsely(whole.coarse, pair[None])
        assert found.size == (i in alike)
        if found.size:
            at = int(np.flatnonzero(alike == i)[0])
            np.testing.assert_allclose(warp[0], warps[at], atol=1e-4)
            np.testing.assert_allclose(similarity(whole, pair[None], warp), together[at], atol=1e-4)


def test_the_aspect_is_that_of_the_thumbnail():
    file = io.BytesIO()
    Image.new("RGB", (128, 64), "red").save(file, "JPEG")
    luma, coarse, aspects = decode_pictures([file.getvalue()])
    assert aspects.tolist() == [2.0]
    assert (luma.shape, coarse.shape) == ((1, SIDE_PX, SIDE_PX), (1, COARSE_PX, COARSE_PX, 3))
    np.testing.assert_allclose(coarse.mean(axis=(0, 1, 2)), [254, 0, 0], atol=2)
    np.testing.assert_allclose(luma, 76, atol=1)


def test_squares_are_the_same_whether_they_are_kept_or_decoded_again():
    files = [jpeg(picture(seed)) for seed in range(6)]
    asked = []

    def thumbnails(rows):
        asked.append(list(rows))
        return [files[row] for row in rows]

    some = Squares(thumbnails, n_threads=1, max_bytes=3 * BYTES_EACH)
    rows = np.arange(6)
    first, again = some.read(rows), some.read(rows[::-1])
    assert asked == [[0, 1, 2, 3, 4, 5], [5, 4, 3]]
    for part, once_more in zip(first, again, strict=True):
        np.testing.assert_array_equal(part, once_more[::-1])


def test_a_thumbnail_that_would_fill_the_memory_is_refused_unread():
    file = io.BytesIO()
    Image.new("RGB", (1100, 8)).save(file, "JPEG")
    with pytest.raises(StorageError, match="damaged"):
        decode_pictures([file.getvalue()])
    with pytest.raises(StorageError, match="damaged"):
        decode_pictures([b"no picture"])
