"""What the parts of the catalog share: transactions whose errors are sentences, and rows by id."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dataeval_ui.errors import StorageError, UnknownNameError

if TYPE_CHECKING:
    from pathlib import Path

    import sqlalchemy as sa


class CatalogBase:
    """An engine and what every table needs."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    @property
    def path(self) -> Path | None:
        """The database's file; None for a catalog on a server or in memory."""
        from pathlib import Path

        name = self._engine.url.database
        return Path(name) if self._engine.dialect.name == "sqlite" and name and name != ":memory:" else None

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        import sqlalchemy as sa

        try:
            with self._engine.begin() as connection:
                yield connection
        except sa.exc.IntegrityError:
            raise
        except (sa.exc.DBAPIError, sa.exc.TimeoutError) as error:
            raise catalog_error(self._engine.url, error) from error

    def _rows(self, query: sa.Select[Any]) -> list[dict[str, Any]]:
        try:
            with self._transaction() as connection:
                return [dict(row) for row in connection.execute(query).mappings()]
        except (ValueError, TypeError) as error:  # a column of JSON or of times that holds none
            raise catalog_error(self._engine.url, error) from error

    def _insert(self, table: sa.Table, values: Mapping[str, Any]) -> None:
        with self._transaction() as connection:
            connection.execute(table.insert().values(**values))

    def _update(self, table: sa.Table, condition: sa.ColumnElement[bool], changes: Mapping[str, Any]) -> int:
        """Change the rows that meet the condition in one statement; returns how many did."""
        with self._transaction() as connection:
            return int(connection.execute(table.update().where(condition).values(**changes)).rowcount)

    def _delete(self, table: sa.Table, condition: sa.ColumnElement[bool]) -> int:
        with self._transaction() as connection:
            return int(connection.execute(table.delete().where(condition)).rowcount)

    def _unknown(self, kind: str, name: str, *columns: sa.Column[Any]) -> UnknownNameError:
        import sqlalchemy as sa

        known = {str(value) for column in columns for row in self._rows(sa.select(column)) for value in row.values()}
        return UnknownNameError(kind, name, known)


def catalog_error(url: sa.URL, error: Exception) -> StorageError:
    """Say what is wrong with a catalog, without the password of its address, nor what stands after its `?`."""
    what = str(getattr(error, "orig", None) or error).splitlines()[0]
    return StorageError(
        f"The catalog {url.set(query={}).render_as_string(hide_password=True)} cannot be read or written: {what}. "
        "Check its disk, its owner and its address."
    )


def now_utc() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """16 random hexadecimal digits."""
    return secrets.token_hex(8)
