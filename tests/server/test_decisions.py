"""Decisions sent by programs: who may, once each, and what is refused."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from dataeval_ui.server.access import UPLOAD_HEADER, AccessMiddleware
from dataeval_ui.server.decisions import MAX_BODY_BYTES, decision_routes
from dataeval_ui.server.door import door_routes
from dataeval_ui.services.context import Services, open_services
from dataeval_ui.services.links import make_link
from dataeval_ui.services.login import Gate
from dataeval_ui.services.run import Run
from dataeval_ui.services.runs import open_run
from dataeval_ui.settings import load_settings
from tests.demo import install_demo

OURS = {UPLOAD_HEADER: "1"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("decisions") / "workspace"
    services = open_services(load_settings({"workspace": folder}, environment={}))
    return open_run(services, install_demo(services).id)


def browser(services: Services, run: Run, token: str | None = None) -> TestClient:
    def opened(run_id: str) -> Run:
        services.catalog.get_run(run_id)
        return run

    app = Starlette(
        routes=[*decision_routes(opened), *door_routes(lambda: services, Gate())],
        middleware=[Middleware(AccessMiddleware, services=lambda: services, login="none")],
    )
    client = TestClient(app, base_url="http://127.0.0.1:8501", client=("127.0.0.1", 50000), follow_redirects=False)
    if token is not None:
        assert client.get(f"/s/{token}").status_code == 303
    return client


def guest(run: Run, role: str, run_id: str | None = None) -> TestClient:
    _, token = make_link(run.services, run_id or run.id, role=role, expires=timedelta(days=1))  # type: ignore[arg-type]
    return browser(run.services, run, token)


def test_a_decision_is_acknowledged_once_it_is_kept_and_counts_once(run: Run) -> None:
    client, key = guest(run, "decide"), next(iter(run.keyed_findings))
    before = len(run.services.catalog.list_decisions(run.dataset.id))
    sent = {"id": "program-0001", "finding": key, "verdict": "remove", "comment": "<b>gone</b>"}
    for _ in range(3):
        answer = client.post(f"/api/runs/{run.id}/decisions", json=sent, headers=OURS)
        assert (answer.status_code, answer.json()) == (201, {"id": "program-0001"})
    kept = run.services.catalog.list_decisions(run.dataset.id)[before:]
    assert [(d.id, d.finding_key, d.verdict, d.comment) for d in kept] == [
        ("program-0001", key, "remove", "<b>gone</b>")
    ]
    assert kept[0].reviewer == kept[0].source
    assert kept[0].source.startswith("link ")
    answer = client.post(f"/api/runs/{run.id}/decisions", json=sent | {"verdict": "keep"}, headers=OURS)
    assert answer.status_code == 400
    assert "another decision" in answer.json()["error"]


@pytest.mark.parametrize(
    ("role", "verdict", "status"),
    [
        ("view", "keep", 403),
        ("view", None, 403),
        ("comment", "keep", 403),
        ("comment", None, 201),
        ("decide", "keep", 201),
    ],
)
def test_each_role_sends_what_it_may(run: Run, role: str, verdict: str | None, status: int) -> None:
    sent = {"finding": next(iter(run.keyed_findings)), "verdict": verdict, "comment": "why"}
    before = len(run.services.catalog.list_decisions(run.dataset.id))
    assert guest(run, role).post(f"/api/runs/{run.id}/decisions", json=sent, headers=OURS).status_code == status
    assert len(run.services.catalog.list_decisions(run.dataset.id)) == before + (status == 201)


def test_a_link_to_another_run_decides_nothing_here_and_a_revoked_one_nothing_at_all(run: Run) -> None:
    from dataclasses import asdict

    record = {**asdict(run.record), "id": "other", "key": run.record.key, "params": run.record.params}
    run.services.catalog.add_run(**record)
    sent = {"finding": next(iter(run.keyed_findings)), "verdict": "keep"}
    client = guest(run, "decide", "other")
    assert client.post(f"/api/runs/{run.id}/decisions", json=sent, headers=OURS).status_code == 403
    client = guest(run, "decide")
    assert client.post(f"/api/runs/{run.id}/decisions", json=sent, headers=OURS).status_code == 201
    for link in run.services.catalog.list_links():
        run.services.catalog.revoke_link(link.id)
    assert client.post(f"/api/runs/{run.id}/decisions", json=sent, headers=OURS).status_code == 403
    run.services.catalog.remove_run("other")


@pytest.mark.parametrize(
    "headers", [{}, {**OURS, "origin": "http://evil.example"}, {**OURS, "sec-fetch-site": "cross-site"}]
)
def test_another_site_decides_nothing_in_the_owners_name(run: Run, headers: dict[str, str]) -> None:
    sent = {"finding": next(iter(run.keyed_findings)), "verdict": "remove"}
    before = len(run.services.catalog.list_decisions(run.dataset.id))
    client = browser(run.services, run)
    assert client.post(f"/api/runs/{run.id}/decisions", json=sent, headers=headers).status_code == 403
    assert len(run.services.catalog.list_decisions(run.dataset.id)) == before


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b"\xff", 400),
        (b"[" * 60_000, 400),
        (b'{"finding": 5, "verdict": "keep"}', 400),
        (b'{"finding": "KEY", "verdict": ["keep"]}', 400),
        (b'{"finding": "KEY", "verdict": "drop"}', 400),
        (b'{"finding": "KEY", "verdict": "keep", "reviewer": "owner"}', 400),
        (b'{"finding": "KEY", "verdict": "keep", "id": "../x"}', 400),
        (b'{"finding": "KEY", "verdict": "relabel"}', 400),
        (b'{"finding": "KEY", "verdict": "keep", "comment": "a\\u0000b"}', 400),
        (b'{"finding": "nothing", "verdict": "keep"}', 404),
        (b'{"finding": "", "verdict": "keep"}', 404),
        (b" " * (MAX_BODY_BYTES + 1), 400),
    ],
)
def test_what_is_no_decision_gets_a_sentence_and_keeps_nothing(run: Run, body: bytes, status: int) -> None:
    before = len(run.services.catalog.list_decisions(run.dataset.id))
    body = body.replace(b"KEY", next(iter(run.keyed_findings)).encode())
    answer = browser(run.services, run).post(f"/api/runs/{run.id}/decisions", content=body, headers=OURS)
    assert answer.status_code == status
    assert json.loads(answer.content)["error"].endswith((".", "}"))
    assert len(run.services.catalog.list_decisions(run.dataset.id)) == before


def test_half_a_character_is_refused_in_a_sentence(run: Run) -> None:
    n_before = len(run.services.catalog.list_decisions(run.dataset.id))
    key = next(iter(run.keyed_findings))
    for name in ("comment", "label"):
        body = f'{{"id": "{"5" * 32}", "finding": "{key}", "verdict": "relabel", "label": "a", "{name}": "\\ud800"}}'
        answer = guest(run, "decide").post(f"/api/runs/{run.id}/decisions", headers=OURS, content=body)
        assert answer.status_code == 400
        assert "half a character" in answer.json()["error"]
    assert len(run.services.catalog.list_decisions(run.dataset.id)) == n_before


def test_an_id_of_somebody_elses_decision_overwrites_nothing(run: Run) -> None:
    key, other = list(run.keyed_findings)[:2]
    sent = {"id": "6" * 32, "finding": key, "verdict": "keep"}
    assert guest(run, "decide").post(f"/api/runs/{run.id}/decisions", headers=OURS, json=sent).status_code == 201
    for body in ({**sent, "verdict": "remove"}, {**sent, "finding": other}, sent):
        answer = guest(run, "decide").post(f"/api/runs/{run.id}/decisions", headers=OURS, json=body)
        assert answer.status_code == 400
    [kept] = [d for d in run.services.catalog.list_decisions(run.dataset.id) if d.id == "6" * 32]
    assert (kept.verdict, kept.finding_key) == ("keep", key)
