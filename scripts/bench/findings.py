"""The table of what the findings must hold: ours and the known peers on the same images, in one run.

    python scripts/bench/findings.py [--images OPENCLIPART] [--stamps STAMPS] [--only labels,ber] [--keep FOLDER]

Rows: `duplicates`, `labels`, `outliers` need folders of images (`--images`, whose first level of folders are classes;
`--stamps`, photographs that are none of them); `ber`, `hdbscan`, `memory` and `time` are made here. Peers (cleanlab,
DataEval and others) run where they can be imported, else the row says "not installed"; one that finds near duplicates
has `--peer-limit` seconds of CPU time. A row is printed as soon as it is done: what, whose, the number, and where the
project promises one, the target and whether it is met. `--keep` keeps embeddings and planted files for another run.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(tempfile.gettempdir()) / "dataeval-ui-bench-numba"))
os.environ.setdefault("OMP_NUM_THREADS", "1")

import finding_costs
import numpy as np

from dataeval_ui.analysis.label_errors import find_label_errors
from dataeval_ui.analysis.neighbors import find_neighbors, unit_rows
from dataeval_ui.analysis.outlier_methods import score_outlier_methods

N_LABELLED, N_STAMPS, MIN_PX, MAX_PX = 4_000, 400, 32, 1_500


def line(what: str, whose: str, value: str, holds: bool | None = None, target: str = "") -> None:
    """Print a row of the table."""
    verdict = "" if holds is None else f"  [{target}: {'met' if holds else 'MISSED'}]"
    print(f"{what:34} {whose:36} {value}{verdict}", flush=True)


def has(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def embedded(folder: Path, n: int, keep: Path | None) -> tuple[np.ndarray, np.ndarray]:
    """Embed n images of a folder, drawn with seed 0; return embeddings and first folders."""
    kept = keep / f"{folder.name}-{n}.npz" if keep else None
    if kept and kept.exists():
        stored = np.load(kept)
        return stored["embeddings"], stored["folder"]
    from near_duplicates import embed_images
    from PIL import Image

    paths, folders = sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".png", ".jpg", ".jpeg", ".webp")), []

    def images() -> Iterator[tuple[str, Image.Image]]:
        for at in np.random.default_rng(0).permutation(len(paths)):
            if len(folders) == n:
                return
            try:
                with Image.open(paths[at]) as image:
                    if min(image.size) < MIN_PX or max(image.size) > MAX_PX:
                        continue
                    whole = image.convert("RGBA")
            except (OSError, ValueError, Image.DecompressionBombError):
                continue
            page = Image.new("RGBA", whole.size, "white")
            page.alpha_composite(whole)
            folders.append(paths[at].relative_to(folder).parts[0])
            yield folders[-1], page.convert("RGB")

    x = embed_images(images())["embeddings"]
    if kept:
        np.savez(kept, embeddings=x, folder=np.array(folders))
    return x, np.array(folders)


FOLDERS = ("animals", "food", "plants", "people", "buildings", "transportation")
"""Of the drawings, those whose near duplicates are looked for: the others are variants of each other, as signs are."""


def duplicates(arguments: argparse.Namespace) -> None:
    """Recall and precision of near duplicates by change, ours and the peers, by the bench that plants them."""
    from near_duplicates import LEAST, answers

    for folder, within in ((arguments.images, FOLDERS), (arguments.stamps, ())):
        what, best = f"near duplicates, {folder.name}", (0.0, 0.0)
        keep = arguments.keep / f"planted-{folder.name}" if arguments.keep else None
        found = answers(folder, arguments.images, keep=keep, within=within, peer_limit_s=arguments.peer_limit)
        for answer in found:
            if not answer.measured:
                line(what, answer.name, answer.about)
                continue
            if answer.name == "ours":
                best = answer.measured["all"]
            for change, (recall, precision) in answer.measured.items():
                told = f"{change:14} recall {recall:.3f}  precision {precision:.3f}"
                holds = min(recall, precision) >= LEAST if answer.name == "ours" else None
                line(what, answer.name, told, holds, f"both at least {LEAST}")
            if answer.name != "ours":
                score, own = (2 * r * p / max(r + p, 1e-9) for r, p in (answer.measured["all"], best))
                told = f"F1 {score:.3f}, ours {own:.3f}; {answer.about}"
                line(what, answer.name, told, own >= score, "ours at least as good")


def labels(arguments: argparse.Namespace) -> None:
    """Average precision of finding flipped labels."""
    from sklearn.metrics import average_precision_score as ap

    x, folders = embedded(arguments.images, N_LABELLED, arguments.keep)
    names, truth = np.unique(folders, return_inverse=True)
    graph = find_neighbors(x, n_neighbors=15)
    for share in (0.05, 0.1):
        rng = np.random.default_rng(1)
        given = truth.astype(np.int32)
        flipped = rng.choice(given.size, round(share * given.size), replace=False)
        given[flipped] = (given[flipped] + rng.integers(1, names.size, flipped.size)) % names.size
        is_flipped = np.zeros(given.size)
        is_flipped[flipped] = 1
        judged = np.bincount(given, minlength=names.size)[given] >= 5  # the peers need as many
        classes = np.unique(given[judged], return_inverse=True)[1]
        start = time.process_time()
        found = find_label_errors(x, graph, given, names.size)
        seconds = time.process_time() - start
        peers: dict[str, float] = {}
        if has("cleanlab"):
            from cleanlab.rank import get_label_quality_scores
            from sklearn.linear_model import LogisticRegression
            from sklearn.model_selection import cross_val_predict

            model = LogisticRegression(max_iter=300)
            p = cross_val_predict(model, 5 * unit_rows(x[judged]), classes, cv=5, method="predict_proba")
            for method in ("self_confidence", "normalized_margin"):
                quality = get_label_quality_scores(classes, p, method=method)
                peers[f"cleanlab {method}"] = float(ap(is_flipped[judged], -quality))
        if has("dataeval"):
            from dataeval.core import label_errors

            scores = np.asarray(label_errors(x[judged], classes)["scores"]).reshape(classes.size, -1)[:, 0]
            peers["DataEval label_errors"] = max(float(ap(is_flipped[judged], s)) for s in (scores, -scores))
        what, ours = f"label errors, {share:.0%} flips", float(ap(is_flipped[judged], found.scores[judged]))
        n_hit, n_found = int(found.suspected[flipped].sum()), int(found.suspected.sum())
        told = f"AP {ours:.3f}  ({n_found} suspected, {n_hit} of {flipped.size} flips; {seconds:.1f} CPU s)"
        line(
            what, "ours", told, all(ours >= value for value in peers.values()) if peers else None, "at least every peer"
        )
        for name in ("cleanlab self_confidence", "cleanlab normalized_margin", "DataEval label_errors"):
            line(what, name, f"AP {peers[name]:.3f}" if name in peers else "not installed")


def outliers(arguments: argparse.Namespace) -> None:
    """AUROC of two percent of images of the other kind."""
    from sklearn.ensemble import IsolationForest
    from sklearn.metrics import roc_auc_score
    from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors

    drawings = embedded(arguments.images, N_LABELLED, arguments.keep)[0][:1_600]
    stamps = embedded(arguments.stamps, N_STAMPS, arguments.keep)[0]
    for what, normal, odd in (("stamps in openclipart", drawings, stamps), ("openclipart in stamps", stamps, drawings)):
        n_odd = max(1, round(0.02 * len(normal)))
        draws: dict[str, list[float]] = {}
        for seed in range(5):
            x = np.concatenate([normal, odd[np.random.default_rng(seed).choice(len(odd), n_odd, replace=False)]])
            truth, units = np.arange(len(x)) >= len(normal), unit_rows(x)
            graph = find_neighbors(x, n_neighbors=15)
            ours = score_outlier_methods(x, graph, cluster_labels=np.full(len(x), -1, np.int32))
            scores = {f"ours, {name}": getattr(ours, name) for name in ("knn", "mahalanobis", "lof", "combined")}
            scores["LOF (scikit-learn)"] = -LocalOutlierFactor().fit(units).negative_outlier_factor_
            scores["isolation forest"] = -IsolationForest(random_state=0).fit(units).score_samples(units)
            scores["kNN distance (scikit-learn)"] = NearestNeighbors(n_neighbors=11).fit(units).kneighbors()[0][:, -1]
            if has("dataeval"):
                from dataeval.shift import OODKNeighbors

                scores["DataEval OODKNeighbors"] = OODKNeighbors(k=10).fit(x).score(x).instance_score
            for name, values in scores.items():
                draws.setdefault(name, []).append(float(roc_auc_score(truth, np.asarray(values).ravel())))
        mean = {name: float(np.mean(values)) for name, values in draws.items()}
        best = max(value for name, value in mean.items() if not name.startswith("ours"))
        for name, value in mean.items():
            holds = value >= best if name == "ours, combined" else None
            line(f"outliers, {what}", name, f"AUROC {value:.3f} (5 draws of {n_odd})", holds, "at least every peer")
        if not has("dataeval"):
            line(f"outliers, {what}", "DataEval OODKNeighbors", "not installed")


def ber(_: argparse.Namespace) -> None:
    """Share of draws whose bounds contain the Bayes error of a Gaussian mixture."""
    from dataeval_ui.analysis.label_statistics import bound_bayes_error_knn, bound_bayes_error_mst

    for n_classes in (2, 5, 10, 50):
        held = {"knn": 0, "mst": 0}
        for seed in range(100):
            rng = np.random.default_rng(seed)
            centres = rng.normal(size=(n_classes, 3)) * 1.5
            truth = _bayes_error(centres, rng)
            codes = rng.integers(0, n_classes, 2_000).astype(np.int32)
            points = centres[codes] + rng.normal(size=(2_000, 3))
            # On a small cap of the sphere the angle is the distance in the plane.
            x = np.c_[0.01 * points, np.ones(2_000)].astype(np.float32)
            graph = find_neighbors(x, n_neighbors=15)
            for name, bound in (("knn", bound_bayes_error_knn), ("mst", bound_bayes_error_mst)):
                bounds = bound(graph, codes, z=1.96)
                held[name] += bounds.lower <= truth <= bounds.upper
        for name, n in held.items():
            line(
                f"BER, {n_classes} classes",
                f"ours, {name}",
                f"truth within the bounds in {n} of 100 draws",
                n >= 95,
                "95",
            )


def _bayes_error(centres: np.ndarray, rng: np.random.Generator) -> float:
    codes = rng.integers(0, len(centres), 40_000)
    points = centres[codes] + rng.normal(size=(40_000, centres.shape[1]))
    logs = -((points[:, None, :] - centres) ** 2).sum(axis=2) / 2
    p = np.exp(logs - logs.max(axis=1, keepdims=True))
    return float(1 - (p.max(axis=1) / p.sum(axis=1)).mean())


def hdbscan(_: argparse.Namespace) -> None:
    """Adjusted Rand index on blobs with noise, on the plane as in a run, with one meaning of `min_samples`."""
    from sklearn.cluster import HDBSCAN
    from sklearn.datasets import make_blobs
    from sklearn.metrics import adjusted_rand_score

    from dataeval_ui.analysis.clustering import cluster, default_min_cluster_size
    from dataeval_ui.types import AnalysisParams

    params, n_draws = AnalysisParams(), 20
    for share in (0.0, 0.1, 0.3):
        mine, other = np.empty(n_draws), np.empty(n_draws)
        for seed in range(n_draws):
            points, truth = make_blobs(2_000, 2, centers=12, cluster_std=0.6, center_box=(-20, 20), random_state=seed)
            n_noise = round(share * len(points))
            noise = np.random.default_rng(seed).uniform(-22, 22, (n_noise, 2))
            xy, truth = np.concatenate([points, noise]).astype(np.float32), np.r_[truth, np.full(n_noise, -1)]
            size = params.min_cluster_size or default_min_cluster_size(len(xy))
            # scikit-learn counts the point itself among its min_samples.
            peer = HDBSCAN(min_cluster_size=size, min_samples=params.min_samples + 1, copy=True)
            mine[seed] = adjusted_rand_score(truth, cluster(xy, xy, params=params).cluster_labels)
            other[seed] = adjusted_rand_score(truth, peer.fit_predict(xy.astype(np.float64)))
        worst = max(0.0, float((other - mine).max()))
        told = f"ARI {mine.mean():.4f} (mean of {n_draws} draws, in the worst {worst:.4f} below)"
        line(f"HDBSCAN, {share:.0%} noise", "ours", told, mine.mean() >= other.mean() - 1e-4, "scikit-learn's")
        line(f"HDBSCAN, {share:.0%} noise", "scikit-learn", f"ARI {other.mean():.4f}")


def memory(_: argparse.Namespace) -> None:
    """Peak of memory above what is there before, over the matrix, each analysis in a process of its own."""
    for name, share in finding_costs.measure_memory():
        line("memory, 100,000 x 512", name, f"peak {share:.2f} x the matrix", share < 2.5, "below 2.5")


def cost(_: argparse.Namespace) -> None:
    """CPU seconds of each analysis, the graph given."""
    spent = finding_costs.measure_time()
    total = sum(spent.values())
    for name, seconds in spent.items():
        line("time, 50,000 x 512", name, f"{seconds:6.2f} CPU s  {seconds / total:5.1%}")
    line("time, 50,000 x 512", "all", f"{total:6.2f} CPU s", total <= 60, "at most 60")


ROWS: dict[str, Callable[[argparse.Namespace], None]] = {
    "duplicates": duplicates,
    "labels": labels,
    "outliers": outliers,
    "ber": ber,
    "hdbscan": hdbscan,
    "memory": memory,
    "time": cost,
}
NEEDS = {"duplicates": ("images", "stamps"), "labels": ("images",), "outliers": ("images", "stamps")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, help="folder of drawings, the first level of folders being classes")
    parser.add_argument("--stamps", type=Path, help="folder of other images")
    parser.add_argument("--only", default=",".join(ROWS), help=f"rows, comma-separated: {', '.join(ROWS)}")
    parser.add_argument("--keep", type=Path, help="folder that keeps embeddings")
    parser.add_argument(
        "--peer-limit", type=int, default=300, help="CPU seconds that each peer has for near duplicates"
    )
    arguments = parser.parse_args()
    wanted = arguments.only.split(",")
    if unknown := sorted(set(wanted) - set(ROWS)):
        sys.exit(f"There is no row {', '.join(unknown)}. Known: {', '.join(ROWS)}.")
    if arguments.keep:
        arguments.keep.mkdir(parents=True, exist_ok=True)
    for name in wanted:
        if missing := [f"--{need}" for need in NEEDS.get(name, ()) if getattr(arguments, need) is None]:
            line(name, "", f"left out: give {' and '.join(missing)}")
            continue
        start = time.process_time(), sum(os.times()[2:4])
        ROWS[name](arguments)
        spent = time.process_time() - start[0] + sum(os.times()[2:4]) - start[1]
        print(f"# {name}: {spent:.0f} CPU s", flush=True)


if __name__ == "__main__":
    main()
