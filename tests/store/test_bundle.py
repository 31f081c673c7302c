import io
import json
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataeval_ui.errors import ParameterError, StorageError, UnsafeArchiveError
from dataeval_ui.store.bundle import export_bundle, import_bundle
from dataeval_ui.store.catalog import Catalog, open_catalog
from dataeval_ui.store.images import read_image_columns
from dataeval_ui.store.manifests import load_manifest, save_manifest
from dataeval_ui.store.parts import EmbeddingParts, ImageParts
from dataeval_ui.store.results import finish_run, load_json, load_result, save_json, save_result
from dataeval_ui.store.thumbnails import ThumbnailStore
from dataeval_ui.store.view import open_view
from dataeval_ui.store.workspace import Workspace, open_workspace
from dataeval_ui.types import AnalysisParams, LabelRule, NeighborGraph
from tests.fakes import KEY, decoded_image, embedding_of, image_id, manifest_of

NUMBERS = [3, 1, 2, 1]  # one image stands in two places
IDS = [image_id(n) for n in (3, 1, 2)]


def finished_run(
    workspace: Workspace, catalog: Catalog, root: Path, run_id: str = "cats-1", masks: pa.Table | None = None
) -> None:
    images, embeddings = ImageParts(workspace), EmbeddingParts(workspace, KEY)
    for numbers in ((0, 1), (2, 3)):  # image 0 is of another dataset
        images.append_images([decoded_image(n) for n in numbers])
        embeddings.append_embeddings([image_id(n) for n in numbers], np.stack([embedding_of(n) for n in numbers]))
    manifest = manifest_of(NUMBERS)
    if masks is not None:
        numbered = manifest.table.append_column("object", pa.array([0] * len(manifest.table), pa.int32()))
        manifest = replace(manifest, table=numbered, objects=masks)
    save_manifest(workspace, manifest)
    for path in manifest.table.column("path").to_pylist():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"bytes of " + path.encode())
    dataset = catalog.add_dataset(
        name="cats", source="/home/me/secret/cats", root=str(root), rule=LabelRule(), kind="folder"
    )
    catalog.add_run(
        id=run_id,
        dataset_id=dataset.id,
        name="first",
        backbone="tiny",
        key=KEY,
        manifest_digest=manifest.digest,
        params=AnalysisParams(n_neighbors=2, objects=masks is not None),
    )
    graph = NeighborGraph(
        indices=np.array([[1, 2], [0, 2], [0, 1]], np.int32), similarities=np.full((3, 2), 0.5, np.float32)
    )
    save_result(workspace, run_id, "neighbors", graph)
    save_json(workspace, run_id, "findings", [{"kind": "leak", "sentence": "One <b>image</b>."}])
    finish_run(workspace, run_id, {"n_images": 3})
    catalog.update_run(run_id, finished_at=catalog.get_run(run_id).created_at, summary={"n_images": 3})


@pytest.fixture
def bundle(workspace: Workspace, catalog: Catalog, tmp_path: Path) -> Path:
    finished_run(workspace, catalog, tmp_path / "root")
    export_bundle(workspace, catalog, "cats-1", tmp_path / "cats.zip")
    return tmp_path / "cats.zip"


@pytest.fixture
def elsewhere(tmp_path: Path) -> Workspace:
    return open_workspace(tmp_path / "elsewhere")


@pytest.fixture
def other_catalog(elsewhere: Workspace) -> Catalog:
    return open_catalog(elsewhere.catalog_url)


def tree(workspace: Workspace) -> dict[str, bytes]:
    return {
        str(path.relative_to(workspace.root)): path.read_bytes()
        for path in workspace.root.rglob("*")
        if path.is_file() and "sqlite" not in path.name
    }


def test_a_run_opens_elsewhere_as_it_was(
    workspace: Workspace, catalog: Catalog, bundle: Path, elsewhere: Workspace, other_catalog: Catalog
) -> None:
    run = import_bundle(elsewhere, other_catalog, bundle, root="/mnt/cats")
    assert run == other_catalog.get_run("cats-1") == catalog.get_run("cats-1")
    dataset = other_catalog.get_dataset(run.dataset_id)
    assert (dataset.name, dataset.root, dataset.n_files) == ("cats", "/mnt/cats", 5)
    assert load_manifest(elsewhere, run.manifest_digest) == load_manifest(workspace, run.manifest_digest)
    np.testing.assert_array_equal(open_view(elsewhere, KEY, IDS).embeddings, open_view(workspace, KEY, IDS).embeddings)
    assert read_image_columns(elsewhere, IDS).equals(read_image_columns(workspace, IDS))
    assert ThumbnailStore(elsewhere).get(IDS[0]) == decoded_image(3).thumbnail
    loaded = load_result(elsewhere, "cats-1", "neighbors", NeighborGraph)
    np.testing.assert_array_equal(loaded.indices, [[1, 2], [0, 2], [0, 1]])
    assert load_json(elsewhere, "cats-1", "findings") == [{"kind": "leak", "sentence": "One <b>image</b>."}]


def test_only_the_runs_own_images_leave_and_no_path_of_this_machine(bundle: Path, elsewhere: Workspace) -> None:
    import_bundle(elsewhere, open_catalog(elsewhere.catalog_url), bundle, root="/mnt")
    assert ImageParts(elsewhere).ids() == EmbeddingParts(elsewhere, KEY).ids() == set(IDS)
    with zipfile.ZipFile(bundle) as archive:
        card = archive.read("bundle.json")
    assert b"secret" not in card
    assert b"/root" not in card


def test_the_same_run_gives_the_same_bytes(
    workspace: Workspace, catalog: Catalog, bundle: Path, tmp_path: Path
) -> None:
    export_bundle(workspace, catalog, "cats-1", tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == bundle.read_bytes()


def test_importing_twice_changes_nothing(bundle: Path, elsewhere: Workspace, other_catalog: Catalog) -> None:
    first = import_bundle(elsewhere, other_catalog, bundle, root="/mnt")
    before = tree(elsewhere)
    assert import_bundle(elsewhere, other_catalog, bundle, root="/mnt") == first
    assert tree(elsewhere) == before
    assert len(other_catalog.list_runs()) == len(other_catalog.list_datasets()) == 1


def test_two_imports_at_once_give_one_run(bundle: Path, elsewhere: Workspace, other_catalog: Catalog) -> None:
    with ThreadPoolExecutor(4) as threads:
        runs = list(threads.map(lambda _: import_bundle(elsewhere, other_catalog, bundle, root="/mnt"), range(4)))
    assert len({run.id for run in runs}) == len(other_catalog.list_datasets()) == 1
    assert ImageParts(elsewhere).ids() == set(IDS)


def test_importing_where_it_came_from_changes_nothing(workspace: Workspace, catalog: Catalog, bundle: Path) -> None:
    before = tree(workspace)
    assert import_bundle(workspace, catalog, bundle, root="/mnt").id == "cats-1"
    assert tree(workspace) == before


def test_a_root_that_is_gone_is_mended_by_importing_again(
    bundle: Path, elsewhere: Workspace, other_catalog: Catalog, tmp_path: Path
) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    run = import_bundle(elsewhere, other_catalog, bundle, root=str(tmp_path / "old"))
    import_bundle(elsewhere, other_catalog, bundle, root=str(tmp_path / "new"))
    assert other_catalog.get_dataset(run.dataset_id).root == str(tmp_path / "old")
    (tmp_path / "old").rmdir()
    import_bundle(elsewhere, other_catalog, bundle, root=str(tmp_path / "new"))
    assert other_catalog.get_dataset(run.dataset_id).root == str(tmp_path / "new")


def test_a_name_that_is_taken_gets_a_number(bundle: Path, elsewhere: Workspace, other_catalog: Catalog) -> None:
    other_catalog.add_dataset(name="cats", source="x", root="/x", rule=LabelRule(), kind="folder")
    run = import_bundle(elsewhere, other_catalog, bundle, root="/mnt")
    assert other_catalog.get_dataset(run.dataset_id).name == "cats (2)"


def test_images_that_are_known_are_not_taken_again(bundle: Path, elsewhere: Workspace, other_catalog: Catalog) -> None:
    ImageParts(elsewhere).append_images([decoded_image(1)])
    import_bundle(elsewhere, other_catalog, bundle, root="/mnt")
    n_rows = sum(table.num_rows for table in ImageParts(elsewhere).parts.iter_tables(["image_id"]))
    assert n_rows == len(ImageParts(elsewhere).ids()) == 3


def test_the_images_themselves_travel_on_request(
    workspace: Workspace, catalog: Catalog, tmp_path: Path, elsewhere: Workspace, other_catalog: Catalog
) -> None:
    root = tmp_path / "root"
    finished_run(workspace, catalog, root)
    (tmp_path / "outside").write_text("secret")
    (root / "class0" / "0.jpg").unlink()
    (root / "class0" / "0.jpg").symlink_to(tmp_path / "outside")
    export_bundle(workspace, catalog, "cats-1", tmp_path / "cats.zip", include_images=True)
    run = import_bundle(elsewhere, other_catalog, tmp_path / "cats.zip")
    unpacked = Path(other_catalog.get_dataset(run.dataset_id).root)
    assert unpacked.is_relative_to(elsewhere.sources_dir)
    assert (unpacked / "class1" / "1.jpg").read_bytes() == b"bytes of class1/1.jpg"
    assert not (unpacked / "class0" / "0.jpg").exists()


def test_a_run_that_is_not_finished_is_not_exported(
    workspace: Workspace, catalog: Catalog, bundle: Path, tmp_path: Path
) -> None:
    (workspace.run_dir("cats-1") / "run.json").unlink()
    with pytest.raises(ParameterError, match="Run cats-1 is not finished"):
        export_bundle(workspace, catalog, "cats-1", tmp_path / "new.zip")
    assert not (tmp_path / "new.zip").exists()


# --- hostile bundles --------------------------------------------------------------------------------------------------


def rewritten(bundle: Path, change: Callable[[dict[str, bytes]], object]) -> Path:
    with zipfile.ZipFile(bundle) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(bundle, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return bundle


def with_card(**changes: object) -> Callable[[dict[str, bytes]], None]:
    def change(members: dict[str, bytes]) -> None:
        card = json.loads(members["bundle.json"])
        for path, value in changes.items():
            at = card
            *parents, last = path.split("__")
            for parent in parents:
                at = at[parent]
            at[last] = value
        members["bundle.json"] = json.dumps(card).encode()

    return change


def with_table(name: str, edit: Callable[[pa.Table], pa.Table]) -> Callable[[dict[str, bytes]], None]:
    def change(members: dict[str, bytes]) -> None:
        sink = io.BytesIO()
        pq.write_table(edit(pq.read_table(io.BytesIO(members[name]))), sink)
        members[name] = sink.getvalue()

    return change


def with_column(name: str, column: str, values: list[object] | pa.Array) -> Callable[[dict[str, bytes]], None]:
    def edit(table: pa.Table) -> pa.Table:
        index = table.schema.get_field_index(column)
        return table.set_column(index, column, values if isinstance(values, pa.Array) else pa.array(values))

    return with_table(name, edit)


def npz(raw: bytes, *, packing: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", packing) as archive:
        archive.writestr("indices.npy", raw)
        archive.writestr("similarities.npy", raw)
    return stream.getvalue()


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, version=(1, 0), allow_pickle=True)
    return stream.getvalue()


def put(name: str, data: bytes) -> Callable[[dict[str, bytes]], None]:
    return lambda members: members.__setitem__(name, data)


HOSTILE: dict[str, tuple[Callable[[dict[str, bytes]], object], str]] = {
    "no card": (lambda m: m.pop("bundle.json"), "bundle.json is missing"),
    "no last file": (lambda m: m.pop("run/run.json"), "run/run.json is missing"),
    "a name that climbs": (put("../evil", b"x"), "does not belong in it"),
    "an image that climbs": (put("files/../../evil", b"x"), "does not belong in it"),
    "an absolute image": (put("files//etc/passwd", b"x"), "does not belong in it"),
    "an image on a drive": (put("files/C:/x", b"x"), "does not belong in it"),
    "a result that climbs": (put("run/../evil.json", b"{}"), "does not belong in it"),
    "a script": (put("run/evil.py", b"x"), "does not belong in it"),
    "a bomb": (put("files/bomb", bytes(60_000_000)), "unpacks to more than 200 times its size"),
    "another format": (with_card(format="zip"), "no bundle of DataEval UI"),
    "a later version": (with_card(version=2), "has format 2"),
    "a run id that climbs": (with_card(run__id="../../evil"), "records cannot be read"),
    "a dataset id that climbs": (with_card(dataset__id="../x"), "records cannot be read"),
    "a digest that climbs": (with_card(run__manifest_digest="../../catalog"), "records cannot be read"),
    "parameters that are none": (with_card(run__params={"evil": 1}), "records cannot be read"),
    "parameters of a wrong type": (with_card(run__params={"n_neighbors": "all"}), "records cannot be read"),
    "a key of a wrong type": (with_card(run__key__layer=["x"]), "records cannot be read"),
    "a rule of a wrong type": (with_card(dataset__rule=[]), "records cannot be read"),
    "a card that is no object": (put("bundle.json", b"[]"), "no bundle of DataEval UI"),
    "a card that is deep": (put("bundle.json", b"[" * 100_000), "is no JSON"),
    "findings that are no JSON": (put("run/findings.json", b"{"), "run/findings.json is no JSON"),
    "a manifest that is no table": (put("manifest.parquet", b"PAR1"), "one of its tables is damaged"),
    "a place that climbs": (
        with_column("manifest.parquet", "path", ["../../etc/passwd", "b", "c", "d", "e"]),
        "leaves the folder of the dataset",
    ),
    "an id that climbs": (
        with_column("manifest.parquet", "image_id", ["../x", "b", "c", "d", None]),
        "an image without a usable id",
    ),
    "other images": (
        with_column("images.parquet", "image_id", ["a", "b", "c"]),
        "images.parquet has other images than its manifest",
    ),
    "an image twice": (with_column("images.parquet", "image_id", [IDS[0]] * 3), "has other images"),
    "more rows": (
        with_table("embeddings.parquet", lambda t: pa.concat_tables([t, t])),
        "embeddings.parquet has 6 rows for 3 images",
    ),
    "a text for a thumbnail": (
        with_column("images.parquet", "thumbnail", ["a", "b", "c"]),
        "column 'thumbnail' of images.parquet has the wrong type",
    ),
    "a page for a thumbnail": (
        with_column("images.parquet", "thumbnail", [b"<script>", b"<script>", b"<script>"]),
        "a thumbnail that is no small JPEG",
    ),
    "embeddings that are not finite": (
        with_column(
            "embeddings.parquet",
            "embedding",
            pa.FixedSizeListArray.from_arrays(pa.array([np.nan] * 12, pa.float32()), 4),
        ),
        "an embedding that is not finite",
    ),
    "a pickle": (put("run/neighbors.npz", npz(npy(np.array([print], object)))), "not what its header says"),
    "an array larger than its file": (
        put("run/neighbors.npz", npz(npy(np.zeros((3, 2), np.int32)).replace(b"(3, 2), }", b"(3, 20),}"))),
        "not what its header says",
    ),
    "a packed array": (
        put("run/neighbors.npz", npz(npy(np.zeros((3, 2), np.int32)), packing=zipfile.ZIP_DEFLATED)),
        "packed in a way that the product never packs",
    ),
    "a neighbour that does not exist": (
        put("run/neighbors.npz", npz(npy(np.full((3, 2), 3, np.int32)))),
        "names a row that does not exist",
    ),
    "a neighbour that is no number": (
        put("run/neighbors.npz", npz(npy(np.full((3, 2), "x")))),
        "names rows by something that is no integer",
    ),
    "fewer rows": (put("run/neighbors.npz", npz(npy(np.zeros((2, 2), np.int32)))), "does not have a row an image"),
    "other arrays": (put("run/clustering.npz", npz(npy(np.zeros((3, 2), np.int32)))), "other arrays than expected"),
    "a result that is no zip": (put("run/neighbors.npz", b"x"), "run/neighbors.npz cannot be read"),
}


@pytest.mark.parametrize("attack", HOSTILE)
def test_a_hostile_bundle_is_refused_in_a_sentence_and_nothing_of_it_is_taken(
    attack: str, bundle: Path, elsewhere: Workspace, other_catalog: Catalog, tmp_path: Path
) -> None:
    change, sentence = HOSTILE[attack]
    rewritten(bundle, change)
    before = {str(p) for p in tmp_path.rglob("*")}
    with pytest.raises(UnsafeArchiveError, match=sentence) as caught:
        import_bundle(elsewhere, other_catalog, bundle, root="/mnt")
    assert str(caught.value).startswith("The bundle is not taken: ")
    after = {str(p) for p in tmp_path.rglob("*") if p.name not in ("catalog.sqlite-wal", "catalog.sqlite-shm")}
    assert after - before == set()
    assert other_catalog.list_runs() == other_catalog.list_datasets() == []


def test_a_name_twice_in_a_bundle_is_refused(bundle: Path, elsewhere: Workspace, other_catalog: Catalog) -> None:
    with zipfile.ZipFile(bundle, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("bundle.json", b"{}")
    with pytest.raises(UnsafeArchiveError, match="a name stands in it twice"):
        import_bundle(elsewhere, other_catalog, bundle, root="/mnt")


def test_a_bundle_larger_than_allowed_is_refused(bundle: Path, elsewhere: Workspace, other_catalog: Catalog) -> None:
    with pytest.raises(UnsafeArchiveError, match="and 1,000 are allowed"):
        import_bundle(elsewhere, other_catalog, bundle, root="/mnt", max_bytes=1000)


@pytest.mark.parametrize("keep", [0, 100, 0.5, 0.99])
def test_a_torn_bundle_is_a_sentence(keep: float, bundle: Path, elsewhere: Workspace, other_catalog: Catalog) -> None:
    data = bundle.read_bytes()
    bundle.write_bytes(data[: int(keep * len(data)) if keep < 1 else int(keep)])
    with pytest.raises(UnsafeArchiveError, match="it is damaged or no zip"):
        import_bundle(elsewhere, other_catalog, bundle, root="/mnt")


def test_a_changed_byte_of_a_bundle_is_noticed(bundle: Path, elsewhere: Workspace, other_catalog: Catalog) -> None:
    with zipfile.ZipFile(bundle) as archive:
        info = archive.getinfo("embeddings.parquet")
    data = bytearray(bundle.read_bytes())
    data[info.header_offset + 30 + len(info.filename) + 20 + info.compress_size // 2] ^= 0xFF
    bundle.write_bytes(data)
    with pytest.raises(UnsafeArchiveError, match="The bundle is not taken"):
        import_bundle(elsewhere, other_catalog, bundle, root="/mnt")
    assert other_catalog.list_runs() == []


def test_a_bundle_that_is_not_there_is_a_sentence(elsewhere: Workspace, other_catalog: Catalog) -> None:
    with pytest.raises(StorageError, match="There is no bundle"):
        import_bundle(elsewhere, other_catalog, Path("/no/such.zip"), root="/mnt")
