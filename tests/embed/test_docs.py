from __future__ import annotations

from pathlib import Path

from dataeval_ui.embed.backbones import BACKBONES

TEXT = (Path(__file__).parents[2] / "docs" / "backbones.md").read_text(encoding="utf-8")


def test_the_docs_show_every_backbone_as_it_is() -> None:
    rows = [line for line in TEXT.splitlines() if line.startswith("| `")]
    for backbone in BACKBONES.values():
        row = next(row for row in rows if row.startswith(f"| `{backbone.name}`"))
        shown = [backbone.family, str(backbone.n_dims), f"{backbone.preprocessing.input_px} px", backbone.licence]
        for value in [*shown, f"{backbone.size_mb} MB", backbone.best_for]:
            assert value in row
        if backbone.hub is not None:
            repository, file_name = backbone.hub.rsplit("/", 1)
            assert repository in row
            assert f"| `{backbone.name}` | `{file_name}` | `{backbone.name}.safetensors` |" in TEXT
