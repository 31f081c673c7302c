"""The analyses of a finished run, asked for through the services."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from dataeval_ui.analysis import label_errors as label_error_analysis
from dataeval_ui.errors import InputError, ParameterError
from dataeval_ui.services import labels
from dataeval_ui.services.context import Services, open_services
from dataeval_ui.services.coverage import completeness, sparse_images, suggest_to_label
from dataeval_ui.services.demo import install_demo
from dataeval_ui.services.honesty import map_honesty
from dataeval_ui.services.outlier_scores import nearest_normal, ood, outlier_methods
from dataeval_ui.services.quality import quality, quality_at
from dataeval_ui.services.run import Run
from dataeval_ui.services.runs import open_run
from dataeval_ui.settings import load_settings


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Services:
    settings = load_settings({"workspace": tmp_path_factory.mktemp("analyses") / "w", "n_decoders": 1}, environment={})
    return open_services(settings)


@pytest.fixture(scope="module")
def run(services: Services) -> Run:
    return open_run(services, install_demo(services).id)


def test_quality_lists_unreadable_files_and_follows_a_dragged_threshold(run: Run) -> None:
    report = quality(run)
    statuses = run.manifest["status"].to_pylist()
    assert len(report.unreadable) == sum(status != "ok" for status in statuses)
    blurry = report.issue("blurry")
    assert quality_at(blurry.values, blurry.threshold, "low").tolist() == blurry.rows.tolist()
    looser = float(blurry.values.max()) + 1
    assert quality(run, thresholds={"blurry": looser}).issue("blurry").n_flagged == run.n_images
    assert not quality(run, thresholds={"blurry": 0.0}).issue("blurry").flags.any()


def test_label_errors_are_computed_once_and_again_where_the_kept_file_is_damaged(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = labels.label_errors(run)
    [path] = run.services.workspace.run_dir(run.id).glob("label-errors-v*.npz")
    n_calls = []
    whole = label_error_analysis.find_label_errors
    monkeypatch.setattr(label_error_analysis, "find_label_errors", lambda *a, **k: n_calls.append(1) or whole(*a, **k))
    np.testing.assert_array_equal(labels.label_errors(run).scores, first.scores)
    assert not n_calls
    path.write_bytes(b"no archive")
    np.testing.assert_array_equal(labels.label_errors(run).suspected, first.suspected)
    assert n_calls == [1]


def test_labels_of_the_demo_get_answers_for_every_question(run: Run) -> None:
    classes = labels.classes_of(run)
    assert labels.balance(run).counts.sum() == (classes.codes >= 0).sum()
    for bounds in labels.bayes_error(run).values():
        assert 0 <= bounds.lower <= bounds.upper <= 1
    cells = labels.confusion(run)
    assert len(cells.rows(int(cells.given_codes[0]), int(cells.voted_codes[0]))) == cells.n_images[0]
    assert 0 <= labels.parity(run).p_value <= 1
    ranked = labels.predictors(run)
    assert ranked
    assert all(a.mutual_information >= b.mutual_information for a, b in itertools.pairwise(ranked))


@pytest.mark.parametrize("column", ["meta.nothing", "image_id", "../label"])
def test_a_column_that_is_not_there_gets_one_sentence(run: Run, column: str) -> None:
    with pytest.raises(InputError, match="column"):
        labels.label_errors(run, column)


def test_nan_empty_text_and_mixed_types_are_read_as_labels_or_none() -> None:
    values = [None, float("nan"), "", "  ", 3, "3", True]
    assert [labels._text(value) for value in values] == [None, None, None, None, "3", "3", "True"]


def test_the_oddest_image_is_shown_beside_normal_ones(run: Run) -> None:
    found = outlier_methods(run)
    row = int(found.combined.argmax())
    normal = nearest_normal(run, row, k=4)
    assert len(normal) == 4
    assert (found.combined[list(normal)] < 0.8).all()
    np.testing.assert_array_equal(outlier_methods(run).combined, found.combined)


def test_a_run_against_itself_has_every_image_as_its_own_nearest(run: Run) -> None:
    found = ood(run, run, n_neighbors=1)
    similar = np.einsum("ij,ij->i", run.view.embeddings, run.view.embeddings[found.nearest[:, 0]])
    np.testing.assert_allclose(similar, run.view.norms * run.view.norms[found.nearest[:, 0]], rtol=1e-3)


def test_coverage_of_the_demo_has_answers_and_its_map_is_mostly_true(run: Run) -> None:
    assert 0 < completeness(run) < 1
    assert sparse_images(run, fraction=0.05).size == round(0.05 * run.n_images)
    unlabelled = suggest_to_label(run, n=5)
    assert (labels.classes_of(run).codes[unlabelled] < 0).all()
    assert suggest_to_label(run, n=5, column="meta.nothing").size == 5
    with pytest.raises(ParameterError, match="1000"):
        suggest_to_label(run, n=0)
    honesty = map_honesty(run)
    assert honesty.recall.mean() > 0.4
    assert ((honesty.precision >= 0) & (honesty.precision <= 1)).all()
