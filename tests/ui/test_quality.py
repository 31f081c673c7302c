"""The page Quality shows what the service counts, for the threshold in the user's hand."""

from __future__ import annotations

import numpy as np

from dataeval_ui.services.quality import quality, quality_at
from dataeval_ui.services.runs import open_run
from dataeval_ui.ui.panels.quality_gallery import log_steps
from dataeval_ui.ui.text import count
from tests.ui.conftest import Analysed, OpenPage, failures, words


def test_a_moved_threshold_moves_the_number_of_images(analysed: Analysed, open_page: OpenPage) -> None:
    issue = quality(open_run(analysed.services, analysed.run_id)).issue("blurry")
    app = open_page(analysed.services, "quality", run=analysed.run_id, measure="blurry")
    assert f"**{count(issue.n_flagged, 'image')}** below" in words(app)
    steps = log_steps(float(issue.values[issue.values > 0].min()), float(issue.values.max()))
    middle = min(steps, key=lambda step: abs(step - float(np.nanmedian(issue.values))))
    app.select_slider(key="quality_threshold").set_value(middle).run()
    assert failures(app) == []
    moved = float(app.query_params["threshold"])
    n = len(quality_at(issue.values, moved, "low"))
    assert n > issue.n_flagged
    assert f"**{count(n, 'image')}** below" in words(app)


def test_a_measure_with_a_long_tail_has_even_steps_on_a_logarithm(analysed: Analysed, open_page: OpenPage) -> None:
    app = open_page(analysed.services, "quality", run=analysed.run_id, measure="blurry")
    steps = np.array([float(step) for step in app.select_slider(key="quality_threshold").options])
    positive = np.log(steps[steps > 0])
    assert np.median(np.diff(positive)) < 2 * (positive[-1] - positive[0]) / 500
    app = open_page(analysed.services, "quality", run=analysed.run_id, measure="dark")
    assert failures(app) == []
    assert app.slider(key="quality_threshold").value > 0


def test_another_measure_forgets_the_threshold(analysed: Analysed, open_page: OpenPage) -> None:
    app = open_page(analysed.services, "quality", run=analysed.run_id, measure="blurry", threshold="0.1")
    app.selectbox(key="quality_measure").select("dark").run()
    assert failures(app) == []
    assert app.query_params["measure"] == "dark"
    assert "threshold" not in app.query_params
