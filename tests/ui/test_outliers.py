"""The Outliers page of the demo's run: a choice of method, and images that are odd against a reference run."""

from __future__ import annotations

from urllib.parse import parse_qs

import numpy as np
import pytest

from dataeval_ui.services.outlier_scores import OutlierMethod, method_scores, nearest_normal, ood, outlier_methods
from dataeval_ui.services.runs import open_run
from dataeval_ui.ui import state
from tests.ui.conftest import HOSTILE_RUN, Analysed, OpenPage, failures, words


@pytest.mark.parametrize("method", ["combined", "lof", "mahalanobis", "cluster"])
def test_each_method_lists_its_own_images_and_opens_them_on_the_map(
    method: OutlierMethod, analysed: Analysed, open_page: OpenPage
) -> None:
    run = open_run(analysed.services, analysed.run_id)
    scores = getattr(outlier_methods(run), method)
    app = open_page(analysed.services, "outliers", run=analysed.run_id, method=method, threshold="0.6")
    assert failures(app) == []
    odd = np.flatnonzero(scores >= 0.6)
    assert f"**{len(odd):,} images** from 0.600 on" in words(app)
    (link,) = (parse_qs(e.proto.query_string) for e in app.page_link if e.value.endswith("Show on the map"))
    kept = link["selected"][0]
    if state.kept_digest(kept) is None:
        assert state.decode_selection(kept, run.n_images).tolist() == odd.tolist()
    shown = "\n".join(str(e.value) for e in app.html)
    assert f"{float(scores[int(scores.argmax())]):.2f}" in shown


def test_a_changed_method_starts_at_its_own_threshold(analysed: Analysed, open_page: OpenPage) -> None:
    app = open_page(analysed.services, "outliers", run=analysed.run_id, threshold="0.6")
    app.segmented_control(key="outlier_method").set_value("combined").run()
    assert app.query_params["method"] == "combined"
    assert "threshold" not in app.query_params
    assert app.slider(key="outlier_threshold_here").value == 0.95
    assert failures(app) == []


def test_an_unknown_method_is_the_runs_own(analysed: Analysed, open_page: OpenPage) -> None:
    run = open_run(analysed.services, analysed.run_id)
    app = open_page(analysed.services, "outliers", run=analysed.run_id, method="nonesuch", threshold="0.6")
    assert f"**{int((run.outliers.scores >= 0.6).sum()):,} images** from 0.600 on" in words(app)
    assert failures(app) == []


def test_normal_images_are_those_of_the_chosen_method(analysed: Analysed) -> None:
    run = open_run(analysed.services, analysed.run_id)
    for method in ("knn", "lof"):
        rows = nearest_normal(run, 3, k=6, threshold=0.5, method=method)
        assert len(rows) == 6
        assert 3 not in rows
        assert (method_scores(run, method)[list(rows)] < 0.5).all()


def test_images_are_compared_with_a_reference_run(analysed: Analysed, open_page: OpenPage) -> None:
    run, reference = (open_run(analysed.services, name) for name in (analysed.run_id, HOSTILE_RUN))
    app = open_page(analysed.services, "outliers", run=analysed.run_id, show="reference", threshold="0.5")
    assert failures(app) == []
    assert app.selectbox(key="ood_reference").value == HOSTILE_RUN
    odd = int((ood(run, reference).scores >= 0.5).sum())
    assert odd > 1
    assert f"**{odd:,} images** from 0.500 on" in words(app)


def test_without_another_run_of_the_same_embedding_the_page_says_what_to_do(
    analysed: Analysed, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dataeval_ui.ui.panels.ood_gallery.list_runs", lambda _: [])
    app = open_page(analysed.services, "outliers", run=analysed.run_id, show="reference")
    assert "No other run was embedded in the same way" in " ".join(e.value for e in app.info)
    assert failures(app) == []
