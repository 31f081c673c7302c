"""The analysis of a run against umap-learn's own default fit, both warm, in one process.

    python scripts/bench/analysis.py FOLDER [--images 8000] [--threads 2] [--keep FILE.npz]

Embeds images of the folder with the default backbone (mirrored ones too, where it holds too few), then measures
neighbours, projection, clusters, outliers and near duplicates, each alone, and then all as a run does them: near
duplicates beside the map. Prints wall and CPU seconds, and the ratio of that to `umap.UMAP().fit(embeddings)`.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(tempfile.gettempdir()) / "dataeval-ui-bench-numba"))

import numpy as np
from near_duplicates import embed_images, images_of
from PIL import ImageOps

from dataeval_ui.analysis.clustering import cluster
from dataeval_ui.analysis.duplicates import find_near_duplicates
from dataeval_ui.analysis.neighbors import find_neighbors
from dataeval_ui.analysis.outliers import score_outliers
from dataeval_ui.analysis.projection import project, warm_up
from dataeval_ui.services.beside import Beside
from dataeval_ui.types import AnalysisParams, DuplicatePairs, Progress, Silent

T = TypeVar("T")

ALL = "all, as a run does it"


def read_images(folder: Path, n_images: int) -> dict[str, np.ndarray]:
    def enough():
        for change in (lambda image: image, ImageOps.mirror, ImageOps.flip):
            for image in images_of(folder, seed=0):
                yield change(image)

    numbered = ((str(number), image) for number, image in zip(range(n_images), enough(), strict=False))
    return embed_images(numbered)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=8000)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--keep", type=Path, help="keep the embedded set here, or take it from here")
    arguments = parser.parse_args()
    if arguments.keep and arguments.keep.exists():
        images = dict(np.load(arguments.keep, allow_pickle=True))
    else:
        images = read_images(arguments.folder, arguments.images)
        if arguments.keep:
            np.savez(arguments.keep, **images)
    embeddings, thumbnails = images["embeddings"], images["thumbnails"]
    params, seconds = AnalysisParams(), {}

    def measure(name: str, work: Callable[[], T]) -> T:
        wall, cpu = time.perf_counter(), time.process_time()
        result = work()
        seconds[name] = time.perf_counter() - wall, time.process_time() - cpu
        return result

    warm_up()
    import umap

    umap.UMAP().fit(embeddings[:4500])
    measure("umap-learn, default fit", lambda: umap.UMAP().fit(embeddings))
    graph = measure(
        "neighbours", lambda: find_neighbors(embeddings, n_neighbors=params.n_neighbors, n_threads=arguments.threads)
    )

    def look_for_duplicates(progress: Progress | None = None) -> DuplicatePairs:
        return find_near_duplicates(
            graph,
            phash=images["phash"],
            dhash=images["dhash"],
            thumbnails=lambda rows: [thumbnails[row] for row in rows],
            params=params,
            embeddings=embeddings,
            n_threads=arguments.threads,
            progress=progress,
        )

    look_for_duplicates()  # compiles its loops
    projection = measure("projection", lambda: project(embeddings, graph))
    clustering = measure("clusters", lambda: cluster(projection.xy, embeddings, params=params))
    outliers = measure("outliers", lambda: score_outliers(graph))
    pairs = measure("near duplicates", look_for_duplicates)

    def all_of_it() -> None:
        graph = find_neighbors(embeddings, n_neighbors=params.n_neighbors, n_threads=arguments.threads)
        with Beside(look_for_duplicates, Silent()) as looking:
            cluster(project(embeddings, graph).xy, embeddings, params=params)
            score_outliers(graph)
            looking.result()

    measure(ALL, all_of_it)
    print(
        f"{embeddings.shape[0]:,} images x {embeddings.shape[1]}: {clustering.n_clusters} clusters, "
        f"{clustering.n_noise} noise, {int((outliers.scores >= params.outlier_threshold).sum())} outliers, "
        f"{pairs.n_pairs} near-duplicate pairs"
    )
    print(f"{'':26}   wall s    CPU s   of umap's wall")
    reference = seconds["umap-learn, default fit"]
    for name, (wall, cpu) in seconds.items():
        print(f"{name:26} {wall:8.2f} {cpu:8.2f} {wall / reference[0]:8.2f}")
    total = seconds[ALL]
    print(f"ratio: {total[0] / reference[0]:.2f} by wall, {total[1] / reference[1]:.2f} by CPU (at most 1.50)")


if __name__ == "__main__":
    main()
