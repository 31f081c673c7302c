"""Mirrored and turned copies of a run: looked for once, kept, shown as groups, findings and metrics."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from dataeval_ui.analysis import turned as turned_analysis
from dataeval_ui.findings.metrics import concerned
from dataeval_ui.services.context import Services, open_services
from dataeval_ui.services.duplicate_groups import duplicates_table, list_duplicate_groups
from dataeval_ui.services.gate import check_run
from dataeval_ui.services.health import findings_of, list_cards
from dataeval_ui.services.run import Run
from dataeval_ui.services.runs import open_run
from dataeval_ui.services.turned import are_known, turn_of_pair, turned_duplicates, undoing
from dataeval_ui.settings import load_settings
from tests.analysis.test_duplicates import drawing
from tests.exported import prepared
from tests.services.conftest import run_folder


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Services:
    workspace = prepared(tmp_path_factory.mktemp("turned") / "w")
    settings = load_settings({"workspace": workspace, "n_decoders": 1}, environment={})
    return open_services(settings)


@pytest.fixture(scope="module")
def run(services: Services, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Twelve drawings in train; a mirrored one and one turned by a quarter in test."""
    folder = tmp_path_factory.mktemp("turned_images")
    save_drawings(folder)
    return open_run(services, str(run_folder(services, folder)["run"]))


def save_drawings(folder: Path) -> None:
    (folder / "train").mkdir(parents=True)
    (folder / "test").mkdir()
    for seed in range(12):
        drawing(seed).save(folder / "train" / f"{seed:02}.png")
    ImageOps.mirror(drawing(0)).save(folder / "test" / "mirrored.png")
    drawing(1).transpose(Image.Transpose.ROTATE_270).save(folder / "test" / "quarter.png")


def row_of(run: Run, path: str) -> int:
    return next(row for row in range(run.n_images) if run.places(row)[0].path == path)


def test_copies_are_groups_of_their_own_kind_that_say_what_was_done(run: Run) -> None:
    groups = [group for group in list_duplicate_groups(run) if group.kind == "turned"]
    shown = {frozenset(run.places(row)[0].path for row in group.rows): group for group in groups}
    assert set(shown) == {
        frozenset({"train/00.png", "test/mirrored.png"}),
        frozenset({"train/01.png", "test/quarter.png"}),
    }
    assert shown[frozenset({"train/00.png", "test/mirrored.png"})].turn == "mirrored"
    assert all(group.is_leak and group.similarity > 0.9 for group in groups)
    assert not [group for group in list_duplicate_groups(run, with_turned=False) if group.kind == "turned"]
    table = duplicates_table(run, groups)
    assert set(table["kind"].to_pylist()) == {"turned"}
    assert "mirrored" in table["turn"].to_pylist()


def test_they_are_findings_metrics_and_part_of_the_scorecard(run: Run) -> None:
    found = [finding for finding in run.all_findings if finding.kind == "turned_duplicates"]
    assert len(found) == 2
    assert any(" show the same picture, mirrored: " in finding.sentence for finding in found)
    leaks = [finding for finding in findings_of(run, "leaks") if finding.evidence["level"] == "turned_leak"]
    assert len(leaks) == 2
    assert [f for f in findings_of(run, "duplicates") if f.kind == "turned_duplicates"] == found
    report = check_run(run, ["turned_duplicate_pairs > 1", "leaked_images > 3"])
    assert report.metrics["turned_duplicate_images"] == 4
    assert report.metrics["turned_duplicate_fraction"] == 4 / 14
    assert report.metrics["near_duplicate_pairs"] == 0
    assert all(condition.failed for condition in report.conditions)
    assert "test/mirrored.png" in report.conditions[0].paths
    assert concerned("turned_duplicate_pairs", run.all_findings) == found
    [card] = [card for card in list_cards(run) if card.name == "duplicates"]
    assert card.sentence == "0 exact, 0 near, 2 mirrored or turned."


def test_they_are_looked_for_once_and_again_where_the_kept_file_is_damaged_or_tells_of_other_images(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = turned_duplicates(run)
    assert are_known(run)
    [path] = run.services.workspace.run_dir(run.id).glob("turned-duplicates-v*.npz")
    n_calls = []
    whole = turned_analysis.find_turned_duplicates
    monkeypatch.setattr(turned_analysis, "find_turned_duplicates", lambda *a, **k: n_calls.append(1) or whole(*a, **k))
    np.testing.assert_array_equal(turned_duplicates(run).left, first.left)
    assert not n_calls
    path.write_bytes(b"no archive")
    np.testing.assert_array_equal(turned_duplicates(run).right, first.right)
    assert n_calls == [1]
    with np.load(path) as archive:
        arrays = dict(archive)
    np.savez(path, **{**arrays, "right": arrays["right"] + 1000})
    np.testing.assert_array_equal(turned_duplicates(run).right, first.right)
    np.savez(path, **{**arrays, "right": arrays["right"][:1]})
    np.testing.assert_array_equal(turned_duplicates(run).right, first.right)
    assert n_calls == [1, 1, 1]


def test_a_picture_is_drawn_as_it_lies_on_the_other(run: Run) -> None:
    mirrored, original = row_of(run, "test/mirrored.png"), row_of(run, "train/00.png")
    for left, right in ((mirrored, original), (original, mirrored)):
        turn = turn_of_pair(run, left, right)
        assert turn is not None
        assert undoing((turn[0], 0.0)) == (-1, 0, 0, 1)
    quarter, upright = row_of(run, "test/quarter.png"), row_of(run, "train/01.png")
    turn, back = turn_of_pair(run, upright, quarter), turn_of_pair(run, quarter, upright)
    assert turn is not None
    assert back is not None
    # drawn counterclockwise: what is right comes to the top, which has negative y
    assert undoing((turn[0], 0.0)) == (0, -1, 1, 0)
    assert undoing((back[0], 0.0)) == (0, 1, -1, 0)
    assert turn_of_pair(run, upright, original) is None


def test_the_inverse_of_a_turn_and_its_angle_draws_the_picture_back() -> None:
    def matrix(turn: tuple[int, float]) -> np.ndarray:
        a, b, c, d = undoing(turn)
        return np.array([[a, c], [b, d]])

    for number, inverse, sense in ((0, 0, -1), (1, 1, 1), (4, 5, -1), (6, 6, 1)):
        both = matrix((number, 5.0)) @ matrix((inverse, sense * 5.0))
        np.testing.assert_allclose(both, np.eye(2), atol=1e-5)
