"""Decisions about images that somebody chose: one each, together taken back, and followed by the cleaned manifest."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataeval_ui.errors import AccessDeniedError, InputError, ParameterError
from dataeval_ui.findings.keys import finding_key
from dataeval_ui.services.access import OWNER, Viewer
from dataeval_ui.services.context import open_services
from dataeval_ui.services.demo import install_demo
from dataeval_ui.services.exports import findings_bytes
from dataeval_ui.services.held_decisions import held_decisions
from dataeval_ui.services.image_decisions import MAX_AT_ONCE, decide_images, decided_images, image_key, verdicts_of
from dataeval_ui.services.review import cleaned_manifest, decide, find_item, review_queue, undo
from dataeval_ui.services.run import Run
from dataeval_ui.services.runs import open_run


@pytest.fixture
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    services = open_services(workspace=tmp_path_factory.mktemp("decided") / "workspace")
    run = open_run(services, install_demo(services).id)
    vars(run)["keyed_findings"] = {finding_key(finding): finding for finding in run.findings}  # suspects take a minute
    return run


def held_of(run: Run) -> dict[str, int]:
    return verdicts_of(run, np.arange(run.n_images), held_decisions(run.services.catalog, run.dataset.id))


def actions(run: Run) -> Counter[str]:
    items = [item for item in review_queue(run) if item.finding.kind == "image"]
    return Counter(cleaned_manifest(run, items)["action"].to_pylist())


def test_each_image_is_decided_on_and_the_cleaned_manifest_follows(run: Run) -> None:
    rows = [3, 50, 200]
    assert decide_images(run, rows, "remove", viewer=OWNER, comment=" blurred ") == 3
    assert held_of(run) == {"remove": 3}
    files = sum(len(run.places(row)) for row in rows)
    assert actions(run)["remove"] == files
    assert decide_images(run, [50, 200, 201], "relabel", viewer=OWNER, label="birds") == 3
    assert held_of(run) == {"remove": 1, "relabel as birds": 3}
    assert actions(run)["remove"] == len(run.places(3))
    assert actions(run)["relabel"] == sum(len(run.places(row)) for row in (50, 200, 201))
    shown = [item.finding.image_ids[0] for item in review_queue(run) if item.finding.kind == "image"]
    assert shown == [run.image_ids[row] for row in (3, 50, 200, 201)]
    kept = run.services.catalog.list_decisions(run.dataset.id)
    assert {decision.comment for decision in kept[:3]} == {"blurred"}


def test_undo_takes_a_decision_for_many_back_as_one_and_others_one_by_one(run: Run) -> None:
    (key, finding), *_ = list(run.keyed_findings.items())
    decide(run, find_item(run, key), "unsure", viewer=OWNER)
    decide_images(run, range(10), "keep", viewer=OWNER)
    decide_images(run, range(5, 20), "remove", viewer=OWNER)
    assert held_of(run) == {"keep": 5, "remove": 15}
    assert undo(run, viewer=OWNER) is not None
    assert held_of(run) == {"keep": 10}
    assert undo(run, viewer=OWNER) is not None
    assert held_of(run) == {}
    assert decided_images(run, held_decisions(run.services.catalog, run.dataset.id)) == {}
    taken_back = undo(run, viewer=OWNER)
    assert taken_back is not None
    assert taken_back.finding_kind == finding.kind
    assert undo(run, viewer=OWNER) is None


def test_reviewers_who_differ_change_nothing(run: Run) -> None:
    other = Viewer(role="decide", name="ada", run_id=run.id)
    decide_images(run, [1, 2], "remove", viewer=OWNER)
    decide_images(run, [2], "keep", viewer=other)
    assert held_of(run) == {"remove": 1, "reviewers differ": 1}
    assert actions(run)["remove"] == len(run.places(1))
    assert undo(run, viewer=other) is not None
    assert held_of(run) == {"remove": 2}


def test_what_may_not_be_decided_is_refused_and_nothing_is_kept(run: Run) -> None:
    guest = Viewer(role="view", name="eve", run_id=run.id)
    with pytest.raises(AccessDeniedError):
        decide_images(run, [1], "remove", viewer=guest)
    with pytest.raises(ParameterError, match="give the right label"):
        decide_images(run, [1, 2], "relabel", viewer=OWNER, label="  ")
    for rows in ([], range(MAX_AT_ONCE + 1)):
        with pytest.raises(ParameterError, match="images at once"):
            decide_images(run, rows, "keep", viewer=OWNER)
    assert run.services.catalog.list_decisions(run.dataset.id) == []


def test_an_image_chosen_by_hand_is_no_finding(run: Run) -> None:
    decide_images(run, [1], "remove", viewer=OWNER)
    assert image_key(run.image_ids[1]) not in run.keyed_findings
    with pytest.raises(InputError, match="no kind of finding named 'image'"):
        findings_bytes(run, "json", kind="image")


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.sets(st.integers(0, 40), min_size=1), st.sampled_from(["keep", "remove", "unsure"])), max_size=5
    )
)
def test_the_last_decision_of_each_image_holds(run: Run, steps: list[tuple[set[int], str]]) -> None:
    expected: dict[int, str] = {}
    for rows, verdict in steps:
        decide_images(run, sorted(rows), verdict, viewer=OWNER)  # type: ignore[arg-type]
        expected |= dict.fromkeys(rows, verdict)
    assert held_of(run) == dict(Counter(expected.values()))
    while undo(run, viewer=OWNER) is not None:
        pass
    assert held_of(run) == {}
