"""A finished run, opened: everything a page or an export asks of it. Nothing here computes what a run stores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from dataeval_ui.errors import InputError, UnknownNameError
from dataeval_ui.types import Clustering, DuplicatePairs, NeighborGraph, OutlierScores, Projection

OVERLAP = "overlap."
"""A column's name that begins so is the overlap with the runs whose ids follow, joined by dots."""

WORDS = "words."
"""A column's name that begins so tells classes apart that the user typed; they follow, encoded."""

ANALYSIS = "analysis."
"""A column's name that begins so is an analysis that is computed when it is first asked for."""

_MAX_TYPED = 16

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from dataeval_ui.services.columns import Column
    from dataeval_ui.services.context import Services
    from dataeval_ui.services.objects import RunObject
    from dataeval_ui.store.records import DatasetRecord, RunRecord
    from dataeval_ui.store.thumbnails import ThumbnailStore
    from dataeval_ui.store.view import View
    from dataeval_ui.types import Finding
    from dataeval_ui.types.base import Int32
    from dataeval_ui.types.turned import TurnedPairs


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One file of an image."""

    path: str
    label: str | None
    split: str | None


def run_image_ids(services: Services, run: RunRecord) -> tuple[str, ...]:
    """Return the ids of a run's rows, in the run's order."""
    from dataeval_ui.services.execute import distinct_images
    from dataeval_ui.store.manifests import load_manifest

    return distinct_images(load_manifest(services.workspace, run.manifest_digest))


class Run:
    """A finished run. Its arrays are read when first asked for, memory-mapped, and must not be written.

    Safe to share between threads and sessions.
    """

    def __init__(self, services: Services, record: RunRecord, dataset: DatasetRecord) -> None:
        self.services = services
        self.record = record
        self.dataset = dataset
        self._typed: dict[str, Column] = {}
        self._analyses: dict[str, Column] = {}

    @property
    def id(self) -> str:
        """Name of the run in URLs and on the command line."""
        return self.record.id

    @cached_property
    def manifest(self) -> pa.Table:
        """Table of places; see `Manifest`."""
        from dataeval_ui.store.manifests import load_manifest

        return load_manifest(self.services.workspace, self.record.manifest_digest).table

    @cached_property
    def image_ids(self) -> tuple[str, ...]:
        """Ids of the rows."""
        from dataeval_ui.services.execute import distinct_images
        from dataeval_ui.types import Manifest

        return distinct_images(Manifest(table=self.manifest, digest=self.record.manifest_digest))

    @cached_property
    def row_of(self) -> Mapping[str, int]:
        """Row of each image id."""
        return {image_id: row for row, image_id in enumerate(self.image_ids)}

    @property
    def n_images(self) -> int:
        """Number of rows: distinct readable contents."""
        return len(self.image_ids)

    @cached_property
    def view(self) -> View:
        """Embeddings as a memory map."""
        from dataeval_ui.store.view import open_view

        return open_view(self.services.workspace, self.record.key, self.image_ids)

    @cached_property
    def graph(self) -> NeighborGraph:
        """Nearest neighbours."""
        from dataeval_ui.store.results import load_result

        return load_result(self.services.workspace, self.id, "neighbors", NeighborGraph)

    @cached_property
    def projection(self) -> Projection:
        """The map."""
        from dataeval_ui.store.results import load_result

        return load_result(self.services.workspace, self.id, "projection", Projection)

    @cached_property
    def clustering(self) -> Clustering:
        """The clusters."""
        from dataeval_ui.store.results import load_result

        return load_result(self.services.workspace, self.id, "clustering", Clustering)

    @cached_property
    def outliers(self) -> OutlierScores:
        """The outlier scores."""
        from dataeval_ui.store.results import load_result

        return load_result(self.services.workspace, self.id, "outliers", OutlierScores)

    @cached_property
    def duplicates(self) -> DuplicatePairs:
        """The verified near duplicates."""
        from dataeval_ui.store.results import load_result

        return load_result(self.services.workspace, self.id, "duplicates", DuplicatePairs)

    @cached_property
    def turned(self) -> TurnedPairs:
        """The mirrored and turned copies; looked for when first asked for."""
        from dataeval_ui.services.turned import turned_duplicates

        return turned_duplicates(self)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What was found, ranked."""
        from dataeval_ui.services.stored_findings import stored_findings

        return stored_findings(self)

    @cached_property
    def reviewable_findings(self) -> tuple[Finding, ...]:
        """The findings and the suspected labels, ranked: what a person decides on one by one."""
        from dataeval_ui.services.all_findings import reviewable_findings

        return reviewable_findings(self)

    @cached_property
    def all_findings(self) -> tuple[Finding, ...]:
        """The same with image quality, which is decided on by a threshold."""
        from dataeval_ui.services.all_findings import all_findings

        return all_findings(self)

    @cached_property
    def keyed_findings(self) -> Mapping[str, Finding]:
        """What is decided on, by its key, in their order, each once."""
        from dataeval_ui.findings.keys import finding_key

        keyed: dict[str, Finding] = {}
        for finding in self.reviewable_findings:
            keyed.setdefault(finding_key(finding), finding)
        return keyed

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Labels of the manifest, sorted, each once."""
        import pyarrow.compute as pc

        return tuple(sorted(label for label in pc.unique(self.manifest["label"]).to_pylist() if label))

    @cached_property
    def _place_rows(self) -> Mapping[str, list[int]]:
        """Manifest rows of each readable image."""
        places: dict[str, list[int]] = {}
        columns = zip(self.manifest["image_id"].to_pylist(), self.manifest["status"].to_pylist(), strict=True)
        for i, (image_id, status) in enumerate(columns):
            if status == "ok":
                places.setdefault(image_id, []).append(i)
        return places

    @cached_property
    def n_places(self) -> Int32:
        """Number of files that hold each image, at least 1; of shape (n_images,)."""
        import numpy as np

        return np.array([len(self._place_rows[image_id]) for image_id in self.image_ids], dtype=np.int32)

    def places(self, row: int) -> list[Place]:
        """Return the files that hold an image, in path order."""
        rows = self._place_rows[self.image_id(row)]
        found = self.manifest.take(rows).select(["path", "label", "split"]).to_pylist()
        return [Place(**place) for place in found]

    def image_id(self, row: int) -> str:
        """Return the id of a row.

        Raises
        ------
        InputError
            No such row.
        """
        if not 0 <= row < self.n_images:
            raise InputError(f"There is no image {row} in this run; it has {self.n_images}, counted from 0.")
        return self.image_ids[row]

    @cached_property
    def is_of_objects(self) -> bool:
        """Whether the rows are objects, each a crop, instead of whole images."""
        from dataeval_ui.services.objects import is_of_objects

        return is_of_objects(self.manifest)

    def object_of(self, row: int) -> RunObject | None:
        """Return the object of a row; None in a run of whole images.

        Raises
        ------
        InputError
            No such row.
        StorageError
            The manifest tells no box for it.
        """
        from dataeval_ui.services.objects import object_of

        if not self.is_of_objects:
            return None
        [place] = self.manifest.take(self._place_rows[self.image_id(row)][:1]).to_pylist()
        return object_of(place, self._masks)

    @cached_property
    def objects(self) -> pa.Table | None:
        """Objects that the annotations of whole images tell, see `Manifest.objects`; None in a run of objects."""
        return None if self.is_of_objects else self._masks

    @cached_property
    def _masks(self) -> pa.Table | None:
        """Masks of a run of objects, by path; None where the annotations have none."""
        from dataeval_ui.store.manifests import load_manifest

        return load_manifest(self.services.workspace, self.record.manifest_digest).objects

    @cached_property
    def _rows_of_file(self) -> Mapping[str, list[int]]:
        """Rows of the objects of each file, in the order of their numbers."""
        rows: dict[str, dict[int, None]] = {}
        columns = (self.manifest[name].to_pylist() for name in ("file", "image_id", "status"))
        for file, image_id, status in zip(*columns, strict=True):
            if status == "ok":
                rows.setdefault(file, {})[self.row_of[image_id]] = None
        return {file: list(of_file) for file, of_file in rows.items()}

    def objects_beside(self, row: int) -> list[int]:
        """Return the rows of all objects in the image of an object, itself included; empty in a run of whole images."""
        found = self.object_of(row)
        return [] if found is None else self._rows_of_file[found.file]

    @cached_property
    def first_places(self) -> pa.Table:
        """Manifest rows of each image's first place: a row an image, in the run's order."""
        import pyarrow as pa

        return self.manifest.take(pa.array([self._place_rows[i][0] for i in self.image_ids], pa.int64()))

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        """What the map can be coloured and filtered by, by name, in the order that the page offers them."""
        from dataeval_ui.services.columns import run_columns

        return {column.name: column for column in run_columns(self)}

    def column(self, name: str) -> Column:
        """Return one column, or one that a question makes.

        See `compare.overlap_name`, `words.classes_name` and `analysis_columns.offered_analyses`.

        Raises
        ------
        UnknownNameError
            No such column.
        """
        if name.startswith(OVERLAP):
            from dataeval_ui.services.compare import overlap_column

            return overlap_column(self, name)
        if name.startswith(WORDS):
            return self._typed_column(name)
        if name.startswith(ANALYSIS):
            if name not in self._analyses:
                from dataeval_ui.services.analysis_columns import analysis_column

                self._analyses[name] = analysis_column(self, name)
            return self._analyses[name]
        if name not in self.columns:
            raise UnknownNameError("column", name, self.columns)
        return self.columns[name]

    def _typed_column(self, name: str) -> Column:
        """Classes that the user typed; the last few are kept."""
        from dataeval_ui.services.words import classes_column

        if (kept := self._typed.get(name)) is None:
            kept = classes_column(self, name)
            while len(self._typed) >= _MAX_TYPED:
                self._typed.pop(next(iter(self._typed)), None)
            self._typed[name] = kept
        return kept

    @cached_property
    def _thumbnails(self) -> ThumbnailStore:
        from dataeval_ui.store.thumbnails import ThumbnailStore

        return ThumbnailStore(self.services.workspace)

    def thumbnail(self, row: int) -> bytes | None:
        """Return an image's thumbnail, a JPEG, or None if the store lost it."""
        return self._thumbnails.get(self.image_id(row))

    def thumbnails(self, rows: Sequence[int]) -> list[bytes | None]:
        """Return the thumbnails of several rows in their order, with one look into the store."""
        image_ids = [self.image_id(row) for row in rows]
        stored = self._thumbnails.get_many(image_ids)
        return [stored.get(image_id) for image_id in image_ids]

    def image_path(self, row: int) -> Path:
        """Return the file of an image's first place that is still there.

        Raises
        ------
        AccessDeniedError
            A link leads out of the dataset's root.
        InputError
            The file was moved or removed since the run.
        """
        from dataeval_ui.services.datasets import image_path

        rows = self._place_rows[self.image_id(row)]
        files = self.manifest["file" if self.is_of_objects else "path"].take(rows).to_pylist()
        for file in files:
            path = image_path(self.services, self.dataset, file)
            if path.is_file():
                return path
        raise InputError(f"{files[0]!r} is no longer in {self.dataset.root!r}; the thumbnail is all that is left.")

    def table(self, rows: Sequence[int] | None = None) -> pa.Table:
        """Return a row an image, as exports write it: id, path, label, split, the results and the user's columns."""
        from dataeval_ui.services.columns import run_table

        return run_table(self, rows)
