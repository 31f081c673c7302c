import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataeval_ui.store.catalog import Catalog, open_catalog
from dataeval_ui.store.workspace import Workspace, open_workspace

POSTGRES = os.environ.get("DATAEVAL_UI_TEST_POSTGRES")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return open_workspace(tmp_path / "workspace")


@pytest.fixture(params=["sqlite", "postgres"] if POSTGRES else ["sqlite"])
def catalog_url(request: pytest.FixtureRequest, workspace: Workspace) -> str:
    if request.param == "sqlite":
        return workspace.catalog_url
    assert POSTGRES is not None
    import sqlalchemy as sa

    from dataeval_ui.store.catalog_tables import METADATA

    engine = sa.create_engine(POSTGRES)
    METADATA.drop_all(engine)
    engine.dispose()
    return POSTGRES


@pytest.fixture
def catalog(catalog_url: str) -> Iterator[Catalog]:
    opened = open_catalog(catalog_url)
    yield opened
    opened.close()
