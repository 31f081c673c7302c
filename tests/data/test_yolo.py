from pathlib import Path

import pytest

from dataeval_ui.data import yolo as yolo_module
from dataeval_ui.data.source import list_source
from dataeval_ui.data.yolo import label_path
from dataeval_ui.errors import AccessDeniedError, SourceError
from dataeval_ui.settings import Settings
from dataeval_ui.types import LabelRule
from tests.data.annotations import listed, objects, reasons, rows, write_photo, write_yolo


def test_classes_boxes_and_splits_come_from_the_labels_and_the_yaml(tmp_path: Path) -> None:
    listing = listed(write_yolo(tmp_path / "set"), tmp_path)
    assert rows(listing, "path", "label", "split", "meta.n_objects") == [
        ("images/train/1.png", "dog", "train", 3),
        ("images/val/2.png", None, "val", 0),
    ]
    first = objects(listing, "label", "x", "y", "width", "height", "frame_width", "frame_height")[0]
    assert first == ("cat", 0, 0, 0.25, 0.5, 1, 1)
    assert reasons(listing) == [None, None, None]


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("images/train/a.b.png", "labels/train/a.b.txt"),
        ("train/images/a.png", "train/labels/a.txt"),
        ("images/images/a.png", "images/labels/a.txt"),
        ("a.png", "a.txt"),
        ("images", "images.txt"),
        ("v1.2/a", "v1.2/a.txt"),
    ],
)
def test_the_label_file_is_where_yolo_looks_for_it(path: str, label: str) -> None:
    assert label_path(path) == label


def test_the_layout_of_roboflow_is_read_with_its_wrong_folders(tmp_path: Path) -> None:
    root = tmp_path / "set"
    write_photo(root / "train/images/1.jpg", 1)
    (root / "train/labels").mkdir()
    (root / "train/labels/1.txt").write_text("1 0.5 0.5 0.5 0.5")
    (root / "data.yaml").write_text("train: ../train/images\nval: ../valid/images\nnc: 2\nnames: ['cat', 'dog']\n")
    assert rows(listed(root, tmp_path), "path", "label", "split") == [("train/images/1.jpg", "dog", "train")]


def test_lists_of_files_name_the_splits(tmp_path: Path) -> None:
    root = write_yolo(tmp_path / "set", "train: train.txt\nval: val.txt\nnames: [cat, dog]\n")
    write_photo(root / "images/extra.png", 3)
    (root / "train.txt").write_text("./images/train/1.png\nimages/gone.png\n/etc/passwd\n../x.png\n")
    (root / "val.txt").write_text("images/val/2.png\n")
    assert rows(listed(root, tmp_path), "path", "split", "status") == [
        ("(outside the folder) ../x.png", "train", "unreadable"),
        ("(outside the folder) /etc/passwd", "train", "unreadable"),
        ("images/gone.png", "train", "unreadable"),
        ("images/train/1.png", "train", "listed"),
        ("images/val/2.png", "val", "listed"),
    ]


def test_without_a_yaml_classes_are_numbers_or_the_lines_of_classes_txt(tmp_path: Path) -> None:
    root = write_yolo(tmp_path / "set")
    (root / "data.yaml").unlink()
    assert rows(listed(root, tmp_path), "path", "label", "split")[0] == ("images/train/1.png", "1", "train")
    (root / "classes.txt").write_text("cat\ndog\n")
    assert rows(listed(root, tmp_path), "label") == [("dog",), (None,)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("0 0.5 0.5 0.2 0.2", None),
        ("0 0.5 0.5 0.2 0.2 0.93", None),
        ("0 0.1 0.1 0.9 0.1 0.5 0.8", None),
        ("0 0.99 0.5 0.5 0.2", "outside"),
        ("0 12 30 8 9", "outside"),
        ("0 0.5 0.5 0 0.2", "no area"),
        ("0 nan 0.5 0.2 0.2", "not finite"),
        ("0 inf 0.5 0.2 0.2", "not finite"),
        ("9 0.5 0.5 0.2 0.2", "no class of the number 9"),
        ("-1 0.5 0.5 0.2 0.2", "number of a class"),
        ("cat 0.5 0.5 0.2 0.2", "not a class and numbers"),
        ("0 0.5 0.5", "has 2 numbers"),
        ("0 0.1 0.1 0.9 0.1 0.5 0.8 0.3", "half a point"),
        ("0 0.1 0.1 0.9 nan 0.5 0.8", "not finite"),
        ("nan 0.5 0.5 0.2 0.2", "number of a class"),
    ],
)
def test_every_line_is_an_object_or_an_object_with_a_reason(line: str, reason: str | None, tmp_path: Path) -> None:
    root = write_yolo(tmp_path / "set")
    (root / "labels/val/2.txt").write_text(f"\n{line}\n")
    found = reasons(listed(root, tmp_path))
    assert len(found) == 4
    assert (found[3] is None) if reason is None else (reason in str(found[3]))


def test_keypoints_follow_the_box_where_the_yaml_says_so(tmp_path: Path) -> None:
    root = write_yolo(tmp_path / "set", "train: images/train\nval: images/val\nkpt_shape: [2, 3]\nnames: [cat, dog]\n")
    (root / "labels/val/2.txt").write_text("0 0.5 0.5 0.5 0.5 0.1 0.1 2 0.9 0.9 2\n")
    assert objects(listed(root, tmp_path), "x", "width", "mask", "reason")[3] == (0.25, 0.5, None, None)


def test_labels_without_an_image_are_a_place_with_a_reason(tmp_path: Path) -> None:
    root = write_yolo(tmp_path / "set")
    (root / "labels/val/gone.txt").write_text("0 0.5 0.5 0.2 0.2")
    assert ("labels/val/gone.txt", "These labels have no image of the same name.") in rows(
        listed(root, tmp_path), "path", "reason"
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: &a [1]\nnames: [cat]\ntrain: *a\n", "aliases"),
        ("names: !!python/object/apply:os.system ['true']\ntrain: x\n", "cannot be read as YAML"),
        ("names: [cat\n", "cannot be read as YAML"),
        ("[" * 900_000, "nested more than 32 deep"),
        ("- " * 400_000, "nested more than 32 deep"),
        ("just text", "no table"),
        ("train: ../outside\nnames: [cat]\n", "leads out of"),
        ("path: /\ntrain: etc\nnames: [cat]\nval: /etc\n", "leads out of"),
    ],
)
def test_a_hostile_or_broken_yaml_is_one_sentence(text: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    root = write_yolo(tmp_path / "set", text)
    with pytest.raises(SourceError, match=reason):
        listed(root, tmp_path, format="yolo")


def test_a_label_file_that_leads_out_or_is_too_large_is_an_unusable_object(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_yolo(tmp_path / "set")
    (tmp_path / "secret.txt").write_text("0 0.5 0.5 0.2 0.2")
    (root / "labels/val/2.txt").unlink()
    (root / "labels/val/2.txt").symlink_to(tmp_path / "secret.txt")
    assert "leads out" in str(reasons(listed(root, tmp_path))[3])
    monkeypatch.setattr(yolo_module, "MAX_LABEL_BYTES", 20)
    found = listed(root, tmp_path, format="yolo")
    assert "larger than 20 bytes" in str(reasons(found)[0])
    assert rows(found, "status") == [("listed",), ("listed",)]


def test_a_yaml_file_is_itself_a_source(tmp_path: Path) -> None:
    root = write_yolo(tmp_path / "set")
    (root / "data.yaml").rename(root / "mine.yaml")
    assert rows(listed(root / "mine.yaml", tmp_path), "label") == [("dog",), (None,)]


def test_images_with_texts_beside_them_are_a_plain_folder(tmp_path: Path) -> None:
    write_photo(tmp_path / "set/images/1.png", 1)
    (tmp_path / "set/labels").mkdir()
    (tmp_path / "set/labels/1.txt").write_text("a photo of a cat")
    (tmp_path / "set/ci.yaml").write_text("train: yes\n")
    assert listed(tmp_path / "set", tmp_path).objects is None


def test_a_link_to_a_yaml_file_inside_the_roots_opens_no_folder_outside(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for folder in (inside, outside):
        folder.mkdir()
        (folder / "secret.png").write_bytes(b"")
    (inside / "data.yaml").write_text("names: [a]\ntrain: .\n")
    (outside / "data.yaml").symlink_to(inside / "data.yaml")
    settings = Settings(workspace=tmp_path / "workspace")
    with pytest.raises(AccessDeniedError, match="outside the folders"):
        list_source(outside / "data.yaml", rule=LabelRule(), settings=settings, allowed_roots=[inside])
