"""A threshold is judged on its page: answers are kept, taken back, and lead to a better one."""

from __future__ import annotations

import pytest

from dataeval_ui.errors import InputError, StorageError
from dataeval_ui.services.demo import install_demo
from dataeval_ui.services.runs import open_run
from dataeval_ui.services.threshold_answers import answer_threshold, take_back_answer, threshold_answers
from tests.ui.conftest import Analysed, OpenPage, failures, open_workspace, words


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Analysed:
    """A workspace whose answers these tests may change."""
    services = open_workspace(tmp_path_factory.mktemp("judged") / "workspace")
    return Analysed(services=services, run_id=install_demo(services).id)


def test_answers_are_kept_in_order_replaced_and_taken_back(own: Analysed) -> None:
    run = open_run(own.services, own.run_id)
    for row, answer in ((3, True), (5, None), (3, False)):
        answer_threshold(run, "outliers-lof", row, answer)
    assert threshold_answers(run, "outliers-lof") == {5: None, 3: False}
    assert threshold_answers(run, "outliers-knn") == {}
    assert take_back_answer(run, "outliers-lof") == 3
    assert take_back_answer(run, "outliers-lof") == 5
    assert take_back_answer(run, "outliers-lof") is None
    with pytest.raises(InputError, match="There is no image 620"):
        answer_threshold(run, "outliers-lof", 620, True)


def test_a_damaged_file_is_a_sentence(own: Analysed) -> None:
    run = open_run(own.services, own.run_id)
    path = own.services.workspace.run_dir(run.id) / "threshold-answers-v1.json"
    kept = path.read_bytes() if path.is_file() else None
    path.write_text('{"outliers-knn": [["id", "maybe"]]}')
    with pytest.raises(StorageError, match="answers about thresholds of run"):
        threshold_answers(run, "outliers-knn")
    path.unlink() if kept is None else path.write_bytes(kept)


def test_ten_answers_on_the_page_lead_to_a_threshold_that_is_used(own: Analysed, open_page: OpenPage) -> None:
    app = open_page(own.services, "quality", run=own.run_id, measure="bright", check="1")
    assert failures(app) == []
    assert "right** (" not in words(app)
    for _ in range(11):
        app.button(key="threshold_n").click().run()
    app.button(key="threshold_undo").click().run()
    assert failures(app) == []
    assert len(threshold_answers(open_run(own.services, own.run_id), "quality-bright")) == 10
    assert "0% right" in words(app)
    assert "threshold" not in app.query_params
    app.button(key="threshold_use").click().run()
    assert failures(app) == []
    assert 0.9 < float(app.query_params["threshold"]) <= 1  # all said no: brighter than what is flagged now
    assert not [button for button in app.button if button.key == "threshold_use"]


def test_the_question_is_closed_until_it_is_asked_for(analysed: Analysed, open_page: OpenPage) -> None:
    app = open_page(analysed.services, "outliers", run=analysed.run_id)
    assert not [button for button in app.button if button.key == "threshold_y"]
    app.button(key="check_threshold").click().run()
    assert [button for button in app.button if button.key == "threshold_y"]
    assert app.query_params["check"] == "1"
    assert failures(app) == []
