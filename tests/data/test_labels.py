import pytest

from dataeval_ui.data.labels import folder_labels
from dataeval_ui.errors import ParameterError, UnknownNameError
from dataeval_ui.types import LabelRule


def read(path: str, **rule: str) -> tuple[str | None, str | None]:
    return folder_labels(LabelRule(**rule))(path.split("/")[:-1])


@pytest.mark.parametrize(
    ("path", "label", "split"),
    [
        ("1.png", None, None),
        ("cat/1.png", "cat", None),
        ("cat/black/1.png", "cat", None),
        ("train/cat/1.png", "cat", "train"),
        ("Training/cat/1.png", "cat", "train"),
        ("TEST/cat/black/1.png", "cat", "test"),
        ("validation/cat/1.png", "cat", "val"),
        ("images/dev/cat/1.png", "cat", "val"),
        ("cat/train/1.png", "cat", "train"),
        ("train/1.png", None, "train"),
        ("a/b/c/train/1.png", "a", None),
        ("trains/cat/1.png", "trains", None),
    ],
)
def test_the_label_is_the_first_folder_below_the_split(path: str, label: str | None, split: str | None) -> None:
    assert read(path) == (label, split)


@pytest.mark.parametrize(
    ("label_from", "label"),
    [
        ("folder:1", "train"),
        ("folder:2", "cat"),
        ("folder:3", "black"),
        ("folder:4", None),
        ("folder:leaf", "black"),
        ("none", None),
    ],
)
def test_a_level_counts_every_folder(label_from: str, label: str | None) -> None:
    assert read("train/cat/black/1.png", label_from=label_from) == (label, "train")


def test_a_leaf_that_is_the_split_is_no_label() -> None:
    assert read("train/1.png", label_from="folder:leaf") == (None, "train")


def test_without_a_split_rule_a_split_folder_is_a_label() -> None:
    assert read("train/cat/1.png", split_from="none") == ("train", None)


@pytest.mark.parametrize("level", ["folder:0", "folder:", "folder:two", "folder:-1", "folder:²", "folder:101"])
def test_an_impossible_level_is_refused(level: str) -> None:
    with pytest.raises(ParameterError, match=r"\[1, 100\]"):
        folder_labels(LabelRule(label_from=level))


def test_an_unknown_column_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'species'"):
        folder_labels(LabelRule(label_from="specis"), columns=["species", "n"])
    with pytest.raises(UnknownNameError, match="no column named 'fold'"):
        folder_labels(LabelRule(split_from="fold"))
