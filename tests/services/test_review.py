"""The review queue on a run of the demo."""

import json
from pathlib import Path

import pytest

from dataeval_ui.cli import main
from dataeval_ui.errors import AccessDeniedError
from dataeval_ui.services.access import OWNER, Viewer
from dataeval_ui.services.review import (
    agreement_rows,
    best_image,
    cleaned_manifest,
    decide,
    decisions_table,
    review_queue,
    undo,
)
from dataeval_ui.services.run import Run

BOB = Viewer(role="decide", name="link bob", link_id="bob")


def actions(run: Run) -> dict[str, str]:
    rows = cleaned_manifest(run, review_queue(run)).to_pylist()
    return {row["path"]: row["action"] for row in rows if row["action"] != "keep"}


def test_removing_a_near_duplicate_keeps_the_best_image_and_undo_brings_the_others_back(run: Run) -> None:
    item = next(i for i in review_queue(run) if i.finding.kind == "near_duplicates")
    assert item.state == "open"
    decide(run, item, "remove", viewer=OWNER)
    best = {place.path for place in run.places(run.row_of[best_image(run, item.finding)])}
    assert set(actions(run)) == set(item.finding.paths) - best
    taken_back = undo(run, viewer=OWNER)
    assert taken_back is not None
    assert taken_back.verdict == "remove"
    assert actions(run) == {}


def test_of_exact_copies_one_file_stays(run: Run) -> None:
    item = next(i for i in review_queue(run) if i.finding.kind == "exact_duplicates")
    decide(run, item, "remove", viewer=OWNER)
    assert len(actions(run)) == len(item.finding.paths) - 1


def test_reviewers_who_differ_change_nothing_and_are_a_conflict(run: Run) -> None:
    item = next(i for i in review_queue(run) if i.finding.kind == "outlier")
    decide(run, item, "remove", viewer=OWNER)
    assert list(actions(run).values()) == ["remove"] * len(item.finding.paths)
    decide(run, item, "relabel", viewer=BOB, label="cat", comment="looks like one")
    [now] = [i for i in review_queue(run) if i.key == item.key]
    assert now.state == "conflict"
    assert actions(run) == {}
    assert agreement_rows(review_queue(run))[0]["alike"] == 0
    undo(run, viewer=OWNER)
    assert set(actions(run).values()) == {"relabel"}
    assert decisions_table(run)["label"].to_pylist().count("cat") >= 1
    assert set(decisions_table(run, of_run_alone=True)["run_id"].to_pylist()) == {run.id}


def test_whoever_may_only_look_cannot_decide(run: Run) -> None:
    with pytest.raises(AccessDeniedError, match="not decide"):
        decide(run, review_queue(run)[0], "keep", viewer=Viewer(role="comment", name="link c"))


def test_the_command_line_writes_the_cleaned_manifest_and_the_decisions(run: Run, tmp_path: Path) -> None:
    item = next(i for i in review_queue(run) if i.finding.kind == "unreadable")
    decide(run, item, "remove", viewer=OWNER)
    where = ["--workspace", str(run.services.workspace.root)]
    assert main(["cleaned", run.id, str(tmp_path / "cleaned.json"), *where]) == 0
    rows = json.loads((tmp_path / "cleaned.json").read_text())
    assert [row["path"] for row in rows if row["action"] == "remove"] == list(item.finding.paths)
    assert main(["decisions", run.id, str(tmp_path / "decisions.json"), *where]) == 0
    assert json.loads((tmp_path / "decisions.json").read_text())[-1]["verdict"] == "remove"
