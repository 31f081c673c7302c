"""The gate on the demo's run: its answers are the planted truth, and its reports name the images."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from dataeval_ui.cli import main
from dataeval_ui.errors import InputError
from dataeval_ui.findings.metrics import METRICS, concerned
from dataeval_ui.services.context import open_services
from dataeval_ui.services.gate import check_run
from dataeval_ui.services.run import Run
from dataeval_ui.services.runs import open_run
from dataeval_ui.settings import load_settings
from dataeval_ui.share.gate_reports import junit, markdown
from dataeval_ui.types.gate import GateCondition, GateReport
from tests.demo import install_demo

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("gate") / "workspace"
    services = open_services(load_settings({"workspace": folder}, environment={}))
    return open_run(services, install_demo(services).id)


def test_the_metrics_are_those_of_the_runs_own_summary(run: Run) -> None:
    metrics = check_run(run, []).metrics
    assert list(metrics) == list(METRICS)
    summary = run.record.summary
    for name, of_summary in (
        ("exact_duplicate_groups", "n_exact_duplicate_groups"),
        ("near_duplicate_pairs", "n_near_duplicate_pairs"),
        ("leaked_images", "n_leaked_images"),
        ("outliers", "n_outliers"),
    ):
        assert metrics[name] == summary[of_summary]
    assert metrics["n_files"] == run.manifest.num_rows
    assert metrics["n_images"] == run.n_images
    assert metrics["outlier_fraction"] == summary["n_outliers"] / run.n_images


def test_a_condition_that_comes_true_names_its_files_and_one_that_does_not_names_none(run: Run) -> None:
    failed, passed = check_run(run, ["unreadable_files > 0", "n_images < 1"]).conditions
    assert failed.failed
    expected = [path for finding in concerned("unreadable_files", run.findings) for path in finding.paths]
    assert list(failed.paths) == expected
    assert len(expected) == failed.metrics["unreadable_files"] > 0
    assert not passed.failed
    assert passed.paths == ()


def test_suspected_labels_and_quality_are_metrics_that_name_their_images(run: Run) -> None:
    from dataeval_ui.findings.metrics import QUALITY
    from dataeval_ui.services.labels import label_errors
    from dataeval_ui.services.quality import quality

    report, errors = quality(run), label_errors(run)
    assert set(QUALITY) == {issue.check.name for issue in report.issues}
    metrics = check_run(run, []).metrics
    assert metrics["label_errors"] == errors.suspected.sum() > 0
    assert metrics["label_error_fraction"] == errors.suspected.sum() / (errors.scores == errors.scores).sum()
    assert metrics["quality_issues"] == report.flags.sum()
    for name in QUALITY:
        assert metrics[f"quality_{name}"] == report.issue(name).n_flagged
    [condition] = check_run(run, ["quality_bright > 0"]).conditions
    rows = report.issue("bright").rows.tolist()
    assert set(condition.paths) == {place.path for row in rows for place in run.places(row)}


def test_the_command_exits_1_where_one_fails_and_writes_reports(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = ["--workspace", str(run.services.workspace.root)]
    xml, summary = tmp_path / "check.xml", tmp_path / "check.md"
    argv = ["check", run.id, "--fail-on", "leaked_images > 0", "--fail-on", "n_images == 0", *workspace]
    assert main([*argv, "--json", "--junit", str(xml), "--markdown", str(summary)]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["passed"], told["n_failed"]) == (False, 1)
    suite = ET.parse(xml).getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    text = suite.findtext("testcase/failure") or ""
    assert told["conditions"][0]["paths"]
    assert all(path in text for path in told["conditions"][0]["paths"])
    assert "1 of 2 conditions failed" in summary.read_text(encoding="utf-8")
    assert main(["check", run.id, "--fail-on", "n_images == 0", *workspace]) == 0


def test_an_unknown_metric_lists_the_known_ones_and_exits_2(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["check", run.id, "--fail-on", "leaks > 0", "--workspace", str(run.services.workspace.root)]
    assert main(argv) == 2
    said = capsys.readouterr().err
    assert all(name in said for name in METRICS)
    assert len(said.strip().splitlines()) == 1


def test_a_report_that_cannot_be_written_is_one_sentence(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["check", run.id, "--junit", "/no/such/folder/x.xml", "--workspace", str(run.services.workspace.root)]
    assert main(argv) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_hostile_names_are_text_in_both_reports() -> None:
    name = "a\x00b <img src=x> | `c` [l](javascript:x)\n# h"
    condition = GateCondition(condition="outliers > 0", failed=True, metrics={"outliers": 1.0}, paths=(name,))
    report = GateReport(run="r", dataset=name, metrics={}, conditions=(condition,))
    assert "<img src=x>" in (ET.fromstring(junit(report)).findtext("testcase/failure") or "")
    said = markdown(report)
    assert "<img" not in said
    assert "](javascript" not in said
    assert "\n# h" not in said


def test_the_page_about_the_gate_lists_every_metric() -> None:
    page = (ROOT / "docs" / "gate.md").read_text(encoding="utf-8")
    assert all(f"| `{name}` | {text} |" in page for name, text in METRICS.items())


def test_a_run_of_no_conditions_passes_and_a_number_is_no_condition(run: Run) -> None:
    assert check_run(run, []).n_failed == 0
    with pytest.raises(InputError, match="compare it"):
        check_run(run, ["n_images"])
