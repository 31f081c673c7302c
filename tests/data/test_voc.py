from pathlib import Path

import pytest

from dataeval_ui.data import voc as voc_module
from dataeval_ui.data.voc import parse_xml
from dataeval_ui.errors import SourceError
from tests.data.annotations import listed, objects, reasons, rows, voc_xml, write_photo, write_voc

BOMB = """<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><annotation><object><name>&c;</name></object></annotation>"""
LEAK = (
    '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation><object><name>&x;</name></object></annotation>'
)


def test_classes_boxes_and_splits_come_from_the_xml_and_the_lists(tmp_path: Path) -> None:
    listing = listed(write_voc(tmp_path / "set"), tmp_path)
    assert rows(listing, "path", "label", "split", "meta.n_objects") == [
        ("JPEGImages/a1.jpg", "dog", "train", 3),
        ("JPEGImages/a2.jpg", None, "val", 0),
    ]
    # pixels are counted from 1, and the last one belongs to the box
    assert objects(listing, "label", "x", "y", "width", "height", "frame_width", "reason") == [
        ("cat", 0, 0, 10, 10, 40, None),
        ("dog", 20, 5, 8, 4, 40, None),
        ("dog", 0, 10, 4, 4, 40, None),
    ]


def test_the_year_inside_the_devkit_is_found_and_two_years_are_not_guessed(tmp_path: Path) -> None:
    (tmp_path / "set/VOCdevkit").mkdir(parents=True)
    write_voc(tmp_path / "set/VOCdevkit/VOC2012")
    listing = listed(tmp_path / "set", tmp_path)
    assert rows(listing, "path", "label")[0] == ("VOCdevkit/VOC2012/JPEGImages/a1.jpg", "dog")
    (tmp_path / "set/VOCdevkit/VOC2007").mkdir()
    write_voc(tmp_path / "set/VOCdevkit/VOC2007")
    with pytest.raises(SourceError, match="one year at a time"):
        listed(tmp_path / "set", tmp_path, format="voc")


def test_masks_of_classes_and_objects_are_no_images(tmp_path: Path) -> None:
    root = write_voc(tmp_path / "set")
    write_photo(root / "SegmentationObject/a1.png", 3)
    assert [path for (path,) in rows(listed(root, tmp_path), "path")] == ["JPEGImages/a1.jpg", "JPEGImages/a2.jpg"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (BOMB, "document type or entities"),
        (LEAK, "document type or entities"),
        ("<annotation>", "no XML"),
        ("", "no XML"),
        ("<a>" * 100 + "</a>" * 100, "nested more than 32 deep"),
        ('<?xml version="1.0" encoding="nonsense"?><annotation/>', "no XML"),
        ("<annotation>&lt;&nope;</annotation>", "no XML"),
    ],
)
def test_hostile_or_broken_xml_is_an_unusable_object_of_its_image(text: str, reason: str, tmp_path: Path) -> None:
    root = write_voc(tmp_path / "set")
    (root / "Annotations/a1.xml").write_text(text)
    listing = listed(root, tmp_path)
    assert reason in str(reasons(listing)[0])
    assert len(reasons(listing)) == 1
    assert rows(listing, "status", "label") == [("listed", None), ("listed", None)]


def test_a_document_type_is_refused_in_any_encoding() -> None:
    with pytest.raises(ValueError, match="document type or entities"):
        parse_xml(LEAK.encode("utf-16"))


@pytest.mark.parametrize(
    ("xml", "reason"),
    [
        (voc_xml(("cat", 30, 1, 60, 5)), "outside"),
        (voc_xml(("cat", 9, 9, 4, 12)), "no area"),
        (voc_xml(("", 1, 1, 4, 4)), "no name"),
        (voc_xml(("cat", 0, 0, 40, 20)), None),  # counted from 0, as some tools do
        (voc_xml(("cat", 300, 1, 600, 5), size=""), None),  # found out when the image is read
        (voc_xml(("cat", 1, 1, 4, 4)).replace("<xmin>1<", "<xmin>nan<"), "not finite"),
        (voc_xml(("cat", 1, 1, 4, 4)).replace("<xmin>1<", "<xmin>one<"), "no box of four numbers"),
        ("<annotation><object><name>cat</name></object></annotation>", "no box of four numbers"),
    ],
)
def test_every_object_is_usable_or_has_a_reason(xml: str, reason: str | None, tmp_path: Path) -> None:
    root = write_voc(tmp_path / "set")
    (root / "Annotations/a1.xml").write_text(xml)
    [found] = reasons(listed(root, tmp_path))
    assert (found is None) if reason is None else (reason in str(found))


def test_an_annotation_without_an_image_is_a_place_with_a_reason(tmp_path: Path) -> None:
    root = write_voc(tmp_path / "set")
    (root / "Annotations/gone.xml").write_text(voc_xml(("cat", 1, 1, 4, 4)))
    found = rows(listed(root, tmp_path), "path", "status", "reason")
    assert found[-1] == (
        "JPEGImages/gone",
        "unreadable",
        "Annotations/gone.xml is there, but its image does not exist.",
    )


def test_an_annotation_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_voc(tmp_path / "set")
    monkeypatch.setattr(voc_module, "MAX_XML_BYTES", 30)
    assert "larger than 30 bytes" in str(reasons(listed(root, tmp_path))[0])
