from collections.abc import Iterator
from pathlib import Path

import pytest

from dataeval_ui.store.catalog import Catalog, open_catalog
from dataeval_ui.store.workspace import Workspace, open_workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return open_workspace(tmp_path / "workspace")


@pytest.fixture
def catalog(workspace: Workspace) -> Iterator[Catalog]:
    opened = open_catalog(workspace.catalog_url)
    yield opened
    opened.close()
