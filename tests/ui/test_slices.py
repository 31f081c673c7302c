"""The Slices page: a planted slice becomes a sentence that leads to its images."""

from __future__ import annotations

from urllib.parse import parse_qs

import numpy as np
import pyarrow as pa
import pytest

from dataeval_ui.services.run import Run
from dataeval_ui.services.runs import open_run
from dataeval_ui.services.slices import find_run_slices, slices_table
from dataeval_ui.ui import cached, state
from tests.ui.conftest import Analysed, OpenPage, failures, words


@pytest.fixture
def planted(analysed: Analysed, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The demo's run with all images of cluster 3 in the split "test", and a weather that hangs on one label."""

    def changed(run: Run) -> pa.Table:
        table = original.func(run)
        clusters = run.clustering.cluster_labels.tolist()
        splits = ["test" if c == 3 else s for c, s in zip(clusters, table["split"].to_pylist(), strict=True)]
        weather = ["fog" if label == "birds" else "sun" for label in table["label"].to_pylist()]
        table = table.set_column(table.column_names.index("split"), "split", pa.array(splits, pa.string()))
        return table.set_column(
            table.column_names.index("meta.weather"), "meta.weather", pa.array(weather, pa.string())
        )

    original = Run.__dict__["first_places"]
    names = Run.__dict__["manifest"]
    monkeypatch.setattr(Run, "first_places", property(changed))
    monkeypatch.setattr(
        Run,
        "manifest",
        property(lambda run: _with_column(names.func(run))),
    )
    return open_run(analysed.services, analysed.run_id)


def _with_column(table: pa.Table) -> pa.Table:
    return table.append_column("meta.weather", pa.nulls(table.num_rows, pa.string()))


def test_a_planted_slice_is_a_sentence_with_its_images(planted: Run) -> None:
    found = {of.name: of for of in find_run_slices(planted)}
    assert "times over-represented in test" in found["cluster 3"].sentence
    assert found["cluster 3"].rows.tolist() == np.flatnonzero(planted.clustering.cluster_labels == 3).tolist()
    assert "weather fog" in found["label birds"].sentence
    assert found["label birds"].is_sure
    table = slices_table(tuple(found.values()))
    assert table.num_rows == sum(len(of.cells) for of in found.values())
    assert (np.diff([min(c.p_value for c in of.cells) for of in found.values()]) >= 0).all()


def test_the_page_lists_slices_and_each_opens_on_the_map(planted: Run, analysed: Analysed, open_page: OpenPage) -> None:
    found = find_run_slices(planted)
    cached._slices.clear()
    try:
        app = open_page(analysed.services, "slices", run=analysed.run_id)
        assert failures(app) == []
        assert f"**{len(found)} slice" in words(app)
        links = [parse_qs(link.proto.query_string) for link in app.page_link if "on the map" in link.value]
        kept = links[0]["selected"][0]
        assert state.decode_selection(kept, planted.n_images).tolist() == found[0].rows.tolist()
    finally:
        cached._slices.clear()
