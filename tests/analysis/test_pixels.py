import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from dataeval_ui.analysis.pixels import COARSE_PX, align_coarse, decode_coarse, decode_colors, similarity


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


def compare(left, right):
    both = [jpeg(left), jpeg(right)]
    grey, _ = decode_coarse(both)
    warps, correlations = align_coarse(grey[:1], grey[1:])
    return float(similarity(decode_colors(both), np.array([[0, 1]]), warps)[0]), float(correlations[0]), warps[0]


def zoomed(image, share, angle=0):
    edge = round(image.width * (1 - share) / 2)
    turned = image.rotate(angle, Image.Resampling.BICUBIC, fillcolor="white")
    return turned.crop((edge, edge, image.width - edge, image.height - edge))


def test_a_picture_is_like_itself():
    score, correlation, warp = compare(picture(), picture())
    assert score == pytest.approx(1, abs=1e-3)
    assert correlation == pytest.approx(1, abs=1e-4)
    np.testing.assert_allclose(warp, [[1, 0, 0], [0, 1, 0]], atol=1e-3)


@pytest.mark.parametrize("share", [0.88, 0.9, 0.95])
def test_the_alignment_finds_the_zoom_of_a_crop(share):
    score, correlation, warp = compare(picture(), zoomed(picture(), share))
    np.testing.assert_allclose(np.diag(warp[:, :2]), 1 / share, atol=0.03)
    assert correlation > 0.95
    assert score > 0.84


def test_the_order_of_a_pair_hardly_matters():
    there, back = compare(picture(), zoomed(picture(), 0.9)), compare(zoomed(picture(), 0.9), picture())
    assert there[0] == pytest.approx(back[0], abs=0.06)


def test_a_small_turn_is_aligned():
    score, _, warp = compare(picture(2), zoomed(picture(2), 0.95, angle=4))
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
        score, correlation, warp = compare(blank, other)
        assert correlation == pytest.approx(0, abs=0.05)
        assert np.isfinite(warp).all()
        assert np.isfinite(score)


def test_the_batch_changes_nothing():
    images = [jpeg(picture(seed)) for seed in range(40)]
    rgb, (grey, _) = decode_colors(images, n_threads=2), decode_coarse(images, n_threads=2)
    pairs = np.array([[i, (i + 1) % 40] for i in range(40)])
    warps, _ = align_coarse(grey[pairs[:, 0]], grey[pairs[:, 1]])
    together = similarity(rgb, pairs, warps)
    alone = [similarity(rgb, pairs[i : i + 1], warps[i : i + 1])[0] for i in range(40)]
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_the_aspect_is_that_of_the_thumbnail():
    file = io.BytesIO()
    Image.new("RGB", (128, 64), "red").save(file, "JPEG")
    grey, aspects = decode_coarse([file.getvalue()])
    assert aspects.tolist() == [2.0]
    assert grey.shape == (1, COARSE_PX, COARSE_PX)
    assert grey.mean() == pytest.approx(76, abs=2)
