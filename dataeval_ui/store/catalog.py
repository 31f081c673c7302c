"""Datasets, runs and jobs, in SQLite or PostgreSQL through SQLAlchemy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from dataeval_ui.errors import ParameterError
from dataeval_ui.store.catalog_assignments import CatalogAssignments
from dataeval_ui.store.catalog_base import catalog_error, new_id, now_utc
from dataeval_ui.store.catalog_copy import CatalogCopies
from dataeval_ui.store.catalog_decisions import CatalogDecisions
from dataeval_ui.store.catalog_jobs import CatalogJobs
from dataeval_ui.store.catalog_sharing import CatalogSharing
from dataeval_ui.store.records import DatasetKind, DatasetRecord, RunRecord
from dataeval_ui.store.workspace import checked_name
from dataeval_ui.types import AnalysisParams, EmbeddingKey, Json, LabelRule


class Catalog(CatalogJobs, CatalogSharing, CatalogDecisions, CatalogAssignments, CatalogCopies):
    """The catalog. Made by `open_catalog`; safe to use from several threads, and beside other processes."""

    def add_dataset(
        self,
        *,
        name: str,
        source: str,
        root: str,
        rule: LabelRule,
        kind: DatasetKind,
        manifest_digest: str | None = None,
        n_files: int | None = None,
        id: str | None = None,
        created_at: datetime | None = None,
    ) -> DatasetRecord:
        """Add a dataset.

        Raises
        ------
        ParameterError
            The name is empty, longer than 255 characters, or taken.
        """
        import sqlalchemy as sa

        from dataeval_ui.store.catalog_tables import DATASETS

        if not 0 < len(name.strip()) <= 255:
            raise ParameterError(f"The name of a dataset has 1 to 255 characters, got {len(name.strip())}.")
        record = DatasetRecord(
            id=new_id() if id is None else checked_name("dataset", id),
            name=name.strip(),
            source=source,
            root=root,
            rule=rule,
            kind=kind,
            created_at=created_at or now_utc(),
            manifest_digest=manifest_digest,
            n_files=n_files,
        )
        try:
            self._insert(DATASETS, asdict(record))
        except sa.exc.IntegrityError:
            raise ParameterError(f"There is a dataset named {name!r} already. Choose another name.") from None
        return record

    def get_dataset(self, id_or_name: str) -> DatasetRecord:
        """Look a dataset up by its id or else by its name; raises UnknownNameError."""
        from dataeval_ui.store.catalog_tables import DATASETS

        for column in (DATASETS.c.id, DATASETS.c.name):
            if rows := self._rows(DATASETS.select().where(column == id_or_name)):
                return _dataset(rows[0])
        raise self._unknown("dataset", id_or_name, DATASETS.c.name)

    def list_datasets(self) -> list[DatasetRecord]:
        """List the datasets by name."""
        from dataeval_ui.store.catalog_tables import DATASETS

        return [_dataset(row) for row in self._rows(DATASETS.select().order_by(DATASETS.c.name))]

    def update_dataset(self, dataset_id: str, **changes: Any) -> DatasetRecord:
        """Change fields of a dataset: `name`, `source`, `root`, `rule`, `kind`, `manifest_digest`, `n_files`."""
        import sqlalchemy as sa

        from dataeval_ui.store.catalog_tables import DATASETS

        _check_fields("dataset", changes, DATASETS.c.keys())
        if isinstance(changes.get("rule"), LabelRule):
            changes["rule"] = asdict(changes["rule"])
        try:
            changed = self._update(DATASETS, DATASETS.c.id == dataset_id, changes)
        except sa.exc.IntegrityError:
            raise ParameterError(f"There is a dataset named {changes.get('name')!r} already.") from None
        if not changed:
            raise self._unknown("dataset", dataset_id, DATASETS.c.id)
        return self.get_dataset(dataset_id)

    def remove_dataset(self, dataset_id: str) -> None:
        """Remove a dataset and its runs from the catalog; images and embeddings stay, others may share them."""
        from dataeval_ui.store.catalog_tables import DATASETS, RUNS

        self.get_dataset(dataset_id)
        with self._transaction() as connection:
            connection.execute(RUNS.delete().where(RUNS.c.dataset_id == dataset_id))
            connection.execute(DATASETS.delete().where(DATASETS.c.id == dataset_id))

    def add_run(
        self,
        *,
        id: str,
        dataset_id: str,
        name: str,
        backbone: str,
        key: EmbeddingKey,
        manifest_digest: str,
        params: AnalysisParams,
        base_run_id: str | None = None,
        created_at: datetime | None = None,
        finished_at: datetime | None = None,
        summary: Json | None = None,
    ) -> RunRecord:
        """Add a run under an id of the caller's.

        Raises
        ------
        ParameterError
            The id is no plain name or is taken.
        UnknownNameError
            There is no such dataset.
        """
        import sqlalchemy as sa

        from dataeval_ui.store.catalog_tables import RUNS

        self.get_dataset(dataset_id)
        record = RunRecord(
            id=checked_name("run", id),
            dataset_id=dataset_id,
            name=name,
            backbone=backbone,
            key=key,
            manifest_digest=manifest_digest,
            params=params,
            created_at=created_at or now_utc(),
            finished_at=finished_at,
            summary=summary or {},
            base_run_id=base_run_id,
        )
        try:
            self._insert(RUNS, asdict(record))
        except sa.exc.IntegrityError:
            raise ParameterError(f"There is a run {id!r} already.") from None
        return record

    def get_run(self, run_id: str) -> RunRecord:
        """Look a run up by its id; raises UnknownNameError."""
        from dataeval_ui.store.catalog_tables import RUNS

        rows = self._rows(RUNS.select().where(RUNS.c.id == run_id))
        if not rows:
            raise self._unknown("run", run_id, RUNS.c.id)
        return _run(rows[0])

    def list_runs(self, dataset_id: str | None = None) -> list[RunRecord]:
        """List runs, newest first; of one dataset or of all."""
        from dataeval_ui.store.catalog_tables import RUNS

        query = RUNS.select().order_by(RUNS.c.created_at.desc(), RUNS.c.id)
        if dataset_id is not None:
            query = query.where(RUNS.c.dataset_id == dataset_id)
        return [_run(row) for row in self._rows(query)]

    def update_run(self, run_id: str, **changes: Any) -> RunRecord:
        """Change fields of a run: `name`, `manifest_digest`, `finished_at`, `summary`, `base_run_id`."""
        from dataeval_ui.store.catalog_tables import RUNS

        _check_fields("run", changes, RUNS.c.keys())
        for field in ("key", "params"):
            if field in changes and not isinstance(changes[field], Mapping):
                changes[field] = asdict(changes[field])
        if not self._update(RUNS, RUNS.c.id == run_id, changes):
            raise self._unknown("run", run_id, RUNS.c.id)
        return self.get_run(run_id)

    def remove_run(self, run_id: str) -> None:
        """Remove a run from the catalog; raises UnknownNameError. Its folder is the caller's to remove."""
        from dataeval_ui.store.catalog_tables import ASSIGNMENTS, RUNS

        if not self._delete(RUNS, RUNS.c.id == run_id):
            raise self._unknown("run", run_id, RUNS.c.id)
        self._delete(ASSIGNMENTS, ASSIGNMENTS.c.run_id == run_id)


def open_catalog(url: str) -> Catalog:
    """Open a catalog: make its tables where it is new, bring them up to date where it is older.

    Parameters
    ----------
    url : str
        SQLAlchemy's address: `Workspace.catalog_url`, or `postgresql://user:password@host/name`.

    Raises
    ------
    StorageError
        The database cannot be reached, read or written, or a newer program has written it.
    ParameterError
        The address cannot be read, or names a driver that is not installed.
    """
    import sqlalchemy as sa

    from dataeval_ui.store.catalog_tables import connect

    try:
        return Catalog(connect(url))
    except (sa.exc.NoSuchModuleError, ModuleNotFoundError) as error:
        scheme = url.partition("://")[0]  # the rest may hold a password
        raise ParameterError(
            f"The catalog's address ({scheme}://...) cannot be used: {error}. "
            'PostgreSQL needs: pip install "dataeval-ui[postgres]".'
        ) from None
    except (sa.exc.ArgumentError, ValueError):  # their words may hold a part of the password
        raise ParameterError(
            "The catalog's address cannot be used: write postgresql://user:password@host:port/database, and signs such "
            "as @ and / in the password as %40 and %2F."
        ) from None
    except (sa.exc.DBAPIError, OSError) as error:
        raise catalog_error(sa.make_url(url), error) from error


def _check_fields(kind: str, changes: Mapping[str, Any], columns: list[str]) -> None:
    if wrong := [name for name in changes if name not in columns or name in ("id", "dataset_id", "created_at")]:
        raise TypeError(f"A {kind} has no field {wrong[0]!r} that can be changed.")


def _dataset(row: Mapping[str, Any]) -> DatasetRecord:
    return DatasetRecord(**{**row, "rule": LabelRule(**row["rule"])})


def _run(row: Mapping[str, Any]) -> RunRecord:
    return RunRecord(**{**row, "key": EmbeddingKey(**row["key"]), "params": AnalysisParams.from_json(row["params"])})
