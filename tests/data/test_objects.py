from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from dataeval_ui.data.objects import (
    FRACTIONS,
    AnnotatedObject,
    objects_table,
    read_box,
    read_objects,
    read_polygons,
    settle_objects,
    upright_box,
    upright_mask,
)
from dataeval_ui.data.raster import upright
from tests.data.annotations import listed, write_coco


def never() -> int:
    raise AssertionError("the orientation is not asked for")


def test_fractions_become_pixels_of_the_upright_image() -> None:
    box, reason = upright_box((0.25, 0.5, 0.5, 0.25), FRACTIONS, size=(40, 20), orientation=never)
    assert (box, reason) == ((10, 10, 20, 5), None)


def test_a_box_is_cut_at_the_edge_and_one_outside_is_refused() -> None:
    assert upright_box((-0.5, 0, 10, 20.5), (40, 20), size=(40, 20), orientation=never)[0] == (0, 0, 9.5, 20)
    box, reason = upright_box((30, 0, 30, 5), None, size=(40, 20), orientation=never)
    assert box is None
    assert "outside the image" in str(reason)


def test_a_frame_of_another_size_is_refused() -> None:
    _, reason = upright_box((0, 0, 5, 5), (640, 480), size=(40, 20), orientation=never)
    assert reason == "The annotation is for an image of 640 x 480 pixels, but the file has 40 x 20."
    _, reason = upright_box((0, 0, 5, 5), (20, 40), size=(40, 20), orientation=lambda: 1)
    assert reason is not None  # on its side, but no orientation says so


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_a_box_of_the_stored_pixels_is_turned_with_them(orientation: int) -> None:
    stored = np.zeros((20, 40), np.uint8)
    stored[3:9, 5:17] = 255
    box, reason = upright_box((5, 3, 12, 6), (40, 20), size=(20, 40), orientation=lambda: orientation)
    assert reason is None
    assert box is not None
    x, y, width, height = map(int, box)
    turned = np.asarray(upright(Image.fromarray(stored), orientation))
    assert turned.shape == (40, 20)
    rows, columns = np.nonzero(turned)
    assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == (x, y, x + width, y + height)


def test_polygons_in_fractions_become_pixels_and_run_lengths_stay() -> None:
    mask, box, _ = read_polygons([[0, 0, 0.5, 0, 0.5, 1]])
    assert box == (0, 0, 0.5, 1)
    assert upright_mask(mask, FRACTIONS, size=(40, 20)) == '{"polygons":[[0,0,20.0,0,20.0,20]]}'
    rle = '{"size":[20,40],"counts":"a"}'
    assert upright_mask(rle, (40, 20), size=(40, 20)) == rle
    assert upright_mask(rle, (20, 40), size=(40, 20)) is None


numbers = st.one_of(st.floats(allow_nan=True, allow_infinity=True), st.integers(), st.none(), st.text(max_size=3))


@settings(max_examples=200, deadline=None)
@given(st.lists(numbers, max_size=6), st.sampled_from([None, FRACTIONS, (40.0, 20.0)]))
def test_whatever_stands_for_a_box_gives_a_box_inside_the_image_or_a_reason(values: list, frame: tuple | None) -> None:
    box, reason = read_box(values, frame)
    assert (box is None) == (reason is not None)
    if box is not None:
        inside, reason = upright_box(box, frame, size=(40, 20), orientation=never)
        assert (inside is None) == (reason is not None)
        if inside is not None:
            x, y, width, height = inside
            assert x >= 0
            assert y >= 0
            assert x + width <= 40
            assert y + height <= 20


def test_objects_read_back_as_they_were_written() -> None:
    some = [
        AnnotatedObject(label="cat", box=(1, 2, 3, 4), frame=(40, 20), is_crowd=True, mask="{}"),
        AnnotatedObject(reason="No box."),
    ]
    assert list(read_objects(objects_table([("a.png", some)]))) == some


def test_objects_of_an_image_that_cannot_be_used_are_unusable(tmp_path: Path) -> None:
    listing = listed(write_coco(tmp_path / "set"), tmp_path)
    assert listing.objects is not None
    import pyarrow as pa

    places = listing.table.select(["path"])
    for name, values in (("status", ["unreadable", "ok"]), ("width_px", [None, 40]), ("height_px", [None, 20])):
        places = places.append_column(name, pa.array(values))
    settled = settle_objects(listing.objects, places, orientation=lambda path: 1)
    assert settled["status"].to_pylist() == ["unusable"] * 3
    assert set(settled["reason"].to_pylist()) == {"Its image cannot be used."}
    assert settled["x_px"].to_pylist() == [None] * 3
