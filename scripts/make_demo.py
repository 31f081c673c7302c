"""Make the demo's images from the unpacked `openclipart` PNGs, with faults planted and written down.

    python scripts/make_demo.py SOURCE_FOLDER

Writes `assets/demo/{images,fresh,drifted}`, `truth.json` and `sources.csv`. The same source, seed and Pillow give the
same bytes. After it, `scripts/make_demo_bundle.py` must run, since the analysed run that is shipped names images by
their bytes. `assets/demo/README.md` says what the truth means.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import re
import shutil
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from demo_odd import draw_blank_page, draw_odd_images
from demo_originals import Original, find_originals, on_white
from PIL import Image, ImageEnhance, ImageFilter

OUT = Path(__file__).resolve().parent.parent / "assets" / "demo"
SEED = 20260
SIDE_PX = 144
MAX_PER_CLASS = 84
POOL_SHARE = 0.26
"""Share of a class that is kept for the sets `fresh` and `drifted`."""
TEST_SHARE = 0.25
N_SECOND_SET = 150
PURE_CLASSES = ("flags", "icons", "mammals", "pictograms", "stick_figures")
"""Classes whose drawings nobody takes for another class: wrong labels come from here."""
DRIFT_WEIGHTS = {"flags": 3.0, "icons": 2.0, "pictograms": 2.0, "mammals": 0.3, "birds": 0.3, "bugs": 0.3}
N_EXACT, N_EXACT_LEAKS, N_NEAR, N_NEAR_LEAKS, N_WRONG_LABELS = 14, 8, 12, 3, 16
"""Near copies are counted for each change."""
CHANGES = ("resized", "jpeg", "cropped")


class DemoWriter:
    """Writes files below one folder and remembers where each came from."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.sources: dict[str, str] = {}

    def write(self, path: str, data: bytes, source: str) -> str:
        """Write a new file; a name that is taken is an error of this script."""
        target = self.root / path
        if target.exists():
            raise FileExistsError(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        self.sources[f"{self.root.name}/{path}"] = source
        return path

    def image(self, path: str) -> Image.Image:
        """Read a written image back, on white: copies are made of what stands in the file."""
        with Image.open(self.root / path) as image:
            return on_white(image)


def encode(image: Image.Image, kind: str) -> bytes:
    """Encode as "palette" (PNG), "jpeg" or "webp"."""
    buffer = io.BytesIO()
    if kind == "palette":
        image.convert("RGBA").quantize(64, method=Image.Quantize.FASTOCTREE).save(buffer, "PNG", optimize=True)
    elif kind == "jpeg":
        on_white(image).save(buffer, "JPEG", quality=88)
    else:
        on_white(image).save(buffer, "WEBP", quality=85, method=6)
    return buffer.getvalue()


SUFFIXES = {"palette": ".png", "jpeg": ".jpg", "webp": ".webp"}


def encode_drawing(original: Original, rng: np.random.Generator) -> tuple[bytes, str]:
    """Encode a drawing in a format drawn by chance; return the bytes and the suffix."""
    kind = str(rng.choice(list(SUFFIXES), p=[0.45, 0.3, 0.25]))
    return encode(original.image, kind), SUFFIXES[kind]


def stem_of(original: Original) -> str:
    """Name of a drawing without its author and number."""
    return re.sub(r"[^a-z0-9]+", "_", PurePosixPath(original.source).stem.lower()).strip("_")


def changed(image: Image.Image, change: str, rng: np.random.Generator) -> tuple[bytes, str]:
    """Make a near copy; return the bytes and the suffix."""
    buffer = io.BytesIO()
    if change == "resized":
        size = (round(image.width * 0.7), round(image.height * 0.7))
        image.resize(size, Image.Resampling.LANCZOS).save(buffer, "PNG", optimize=True)
        return buffer.getvalue(), ".png"
    if change == "jpeg":
        image.save(buffer, "JPEG", quality=30)
        return buffer.getvalue(), ".jpg"
    lost_x, lost_y = round(image.width * 0.05), round(image.height * 0.05)
    left, top = int(rng.integers(0, lost_x + 1)), int(rng.integers(0, lost_y + 1))
    box = (left, top, left + image.width - lost_x, top + image.height - lost_y)
    image.crop(box).save(buffer, "WEBP", quality=90, method=6)
    return buffer.getvalue(), ".webp"


def write_originals(
    writer: DemoWriter, originals: list[Original], rng: np.random.Generator
) -> tuple[dict[str, list[str]], list[dict[str, str]]]:
    """Write every original under its class, some under a wrong one; return the rightly labelled by split."""
    order = rng.permutation(len(originals))
    pure = [int(i) for i in order if originals[i].label in PURE_CLASSES]
    wrong = set(pure[:N_WRONG_LABELS])
    labels = sorted({o.label for o in originals})
    placed: dict[str, list[str]] = {"train": [], "test": []}
    wrong_labels = []
    for row, original in enumerate(originals):
        split = "test" if rng.random() < TEST_SHARE else "train"
        data, suffix = encode_drawing(original, rng)
        label = original.label
        if row in wrong:
            label = str(rng.choice([other for other in labels if other not in (original.label, "folders", "icons")]))
        path = writer.write(f"{split}/{label}/{stem_of(original)}{suffix}", data, original.source)
        if row in wrong:
            wrong_labels.append({"path": path, "given": label, "true": original.label})
        else:
            placed[split].append(path)
    return placed, wrong_labels


def plant_copies(writer: DemoWriter, placed: dict[str, list[str]], rng: np.random.Generator) -> dict[str, Any]:
    """Plant exact and near copies, within a split and across; no original is copied in two ways, one twice."""
    free = [path for path in placed["train"] if not path.endswith(".jpg")]
    free = [free[i] for i in rng.permutation(len(free))]

    def plant(original: str, ending: str, data: bytes, suffix: str, *, split: str = "train") -> str:
        name = PurePosixPath(original)
        path = f"{split}/{name.parent.name}/{name.stem}_{ending}{suffix}"
        return writer.write(path, data, writer.sources[f"{writer.root.name}/{original}"])

    def plant_exact(original: str, ending: str, *, split: str = "train") -> str:
        data = (writer.root / original).read_bytes()
        return plant(original, ending, data, PurePosixPath(original).suffix, split=split)

    def plant_near(original: str, change: str, *, split: str = "train") -> dict[str, str]:
        data, suffix = changed(writer.image(original), change, rng)
        return {"original": original, "copy": plant(original, change, data, suffix, split=split), "change": change}

    exact = []
    for number in range(N_EXACT):
        original = free.pop()
        copies = [plant_exact(original, "copy")]
        if number == 0:
            copies.append(plant_exact(original, "copy_2"))
        exact.append({"original": original, "copies": copies})
    near = [plant_near(free.pop(), change) for change in CHANGES for _ in range(N_NEAR)]
    leaks = [
        {"kind": "exact", "original": path, "copy": plant_exact(path, "again", split="test")}
        for path in (free.pop() for _ in range(N_EXACT_LEAKS))
    ]
    leaks += [
        {"kind": "near", **plant_near(free.pop(), change, split="test")}
        for change in CHANGES
        for _ in range(N_NEAR_LEAKS)
    ]
    return {"exact_copies": exact, "near_copies": near, "leaks": leaks}


def plant_odd(writer: DemoWriter, labels: list[str], rng: np.random.Generator) -> list[dict[str, str]]:
    """Put images that are no drawings among the classes."""
    odd = []
    for number, (what, image) in enumerate(draw_odd_images(rng).items(), start=1):
        buffer = io.BytesIO()
        if what.endswith(("noise", "clouds", "sky", "wood")):
            image.save(buffer, "JPEG", quality=80)
            suffix = ".jpg"
        else:
            image.save(buffer, "PNG", optimize=True)
            suffix = ".png"
        path = f"train/{rng.choice(labels)}/untitled_{number}{suffix}"
        odd.append({"path": writer.write(path, buffer.getvalue(), "drawn by scripts/demo_odd.py"), "what": what})
    return odd


def plant_blank(writer: DemoWriter) -> str:
    """Put an empty page among the drawings."""
    buffer = io.BytesIO()
    draw_blank_page().save(buffer, "PNG", optimize=True)
    return writer.write("train/mammals/untitled_0.png", buffer.getvalue(), "drawn by scripts/demo_odd.py")


def plant_unreadable(writer: DemoWriter, placed: dict[str, list[str]]) -> list[dict[str, str]]:
    """Write half an image, and a text that calls itself one."""
    whole = next(path for path in placed["train"] if path.endswith(".png"))
    data = (writer.root / whole).read_bytes()
    name = PurePosixPath(whole)
    half = writer.write(f"train/{name.parent.name}/half_saved.png", data[: len(data) // 2], "cut off")
    text = writer.write("test/tools/notes.jpg", b"Ask for the missing drawings of the pliers.\n", "written by hand")
    return [{"path": half, "why": "truncated"}, {"path": text, "why": "not an image"}]


def write_second_sets(pool: list[Original], rng: np.random.Generator) -> dict[str, Any]:
    """Write `fresh`, drawn like the first set, and `drifted`, with another class mix and changed pixels."""
    truth: dict[str, Any] = {}
    fresh, drifted = DemoWriter(OUT / "fresh"), DemoWriter(OUT / "drifted")
    rows = sorted(int(i) for i in rng.choice(len(pool), N_SECOND_SET, replace=False))
    paths = []
    for original in (pool[row] for row in rows):
        data, suffix = encode_drawing(original, rng)
        paths.append(fresh.write(f"{original.label}/{stem_of(original)}{suffix}", data, original.source))
    truth["fresh"] = {"paths": paths}

    weights = np.array([DRIFT_WEIGHTS.get(original.label, 1.0) for original in pool])
    rows = sorted(int(i) for i in rng.choice(len(pool), N_SECOND_SET, replace=False, p=weights / weights.sum()))
    images = []
    for original in (pool[row] for row in rows):
        image, change = drift(on_white(original.image), rng)
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=80)
        path = drifted.write(f"{original.label}/{stem_of(original)}.jpg", buffer.getvalue(), original.source)
        images.append({"path": path, "change": change})
    truth["drifted"] = {"images": images, "class_weights": DRIFT_WEIGHTS}
    return {"truth": truth, "sources": {**fresh.sources, **drifted.sources}}


def drift(image: Image.Image, rng: np.random.Generator) -> tuple[Image.Image, str]:
    """Change an image the way a worse camera would."""
    change = str(rng.choice(["darkened", "blurred", "noisy"]))
    if change == "darkened":
        return ImageEnhance.Brightness(image).enhance(0.45), change
    if change == "blurred":
        return image.filter(ImageFilter.GaussianBlur(2.0)), change
    noise = 28 * rng.standard_normal((image.height, image.width, 3))
    return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8)), change


def main() -> None:
    """Make the whole demo anew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="the unpacked folder `png` of openclipart")
    source = parser.parse_args().source.resolve(strict=True)
    rng = np.random.default_rng(SEED)
    for name in ("images", "fresh", "drifted"):
        shutil.rmtree(OUT / name, ignore_errors=True)

    originals: list[Original] = []
    pool: list[Original] = []
    for drawings in find_originals(source, side_px=SIDE_PX).values():
        chosen = [drawings[i] for i in sorted(rng.permutation(len(drawings))[:MAX_PER_CLASS])]
        in_pool = set(rng.permutation(len(chosen))[: round(POOL_SHARE * len(chosen))].tolist())
        pool += [o for i, o in enumerate(chosen) if i in in_pool]
        originals += [o for i, o in enumerate(chosen) if i not in in_pool]

    writer = DemoWriter(OUT / "images")
    placed, wrong_labels = write_originals(writer, originals, rng)
    copies = plant_copies(writer, placed, rng)
    odd = plant_odd(writer, sorted({o.label for o in originals}), rng)
    blank = plant_blank(writer)
    unreadable = plant_unreadable(writer, placed)
    second = write_second_sets(pool, rng)

    truth = {
        "schema": 1,
        "seed": SEED,
        "n_files": sum(1 for path in writer.root.rglob("*") if path.is_file()),
        **copies,
        "wrong_labels": wrong_labels,
        "odd": odd,
        "blank": [blank],
        "unreadable": unreadable,
        **second["truth"],
    }
    (OUT / "truth.json").write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")
    with (OUT / "sources.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["path", "source"])
        table.writerows(sorted({**writer.sources, **second["sources"]}.items()))
    n_bytes = sum(path.stat().st_size for path in OUT.rglob("*") if path.is_file())
    print(f"{truth['n_files']} files in the first set, {n_bytes / 1e6:.2f} MB in all.")


if __name__ == "__main__":
    main()
