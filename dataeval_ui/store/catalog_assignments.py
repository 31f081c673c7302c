"""Whose findings are whose to review, in the catalog."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dataeval_ui.errors import ParameterError
from dataeval_ui.store.catalog_base import CatalogBase, now_utc


class CatalogAssignments(CatalogBase):
    """The assignments of a catalog: unlike decisions they are replaced."""

    def assign(self, run_id: str, reviewers: Mapping[str, Sequence[str]], *, by: str = "owner") -> None:
        """Replace a run's assignments, all or none, and log it.

        Parameters
        ----------
        reviewers : mapping of str to sequence of str
            Key of a finding to the reviewers who are to decide on it.
        by : str
            Who assigns, for the audit log.

        Raises
        ------
        ParameterError
            A name is empty or longer than 255 characters.
        """
        from dataeval_ui.store.catalog_tables import ASSIGNMENTS, AUDIT

        now = now_utc()
        names = [name for given in reviewers.values() for name in given]
        if any(not 0 < len(name.strip()) <= 255 or "\x00" in name for name in names):
            raise ParameterError("A reviewer is named by 1 to 255 characters.")
        rows = [
            {"run_id": run_id, "finding_key": key, "reviewer": name, "at": now}
            for key, given in reviewers.items()
            for name in dict.fromkeys(given)
        ]
        what = f"{len(reviewers)} findings to {len(set(names))} reviewers, {len(rows)} assignments"
        with self._transaction() as connection:
            connection.execute(ASSIGNMENTS.delete().where(ASSIGNMENTS.c.run_id == run_id))
            if rows:
                connection.execute(ASSIGNMENTS.insert(), rows)
            connection.execute(
                AUDIT.insert().values(at=now, who=by[:255], source="local", action="assign", run_id=run_id, what=what)
            )

    def list_assignments(self, run_id: str) -> dict[str, tuple[str, ...]]:
        """Return the reviewers of each assigned finding of a run, by its key; their names sorted."""
        from dataeval_ui.store.catalog_tables import ASSIGNMENTS

        query = ASSIGNMENTS.select().where(ASSIGNMENTS.c.run_id == run_id).order_by(ASSIGNMENTS.c.reviewer)
        found: dict[str, tuple[str, ...]] = {}
        for row in self._rows(query):
            found[row["finding_key"]] = (*found.get(row["finding_key"], ()), row["reviewer"])
        return found
