"""The run in one file, opened from the disk in Firefox."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dataeval_ui.services.context import open_services
from dataeval_ui.services.decision_files import current_marks, import_decisions, load_marks
from dataeval_ui.services.demo import install_demo
from dataeval_ui.services.offline import export_offline
from dataeval_ui.services.runs import open_run
from dataeval_ui.settings import load_settings
from tests.firefox import MISSING, find_firefox, firefox

pytestmark = pytest.mark.browser


@pytest.mark.skipif(find_firefox() is None, reason=MISSING)
def test_a_reviewer_decides_in_firefox_and_no_network_is_asked(tmp_path: Path) -> None:
    services = open_services(load_settings({"workspace": tmp_path / "workspace"}, environment={}))
    run = open_run(services, install_demo(services).id)
    out = tmp_path / "run.html"
    export_offline(run, out)
    program = find_firefox()
    assert program is not None
    with firefox(program, tmp_path / "profile") as browser:
        browser.open(out.as_uri())
        assert browser.ask("document.body.dataset.ready") == "true"
        [x, y] = browser.ask(
            "(() => { const b = $('map').getBoundingClientRect(), [x, y] = place(5, b.width, b.height);"
            " return [b.left + x, b.top + y]; })()"
        )
        browser.click(x, y)
        shown = browser.ask("[looked, $('path').textContent]")
        assert shown[1] == run.places(shown[0])[0].path
        browser.press("k")
        painted = browser.ask(
            "new Promise(done => setTimeout(() => { const c = document.querySelector('.big canvas');"
            " done(new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size); }, 300))"
        )
        assert painted > 10, "the thumbnail is drawn"
        browser.press("j", "r")
        assert browser.ask("log.map(entry => entry.decision)") == ["keep", "remove"]
        browser.ask("($('reviewer').value = 'Fox', $('reviewer').dispatchEvent(new Event('input')), 1)")
        saved = browser.ask(
            "new Promise(done => { const made = URL.createObjectURL;"
            " URL.createObjectURL = blob => { blob.text().then(done); return made(blob); }; $('save').click(); })"
        )
        assert browser.errors == []
        assert [url for url in browser.requests if not url.startswith(("data:", "blob:", "file:"))] == []
        elsewhere = "http://127.0.0.1:9/"
        assert browser.ask(f"fetch('{elsewhere}').then(() => 'sent', () => 'refused')") == "refused"
        assert elsewhere not in browser.requests, "the page's own policy stops it before the network"
        assert any(url.startswith("data:image/") for url in browser.requests), "requests are seen"
    done = import_decisions(run, [saved.encode()])
    assert (done.n_new, done.n_outside) == (2, 0)
    held = current_marks(load_marks(run))["Fox"]
    assert sorted(mark.decision or "" for mark in held.values()) == ["keep", "remove"]
    assert json.loads(saved)["run"] == run.id
