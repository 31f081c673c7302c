"""Links that are not asked for again while the catalog stands as it was."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from dataeval_ui.services.context import Services
from dataeval_ui.services.known_links import known_links
from dataeval_ui.services.links import is_in_force, link_of_cookie, make_link, open_link
from tests.server.doors import make_door

REVOKE = (
    "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); "
    "c.execute(\"UPDATE links SET revoked_at = '2020-01-01 00:00:00'\"); c.commit()"
)


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return make_door(tmp_path).services


def guest(services: Services) -> str:
    _, token = make_link(services, "fake", role="view", expires=timedelta(days=1))
    return open_link(services, token)[1]


def count_looks(services: Services, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    looked: list[str] = []
    find = type(services.catalog).find_link

    def counted(catalog: object, link_id: str) -> object:
        looked.append(link_id)
        return find(services.catalog, link_id)

    monkeypatch.setattr(type(services.catalog), "find_link", counted)
    return looked


def test_the_catalog_is_asked_once_while_nothing_changes(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    cookie = guest(services)
    looked = count_looks(services, monkeypatch)
    for _ in range(50):
        link = link_of_cookie(services, cookie)
        assert link is not None
        assert is_in_force(link)
    if services.catalog.path is not None:
        assert len(looked) == 1
    make_link(services, "fake", role="view", expires=timedelta(days=1))
    link_of_cookie(services, cookie)
    assert len(looked) == (2 if services.catalog.path is not None else 51)


def test_a_link_revoked_by_this_or_another_process_is_out_at_the_next_look(services: Services) -> None:
    for revoked_here in (True, False):
        cookie = guest(services)
        for _ in range(3):
            known = link_of_cookie(services, cookie)
        assert known is not None
        assert is_in_force(known)
        if revoked_here:
            services.catalog.revoke_link(known.id)
        elif services.catalog.path is None:
            pytest.skip("the other process of this test writes SQLite")
        else:
            subprocess.run([sys.executable, "-c", REVOKE, str(services.catalog.path)], check=True)
        again = link_of_cookie(services, cookie)
        assert again is not None
        assert not is_in_force(again)


def test_a_forged_cookie_makes_nothing_known(services: Services) -> None:
    cookie = guest(services)
    forged = cookie[:-3] + ("abc" if not cookie.endswith("abc") else "abd")
    assert link_of_cookie(services, forged) is None
    assert not known_links(services.catalog).has(cookie.partition(".")[0])
