"""False alarms, power, agreement, speed and stability of the drift tests, beside DataEval's detectors where installed.

    python scripts/bench/drift.py IMAGES OTHER [--only false-alarms power ...] [--keep POOLS.npz] [--repeats 40]

IMAGES is a folder of images whose first folders are classes, OTHER one of other images. `pip install "dataeval>=1.1.4"`
adds its detectors to the table of power; nothing else needs it.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from drift_pools import Pool, read_pools
from scipy import stats

from dataeval_ui.analysis.drift.compare import Drift, compare_sets
from dataeval_ui.analysis.drift.features import cdf_gap_p_values, exact_cdf_gaps
from dataeval_ui.analysis.drift.fourier import fourier_mmd
from dataeval_ui.analysis.drift.kernels import kernel_statistics, median_bandwidth
from dataeval_ui.analysis.drift.placement import place_by_reference
from dataeval_ui.analysis.drift.samples import memberships, permutation_p

LEVEL = 0.05
BAND = 0.02, 0.085
N_PERMUTATIONS = 199
SIZES = 200, 1000
SLOW = "DataEval domain classifier"
"""Over a minute of CPU time for 200 against 200 images of 1,280 dimensions."""


def compare(reference: Pool, test: Pool, *, distances: bool, seed: int) -> Drift:
    names = np.unique(np.concatenate([reference.labels, test.labels]))
    codes = [np.searchsorted(names, pool.labels).astype(np.int32) for pool in (reference, test)]
    return compare_sets(
        reference.embeddings,
        test.embeddings,
        statistics=(reference.statistics, test.statistics),
        labels=(codes[0], codes[1]),
        with_distances=distances,
        n_permutations=N_PERMUTATIONS,
        random_state=seed,
    )


def false_alarms(pools: Mapping[str, Pool], repeats: int, start: int, distances: bool) -> None:
    """How often each test calls random halves of one set different."""
    pool, alarms = pools["as it is"], defaultdict(int)
    for seed in range(start, start + repeats):
        rows = np.random.default_rng(seed).permutation(len(pool.labels))[:1000]
        found = compare(pool.take(rows[:500]), pool.take(rows[500:]), distances=distances, seed=seed)
        alarms["verdict"] += found.drifted
        for test in found.tests + found.distances:
            alarms[test.name] += test.p_value <= LEVEL
    print(f"\nFalse alarms on {repeats} random halves, n = 500 each, level {LEVEL}:")
    for name, n in alarms.items():
        held = "" if BAND[0] <= n / repeats <= BAND[1] else "   MISSED"
        print(f"{name:12} {n:4} {n / repeats:.3f}{held}", flush=True)


def mixed(share: float) -> Callable[[Mapping[str, Pool], np.ndarray, int], Pool]:
    def change(pools: Mapping[str, Pool], rows: np.ndarray, n: int) -> Pool:
        n_new = round(share * n)
        new = pools["other"].take(np.random.default_rng(int(rows[0])).permutation(len(pools["other"].labels))[:n_new])
        old = pools["as it is"].take(rows[: n - n_new])
        return Pool(*(np.concatenate([getattr(old, f), getattr(new, f)]) for f in vars(old)))

    return change


def changed(name: str) -> Callable[[Mapping[str, Pool], np.ndarray, int], Pool]:
    return lambda pools, rows, n: pools[name].take(rows[:n])


def classes_by_size(pool: Pool) -> np.ndarray:
    names, counts = np.unique(pool.labels, return_counts=True)
    ordered: np.ndarray = names[np.argsort(-counts, kind="stable")]
    return ordered


def without_a_class(pools: Mapping[str, Pool], rows: np.ndarray, n: int) -> Pool:
    """Leave out the second-largest class."""
    pool = pools["as it is"]
    return pool.take(rows[pool.labels[rows] != classes_by_size(pool)[1]][:n])


def other_mix(pools: Mapping[str, Pool], rows: np.ndarray, n: int) -> Pool:
    """Draw every second class half as often."""
    pool = pools["as it is"]
    rare = np.isin(pool.labels[rows], classes_by_size(pool)[1::2])
    kept = ~rare | (np.random.default_rng(int(rows[0])).random(len(rows)) < 0.5)
    return pool.take(rows[kept][:n])


ROWS: Mapping[str, Callable[[Mapping[str, Pool], np.ndarray, int], Pool]] = {
    "blur": changed("blur"),
    "brightness": changed("brightness"),
    "JPEG": changed("JPEG"),
    "class removed": without_a_class,
    "class mix": other_mix,
    "1 % other": mixed(0.01),
    "5 % other": mixed(0.05),
    "10 % other": mixed(0.10),
    "20 % other": mixed(0.20),
}


def dataeval_detectors() -> dict[str, Callable[[np.ndarray, np.ndarray], bool]]:
    """DataEval's detectors with their defaults; none where it is not installed."""
    try:
        from dataeval.shift import DriftDomainClassifier, DriftKNeighbors, DriftMMD, DriftUnivariate
    except ImportError:
        return {}
    makers: dict[str, Callable[[], object]] = {
        f"DataEval {m}": lambda m=m: DriftUnivariate(m) for m in ("ks", "cvm", "mwu")
    }
    makers |= {"DataEval neighbours": DriftKNeighbors, "DataEval MMD": DriftMMD, SLOW: DriftDomainClassifier}
    return {name: lambda a, b, make=make: bool(make().fit(a).predict(b).drifted) for name, make in makers.items()}


def power(
    pools: Mapping[str, Pool],
    rows_wanted: list[str],
    sizes: list[int],
    *,
    repeats: int,
    dataeval_repeats: int,
    slow_repeats: int,
    detectors_wanted: list[str],
) -> None:
    """How often each test sees a change, a column a test; "as it is" is no change."""
    detectors = {n: d for n, d in dataeval_detectors().items() if not detectors_wanted or n in detectors_wanted}
    n_all = len(pools["as it is"].labels)
    for n in sizes:
        for row in ["as it is", *ROWS]:
            if rows_wanted and row not in rows_wanted:
                continue
            make, rates = ROWS.get(row, changed("as it is")), defaultdict(list)
            for seed in range(repeats):
                order = np.random.default_rng(1000 + seed).permutation(n_all)
                reference, test = pools["as it is"].take(order[:n]), make(pools, order[n:], n)
                found = compare(reference, test, distances=False, seed=seed)
                rates["verdict"].append(found.drifted)
                for each in found.tests:
                    rates[each.name].append(each.p_value <= LEVEL)
                for name, drifted in detectors.items():
                    if seed < (slow_repeats if name == SLOW else dataeval_repeats):
                        rates[name].append(drifted(reference.embeddings, test.embeddings))
            told = ", ".join(f"{name} {np.mean(r):.2f}" for name, r in rates.items())
            print(f"n = {n}, {row} ({len(test.labels)} test images, {repeats} times): {told}", flush=True)


def agreement(pools: Mapping[str, Pool]) -> None:
    """The same numbers as scipy and DataEval give."""
    x, y = pools["as it is"].embeddings[:300], pools["blur"].embeddings[300:700]
    rng = np.random.default_rng(0)
    # Scipy's Cramer-von Mises is for values without ties, and most features are 0 for some images.
    apart = [(side + rng.uniform(0, 1e-3, side.shape)).astype(np.float32) for side in (x, y)]
    ks, cvm = exact_cdf_gaps(x, y)[0], exact_cdf_gaps(apart[0], apart[1])[1]
    p_ks, p_cvm = cdf_gap_p_values(ks, cvm, n=len(x), m=len(y))
    worst = defaultdict(float)
    for at in range(x.shape[1]):
        one = stats.ks_2samp(x[:, at], y[:, at], method="asymp")
        two = stats.cramervonmises_2samp(*(side[:, at].astype(np.float64) for side in apart), method="asymptotic")
        for name, ours, theirs in (
            ("KS statistic", ks[at], one.statistic),
            ("KS p-value", p_ks[at], one.pvalue),
            ("CVM statistic", cvm[at], two.statistic),
            ("CVM p-value", p_cvm[at], two.pvalue),
        ):
            worst[name] = max(worst[name], abs(float(ours) - float(theirs)))
    for name, difference in worst.items():
        print(f"{name}: largest difference from scipy over {x.shape[1]:,} features {difference:.1e}")
    try:
        from dataeval.core import divergence_fnn, divergence_mst
        from dataeval.shift import DriftMMD
    except ImportError:
        print("DataEval is not installed; its statistics are not compared.")
        return
    from dataeval_ui.analysis.drift.distances import distances
    from dataeval_ui.analysis.neighbors import unit_rows

    pooled = np.concatenate([x, y])
    members = memberships(len(x), len(y), n_permutations=0, random_state=0)
    sigma = median_bandwidth(pooled)
    ours = kernel_statistics(pooled, members, bandwidth=sigma)[0][0]
    theirs = DriftMMD(sigma=np.array([sigma], dtype=np.float32), n_permutations=10).fit(x).predict(y).distance
    print(f"MMD: {ours:.8f}, DataEval {theirs:.8f}, difference {abs(ours - theirs):.1e} (at most 1e-6)")
    found = distances(pooled, members)
    for name, function in (("hp_tree", divergence_mst), ("hp_nearest", divergence_fnn)):
        other = function(unit_rows(x), unit_rows(y))["divergence"]
        print(f"{name}: {found[name][0]:.6f}, DataEval {other:.6f}")


def speed() -> None:
    """MMD of 10,000 against 10,000 with 1,000 permutations."""
    rng = np.random.default_rng(0)
    pooled = rng.normal(size=(20_000, 512)).astype(np.float32)
    start, wall = time.process_time(), time.perf_counter()
    members = memberships(10_000, 10_000, n_permutations=1000, random_state=0)
    kernel_statistics(pooled, members, bandwidth=median_bandwidth(pooled))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"MMD and energy distance, 10,000 against 10,000 x 512, 1,000 permutations: "
        f"{time.process_time() - start:.1f} CPU s, {time.perf_counter() - wall:.1f} s, {peak:.2f} GB "
        "(at most 60 CPU s and 2 GB)"
    )


def many() -> None:
    """MMD of 100,000 against 100,000 by random Fourier features, and how far it is off where both can be had."""
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=(100_000, 512)).astype(np.float32) for _ in range(2))
    y[:, 0] += np.float32(0.1)
    sigma = median_bandwidth(x[:1000])
    start = time.process_time()
    found = fourier_mmd(x, y, bandwidth=sigma, n_permutations=200)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        "MMD by Fourier features, 100,000 against 100,000 x 512, 200 permutations: "
        f"{time.process_time() - start:.1f} CPU s, {peak:.2f} GB, "
        f"p = {permutation_p(found):.3g} for a shift of one dimension in 512 by 0.1 standard deviations"
    )


def stability(pools: Mapping[str, Pool]) -> None:
    """Place test images alone and among 10,000."""
    pool, rng = pools["as it is"].embeddings, np.random.default_rng(0)
    reference, xy = pool[:1000], rng.normal(size=(1000, 2)).astype(np.float32)
    others = (
        pool[1000 + rng.integers(0, 1000, 9_000)] + rng.normal(size=(9_000, pool.shape[1])).astype(np.float32) * 0.01
    )
    many_images = np.concatenate([pool[1000:2000], others])
    together = place_by_reference(reference, xy, many_images).xy
    alone = np.concatenate(
        [place_by_reference(reference, xy, many_images[at : at + 1]).xy for at in range(0, 1000, 20)]
    )
    worst = float(np.abs(alone - together[0:1000:20]).max())
    print(f"Placing alone or among 10,000: coordinates differ by at most {worst:.1e} (at most 1e-6)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=Path)
    parser.add_argument("other", type=Path)
    names = ["false-alarms", "power", "agreement", "speed", "many", "stability"]
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument("--rows", nargs="+", default=[], help="only these rows of the table of power")
    parser.add_argument("--sizes", nargs="+", type=int, default=list(SIZES))
    parser.add_argument("--keep", type=Path, help="keep the embedded images here, or take them from here")
    parser.add_argument("--repeats", type=int, default=40, help="of each row of power; five times as many halves")
    parser.add_argument("--start", type=int, default=0, help="seed of the first random halves")
    parser.add_argument("--no-distances", action="store_true", help="false alarms of the tests alone")
    parser.add_argument("--dataeval-repeats", type=int, default=20, help="of DataEval's detectors on each row")
    parser.add_argument("--detectors", nargs="+", default=[], help='only these of DataEval, such as "DataEval MMD"')
    parser.add_argument("--slow-repeats", type=int, default=0, help="of DataEval's domain classifier")
    arguments = parser.parse_args()
    if "speed" in arguments.only:  # first, so that the peak of memory is its own
        speed()
    if "many" in arguments.only:
        many()
    if set(arguments.only) <= {"speed", "many"}:
        return
    pools = read_pools(arguments.images, arguments.other, n_images=2000, keep=arguments.keep)
    if "stability" in arguments.only:
        stability(pools)
    if "agreement" in arguments.only:
        agreement(pools)
    if "false-alarms" in arguments.only:
        false_alarms(pools, 5 * arguments.repeats, arguments.start, not arguments.no_distances)
    if "power" in arguments.only:
        power(
            pools,
            arguments.rows,
            arguments.sizes,
            repeats=arguments.repeats,
            dataeval_repeats=arguments.dataeval_repeats,
            slow_repeats=arguments.slow_repeats,
            detectors_wanted=arguments.detectors,
        )


if __name__ == "__main__":
    main()
