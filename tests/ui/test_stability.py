"""The stability of clusters on Explore, and the map coloured by the clusters of another size."""

from __future__ import annotations

import numpy as np
import pytest

from dataeval_ui.errors import UnknownNameError
from dataeval_ui.services.runs import open_run
from dataeval_ui.services.stability import clusters_at, sweep_summary
from dataeval_ui.types.stability import SweepSummary
from dataeval_ui.ui.panels.stability import stability_sentence
from tests.ui.conftest import Analysed, OpenPage, failures


def test_the_sweep_is_drawn_when_asked_for_and_another_size_colours_the_map(
    analysed: Analysed, open_page: OpenPage
) -> None:
    run = open_run(analysed.services, analysed.run_id)
    app = open_page(analysed.services, "explore", run=analysed.run_id)
    assert "cluster_size" not in {slider.key for slider in app.select_slider}
    app.toggle(key="cluster_stability").set_value(True).run()
    assert failures(app) == []
    summary = sweep_summary(run)
    said, _ = stability_sentence(summary)
    assert said in [*(w.value for w in app.warning), *(s.value for s in app.success)]
    other = summary.sizes[-1]
    app.select_slider(key="cluster_size").set_value(other).run()
    assert failures(app) == []
    assert app.query_params["colour"] == f"analysis.clusters.{other}"
    column = run.column(f"analysis.clusters.{other}")
    assert column.codes is not None
    is_noise = clusters_at(run, other) < 0
    np.testing.assert_array_equal(column.codes == column.neutral, is_noise)
    app.select_slider(key="cluster_size").set_value(summary.sizes[summary.own]).run()
    assert "colour" not in app.query_params


def test_an_address_that_colours_by_a_sweep_shows_it_and_the_toggle_takes_it_away(
    analysed: Analysed, open_page: OpenPage
) -> None:
    run = open_run(analysed.services, analysed.run_id)
    other = sweep_summary(run).sizes[-1]
    app = open_page(analysed.services, "explore", run=analysed.run_id, colour=f"analysis.clusters.{other}")
    assert failures(app) == []
    assert app.toggle(key="cluster_stability").value
    app.toggle(key="cluster_stability").set_value(False).run()
    assert failures(app) == []
    assert "colour" not in app.query_params
    assert not app.toggle(key="cluster_stability").value
    assert "cluster_size" not in {slider.key for slider in app.select_slider}


def test_the_own_size_gives_the_clusters_that_the_run_stores(analysed: Analysed) -> None:
    run = open_run(analysed.services, analysed.run_id)
    summary = sweep_summary(run)
    np.testing.assert_array_equal(clusters_at(run, summary.sizes[summary.own]), run.clustering.cluster_labels)
    with pytest.raises(UnknownNameError, match="min_cluster_size"):
        clusters_at(run, 9999)


def test_a_cliff_is_a_warning_that_names_both_numbers() -> None:
    summary = SweepSummary(
        sizes=(7, 10, 14), own=1, n_clusters=np.array([20, 21, 3], np.int32),
        noise_share=np.array([0.1, 0.1, 0.0]), ari=np.array([0.95, 0.21]),
    )  # fmt: skip
    said, is_cliff = stability_sentence(summary)
    assert is_cliff
    assert "there are 21 clusters, with 14 there are 3 (adjusted Rand index 0.21)" in said
    assert not stability_sentence(SweepSummary(
        sizes=(7, 10), own=1, n_clusters=np.array([20, 21], np.int32),
        noise_share=np.array([0.1, 0.1]), ari=np.array([0.95]),
    ))[1]  # fmt: skip
