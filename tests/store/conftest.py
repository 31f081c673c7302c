from collections.abc import Iterator
from pathlib import Path

import pytest

from dataeval_ui.store.catalog import Catalog, open_catalog
from dataeval_ui.store.workspace import Workspace, open_workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return open_workspace(tmp_path / "workspace")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def catalog_url(request: pytest.FixtureRequest, workspace: Workspace) -> str:
    """Address of a catalog that is not there yet, on both back ends."""
    return workspace.catalog_url if request.param == "sqlite" else request.getfixturevalue("postgres_url")


@pytest.fixture
def catalog(catalog_url: str) -> Iterator[Catalog]:
    opened = open_catalog(catalog_url)
    yield opened
    opened.close()
