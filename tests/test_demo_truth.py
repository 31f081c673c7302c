"""The demo's images are what `truth.json` says."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict

import numpy as np
import pytest
from PIL import Image

from tests.demo_truth import DEMO, IMAGES, TRUTH, files_below, planted_exact_groups, planted_near_pairs

UNREADABLE = {row["path"] for row in TRUTH["unreadable"]}
READABLE = [path for path in files_below(IMAGES) if path not in UNREADABLE]


def grey(path: str, side_px: int = 32) -> np.ndarray:
    with Image.open(IMAGES / path) as image:
        ground = Image.new("RGBA", image.size, "white")
        ground.alpha_composite(image.convert("RGBA"))
    return np.asarray(ground.convert("L").resize((side_px, side_px), Image.Resampling.BOX), dtype=float)


def test_the_demo_is_small_and_holds_enough() -> None:
    n_bytes = sum((DEMO / path).stat().st_size for path in files_below(DEMO) if path != "demo-run.zip")
    assert n_bytes <= 6_000_000
    assert len(files_below(IMAGES)) == TRUTH["n_files"] >= 600
    classes = Counter(path.split("/")[1] for path in READABLE)
    assert len(classes) >= 12
    assert {path.split("/")[0] for path in READABLE} == {"train", "test"}
    assert {path.split("/")[1] for path in READABLE if path.startswith("test/")} == set(classes)
    assert len(files_below(DEMO / "fresh")) == len(files_below(DEMO / "drifted")) == 150


def test_every_readable_image_opens_and_is_at_most_144_px() -> None:
    formats = Counter()
    for folder in (IMAGES, DEMO / "fresh", DEMO / "drifted"):
        for path in READABLE if folder == IMAGES else files_below(folder):
            with Image.open(folder / path) as image:
                image.load()
                formats[image.format, image.mode] += 1
                assert max(image.size) <= 144
    assert {"PNG", "JPEG", "WEBP"} == {name for name, _ in formats}
    assert formats["PNG", "P"] > 100


def test_the_unreadable_files_do_not_open() -> None:
    assert {row["why"] for row in TRUTH["unreadable"]} == {"truncated", "not an image"}
    for path in UNREADABLE:
        with pytest.raises(OSError), Image.open(IMAGES / path) as image:
            image.load()


def test_files_of_equal_bytes_are_exactly_the_planted_ones() -> None:
    places = defaultdict(set)
    for path in files_below(IMAGES):
        places[(IMAGES / path).read_bytes()].add(path)
    assert {frozenset(group) for group in places.values() if len(group) > 1} == planted_exact_groups()


def test_near_copies_look_alike_and_differ_in_bytes() -> None:
    assert len(planted_near_pairs()) == 45
    for pair in planted_near_pairs():
        left, right = sorted(pair)
        assert (IMAGES / left).read_bytes() != (IMAGES / right).read_bytes()
        correlation = np.corrcoef(grey(left, 8).ravel(), grey(right, 8).ravel())[0, 1]
        assert correlation > 0.8, (left, right)


def test_leaks_lie_across_the_splits_and_other_copies_within_one() -> None:
    for row in TRUTH["leaks"]:
        assert (row["original"].split("/")[0], row["copy"].split("/")[0]) == ("train", "test")
    for row in TRUTH["near_copies"]:
        assert row["original"].split("/")[:2] == row["copy"].split("/")[:2]
    for row in TRUTH["exact_copies"]:
        assert {tuple(copy.split("/")[:2]) for copy in row["copies"]} == {tuple(row["original"].split("/")[:2])}


def test_every_planted_image_is_planted_for_one_reason() -> None:
    named = Counter(path for group in planted_exact_groups() | planted_near_pairs() for path in group)
    named.update(TRUTH["blank"])
    named.update(row["path"] for kind in ("wrong_labels", "odd", "unreadable") for row in TRUTH[kind])
    assert set(named) <= set(files_below(IMAGES))
    assert max(named.values()) == 1


def test_blank_pages_are_blank() -> None:
    for path in TRUTH["blank"]:
        assert grey(path).min() == 255


def test_wrong_labels_stand_in_the_folder_they_are_given() -> None:
    with (DEMO / "sources.csv").open(encoding="utf-8", newline="") as file:
        sources = {row["path"]: row["source"] for row in csv.DictReader(file)}
    folders = defaultdict(Counter)
    for path in READABLE:
        folders[path.split("/")[1]][sources[f"images/{path}"].rsplit("/", 1)[0]] += 1
    for row in TRUTH["wrong_labels"]:
        assert row["path"].split("/")[1] == row["given"] != row["true"]
        folder = sources[f"images/{row['path']}"].rsplit("/", 1)[0]
        assert folders[row["true"]][folder] > folders[row["given"]][folder]


def test_the_drifted_set_shares_no_drawing_with_the_first_and_is_changed() -> None:
    with (DEMO / "sources.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    of_set = defaultdict(set)
    for row in rows:
        of_set[row["path"].split("/")[0]].add(row["source"])
    assert not of_set["images"] & (of_set["fresh"] | of_set["drifted"])
    assert sorted(row["path"] for row in TRUTH["drifted"]["images"]) == files_below(DEMO / "drifted")
    assert sorted(TRUTH["fresh"]["paths"]) == files_below(DEMO / "fresh")
    assert {row["change"] for row in TRUTH["drifted"]["images"]} == {"darkened", "blurred", "noisy"}
    assert {row["path"] for row in rows} == {
        f"{name}/{path}" for name in ("images", "fresh", "drifted") for path in files_below(DEMO / name)
    }
