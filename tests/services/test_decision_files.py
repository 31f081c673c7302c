"""Decisions from files: checked, kept once, compared."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataeval_ui.errors import InputError
from dataeval_ui.services.decision_files import (
    agreement,
    conflicts,
    current_marks,
    import_decisions,
    load_marks,
    read_decisions,
)
from dataeval_ui.store.workspace import open_workspace

IDS = tuple(f"{i:032x}" for i in range(8))


@dataclass
class Reviewed:
    """What importing needs of a run."""

    services: SimpleNamespace
    id: str = "cats-1"
    image_ids: tuple[str, ...] = IDS
    reviewable_findings: tuple[object, ...] = field(default_factory=tuple)


@pytest.fixture
def run(tmp_path: Path) -> Reviewed:
    workspace = open_workspace(tmp_path / "workspace")
    workspace.run_dir("cats-1").mkdir()
    return Reviewed(services=SimpleNamespace(workspace=workspace))


def entry(n: int, image: int, decision: str | None, *, minute: int = 0, **more: object) -> dict[str, object]:
    return {
        "id": f"{n:032x}", "at": f"2026-05-04T12:{minute:02d}:00.000Z", "target": f"image:{IDS[image]}",
        "decision": decision, "label": "", "comment": "", **more,
    }  # fmt: skip


def file(reviewer: object, *entries: dict[str, object], **changes: object) -> bytes:
    content = {"format": "dataeval-ui-decisions", "version": 1, "run": "cats-1", "reviewer": reviewer}
    return json.dumps({**content, "decisions": list(entries), **changes}).encode()


def test_a_file_is_taken_in_once_and_a_later_save_adds_what_is_new(run):
    first = file("Ann", entry(1, 0, "keep"))
    later = file("Ann", entry(1, 0, "keep"), entry(2, 0, "remove", minute=5))
    assert import_decisions(run, [first]).n_new == 1
    assert import_decisions(run, [first, later, later]).n_new == 1
    assert import_decisions(run, [later]).n_new == 0
    assert [mark.decision for mark in load_marks(run)] == ["keep", "remove"]
    assert current_marks(load_marks(run))["Ann"][f"image:{IDS[0]}"].decision == "remove"


def test_of_several_files_the_wrong_one_is_named_and_nothing_is_taken_in(run):
    with pytest.raises(InputError, match=r"^bob\.json: This is no decisions file.*Nothing was taken in\.$"):
        import_decisions(run, [file("Ann", entry(1, 0, "keep")), b"{"], names=["ann.json", "bob.json"])
    assert load_marks(run) == []


def test_an_undone_decision_does_not_hold(run):
    import_decisions(run, [file("Ann", entry(1, 0, "keep"), entry(2, 0, None, minute=1))])
    assert current_marks(load_marks(run)) == {"Ann": {}}


def test_two_reviewers_are_compared_by_hand(run):
    """Four images, alike on three. Ann keeps 3, Bob 2: chance is 1/2, kappa (3/4 - 1/2) / (1 - 1/2)."""
    ann = [entry(i, i, decision) for i, decision in enumerate(["keep", "keep", "keep", "remove"])]
    bob = [entry(10 + i, i, decision) for i, decision in enumerate(["keep", "keep", "remove", "remove"])]
    import_decisions(run, [file("Ann", *ann), file("Bob", *bob)])
    held = current_marks(load_marks(run))
    [pair] = agreement(held)
    assert (pair.reviewers, pair.n_both, pair.share, pair.kappa) == (("Ann", "Bob"), 4, 0.75, 0.5)
    [(target, marks)] = conflicts(held)
    assert target == f"image:{IDS[2]}"
    assert {name: mark.decision for name, mark in marks.items()} == {"Ann": "keep", "Bob": "remove"}


def test_three_reviewers_are_compared_in_pairs_and_together(run):
    """On two images all keep and all remove, on the third one differs; a fourth is one reviewer's alone.

    Fleiss by hand: alike (1 + 1 + 1/3) / 3 = 7/9; of nine verdicts five are keep, so chance is (25 + 16) / 81 = 41/81;
    kappa is (63 - 41) / (81 - 41).
    """
    verdicts = {"Ann": ["keep", "remove", "keep", "keep"], "Bob": ["keep", "remove", "keep"],
                "Cy": ["keep", "remove", "remove"]}  # fmt: skip
    files = [
        file(name, *[entry(10 * n + i, i, verdict) for i, verdict in enumerate(of_one)])
        for n, (name, of_one) in enumerate(verdicts.items(), 1)
    ]
    import_decisions(run, files)
    *pairs, together = agreement(current_marks(load_marks(run)))
    assert [pair.reviewers for pair in pairs] == [("Ann", "Bob"), ("Ann", "Cy"), ("Bob", "Cy")]
    assert (together.reviewers, together.n_both, together.share) == (("Ann", "Bob", "Cy"), 3, pytest.approx(2 / 3))
    assert together.kappa == pytest.approx(22 / 40)


def test_relabels_to_different_labels_are_a_conflict(run):
    one, other = entry(1, 0, "relabel", label="cat"), entry(2, 0, "relabel", label="dog")
    import_decisions(run, [file("Ann", one), file("Bob", other)])
    assert len(conflicts(current_marks(load_marks(run)))) == 1


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(*[st.sampled_from(["keep", "remove", "relabel", "unsure"])] * 2), min_size=1, max_size=8))
def test_kappa_is_that_of_scikit_learn(run, pairs):
    from sklearn.metrics import cohen_kappa_score

    ann = [entry(i, i, one) for i, (one, _) in enumerate(pairs)]
    bob = [entry(100 + i, i, other) for i, (_, other) in enumerate(pairs)]
    marks = [*read_decisions(file("Ann", *ann), run)[0], *read_decisions(file("Bob", *bob), run)[0]]
    [pair] = agreement(current_marks(marks))
    ones, others = zip(*pairs, strict=True)
    if len({*ones, *others}) == 1:
        assert pair.kappa is None
    else:
        assert pair.kappa == pytest.approx(cohen_kappa_score(ones, others))


def test_marks_on_what_the_run_does_not_have_are_counted_and_left_out(run):
    done = import_decisions(run, [file("Ann", entry(1, 0, "keep"), entry(2, 0, "keep", target="image:" + "f" * 32))])
    assert (done.n_new, done.n_outside) == (1, 1)


@pytest.mark.parametrize("where", ["comment", "label", "reviewer"])
def test_half_a_character_is_refused_and_nothing_is_taken_in(run, where):
    mark = entry(1, 0, "relabel", label="cat") | ({where: "\ud800"} if where != "reviewer" else {})
    with pytest.raises(InputError):
        import_decisions(run, [file("\ud800" if where == "reviewer" else "Ann", mark)])
    assert load_marks(run) == []


def test_one_wrong_file_changes_nothing(run):
    with pytest.raises(InputError):
        import_decisions(run, [file("Ann", entry(1, 0, "keep")), b"{}"])
    assert load_marks(run) == []


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b"9" * 10_000,
        file("Ann", run="dogs-1"), file("", entry(1, 0, "keep")), file("x" * 256), file("Ann", version=2),
        file("Ann", decisions={}), file("Ann", entry(1, 0, "burn")), file("Ann", entry(1, 0, "keep", id="../../x")),
        file("Ann", entry(1, 0, "keep", target="image:../../etc/passwd")), file("Ann", entry(1, 0, "keep", at="now")),
        file("Ann", entry(1, 0, "keep", at="2026-05-04T12:00:00")), file("Ann", entry(1, 0, "keep", comment=["x"])),
        file("Ann", entry(1, 0, "keep", comment="x" * 10_001)), file("Ann", decisions=[1]), file(5),
    ],
)  # fmt: skip
def test_what_is_no_decisions_file_is_refused_in_a_sentence(run, data):
    with pytest.raises(InputError) as error:
        read_decisions(data, run)
    assert str(error.value).endswith(".")
    assert "\n" not in str(error.value)
