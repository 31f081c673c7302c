from __future__ import annotations

from pathlib import Path

import pytest

from dataeval_ui.embed.backbones import BACKBONES, FAMILIES
from dataeval_ui.embed.checkpoints import file_stem

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in (DOCS / "backbones").glob("*.md")}
OVERVIEW = (DOCS / "backbones.md").read_text(encoding="utf-8")


def page_of(family: str) -> str:
    return PAGES[family.split()[-1]]


@pytest.mark.parametrize("name", BACKBONES)
def test_the_page_of_its_family_shows_a_backbone_as_it_is(name: str) -> None:
    backbone = BACKBONES[name]
    page = page_of(backbone.family)
    choice, source = (line for line in page.splitlines() if line.startswith(f"| `{name}`"))
    shown = [str(backbone.n_dims), f"{backbone.preprocessing.input_px} px", backbone.licence, backbone.best_for]
    for value in [*shown, f"{backbone.size_mb} MB"]:
        assert value in choice
    assert f"`{backbone.layer}`, {backbone.pooling}" in source
    if backbone.hub is not None:
        repository, file_name = backbone.hub.rsplit("/", 1)
        assert repository in source
        assert f"`{file_name}`" in source
        assert (f"`{backbone.revision}`" if backbone.revision != "main" else "pinned at first use") in source
    if backbone.url is not None:
        assert backbone.url in source
        assert (backbone.sha256 or "pinned at first use") in source
    if backbone.source != "bundled":
        assert f"`{file_stem(name)}" in source


@pytest.mark.parametrize("family", FAMILIES)
def test_the_overview_names_every_backbone_of_a_family(family: str) -> None:
    row = next(line for line in OVERVIEW.splitlines() if line.startswith(f"| [{family}]"))
    for backbone in BACKBONES.values():
        assert (f"`{backbone.name}`" in row) == (backbone.family == family)


def test_weights_that_may_not_be_sold_are_marked_as_such() -> None:
    for backbone in BACKBONES.values():
        assert ("NC" in backbone.licence) == ("commercial" in backbone.licence_note)
        if "NC" in backbone.licence:
            assert "not for commercial use" in " ".join(page_of(backbone.family).split())
