"""What browsers send, checked before anything uses it."""

import base64
import re

import numpy as np
import pytest

from dataeval_ui.errors import ParameterError
from dataeval_ui.ui.components.bitsets import encode_rows
from dataeval_ui.ui.components.drop import MAX_IMAGE_BYTES, read_query_image, read_upload
from dataeval_ui.ui.components.gallery import read_click
from dataeval_ui.ui.components.scatter import ColourSpec, MapLook, read_events


def read(**sent):
    return read_events(sent, n_points=20, n_categories=3)


def test_nothing_sent_is_no_event():
    events = read(click=None, selection=None, hidden=None, webgl=None)
    assert (events.click, events.selection, events.hidden, events.webgl_missing) == (None, None, None, False)


def test_a_click_a_selection_and_a_legend_are_read():
    events = read(click=19, selection=encode_rows(np.array([2, 5]), 20), hidden=[0, 3])
    assert events.click == 19
    assert events.selection.tolist() == [2, 5]
    assert events.hidden == {0, 3}


def test_row_0_is_a_click():
    assert read(click=0).click == 0


def test_a_cleared_selection_differs_from_none():
    assert read(selection=encode_rows(np.array([], dtype=int), 20)).selection.size == 0


def test_a_browser_without_webgl2_says_so():
    assert read(webgl=False).webgl_missing


@pytest.mark.parametrize("click", [20, -1, 1.5, "3", True, [1], {"row": 1}])
def test_a_click_on_no_point_is_refused(click):
    with pytest.raises(ParameterError, match="not among the 20; reload"):
        read(click=click)


@pytest.mark.parametrize("hidden", ["0", [4], [-1], [1.0], [True], {"0": 1}])
def test_categories_that_are_not_there_are_refused(hidden):
    with pytest.raises(ParameterError, match="categories that the legend does not have"):
        read(hidden=hidden)


def test_a_gallery_answers_only_for_images_that_it_shows():
    assert read_click(None, [4, 7]) is None
    assert read_click(7, [4, 7]) == 7
    for sent in (5, "4", True, 4.0, [4]):
        with pytest.raises(ParameterError, match="not in the gallery"):
            read_click(sent, [4, 7])


def test_an_upload_is_named_by_32_hexadecimal_digits():
    upload = read_upload({"id": "0" * 32, "n_files": 3, "name": "pets"})
    assert (upload.upload_id, upload.n_files, upload.name) == ("0" * 32, 3, "pets")
    for upload_id in ("../../etc", "0" * 31, "0" * 32 + "\n", "G" * 32):
        with pytest.raises(ParameterError, match="does not know"):
            read_upload({"id": upload_id, "n_files": 3, "name": "pets"})


def test_a_query_image_comes_as_its_bytes():
    image = read_query_image({"name": "a.png", "content": base64.b64encode(b"bytes").decode()})
    assert (image.name, image.content) == ("a.png", b"bytes")


@pytest.mark.parametrize(
    "sent",
    ["x", {"name": "a"}, {"name": "a", "content": "%%%"}, {"name": "a", "content": "A" * (MAX_IMAGE_BYTES * 2)}],
    ids=["text", "no-content", "no-base64", "too-large"],
)
def test_a_query_image_that_cannot_be_read_is_refused(sent):
    with pytest.raises(ParameterError, match="at most 20 MB"):
        read_query_image(sent)


def test_noise_is_grey_and_every_category_has_a_colour_of_its_theme():
    spec = ColourSpec(title="Cluster", url="/c", kind="categorical", categories=("0", "1", "noise"), grey=(2,))
    colours = spec.to_json()["colours"]
    missing = spec.to_json()["missing"]
    for theme in ("light", "dark"):
        assert colours[theme][2] == missing[theme]
        assert len(set(colours[theme])) == 3
        assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in colours[theme])
    assert colours["light"] != colours["dark"]


@pytest.mark.parametrize("look", [{"point_px": 0.5}, {"point_px": 41}, {"opacity": 0.0}, {"opacity": 1.1}])
def test_a_look_outside_its_range_is_refused(look):
    with pytest.raises(ParameterError, match="must be in"):
        MapLook(**look)


@pytest.mark.parametrize("window", ["1_2", "1_2_3_4", "<script>", "1_2_3\n", 7, ["1_2_3"], {"a": 1}])
def test_a_window_that_is_none_is_refused(window: object) -> None:
    with pytest.raises(ParameterError, match="window"):
        read(window=window)


def test_a_window_is_told_as_it_was_sent_and_all_of_the_map_is_empty() -> None:
    assert read(window="-1.5_2e-7_3").window == "-1.5_2e-7_3"
    assert read(window="").window == ""
