"""What every service needs: settings, workspace, catalog."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dataeval_ui.settings import Settings, environment_of, load_settings, numba_environment

if TYPE_CHECKING:
    from pathlib import Path

    from dataeval_ui.store.catalog import Catalog
    from dataeval_ui.store.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """One opened workspace. Cheap to pass around; made once a process."""

    settings: Settings
    workspace: Workspace
    catalog: Catalog

    @property
    def page_roots(self) -> tuple[Path, ...]:
        """Folders that a page may read images from: those of the settings, or the home folder."""
        from pathlib import Path

        return tuple(root.resolve() for root in self.settings.data_roots) or (Path.home().resolve(),)


def open_services(settings: Settings | None = None, **overrides: Any) -> Services:
    """Open the workspace that the settings name, and make it if it is new.

    Parameters
    ----------
    settings : Settings, optional
        Default: `load_settings(overrides)`.

    Raises
    ------
    StorageError
        The workspace cannot be made or written.
    """
    from dataeval_ui.store.catalog import open_catalog
    from dataeval_ui.store.workspace import open_workspace

    settings = load_settings(overrides) if settings is None else settings
    workspace = open_workspace(settings.workspace)
    catalog = open_catalog(settings.catalog_url or workspace.catalog_url)
    return Services(settings=settings, workspace=workspace, catalog=catalog)


def worker_environment(services: Services) -> Mapping[str, str]:
    """Environment of a process that computes: the same settings, capped threads, and numba's cache in the workspace."""
    import os

    return {
        **os.environ,
        **environment_of(services.settings),
        **numba_environment(services.settings, services.workspace.numba_dir),
    }
