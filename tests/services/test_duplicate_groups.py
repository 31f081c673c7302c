"""Duplicates as one list: what is worst comes first, and nothing is left out."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from dataeval_ui.services.duplicate_groups import duplicates_table, list_duplicate_groups
from dataeval_ui.services.run import Place
from dataeval_ui.types import DuplicatePairs
from dataeval_ui.types.turned import TurnedPairs


@dataclass
class SmallRun:
    """Six images: 0 has an exact copy, 1 one in another split, 2 and 3 and 4 are near, 4 and 5 a pair of their own."""

    files: list[list[Place]] = field(
        default_factory=lambda: [
            [Place(path="a.png", label="cat", split="train"), Place(path="b.png", label="cat", split="train")],
            [Place(path="c.png", label="cat", split="train"), Place(path="d.png", label="cat", split="test")],
            [Place(path="e.png", label="cat", split="train")],
            [Place(path="f.png", label="dog", split="train")],
            [Place(path="g.png", label="cat", split="train")],
            [Place(path="h.png", label="cat", split="train")],
        ]
    )
    duplicates: DuplicatePairs = DuplicatePairs(
        left=np.array([2, 2, 3, 4], np.int32),
        right=np.array([3, 4, 4, 5], np.int32),
        cosine=np.array([0.99, 0.98, 0.97, 0.96], np.float32),
        hash_distance=np.array([1, 2, 3, 4], np.int32),
        pixel_similarity=np.array([0.99, 0.98, 0.97, 0.95], np.float32),
        groups=np.array([0, 0, 0, -1], np.int32),
    )
    turned: TurnedPairs = TurnedPairs(
        left=np.array([0, 3], np.int32),
        right=np.array([5, 5], np.int32),
        turn=np.array([0, 1], np.int32),
        angle=np.array([-5.2, 0.1], np.float32),
        cosine=np.array([0.9, 0.8], np.float32),
        hash_distance=np.array([4, 2], np.int32),
        pixel_similarity=np.array([0.9, 0.85], np.float32),
        groups=np.array([-1, -1], np.int32),
    )

    @property
    def n_images(self) -> int:
        return len(self.files)

    @property
    def n_places(self) -> np.ndarray:
        return np.array([len(places) for places in self.files], np.int32)

    @property
    def image_ids(self) -> list[str]:
        return [f"id{row}" for row in range(self.n_images)]

    def places(self, row: int) -> list[Place]:
        return self.files[row]


def test_leaks_come_first_then_differing_labels_then_exact_then_near() -> None:
    groups = list_duplicate_groups(SmallRun())  # type: ignore[arg-type]
    assert [(group.kind, group.rows) for group in groups] == [
        ("exact", (1,)),
        ("near", (2, 3, 4)),
        ("turned", (3, 5)),
        ("exact", (0,)),
        ("near", (4, 5)),
        ("turned", (0, 5)),
    ]
    assert [group.is_leak for group in groups] == [True, False, False, False, False, False]
    assert [group.labels_differ for group in groups] == [False, True, True, False, False, False]
    assert groups[1].similarity == np.float32(0.99)
    assert [group.turn for group in groups if group.kind == "turned"] == ["mirrored", "turned by 5° counterclockwise"]


def test_every_pair_is_in_exactly_one_group() -> None:
    groups = list_duplicate_groups(SmallRun())  # type: ignore[arg-type]
    assert sorted(pair for group in groups if group.kind == "near" for pair in group.pairs) == [0, 1, 2, 3]
    assert sorted(pair for group in groups if group.kind == "turned" for pair in group.pairs) == [0, 1]


def test_the_table_has_a_row_for_every_file_of_every_group() -> None:
    run = SmallRun()
    groups = list_duplicate_groups(run)  # type: ignore[arg-type]
    table = duplicates_table(run, groups)  # type: ignore[arg-type]
    assert table.num_rows == sum(group.n_files for group in groups)
    assert table["path"].to_pylist()[:2] == ["c.png", "d.png"]
    assert table["across_splits"].to_pylist()[:3] == [True, True, False]
