"""Changed files through every reader: `python scripts/bench/fuzz.py [N]`, by default 6,000 in all.

Images, archives, tables, COCO, YOLO and Pascal VOC, decisions files. A reader may answer with what it read or with
one of our sentences. Anything else, 5 s for one file, or a process above 1 GB is a fault, and its seed is printed.
"""

from __future__ import annotations

import io
import json
import random
import resource
import shutil
import sys
import tarfile
import tempfile
import time
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from dataeval_ui.data import decode_bytes
from dataeval_ui.data.archive import unpack
from dataeval_ui.data.source import list_source
from dataeval_ui.errors import DataEvalUIError
from dataeval_ui.services.decision_files import read_decisions
from dataeval_ui.settings import Settings
from dataeval_ui.types import LabelRule
from tests.data.images import SETTINGS, SMALL
from tests.data.test_decode_mutated import SEEDS

MAX_S, MAX_MB = 5.0, 1024


def mutated(data: bytes, rng: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(out) + 1)
        match rng.randrange(5):
            case 0 if out:
                out[min(at, len(out) - 1)] = rng.randrange(256)
            case 1:
                del out[at : at + rng.randint(1, 20)]
            case 2:
                out[at:at] = rng.choice([b"\x00", b"\xff" * 8, b"9" * 400, b"../", b"NaN", b"[" * 300, b"\n,\n"])
            case 3:
                out[at:at] = out[at : at + rng.randint(1, 64)]
            case _ if rng.random() < 0.2:
                del out[at:]
    return bytes(out)


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (20, 16), (9, 90, 200)).save(buffer, "PNG")
    return buffer.getvalue()


def archive(kind: str) -> bytes:
    buffer = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
            for name in ("train/a.png", "train/b.png", "test/c.png"):
                packed.writestr(name, picture())
    else:
        with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
            for name in ("train/a.png", "test/c.png"):
                info = tarfile.TarInfo(name)
                info.size = len(picture())
                packed.addfile(info, io.BytesIO(picture()))
    return buffer.getvalue()


def in_folder(files: dict[str, bytes], changed: str, source: str) -> Callable[[random.Random, Path], None]:
    def read(rng: random.Random, folder: Path) -> None:
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(mutated(content, rng) if name == changed else content)
        rule = LabelRule(path_column="path" if source.endswith((".csv", ".parquet")) else None)
        list_source(folder / source, rule=rule, settings=Settings(workspace=folder / "w"))

    return read


def in_archive(name: str, data: bytes) -> Callable[[random.Random, Path], None]:
    def read(rng: random.Random, folder: Path) -> None:
        path = folder / name
        path.write_bytes(mutated(data, rng))
        unpack(path, folder / "out", settings=Settings(workspace=folder / "w"))

    return read


def readers() -> dict[str, Callable[[random.Random, Path], None]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    def image(rng: random.Random, _: Path) -> None:
        decode_bytes(mutated(rng.choice(SEEDS), rng), preprocessing=SMALL, settings=SETTINGS)

    def decisions(rng: random.Random, _: Path) -> None:
        entry = {"id": "0" * 32, "at": "2026-05-04T12:00:00Z", "target": "image:" + "0" * 32, "decision": "keep"}
        content = {"format": "dataeval-ui-decisions", "version": 1, "run": "r", "reviewer": "A", "decisions": [entry]}

        class Reviewed:
            id, image_ids, reviewable_findings = "r", ("0" * 32,), ()

        read_decisions(mutated(json.dumps(content).encode(), rng), Reviewed())  # type: ignore[arg-type]

    table = pa.table({"path": ["a.png", "b.png"], "label": ["x", "y"]})
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    coco = {
        "images": [{"id": 1, "file_name": "a.png", "width": 20, "height": 16}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5], "area": 25, "iscrowd": 0}],
        "categories": [{"id": 1, "name": "cat"}],
    }
    voc = (
        b"<annotation><filename>a.png</filename><size><width>20</width><height>16</height><depth>3</depth></size>"
        b"<object><name>cat</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object>"
        b"</annotation>"
    )
    yolo = {"data.yaml": b"path: .\ntrain: images/train\nnames: [cat, dog]\n", "labels/train/a.txt": b"0 .5 .5 .2 .2\n"}
    images = {"a.png": picture(), "b.png": picture()}
    return {
        "image": image,
        "zip": in_archive("a.zip", archive("zip")),
        "tar.gz": in_archive("a.tar.gz", archive("tar")),
        "csv": in_folder({"t.csv": b"path,label\na.png,x\nb.png,y\n", **images}, "t.csv", "t.csv"),
        "parquet": in_folder({"t.parquet": buffer.getvalue(), **images}, "t.parquet", "t.parquet"),
        "coco": in_folder({"annotations.json": json.dumps(coco).encode(), **images}, "annotations.json", "."),
        "voc": in_folder({"Annotations/a.xml": voc, "JPEGImages/a.png": picture()}, "Annotations/a.xml", "."),
        "yolo labels": in_folder({**yolo, "images/train/a.png": picture()}, "labels/train/a.txt", "."),
        "yolo yaml": in_folder({**yolo, "images/train/a.png": picture()}, "data.yaml", "."),
        "decisions": decisions,
    }


def main() -> int:
    n_each = -(-(int(sys.argv[1]) if len(sys.argv) > 1 else 6_000) // 10)
    warnings.simplefilter("ignore")
    n_faults = 0
    for name, read in readers().items():
        n_read = n_refused = 0
        slowest = 0.0
        for seed in range(n_each):
            folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
            started = time.perf_counter()
            try:
                read(random.Random(seed), folder)
                n_read += 1
            except DataEvalUIError:
                n_refused += 1
            except Exception as error:  # noqa: BLE001 - whatever else it is, is what is looked for
                n_faults += 1
                print(f"FAULT {name} seed {seed}: {type(error).__name__}: {str(error)[:200]}")
            finally:
                slowest = max(slowest, seconds := time.perf_counter() - started)
                shutil.rmtree(folder, ignore_errors=True)
            if seconds > MAX_S:
                n_faults += 1
                print(f"FAULT {name} seed {seed}: {seconds:.1f} s")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        n_faults += peak > MAX_MB
        print(
            f"{name}: {n_each} files, {n_read} read, {n_refused} refused, slowest {slowest:.2f} s, {peak:.0f} MB so far"
        )
    print(f"{n_each * 10:,} files, {n_faults} faults")
    return 1 if n_faults else 0


if __name__ == "__main__":
    sys.exit(main())
