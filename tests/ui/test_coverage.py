"""The Coverage page of the demo's run: what it says, and where its lists lead."""

from __future__ import annotations

from urllib.parse import parse_qs

import numpy as np
import pytest

from dataeval_ui.errors import ParameterError
from dataeval_ui.services.coverage import completeness, labelled_images, sparse_images, suggest_to_label
from dataeval_ui.services.runs import open_run
from dataeval_ui.ui import state
from tests.ui.conftest import Analysed, OpenPage, failures, words


def test_completeness_is_a_sentence_and_each_list_opens_on_the_map(analysed: Analysed, open_page: OpenPage) -> None:
    run = open_run(analysed.services, analysed.run_id)
    app = open_page(analysed.services, "coverage", run=analysed.run_id, among="all", n="20", share="0.05")
    assert failures(app) == []
    assert f"Completeness {completeness(run):.1%}" in words(app)
    links = [parse_qs(link.proto.query_string) for link in app.page_link if "Show on the map" in link.value]
    listed = [state.decode_selection(link["selected"][0], run.n_images).tolist() for link in links]
    assert listed[0] == sorted(sparse_images(run, fraction=0.05).tolist())
    assert listed[1] == sorted(suggest_to_label(run, n=20, every=True).tolist())
    assert len(listed[1]) == 20


def test_the_order_and_the_number_are_chosen_and_kept_in_the_address(analysed: Analysed, open_page: OpenPage) -> None:
    app = open_page(analysed.services, "coverage", run=analysed.run_id, among="all")
    app.selectbox(key="coverage_count").select(100).run()
    assert app.query_params["n"] == "100"
    assert "**100 images** of all images" in words(app)
    app.toggle(key="coverage_every").set_value(False).run()
    assert "among" not in app.query_params
    assert failures(app) == []


@pytest.mark.parametrize("params", [{"order": "nonesuch"}, {"n": "7"}, {"share": "0.5"}, {"share": "x", "n": "x"}])
def test_an_address_that_means_nothing_shows_the_first_choice(
    params: dict[str, str], analysed: Analysed, open_page: OpenPage
) -> None:
    app = open_page(analysed.services, "coverage", run=analysed.run_id, among="all", **params)
    assert failures(app) == []
    assert "**50 images** of all images" in words(app)


def test_orders_rank_images_without_a_label_alone(analysed: Analysed) -> None:
    run = open_run(analysed.services, analysed.run_id)
    known = labelled_images(run)
    for order in ("farthest", "sparse", "clusters"):
        rows = suggest_to_label(run, order=order, n=50)
        assert len(rows) == min(50, int((~known).sum()))
        assert not known[rows].any()
        every = suggest_to_label(run, order=order, n=50, every=True)
        assert len(set(every.tolist())) == 50
    widest = suggest_to_label(run, order="sparse", n=50, every=True)
    assert (np.diff(run.graph.similarities[widest, -1]) >= 0).all()
    groups = run.clustering.cluster_labels
    n_groups = len(np.unique(groups))
    turns = suggest_to_label(run, order="clusters", n=n_groups, every=True)
    assert sorted(groups[turns].tolist()) == sorted(np.unique(groups).tolist())
    with pytest.raises(ParameterError, match="1000"):
        suggest_to_label(run, n=0)


def test_where_every_image_has_a_label_the_page_says_so(
    analysed: Analysed, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = open_run(analysed.services, analysed.run_id)
    every = np.ones(run.n_images, dtype=np.bool_)
    monkeypatch.setattr("dataeval_ui.services.coverage.labelled_images", lambda *_: every)
    monkeypatch.setattr("dataeval_ui.ui.panels.coverage_lists.labelled_images", lambda *_: every)
    app = open_page(analysed.services, "coverage", run=analysed.run_id)
    assert "nothing is left to label" in " ".join(s.value for s in app.success)
    assert failures(app) == []
