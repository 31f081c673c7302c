"""What one process opens once and all its threads use: the services, and the runs opened last."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from dataeval_ui.services.context import Services, open_services
from dataeval_ui.services.unchanged import unchanged

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run

MAX_OPEN_RUNS = 8


@functools.cache
def shared_services() -> Services:
    """Open the workspace that the environment's settings name, once a process."""
    return open_services()


@functools.lru_cache(maxsize=MAX_OPEN_RUNS)
def _opened(run_id: str) -> Run:
    from dataeval_ui.services.runs import open_run

    return open_run(shared_services(), run_id)


def shared_run(run_id: str) -> Run:
    """Open a finished run, or return it as another page or route opened it.

    Raises
    ------
    UnknownNameError
        No such run; also for one that was removed since.
    StorageError
        Its results were deleted.
    """
    catalog = shared_services().catalog
    unchanged(catalog, ("run", run_id), lambda: catalog.get_run(run_id))
    return _opened(run_id)
