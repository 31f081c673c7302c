"""Datasets: add, list, preview, remove."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dataeval_ui.errors import AccessDeniedError, InputError
from dataeval_ui.types import LabelRule, Listing

if TYPE_CHECKING:
    from dataeval_ui.services.context import Services
    from dataeval_ui.store.records import DatasetKind, DatasetRecord


_TABLES = {".csv", ".tsv", ".parquet", ".json", ".yaml", ".yml"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetPreview:
    """What a listing tells before anything is read.

    Attributes
    ----------
    n_files, n_bytes : int
        Places, and the sum of their sizes.
    labels, splits : tuple of (str, int)
        Names and number of places, most first; places without one are not counted.
    metadata : tuple of str
        Names of the user's own columns.
    problems : tuple of (str, str)
        Up to 20 paths that are known to be no image, with the reason.
    n_problems : int
    sample : tuple of str
        Paths of images spread evenly over the listing.
    n_objects, n_bad_objects : int
        Objects that annotations tell of, and those of them that cannot be used; 0 without annotations.
    """

    n_files: int
    n_bytes: int
    labels: tuple[tuple[str, int], ...]
    splits: tuple[tuple[str, int], ...]
    metadata: tuple[str, ...]
    problems: tuple[tuple[str, str], ...]
    n_problems: int
    sample: tuple[str, ...]
    n_objects: int = 0
    n_bad_objects: int = 0


def kind_of(source: Path) -> DatasetKind:
    """Tell a folder, a table and an archive apart by what is there and its name."""
    if source.is_dir():
        return "folder"
    return "table" if source.suffix.lower() in _TABLES else "archive"


def _kind_of(services: Services, source: str | Path, listing: Listing) -> DatasetKind:
    is_copy = Path(listing.root).is_relative_to(services.workspace.sources_dir.resolve())
    return "archive" if is_copy else kind_of(Path(source))


def list_places(
    services: Services, source: str | Path, *, rule: LabelRule, allowed_roots: Sequence[Path] | None = None
) -> Listing:
    """List a source; see `dataeval_ui.data.list_source` for the errors."""
    from dataeval_ui.data import list_source

    if allowed_roots is not None:
        allowed_roots = [*allowed_roots, services.workspace.sources_dir]  # uploads, and what archives unpack to
    return list_source(
        source,
        rule=rule,
        settings=services.settings,
        workspace_sources=services.workspace.sources_dir,
        allowed_roots=allowed_roots,
    )


def add_dataset(
    services: Services,
    source: str | Path,
    *,
    name: str | None = None,
    rule: LabelRule | None = None,
    kind: DatasetKind | None = None,
    allowed_roots: Sequence[Path] | None = None,
) -> DatasetRecord:
    """Add a source as a dataset, or return the one that already stands for the same source and rule.

    Parameters
    ----------
    source : str or Path
        A folder, an archive, a CSV or a Parquet file, a COCO `.json`, a YOLO `.yaml`, or `hf://owner/name`.
    name : str, optional
        Default: the source's own name, with a number behind it if it is taken.
    rule : LabelRule, optional
        Where labels and splits come from, and how annotations are written.
    allowed_roots : sequence of Path, optional
        Folders that the caller may read from; None allows all (the command line, whose user owns the machine's files).

    Raises
    ------
    SourceError, AccessDeniedError, UnsafeArchiveError, UnknownNameError
        The source cannot be read, is empty, or lies outside the roots.
    """
    from dataeval_ui.data.paths import source_path

    rule = rule or LabelRule()
    if not str(source).startswith("hf://"):
        source = Path.cwd() / source_path(source)
    listing = list_places(services, source, rule=rule, allowed_roots=allowed_roots)
    known = services.catalog.list_datasets()
    for dataset in known:
        if dataset.source == str(source) and dataset.rule == rule and name in (None, dataset.name):
            return services.catalog.update_dataset(dataset.id, n_files=listing.n_files, root=listing.root)
    return services.catalog.add_dataset(
        name=_free_name(name or name_of_source(Path(source)), {d.name for d in known}, given=name is not None),
        source=str(source),
        root=listing.root,
        rule=rule,
        kind=kind or _kind_of(services, source, listing),
        n_files=listing.n_files,
    )


def name_of_source(path: Path) -> str:
    """Return the name of a folder, archive or table without its ending."""
    name = path.name
    for suffix in (".tar.gz", ".tar.bz2", ".tar.xz", ".tgz", ".zip", ".tar", *sorted(_TABLES)):
        if name.lower().endswith(suffix):
            name = name[: -len(suffix)]
            break
    return name or "dataset"


def _free_name(name: str, taken: set[str], *, given: bool) -> str:
    name = "".join(c if c.isprintable() else " " for c in name).strip()[:120]
    if not name:
        raise InputError("A dataset needs a name with at least one visible character.")
    if name not in taken:
        return name
    if given:
        raise InputError(f"There is already a dataset named {name!r}. Give another name, or remove that one first.")
    return next(f"{name} {i}" for i in range(2, len(taken) + 3) if f"{name} {i}" not in taken)


def preview_dataset(
    services: Services, source: str | Path, *, rule: LabelRule, allowed_roots: Sequence[Path] | None = None
) -> DatasetPreview:
    """List a source and count what is in it, without reading a single image."""
    import pyarrow.compute as pc

    listing = list_places(services, source, rule=rule, allowed_roots=allowed_roots)
    table, objects = listing.table, listing.objects
    listed = table.filter(pc.equal(table["status"], "listed"))
    problems = table.filter(pc.equal(table["status"], "unreadable"))

    def counts(column: str) -> tuple[tuple[str, int], ...]:
        pairs = [(e["values"], e["counts"]) for e in table[column].value_counts().to_pylist()]
        return tuple(sorted(((v, n) for v, n in pairs if v is not None), key=lambda e: (-e[1], e[0])))

    paths = listed["path"]
    step = max(1, len(paths) // 24)
    return DatasetPreview(
        n_files=table.num_rows,
        n_bytes=pc.sum(table["n_bytes"]).as_py() or 0,
        labels=counts("label"),
        splits=counts("split"),
        metadata=tuple(c.removeprefix("meta.") for c in table.column_names if c.startswith("meta.")),
        problems=tuple(
            zip(problems["path"][:20].to_pylist(), problems["reason"][:20].to_pylist(), strict=True),
        ),
        n_problems=problems.num_rows,
        sample=tuple(paths[i].as_py() for i in range(0, len(paths), step))[:24],
        n_objects=0 if objects is None else objects.num_rows,
        n_bad_objects=0 if objects is None else objects.num_rows - objects["reason"].null_count,
    )


def remove_dataset(services: Services, dataset_id: str) -> None:
    """Forget a dataset and its runs. The user's images are never touched; uploaded copies of them are deleted.

    Embeddings and thumbnails stay in the store, where another dataset with the same images finds them.

    Raises
    ------
    UnknownNameError
        No such dataset.
    InputError
        A run of it is going on.
    """
    import shutil

    from dataeval_ui.services.runs import remove_run

    dataset = services.catalog.get_dataset(dataset_id)
    for job in services.catalog.list_jobs(states=("queued", "running")):
        if job.payload.get("dataset") == dataset.id:
            raise InputError(f"A run of {dataset.name!r} is going on; cancel it first.")
    for run in services.catalog.list_runs(dataset.id):
        remove_run(services, run.id)
    services.catalog.remove_dataset(dataset.id)
    if dataset.kind not in ("upload", "archive"):
        return
    kept = {folder for other in services.catalog.list_datasets() for folder in _own_copies(services, other)}
    for folder in _own_copies(services, dataset) - kept:
        shutil.rmtree(folder, ignore_errors=True)


def _own_copies(services: Services, dataset: DatasetRecord) -> set[Path]:
    """Return the folders of the workspace that hold what was uploaded for a dataset or unpacked of its archive."""
    from dataeval_ui.services.uploads import uploads_dir

    sources, uploads = services.workspace.sources_dir.resolve(), uploads_dir(services.settings).resolve()
    copies = set()
    for path in (Path(dataset.root).resolve(), Path(dataset.source).resolve()):
        for above in (uploads, sources):  # each upload and each unpacked archive has its own folder in one
            if path.is_relative_to(above) and path != above:
                copies.add(above / path.relative_to(above).parts[0])
                break
    return copies - {uploads}


def image_path(services: Services, dataset: DatasetRecord, path: str) -> Path:
    """Return the file of a place, after checking that it still lies inside the dataset's root.

    Raises
    ------
    AccessDeniedError
        A link or a `..` leads out of the root, or a link has taken the root's own place.
    """
    root = Path(dataset.root).resolve()
    file = (root / path).resolve()
    if not root_stands(services, dataset) or not file.is_relative_to(root):
        raise AccessDeniedError(f"{path!r} leads out of its dataset's folder and is not shown.")
    return file


def root_stands(services: Services, dataset: DatasetRecord) -> bool:
    """Say whether a dataset's root is still the folder that was allowed when it was added, and no link to another.

    The workspace itself may be reached through a link, so its own copies are not asked.
    """
    root = Path(dataset.root)
    return root.resolve() == root or root.is_relative_to(services.workspace.root)
