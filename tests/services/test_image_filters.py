"""Filters of a run's images, and two of them as reference and test."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataeval_ui.errors import InputError, UnknownNameError
from dataeval_ui.services.context import open_services
from dataeval_ui.services.demo import install_demo
from dataeval_ui.services.drift import answer_for_drift
from dataeval_ui.services.drift_sets import chosen_rows
from dataeval_ui.services.image_filters import filter_names, rows_of_filter
from dataeval_ui.services.run import Run
from dataeval_ui.services.runs import open_run
from dataeval_ui.services.selections import encode_selection
from dataeval_ui.settings import load_settings
from tests.drift_sets import add_sorted_run
from tests.exported import prepared


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    workspace = prepared(tmp_path_factory.mktemp("filters") / "workspace")
    services = open_services(load_settings({"workspace": workspace, "n_decoders": 1}, environment={}))
    install_demo(services)
    return open_run(services, add_sorted_run(services))


def _labels(run: Run) -> np.ndarray:
    return np.array(run.first_places["label"].to_pylist())


def test_words_mean_what_they_say(run: Run) -> None:
    labels, brightness = _labels(run), run.column("brightness").values
    assert brightness is not None
    middle = float(np.median(brightness))
    for text, wanted in (
        ("label = birds", labels == "birds"),
        ("label in (birds, 'bugs')", np.isin(labels, ["birds", "bugs"])),
        ("label not in (birds, bugs)", ~np.isin(labels, ["birds", "bugs"])),
        ("not label == birds and label != bugs", ~np.isin(labels, ["birds", "bugs"])),
        (f"brightness > {middle!r} or label = birds", (brightness > middle) | (labels == "birds")),
        (f"label = birds and (brightness <= {middle!r} or label=bugs)", (labels == "birds") & (brightness <= middle)),
        ("label ~ 'b*s'", np.isin(labels, ["birds", "bugs"])),
        ("path ~ 'birds/*'", np.array([p.startswith("birds/") for p in run.first_places["path"].to_pylist()])),
        ("cluster = 0", run.clustering.cluster_labels == 0),
        ("`cluster` = 'cluster 0'", run.clustering.cluster_labels == 0),
        ("when >= 2026-05-01", np.array([w >= "2026-05-01" for w in run.first_places["meta.when"].to_pylist()])),
        ("meta.when < '2026-05-01'", np.array([w < "2026-05-01" for w in run.first_places["meta.when"].to_pylist()])),
    ):
        np.testing.assert_array_equal(rows_of_filter(run, text), wanted, err_msg=text)


def test_a_saved_view_is_its_selection_or_its_filters(run: Run) -> None:
    save = run.services.catalog.save_view
    text, _ = encode_selection(np.array([3, 5]), run.n_images)
    save(run_id=run.id, name="two of them", page="explore", address={"selected": [text]})
    save(
        run_id=run.id, name="filtered", page="explore", address={"in.label": ["birds"], "range.brightness": ["0..1e9"]}
    )
    save(run_id=run.id, name="nothing", page="explore", address={"colour": ["label"]})
    assert np.flatnonzero(rows_of_filter(run, "view = 'two of them'")).tolist() == [3, 5]
    np.testing.assert_array_equal(rows_of_filter(run, "view = filtered"), _labels(run) == "birds")
    with pytest.raises(InputError, match="neither selects nor filters"):
        rows_of_filter(run, "view = nothing")
    assert "two of them" in filter_names(run)["view"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("label", "compared with nothing"),
        ("label =", "ends where a value"),
        ("label = 'birds", "quotation that does not end"),
        ("(label = birds", "not closed"),
        ("label in birds", "in brackets"),
        ("label = birds bugs", "no place for"),
        ("brightness > dark", "column of numbers"),
        ("= birds", "stands where the name"),
        ("path < a", "no order"),
        ("label = birds and", "ends where"),
        ("(" * 50 + "label = birds" + ")" * 50, "40 brackets"),
        ("not " * 50 + "label = birds", "40 brackets"),
        ("a" * 2_000, "characters"),
    ],
)
def test_what_is_no_filter_gets_a_sentence(run: Run, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        rows_of_filter(run, text)


def test_an_unknown_name_or_value_is_told_with_the_nearest(run: Run) -> None:
    for text, said in (("lable = birds", "label"), ("label = brids", "birds"), ("view = nonesuch", "saved view")):
        with pytest.raises(UnknownNameError, match=said):
            rows_of_filter(run, text)


@given(st.text(alphabet="labe=birds()andornot '`<>~,\n\\*", max_size=60))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_a_filter_or_gets_a_sentence(run: Run, text: str) -> None:
    try:
        found = rows_of_filter(run, text)
    except InputError:  # anything else would fail
        return
    assert found.shape == (run.n_images,)
    assert found.dtype == np.bool_


def test_reference_and_the_rest_are_compared(run: Run) -> None:
    late = "label in (flags, icons, pictograms, road_signs)"
    first, second = chosen_rows(run, run, filters=(f"not {late}", "rest"))
    assert len(first) + len(second) == run.n_images
    assert set(_labels(run)[second]) == {"flags", "icons", "pictograms", "road_signs"}
    answer = answer_for_drift(run, run, filters=("split = train", "rest"), n_permutations=19)
    by_split = answer_for_drift(run, run, splits=("train", "test"), n_permutations=19)
    assert answer.told == by_split.told
    assert answer.told["drifted"]


def test_sets_that_overlap_or_are_empty_get_a_sentence(run: Run) -> None:
    for filters, said in (
        (("label = birds", "label in (birds, bugs)"), "are in both sets"),
        (("label = birds", "label = birds"), "the same images"),
        (("label = birds", None), "are in both sets"),
        (("label = birds and label = bugs", "rest"), "No image of the run"),
        (("not label = birds or label = birds", "rest"), "test set has no image"),
    ):
        with pytest.raises(InputError, match=said):
            chosen_rows(run, run, filters=filters)
