"""Recall and precision of near duplicates on planted copies, ours and the known peers on the same files.

    python scripts/bench/near_duplicates.py FOLDER [--within animals,food] [--others FOLDER] [--n-originals 300]
        [--n-others 2000] [--keep FOLDER] [--without-peers] [--peer-limit 300]

Takes originals and others from folders of images, changes each original in eight ways, embeds everything with the
default backbone, and asks for near duplicates, and mirrored or turned ones, once with all copies together. A pair of
different originals counts as wrong only if the two differ even when they are aligned (SSIM below 0.9 under the best of
the eight flips and turns, three zooms and affine alignments), since a source has near copies of its own. Precision by
change is that of the pairs in which an image changed so takes part; of more than 2,000 pairs of different originals (of
a peer, 400) so many are judged, drawn at random. A peer that takes longer than its limit of CPU seconds is left out,
which is said.
"""

from __future__ import annotations

import argparse
import io
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(tempfile.gettempdir()) / "dataeval-ui-bench-numba"))

import numpy as np
from duplicate_peers import PEERS, AbsentError, ask
from PIL import Image
from planted_copies import CHANGES, MAX_SIDE_PX, images_of, jpeg, plant
from scipy.ndimage import uniform_filter

from dataeval_ui.analysis.alignment import align, sample, smooth
from dataeval_ui.analysis.duplicates import find_near_duplicates
from dataeval_ui.analysis.neighbors import find_neighbors
from dataeval_ui.analysis.orientation import N_TURNS, turn_images
from dataeval_ui.analysis.pixels import STARTS, unit_pictures
from dataeval_ui.analysis.turned import BOUNDS, find_turned_duplicates
from dataeval_ui.data import decode_bytes
from dataeval_ui.embed.embedder import load_embedder
from dataeval_ui.settings import Settings
from dataeval_ui.store.workspace import open_workspace
from dataeval_ui.types import AnalysisParams

__all__ = ["MAX_SIDE_PX", "embed_images", "images_of", "jpeg"]

SIDE_PX = 96
MAX_JUDGED, MAX_JUDGED_OF_PEER = 2_000, 400
LEAST = 0.97


def embed_images(named: Iterable[tuple[str, Image.Image]]) -> dict[str, np.ndarray]:
    """Read images as a run does; the result has `embeddings`, `thumbnails`, `phash`, `dhash` and `kind`, the names."""
    settings = Settings()
    kinds, decoded, embeddings, pixels = [], [], [], []
    with tempfile.TemporaryDirectory() as scratch:
        workspace = open_workspace(Path(scratch))
        embedder = load_embedder("efficientnet-lite0", workspace=workspace, settings=settings)
        for kind, image in named:
            file = io.BytesIO()
            image.save(file, "BMP")
            result = decode_bytes(file.getvalue(), preprocessing=embedder.backbone.preprocessing, settings=settings)
            pixels.append(result.pixels)
            decoded.append(replace(result, pixels=None))
            kinds.append(kind)
            if len(pixels) == 64:
                embeddings.append(embedder.embed(np.stack(pixels)))
                pixels.clear()
        if pixels:
            embeddings.append(embedder.embed(np.stack(pixels)))
    return {
        "embeddings": np.concatenate(embeddings),
        "thumbnails": np.array([d.thumbnail for d in decoded], dtype=object),
        "phash": np.array([d.phash for d in decoded], dtype=np.uint64),
        "dhash": np.array([d.dhash for d in decoded], dtype=np.uint64),
        "kind": np.array(kinds),
    }


def ssim(a: np.ndarray, b: np.ndarray) -> float:
    """SSIM of two grey images in windows of 7, https://doi.org/10.1109/TIP.2003.819861."""
    mean_a, mean_b = uniform_filter(a, 7), uniform_filter(b, 7)
    var_a, var_b = uniform_filter(a * a, 7) - mean_a**2, uniform_filter(b * b, 7) - mean_b**2
    covariance = uniform_filter(a * b, 7) - mean_a * mean_b
    c1, c2 = 6.5025, 58.5225
    index = (2 * mean_a * mean_b + c1) * (2 * covariance + c2) / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))
    return float(index.mean())


def best_ssim(left: np.ndarray, right: np.ndarray) -> float:
    """SSIM of two grey squares at the best of eight turns, three zooms and affine alignments, brightness made equal."""
    best = 0.0
    for turned in (turn_images(right[None], turn)[0] for turn in range(N_TURNS)):
        own, other = unit_pictures(np.stack([_small(left), _small(turned)]))
        if own @ other < 0.3:
            continue
        pair = smooth(np.stack([left, turned]).astype(np.float32))
        small = np.stack([_small(left), _small(turned)]).astype(np.float32)
        one, two = np.array([0]), np.array([1])
        for start in STARTS:
            warp, _ = align(small, one, two, start[None], n_rounds=10, bounds=BOUNDS)
            warp, _ = align(pair, one, two, warp, n_rounds=6, bounds=BOUNDS)
            for tried in (start, warp[0]):
                values, inside = sample(turned[None].astype(np.float32), np.ascontiguousarray(tried))
                here, seen = np.where(inside > 0, left, 255), np.where(inside > 0, values[0], 255)
                best = max(best, ssim(_even(here), _even(seen)))
                if best >= 0.9:
                    return best
    return best


def _small(grey: np.ndarray) -> np.ndarray:
    return smooth(grey.reshape(1, SIDE_PX // 4, 4, SIDE_PX // 4, 4).mean(axis=(2, 4)).astype(np.float32))[0]


def _even(grey: np.ndarray) -> np.ndarray:
    return np.asarray(grey * (128 / max(float(grey.mean()), 1.0)), dtype=np.float64)


def grey_square(thumbnail: bytes) -> np.ndarray:
    image = Image.open(io.BytesIO(thumbnail)).convert("L")
    return np.asarray(image.resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC), dtype=np.float32)


def ours(images: dict[str, np.ndarray]) -> tuple[np.ndarray, str]:
    """Near duplicates and turned ones, as pairs of rows, and what they took."""
    graph = find_neighbors(images["embeddings"], n_neighbors=AnalysisParams().n_neighbors)

    def read(rows: Iterable[int]) -> list[bytes]:
        return [images["thumbnails"][row] for row in rows]

    start = time.process_time()
    near = find_near_duplicates(
        graph,
        phash=images["phash"],
        dhash=images["dhash"],
        thumbnails=read,
        params=AnalysisParams(),
        embeddings=images["embeddings"],
    )
    middle = time.process_time()
    turned = find_turned_duplicates(graph, thumbnails=read, near=near, embeddings=images["embeddings"])
    end = time.process_time()
    about = (
        f"{near.n_pairs:,} near in {middle - start:.1f} CPU s, {turned.n_pairs:,} turned in {end - middle:.1f} CPU s"
    )
    sides = (np.concatenate([near.left, turned.left]), np.concatenate([near.right, turned.right]))
    return np.stack(sides, axis=1).astype(np.int64), about


class Truth:
    """What the planted images show, and which pairs of different originals are alike all the same."""

    def __init__(self, kind: np.ndarray, original: np.ndarray, thumbnails: np.ndarray, keep: Path) -> None:
        self.kind, self.original, self._thumbnails = kind, original, thumbnails
        self.first = {int(number): row for row, number in reversed(list(enumerate(original)))}
        self._keep = keep / "judged.npy"
        kept = np.load(self._keep).tolist() if self._keep.exists() else []
        self._known = {(left, right): bool(is_wrong) for left, right, is_wrong in kept}

    def is_wrong(self, left: int, right: int) -> bool:
        """Whether two images of different originals differ even when they are aligned."""
        if (left, right) not in self._known:
            squares = [grey_square(self._thumbnails[row]) for row in (left, right)]
            self._known[left, right] = best_ssim(*squares) < 0.9
        return self._known[left, right]

    def measure(self, pairs: np.ndarray, *, max_judged: int = MAX_JUDGED) -> dict[str, tuple[float, float]]:
        """Recall and precision of pairs, by change and for all."""
        same = self.original[pairs[:, 0]] == self.original[pairs[:, 1]]
        foreign = np.flatnonzero(~same)
        judged = np.random.default_rng(0).permutation(foreign)[:max_judged]
        wrong = np.array([self.is_wrong(*pairs[at].tolist()) for at in judged], dtype=bool)
        if self._known:
            np.save(self._keep, np.array([(*pair, is_wrong) for pair, is_wrong in self._known.items()]))
        weight = foreign.size / max(judged.size, 1)
        found, measured = 0, {}
        for name in CHANGES:
            planted = np.flatnonzero(self.kind == name)
            wanted = {(self.first[int(self.original[row])], int(row)) for row in planted}
            hits = len(wanted & {tuple(sorted(pair)) for pair in pairs[same].tolist()})
            found += hits
            involved = np.isin(pairs, planted).any(axis=1)
            n_wrong = weight * (wrong & involved[judged]).sum()
            measured[name] = hits / planted.size, 1 - n_wrong / max(involved.sum(), 1)
        n_planted = np.isin(self.kind, list(CHANGES)).sum()
        measured["all"] = found / n_planted, 1 - weight * wrong.sum() / max(len(pairs), 1)
        return measured


@dataclass(frozen=True)
class Answer:
    """What one tool found: recall and precision by change and for all, none where it gave no answer, and a remark."""

    name: str
    measured: dict[str, tuple[float, float]]
    about: str

    @property
    def short(self) -> list[str]:
        """The changes for which it falls short."""
        return [change for change, values in self.measured.items() if min(values) < LEAST]


def answers(
    folder: Path,
    others: Path,
    *,
    keep: Path | None,
    within: Sequence[str] = (),
    n_originals: int = 300,
    n_others: int = 2000,
    peers: Iterable[str] = tuple(PEERS),
    peer_limit_s: int = 300,
) -> Iterator[Answer]:
    """Plant copies, and yield what we and each peer find of them."""
    with tempfile.TemporaryDirectory() as scratch:
        out = keep or Path(scratch)
        planted = plant(folder, others, out, n_originals=n_originals, n_others=n_others, within=within)
        files = [out / str(row["file"]) for row in planted]
        kept = out / "embedded.npz"
        if kept.exists():
            images = dict(np.load(kept, allow_pickle=True))
        else:
            images = embed_images((str(row["kind"]), Image.open(out / str(row["file"]))) for row in planted)
            np.savez(kept, **images)  # type: ignore[arg-type]
        kinds, originals = (np.array([row[name] for row in planted]) for name in ("kind", "original"))
        truth = Truth(kinds, originals, images["thumbnails"], out)
        pairs, about = ours(images)
        yield Answer("ours", truth.measure(pairs), about)
        for name in peers:
            try:
                pairs, seconds = ask(name, files, images["embeddings"], peer_limit_s)
            except AbsentError as error:
                yield Answer(name, {}, str(error))
                continue
            measured = truth.measure(pairs, max_judged=MAX_JUDGED_OF_PEER)
            yield Answer(name, measured, f"{len(pairs):,} pairs in {seconds:.0f} CPU s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of originals")
    parser.add_argument("--within", default="", help="folders of its first level, comma-separated; default all")
    parser.add_argument("--others", type=Path, help="folder of other images; default the same")
    parser.add_argument("--n-originals", type=int, default=300)
    parser.add_argument("--n-others", type=int, default=2000)
    parser.add_argument(
        "--keep", type=Path, help="keep the planted files, their embeddings and verdicts in this folder"
    )
    parser.add_argument("--without-peers", action="store_true")
    parser.add_argument("--peer-limit", type=int, default=300, help="CPU seconds that each peer has")
    arguments = parser.parse_args()
    for answer in answers(
        arguments.folder,
        arguments.others or arguments.folder,
        keep=arguments.keep,
        within=tuple(filter(None, arguments.within.split(","))),
        n_originals=arguments.n_originals,
        n_others=arguments.n_others,
        peers=() if arguments.without_peers else tuple(PEERS),
        peer_limit_s=arguments.peer_limit,
    ):
        told = f"below {LEAST} for {', '.join(answer.short)}" if answer.short else "holds"
        print(f"{answer.name:36} {answer.about}{'; ' + told if answer.measured else ''}", flush=True)
        for change, (recall, precision) in answer.measured.items():
            print(f"    {change:14} recall {recall:.3f}  precision {precision:.3f}", flush=True)


if __name__ == "__main__":
    main()
