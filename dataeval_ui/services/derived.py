"""Results that are computed when first asked for and kept in the run's folder; finished runs stay as they are.

The file's name carries a version: a change of method computes anew and leaves older files alone. A file that is
damaged, or came in a bundle and does not fit the run, is computed again.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import fields
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from dataeval_ui.errors import StorageError

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run

T = TypeVar("T")

logger = logging.getLogger(__name__)

_MAX_LOCKS = 256
_locks: OrderedDict[tuple[str, str, str], Lock] = OrderedDict()
_guard = Lock()


def kept(
    run: Run,
    name: str,
    version: int,
    cls: type[T],
    compute: Callable[[], T],
    *,
    is_valid: Callable[[T], bool] = lambda _: True,
    per_image: bool = True,
) -> T:
    """Return a result of a run, computed once.

    Parameters
    ----------
    run : Run
    name : str
        Letters and hyphens; the file is `<name>-v<version>.npz`.
    version : int
        Of the method.
    cls : type
        A frozen result whose fields are all arrays.
    compute : callable
        Makes the result; its errors are the caller's.
    is_valid : callable, optional
        Whether what was read can be that result: row numbers and codes in their range.
    per_image : bool, default True
        The arrays have shape (n_images, ...); else only that they are as long as each other is checked.

    Raises
    ------
    StorageError
        The result cannot be written.
    """
    from dataeval_ui.store.results import load_result, save_result

    file_name = f"{name}-v{version}"
    with _lock(str(run.services.workspace.root), run.id, file_name):
        if (run.services.workspace.run_dir(run.id) / f"{file_name}.npz").is_file():
            try:
                found = load_result(run.services.workspace, run.id, file_name, cls)
                if _fits(found, run.n_images if per_image else None) and is_valid(found):
                    return found
            except StorageError as error:
                logger.warning("%s of run %s is computed again: %s", name, run.id, error)
        value = compute()
        save_result(run.services.workspace, run.id, file_name, value)
        return value


def is_kept(run: Run, name: str, version: int) -> bool:
    """Whether `kept` would find a result, which it may still have to compute again."""
    return (run.services.workspace.run_dir(run.id) / f"{name}-v{version}.npz").is_file()


def _lock(*name: str) -> Lock:
    with _guard:
        lock = _locks.setdefault(name, Lock())  # type: ignore[arg-type]
        _locks.move_to_end(name)  # type: ignore[arg-type]
        while len(_locks) > _MAX_LOCKS:
            _locks.popitem(last=False)
        return lock


def _fits(value: Any, n_rows: int | None) -> bool:
    arrays = [getattr(value, f.name) for f in fields(value)]
    if any(array.ndim < 1 or array.dtype.kind not in "fiub" for array in arrays):
        return False
    lengths = {array.shape[0] for array in arrays}
    return lengths == {n_rows} if n_rows is not None else len(lengths) == 1
