import json
from pathlib import Path

import pytest

from dataeval_ui.data import coco as coco_module
from dataeval_ui.data import objects as objects_module
from dataeval_ui.errors import AccessDeniedError, SourceError, UnknownNameError
from dataeval_ui.settings import Settings
from dataeval_ui.types import LabelRule, Listing
from tests.data.annotations import (
    coco,
    coco_image,
    coco_object,
    listed,
    objects,
    reasons,
    rows,
    write_coco,
    write_json,
    write_photo,
)

BOX = [1, 2, 3, 4]


def one_image(root: Path, annotations: list[dict[str, object]]) -> Listing:
    write_photo(root / "1.png", 1)
    write_json(root / "labels.json", coco([coco_image(1, "1.png")], annotations))
    return listed(root, root.parent / "workspace")


def test_classes_boxes_and_splits_come_from_the_json_files(tmp_path: Path) -> None:
    listing = listed(write_coco(tmp_path / "set"), tmp_path)
    assert rows(listing, "path", "label", "split", "status", "meta.n_objects") == [
        ("train2017/1.png", "dog", "train", "listed", 3),
        ("val2017/2.png", None, "val", "listed", 0),
    ]
    assert objects(listing, "path", "object", "label", "x", "y", "width", "height", "frame_width") == [
        ("train2017/1.png", 0, "cat", 0, 0, 10, 10, 40),
        ("train2017/1.png", 1, "dog", 20, 5, 8, 4, 40),
        ("train2017/1.png", 2, "dog", 0, 10, 4, 4, 40),
    ]
    assert reasons(listing) == [None, None, None]


def test_equally_frequent_classes_give_the_first_in_the_alphabet(tmp_path: Path) -> None:
    listing = one_image(tmp_path / "set", [coco_object(1, 7, BOX), coco_object(1, 1, BOX)])
    assert rows(listing, "label") == [("cat",)]


@pytest.mark.parametrize(
    ("file", "name", "images"),
    [
        ("labels.json", "a.png", "a.png"),
        ("labels.json", "a.png", "data/a.png"),
        ("labels.json", "sub/a.png", "images/sub/a.png"),
        ("instances_val2017.json", "a.png", "val2017/a.png"),
        ("annotations/instances_val2017.json", "a.png", "images/val2017/a.png"),
        ("annotations/train.json", "a.png", "images/train/a.png"),
        ("train/_annotations.coco.json", "a.png", "train/a.png"),
        ("annotations/instances_default.json", "a.png", "images/a.png"),
    ],
)
def test_images_are_found_beside_the_json_in_each_usual_layout(
    file: str, name: str, images: str, tmp_path: Path
) -> None:
    write_photo(tmp_path / "set" / images, 1)
    write_json(tmp_path / "set" / file, coco([coco_image(1, name)], [coco_object(1, 1, BOX)]))
    listing = listed(tmp_path / "set", tmp_path)
    assert rows(listing, "path", "label", "reason") == [(images, "cat", None)]


def test_a_json_file_is_itself_a_source(tmp_path: Path) -> None:
    root = write_coco(tmp_path / "set")
    listing = listed(root / "annotations/instances_train2017.json", tmp_path)
    assert listing.root == str(root.resolve())
    assert rows(listing, "path", "label") == [("train2017/1.png", "dog"), ("val2017/2.png", None)]


def test_the_folder_above_annotations_must_be_allowed(tmp_path: Path) -> None:
    root = write_coco(tmp_path / "set")
    with pytest.raises(AccessDeniedError, match="outside the folders"):
        coco_module_list(root / "annotations/instances_train2017.json", root / "annotations")


def coco_module_list(source: Path, allowed: Path) -> Listing:
    from dataeval_ui.data import list_source

    return list_source(source, rule=LabelRule(), settings=Settings(), allowed_roots=[allowed])


def test_every_bad_annotation_is_kept_with_its_reason(tmp_path: Path) -> None:
    bad = [
        coco_object(1, 1, [30, 0, 20, 5]),
        coco_object(1, 1, [-9, 0, 5, 5]),
        coco_object(1, 1, [0, 0, 0, 5]),
        coco_object(1, 1, [0, 0, -3, 5]),
        coco_object(1, 1, [float("nan"), 0, 3, 5]),
        coco_object(1, 1, [0, 0, float("inf"), 5]),
        coco_object(1, 1, [0, 0, 10**400, 5]),
        coco_object(1, 1, [0, 0, "3", 5]),  # type: ignore[list-item]
        coco_object(1, 99, BOX),
        {"image_id": 1, "category_id": 1},
    ]
    listing = one_image(tmp_path / "set", [*bad, coco_object(1, 7, BOX)])
    found = reasons(listing)
    for reason, expected in zip(
        found,
        ["outside", "outside", "no area", "no area", "finite", "finite", "finite", "four numbers", "category", "four"],
        strict=False,
    ):
        assert reason is not None
        assert expected in reason
    assert found[-1] is None
    assert rows(listing, "label", "meta.n_objects", "status") == [("dog", len(bad) + 1, "listed")]


def test_a_box_that_sticks_out_by_a_rounding_is_no_fault(tmp_path: Path) -> None:
    listing = one_image(tmp_path / "set", [coco_object(1, 1, [-0.6, -0.4, 41, 20.9])])
    assert reasons(listing) == [None]


def test_missing_images_and_unknown_image_ids_are_places_with_a_reason(tmp_path: Path) -> None:
    root = tmp_path / "set"
    write_photo(root / "1.png", 1)
    annotations = [coco_object(2, 1, BOX), coco_object(77, 1, BOX), coco_object(77, 1, BOX)]
    write_json(root / "labels.json", coco([coco_image(1, "1.png"), coco_image(2, "gone.png")], annotations))
    found = {
        path: (status, reason) for path, status, reason in rows(listed(root, tmp_path), "path", "status", "reason")
    }
    assert found["1.png"] == ("listed", None)
    assert found["gone.png"] == ("unreadable", "labels.json names this file, but it does not exist.")
    status, reason = found["(image 77 of labels.json)"]
    assert status == "unreadable"
    assert str(reason).startswith("2 annotations name this image")


@pytest.mark.parametrize("name", ["../out.png", "/etc/passwd", "a/../../out.png", "C:\\out.png", "", "\0", 7, None])
def test_a_hostile_file_name_reaches_nothing_outside(name: object, tmp_path: Path) -> None:
    root = tmp_path / "set"
    write_photo(tmp_path / "out.png", 1)
    write_photo(root / "1.png", 1)
    write_json(root / "labels.json", coco([{"id": 1, "file_name": name}], [coco_object(1, 1, BOX)]))
    listing = listed(root, tmp_path)
    assert rows(listing, "path", "status") == [("(image 0 of labels.json)", "unreadable"), ("1.png", "listed")]


def test_polygons_and_run_lengths_are_kept_as_text_and_give_a_box(tmp_path: Path) -> None:
    polygon = [1, 1, 9, 1, 9, 5]
    rle = {"size": [20, 40], "counts": [700, 100]}
    listing = one_image(
        tmp_path / "set",
        [
            {"image_id": 1, "category_id": 1, "segmentation": [polygon]},
            coco_object(1, 1, BOX, segmentation=rle, iscrowd=1),
            coco_object(1, 1, BOX, segmentation={"size": [20, 40], "counts": "PX1b0"}),
        ],
    )
    assert objects(listing, "x", "y", "width", "height")[0] == (1, 1, 8, 4)
    masks = [json.loads(mask) for (mask,) in objects(listing, "mask")]
    assert masks == [{"polygons": [polygon]}, rle, {"size": [20, 40], "counts": "PX1b0"}]
    assert objects(listing, "is_crowd") == [(False,), (True,), (False,)]


@pytest.mark.parametrize(
    ("mask", "reason"),
    [
        ([[0, 0, 1]], "three points"),
        ([[0, 0, 1, 1, 2, float("nan")]], "finite"),
        ([[0, 0, 1, 1, 2, None]], "finite"),
        ([7], "neither"),
        ("text", "neither"),
        ({"size": [20, 40], "counts": [1, 2]}, "do not fill"),
        ({"size": [-1, 40], "counts": "a"}, "no size"),
        ({"counts": "a"}, "no size"),
    ],
)
def test_a_bad_mask_makes_its_object_unusable(mask: object, reason: str, tmp_path: Path) -> None:
    listing = one_image(tmp_path / "set", [coco_object(1, 1, BOX, segmentation=mask)])
    assert reason in str(reasons(listing)[0])
    assert objects(listing, "mask") == [(None,)]


def test_a_polygon_of_too_many_points_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects_module, "MAX_MASK_NUMBERS", 100)
    listing = one_image(tmp_path / "set", [coco_object(1, 1, BOX, segmentation=[[1, 2] * 60])])
    assert "more than 100 numbers" in str(reasons(listing)[0])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"images": [], "annotations": ', "cannot be read as JSON"),
        ("[" * 200_000, "cannot be read as JSON"),
        ("[]", "is not COCO's"),
        ('{"images": {}, "annotations": []}', "is not COCO's"),
        ("1" * 10_000, "cannot be read as JSON"),
    ],
)
def test_a_file_that_is_not_coco_is_one_sentence(text: str, reason: str, tmp_path: Path) -> None:
    write_photo(tmp_path / "1.png", 1)
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(SourceError, match=reason):
        listed(tmp_path / "a.json", tmp_path / "workspace")


def test_a_json_that_leads_out_or_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_coco(tmp_path / "set")
    monkeypatch.setattr(coco_module, "MAX_JSON_BYTES", 50)
    with pytest.raises(SourceError, match="larger than 50 bytes"):
        listed(root, tmp_path)
    monkeypatch.undo()
    link = root / "annotations/instances_train2017.json"
    link.rename(tmp_path / "elsewhere.json")
    link.symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(SourceError, match="leads out of the dataset"):
        listed(root, tmp_path)


def test_an_image_that_two_splits_name_says_so(tmp_path: Path) -> None:
    root = tmp_path / "set"
    write_photo(root / "images/1.png", 1)
    for split in ("train", "val"):
        write_json(
            root / f"annotations/instances_{split}.json", coco([coco_image(1, "1.png")], [coco_object(1, 1, BOX)])
        )
    listing = listed(root, tmp_path)
    assert rows(listing, "split", "meta.also_in", "meta.n_objects") == [("train", "val", 2)]


def test_rules_of_the_user_come_before_the_annotations(tmp_path: Path) -> None:
    root = write_coco(tmp_path / "set")
    assert rows(listed(root, tmp_path, label_from="folder:1", split_from="none"), "label", "split") == [
        ("train2017", None),
        ("val2017", None),
    ]
    assert listed(root, tmp_path, format="folder").objects is None
    with pytest.raises(UnknownNameError, match="no column named 'species'"):
        listed(root, tmp_path, label_from="species")


def test_a_folder_without_coco_says_what_is_missing(tmp_path: Path) -> None:
    write_photo(tmp_path / "set/1.png", 1)
    write_json(tmp_path / "set/other.json", {"images": 1})
    assert listed(tmp_path / "set", tmp_path).objects is None
    with pytest.raises(SourceError, match="no COCO annotations"):
        listed(tmp_path / "set", tmp_path, format="coco")


def test_names_with_half_characters_are_text(tmp_path: Path) -> None:
    root = tmp_path / "set"
    write_photo(root / "1.png", 1)
    content = coco([coco_image(1, "1.png")], [coco_object(1, 1, BOX)])
    content["categories"][0]["name"] = "cat\ud800"
    write_json(root / "labels.json", content)
    assert rows(listed(root, tmp_path), "label") == [("cat\\ud800",)]
