from dataclasses import replace

from dataeval_ui.findings.keys import finding_key
from dataeval_ui.types import Finding

FINDING = Finding(
    kind="near_duplicates", severity=0.4, sentence="s", advice="a", image_ids=("a", "b"), paths=("x.png", "y.png")
)


def test_a_key_depends_on_kind_and_contents_alone() -> None:
    same = replace(FINDING, severity=0.9, sentence="t", image_ids=("b", "a"), paths=("z.png",), evidence={"n": 1})
    assert finding_key(same) == finding_key(FINDING)
    assert finding_key(replace(FINDING, kind="leak")) != finding_key(FINDING)
    assert finding_key(replace(FINDING, image_ids=("a", "c"))) != finding_key(FINDING)


def test_a_finding_without_images_is_named_by_its_paths() -> None:
    one = replace(FINDING, kind="unreadable", image_ids=(), paths=("x.png",))
    assert finding_key(one) != finding_key(replace(one, paths=("y.png",)))
