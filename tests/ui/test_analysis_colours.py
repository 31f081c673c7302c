"""Analyses as colours of the map: computed when chosen, and only then."""

from __future__ import annotations

import numpy as np
import pytest

from dataeval_ui.errors import UnknownNameError
from dataeval_ui.services import honesty
from dataeval_ui.services.analysis_columns import offered_analyses
from dataeval_ui.services.coverage import sparse_images
from dataeval_ui.services.honesty import map_honesty
from dataeval_ui.services.labels import label_errors
from dataeval_ui.services.runs import open_run
from tests.ui.conftest import Analysed, OpenPage, failures, words


def test_opening_the_page_computes_no_analysis(
    analysed: Analysed, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("computed")

    monkeypatch.setattr(honesty, "map_honesty", refuse)
    app = open_page(analysed.services, "explore", run=analysed.run_id)
    assert failures(app) == []
    assert "Map: trustworthiness" in app.selectbox(key="colour_by").options


def test_a_chosen_analysis_colours_the_map_and_says_what_it_means(analysed: Analysed, open_page: OpenPage) -> None:
    app = open_page(analysed.services, "explore", run=analysed.run_id)
    app.selectbox(key="colour_by").select("analysis.continuity").run()
    assert app.query_params["colour"] == "analysis.continuity"
    assert failures(app) == []
    assert not app.warning
    assert "true nearest neighbours" in words(app)


def test_every_offered_analysis_has_a_value_an_image_of_the_analysis_itself(analysed: Analysed) -> None:
    run = open_run(analysed.services, analysed.run_id)
    for name in offered_analyses(run):
        values = run.column(name).values
        assert values is not None
        assert values.shape == (run.n_images,)
        assert run.column(name) is run.column(name)
    np.testing.assert_array_equal(run.column("analysis.trustworthiness").values, map_honesty(run).precision)
    np.testing.assert_array_equal(run.column("analysis.continuity").values, map_honesty(run).recall)
    np.testing.assert_array_equal(run.column("analysis.label_error").values, label_errors(run).scores)
    sparsest = np.argsort(-run.column("analysis.sparsity").values, kind="stable")  # type: ignore[operator]
    np.testing.assert_array_equal(sparsest[:10], sparse_images(run, fraction=1)[:10])
    priority = run.column("analysis.label_priority").values
    assert priority is not None
    assert np.nanmax(priority) == 1
    assert np.nanmin(priority) > 0


def test_an_unknown_analysis_gets_a_sentence(analysed: Analysed, open_page: OpenPage) -> None:
    with pytest.raises(UnknownNameError, match=r"Did you mean 'analysis\.continuity'"):
        open_run(analysed.services, analysed.run_id).column("analysis.continuty")
    app = open_page(analysed.services, "explore", run=analysed.run_id, colour="analysis.nonesuch")
    assert failures(app)
    assert all("There is no column" in sentence for sentence in failures(app))
    assert app.selectbox(key="colour_by").value == "cluster"
