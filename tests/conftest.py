"""What every test may ask for."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from tests import postgres, sharing
from tests.chromium import FLAGS, MISSING, REQUIRED, find_chromium
from tests.exported import share_compiled

if TYPE_CHECKING:
    from playwright.sync_api import Browser


SETTINGS_OF_THE_RUN = frozenset(name for name in os.environ if name.startswith("DATAEVAL_UI_"))
share_compiled()
# no test measures time: on a busy machine an example takes longer than hypothesis' 200 ms
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    if config.pluginmanager.hasplugin("xdist"):
        sharing.share(config)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    sharing.longest_first(config, items)


@pytest.fixture(autouse=True)
def _settings_stay_as_they_were() -> Iterator[None]:
    """No test may leave settings in the environment: which tests come after it depends on how the run is shared."""
    yield
    left = [name for name in os.environ if name.startswith("DATAEVAL_UI_") and name not in SETTINGS_OF_THE_RUN]
    for name in left:
        del os.environ[name]  # the test that did it fails, and no other
    assert left == []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Where a browser or PostgreSQL is required, a test of it that was skipped has failed."""
    report = yield
    for required, marker, name in (
        (REQUIRED, "browser", "DATAEVAL_UI_REQUIRE_BROWSER"),
        (postgres.REQUIRED, "postgres", "DATAEVAL_UI_REQUIRE_POSTGRES"),
    ):
        if required and report.skipped and item.get_closest_marker(marker):
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid} was skipped, but {name}=1: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Address of a running PostgreSQL; the test is skipped with one sentence where there is none."""
    programs = postgres.find_postgres()
    if programs is None:
        pytest.skip(postgres.MISSING)
    pytest.importorskip("psycopg", reason='PostgreSQL needs the extra: pip install "dataeval-ui[postgres]".')
    with postgres.postgres_server(programs) as url:
        yield url


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """Address of an empty database in PostgreSQL; a test that asks for it is marked `postgres`."""
    return postgres.emptied(postgres_server)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium; the test is skipped with one sentence where there is none."""
    path = find_chromium()
    if path is None:
        pytest.skip(MISSING)
    return path


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """Return a running Chromium; open a context of your own in it, and close that."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield running
        running.close()
