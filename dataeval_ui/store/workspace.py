"""The folder that holds everything that the product writes."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from dataeval_ui.errors import ParameterError, StorageError
from dataeval_ui.store.durable import aside_name, storing
from dataeval_ui.types import EmbeddingKey

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")


def checked_name(kind: str, name: str) -> str:
    """Return a name that is safe as the name of a file: letters, digits, `_`, `-` and `.`, at most 80.

    Raises
    ------
    ParameterError
        Anything else, so that no name leads out of its folder.
    """
    if not _NAME.fullmatch(name) or ".." in name or name.endswith("."):
        raise ParameterError(
            f"A {kind} is named by letters, digits, '_', '-' and '.', at most 80 of them, got {name!r}."
        )
    return name


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where things lie; see `docs/workspace.md`. Made by `open_workspace`, which also makes the folders."""

    root: Path

    @property
    def catalog_url(self) -> str:
        """SQLAlchemy's address of the catalog."""
        import sqlalchemy as sa

        # not by hand: a folder's name may hold what means something in an address
        url = sa.URL.create("sqlite", database=str(self.root / "catalog.sqlite"))
        return url.render_as_string(hide_password=False)

    @property
    def images_dir(self) -> Path:
        """Thumbnails, statistics and hashes, once for all backbones."""
        return self.root / "images"

    def embeddings_dir(self, key: EmbeddingKey) -> Path:
        """Embeddings of one key."""
        return self.root / "embeddings" / key.digest()

    @property
    def manifests_dir(self) -> Path:
        """Places of the datasets, a file a digest."""
        return self.root / "manifests"

    def run_dir(self, run_id: str) -> Path:
        """Results of one run; raises ParameterError for an id that is no plain name."""
        return self.root / "runs" / checked_name("run", run_id)

    @property
    def views_dir(self) -> Path:
        """Memory maps and the thumbnail database, rebuilt at will."""
        return self.root / "views"

    @property
    def models_dir(self) -> Path:
        """Exported networks."""
        return self.root / "models"

    @property
    def sources_dir(self) -> Path:
        """Unpacked archives and uploads."""
        return self.root / "sources"

    @property
    def numba_dir(self) -> Path:
        """Compiled kernels of umap-learn."""
        return self.root / "numba"

    @property
    def logs_dir(self) -> Path:
        """Logs, a file a worker."""
        return self.root / "logs"


_FOLDERS = ("images", "embeddings", "manifests", "runs", "views", "models", "sources", "numba", "logs")


def open_workspace(root: Path) -> Workspace:
    """Open a workspace, making its folders where they are missing, for this user alone (mode 0700).

    Parameters
    ----------
    root : Path
        Made absolute; a leading `~` is the home folder.

    Raises
    ------
    StorageError
        `root` is a file, or cannot be made or written.
    """
    try:
        root = Path(os.path.abspath(root.expanduser()))  # noqa: PTH100 - a link to another disk stays as it was written
    except RuntimeError:
        raise StorageError(f"The workspace {root} names the home folder of a user whom this machine lacks.") from None
    with storing(root):
        if root.exists() and not root.is_dir():
            raise StorageError(f"The workspace {root} is a file. Name a folder, or one that does not exist yet.")
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in _FOLDERS:
            (root / name).mkdir(mode=0o700, exist_ok=True)
        probe = aside_name(root / "probe")
        probe.touch(mode=0o600, exist_ok=False)
        probe.unlink()
    return Workspace(root)
