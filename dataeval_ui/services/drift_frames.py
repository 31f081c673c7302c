"""Where in the frame two sets differ: their boxes, faults of these, and the cells of their images' feature maps."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from dataeval_ui.types import Json

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run
    from dataeval_ui.store.cells import CellParts
    from dataeval_ui.types.base import Int8, Int64

LEVEL = 0.05
MIN_IMAGES = 5
MAX_CELL_IMAGES = 2_000
"""Of each set, for the cells; of a larger one so many are drawn."""

TITLES = {
    "centres": ("Box centres", "Share of all boxes whose centre lies in each cell"),
    "coverage": ("Box area", "Boxes over each point of the frame, an image"),
    "cells": ("Image features", "How far each cell's features lie from their mean over both sets"),
}
TESTS = {
    "centres": "Where centres lie",
    "coverage": "What boxes cover",
    "across": "Centre, across",
    "down": "Centre, down",
    "size": "Size, as a share of the frame",
    "aspect": "Aspect, width to height",
    "count": "Boxes of an image",
}


def frame_drift(
    reference: Run, test: Run, rows: tuple[Int64, Int64], *, n_permutations: int = 500, random_state: int = 0
) -> Json | None:
    """Compare the boxes of two sets.

    Returns
    -------
    dict or None
        `drifted`, `p_value`, `sentence`, `n_images` and `n_boxes` (of reference and test), `tests` and `faults`
        (`name`, `title`, `p_value`, `effect_size`, `reference`, `test`: see `BoxTest`), `maps` (`centres`, `coverage`:
        see `FrameMap`). None where a set has no annotations, or boxes on fewer than 5 images.
    """
    import numpy as np

    from dataeval_ui.analysis.boxes import FLAGS
    from dataeval_ui.analysis.drift.frames import Boxes, compare_boxes
    from dataeval_ui.services.boxes import flags_of, run_boxes

    first, second = (run_boxes(run, chosen) for run, chosen in zip((reference, test), rows, strict=True))
    if first is None or second is None or any(len(np.unique(s.image)) < MIN_IMAGES for s in (first, second)):
        return None
    sides = first, second
    pixels, sizes = (np.concatenate([getattr(side, name) for side in sides]) for name in ("pixels", "sizes"))
    flags = [flags_of(side) for side in sides]
    with np.errstate(divide="ignore", invalid="ignore"):
        aspects = pixels[:, 2] / pixels[:, 3]
    found = compare_boxes(
        Boxes(
            n_images=first.n_images + second.n_images,
            image=np.concatenate([first.image, first.n_images + second.image]),
            places=pixels / np.concatenate([sizes, sizes], axis=1),
            aspects=np.where(np.isfinite(aspects), aspects, np.nan),
            flags={name: np.concatenate([side[name] for side in flags]) for name in FLAGS},
        ),
        first.n_images,
        n_permutations=n_permutations,
        random_state=random_state,
    )
    told = {
        kind: [{"title": titles[one.name], **asdict(one)} for one in tests]
        for kind, tests, titles in (("tests", found.tests, TESTS), ("faults", found.faults, FLAGS))
    }
    return {
        "drifted": found.p_value <= LEVEL,
        "p_value": found.p_value,
        "sentence": _sentence(found.p_value, [*told["tests"], *told["faults"]]),
        "n_images": [first.n_images, second.n_images],
        "n_boxes": [len(first), len(second)],
        **told,
        "maps": {name: one.to_json() for name, one in found.maps.items()},
    }


def cell_drift(
    reference: Run, test: Run, rows: tuple[Int64, Int64], *, n_permutations: int = 500, random_state: int = 0
) -> Json | None:
    """Compare the feature maps of two sets, cell by cell, where the parts of their images are computed.

    Returns
    -------
    dict or None
        `p_value`, `sentence`, `n_images` and `map` (see `FrameMap`). None where the sets are of different datasets,
        whose cells are compressed differently, or fewer than 5 images of one have their parts computed.
    """
    import numpy as np

    from dataeval_ui.analysis.drift.frames import cell_statistics
    from dataeval_ui.analysis.drift.samples import memberships, permutation_p

    sampled = sampled_cells(reference, test, rows, random_state=random_state)
    if sampled is None:
        return None
    codes = [np.asarray(one) for _, one in sampled]
    members = memberships(len(codes[0]), len(codes[1]), n_permutations=n_permutations, random_state=random_state)
    statistics, found = cell_statistics(np.concatenate(codes), members)
    p, n_cells = permutation_p(statistics), int((found.p_values <= LEVEL).sum())
    where = f"{n_cells} of {found.p_values.size} cells differ" if n_cells else "no cell differs by more than chance"
    return {
        "p_value": p,
        "sentence": f"Image features by place: {where} (p = {p:.3g} for all cells together).",
        "n_images": [len(side) for side in codes],
        "map": found.to_json(),
    }


def sampled_cells(
    reference: Run, test: Run, rows: tuple[Int64, Int64], *, random_state: int = 0
) -> tuple[tuple[Int64, Int8], tuple[Int64, Int8]] | None:
    """Return, for the reference and for the test set, rows and compressed cells of the images that are compared.

    Cells have the shape (n_images, n_cells, n_components) and stay on the disk. None as of `cell_drift`.
    """
    import numpy as np

    if reference.record.dataset_id != test.record.dataset_id or reference.is_of_objects or test.is_of_objects:
        return None
    cells = _stored_cells(reference)
    axes = None if cells is None else cells.load_axes()
    if cells is None or axes is None:
        return None
    stored, rng = cells.ids(), np.random.default_rng(random_state)
    found = []
    for run, chosen in zip((reference, test), rows, strict=True):
        kept = np.array([row for row in chosen if run.image_ids[row] in stored], dtype=np.int64)
        if len(kept) < MIN_IMAGES:
            return None
        if len(kept) > MAX_CELL_IMAGES:
            kept = kept[np.sort(rng.choice(len(kept), MAX_CELL_IMAGES, replace=False))]
        found.append((kept, cells.open_view([run.image_ids[row] for row in kept], len(axes[1])).codes))
    return found[0], found[1]


def _stored_cells(run: Run) -> CellParts | None:
    """Find the computed parts of a run's images without loading its network, by the cards that lie beside them."""
    from dataeval_ui.errors import StorageError
    from dataeval_ui.store.cells import CELLS_VERSION, CellParts
    from dataeval_ui.store.durable import read_json

    key = run.record.key
    for path in sorted((run.services.workspace.root / "embeddings").glob("*/key.json")):
        try:
            card = read_json(path)
        except StorageError:
            continue  # another analysis says so; this one is an extra
        if (
            isinstance(card, dict)
            and card.get("dataset") == run.record.dataset_id
            and card.get("version") == CELLS_VERSION
            and card.get("backbone") == key.backbone
            and card.get("checkpoint") == key.checkpoint
        ):
            return CellParts(run.services.workspace, path.parent.name)
    return None


def _sentence(p: float, tests: list[Json]) -> str:
    seen = [one["title"].split(":")[0].lower() for one in tests if one["p_value"] <= LEVEL]
    if p > LEVEL:
        return f"No drift of boxes found: p = {p:.3g} over all their tests."
    where = f", mostly {', '.join(seen[:3])}" if seen else ""
    return f"Boxes have drifted: p = {p:.3g} over all their tests{where}."
