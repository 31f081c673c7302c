"""What every service needs: settings, workspace, catalog."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dataeval_ui.settings import Settings, load_settings

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
    return Services(settings=settings, workspace=workspace, catalog=open_catalog(workspace.catalog_url))


def worker_environment(services: Services) -> Mapping[str, str]:
    """Environment of a process that computes: the same settings, capped threads, and numba's cache in the workspace.

    Thread counts are fixed before numpy is imported: two contended BLAS threads were 3 to 10 times slower than one.
    """
    from dataclasses import fields
    from os import environ, pathsep

    from dataeval_ui.settings import ENVIRONMENT_PREFIX

    given = dict(environ)
    for f in fields(services.settings):
        value = getattr(services.settings, f.name)
        if value is None:
            continue
        text = pathsep.join(map(str, value)) if isinstance(value, tuple) else str(value)
        given[ENVIRONMENT_PREFIX + f.name.upper()] = text
    n_threads = str(services.settings.n_threads)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        given.setdefault(name, n_threads)
    given["NUMBA_CACHE_DIR"] = str(services.workspace.numba_dir)
    return given
