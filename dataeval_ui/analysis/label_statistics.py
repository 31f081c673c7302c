"""Balance of classes, bounds of the Bayes error, what hangs together with what, and whose neighbours disagree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dataeval_ui.errors import ParameterError
from dataeval_ui.types import NeighborGraph
from dataeval_ui.types.labels import Association, BayesErrorBounds, ClassBalance, NeighbourConfusion

if TYPE_CHECKING:
    from dataeval_ui.types.base import Int32, Int64

MIN_EXPECTED = 5.0
N_TABLES = 2_000


def class_balance(codes: Int32, n_classes: int) -> ClassBalance:
    """Measure how evenly images spread over the classes that occur; images without a label (-1) do not count.

    Notes
    -----
    Shannon's and Simpson's (inverse) indices, each scaled to [0, 1]; 1 for a single class.
    """
    counts: Int64 = np.bincount(codes[codes >= 0], minlength=n_classes).astype(np.int64)
    present = counts[counts > 0]
    if present.size < 2:
        return ClassBalance(counts=counts, shannon=1.0, simpson=1.0, imbalance_ratio=1.0)
    p = present / present.sum()
    return ClassBalance(
        counts=counts,
        shannon=float(-(p * np.log(p)).sum() / np.log(p.size)),
        simpson=float((1 / (p**2).sum() - 1) / (p.size - 1)),
        imbalance_ratio=float(present.max() / present.min()),
    )


def bound_bayes_error_knn(graph: NeighborGraph, codes: Int32, *, z: float = 0.0) -> BayesErrorBounds:
    """Bound the Bayes error by the nearest labelled neighbour (Cover and Hart).

    Parameters
    ----------
    graph : NeighborGraph
    codes : ndarray of shape (n_images,), int32
        -1 for no label.
    z : float, default 0
        Widens the bounds by the Wilson interval of the error rate, z standard errors wide to each side; 1.96 covers 95
        percent of what sampling does to it. 0 gives DataEval's `ber_knn` with k = 1.

    Raises
    ------
    ParameterError
        Fewer than two classes.

    Notes
    -----
    With the error rate e and C classes: `(C-1)/C (1 - sqrt(max(0, 1 - C/(C-1) e)))` to `e` [1]_. Asymptotic: in high
    dimensions few images make e, and so both bounds, too large.

    References
    ----------
    .. [1] Cover and Hart, "Nearest neighbor pattern classification", 1967, https://doi.org/10.1109/TIT.1967.1053964
    """
    around = np.where(graph.indices >= 0, codes[graph.indices], -1)
    is_known = around >= 0
    usable = (codes >= 0) & is_known.any(axis=1)
    nearest = around[np.arange(codes.size), is_known.argmax(axis=1)] if around.shape[1] else codes
    wrong = int((nearest[usable] != codes[usable]).sum())
    return _cover_hart(wrong, int(usable.sum()), codes, z)


def bound_bayes_error_mst(graph: NeighborGraph, codes: Int32, *, z: float = 0.0) -> BayesErrorBounds:
    """Bound the Bayes error by the edges of a minimum spanning tree that join two classes (Friedman and Rafsky).

    Parameters
    ----------
    graph : NeighborGraph
        The tree is that of this graph; where it falls into parts, the share of all their trees' edges counts.
    codes : ndarray of shape (n_images,), int32
    z : float, default 0
        As in `bound_bayes_error_knn`; 0 gives DataEval's `ber_mst` where the graph holds the tree, but for the
        n_classes - 1 edges that DataEval takes off the count.

    References
    ----------
    .. [1] Sekeh, Oselio and Hero, "Learning to Bound the Multi-class Bayes Error", 2020,
       https://doi.org/10.1109/TSP.2020.2994807
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import minimum_spanning_tree

    n, k = graph.indices.shape
    # A weight of 0 would be no edge: equal images get the smallest weight instead.
    weights = np.maximum(1 - graph.similarities.astype(np.float64).ravel(), 1e-12)
    rows, columns = np.repeat(np.arange(n), k), graph.indices.ravel()
    labelled = (codes[rows] >= 0) & (codes[columns] >= 0)
    low, high = np.minimum(rows, columns)[labelled], np.maximum(rows, columns)[labelled]
    keys, first = np.unique(low.astype(np.int64) * n + high, return_index=True)
    tree = minimum_spanning_tree(
        coo_array((weights[labelled][first], (keys // n, keys % n)), shape=(n, n)).tocsr()
    ).tocoo()
    crossing = int((codes[tree.row] != codes[tree.col]).sum())
    n_labelled = int((codes >= 0).sum())
    rate = crossing / max(tree.nnz, 1) * (n_labelled - 1) / max(n_labelled, 1)
    return _cover_hart(rate * n_labelled, n_labelled, codes, z)


def _cover_hart(n_wrong: float, n: int, codes: Int32, z: float) -> BayesErrorBounds:
    n_classes = np.unique(codes[codes >= 0]).size
    if n_classes < 2 or n == 0:
        raise ParameterError(f"The Bayes error needs two classes, and there are {n_classes}. Choose another column.")
    rate = n_wrong / n
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * float(np.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n)))
    low, high = max(0.0, centre - reach), min(1.0, centre + reach)
    most = (n_classes - 1) / n_classes
    lower = most * (1 - float(np.sqrt(max(0.0, 1 - low / most))))
    return BayesErrorBounds(lower=lower, upper=high, error_rate=rate, n_images=n)


def measure_association(first: Int32, second: Int32, *, random_state: int = 42) -> Association:
    """Measure how two columns of categories hang together, and test their independence.

    Parameters
    ----------
    first, second : ndarray of shape (n_images,), int32
        Codes; rows where either is -1 do not count.
    random_state : int, default 42

    Returns
    -------
    Association
        `chi2` 0 and `p_value` 1 where a column has fewer than two categories.

    Notes
    -----
    Pearson's chi-squared without a correction. Where an expected count is below 5, Fisher's exact test for 2 x 2, else
    the share of 2,000 random tables with the same margins whose chi-squared is as large, each plus one.

    References
    ----------
    .. [1] Cramér, "Mathematical Methods of Statistics", 1946, chapter 21
    """
    from scipy import stats

    known = (first >= 0) & (second >= 0)
    rows, a = np.unique(first[known], return_inverse=True)
    columns, b = np.unique(second[known], return_inverse=True)
    if rows.size < 2 or columns.size < 2:
        return Association(chi2=0.0, p_value=1.0, cramers_v=0.0, is_exact=False)
    table = np.bincount(a * columns.size + b, minlength=rows.size * columns.size).reshape(rows.size, columns.size)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    chi2 = float(((table - expected) ** 2 / expected).sum())
    v = float(np.sqrt(chi2 / (table.sum() * (min(table.shape) - 1))))
    is_small = bool((expected < MIN_EXPECTED).any())
    if not is_small or table.size > 10_000:
        p = float(stats.chi2.sf(chi2, (rows.size - 1) * (columns.size - 1)))
        return Association(chi2=chi2, p_value=p, cramers_v=min(v, 1.0), is_exact=False)
    if table.shape == (2, 2):
        p = float(stats.fisher_exact(table)[1])
    else:
        p = _random_tables(table, expected, chi2, random_state)
    return Association(chi2=chi2, p_value=p, cramers_v=min(v, 1.0), is_exact=True)


def _random_tables(table: np.ndarray[Any, Any], expected: np.ndarray[Any, Any], chi2: float, seed: int) -> float:
    from scipy.stats import random_table

    draw = random_table(table.sum(axis=1), table.sum(axis=0))
    rng = np.random.default_rng(seed)
    n_as_large = 0
    for _ in range(N_TABLES // 100):
        drawn = draw.rvs(100, random_state=rng)
        n_as_large += int((((drawn - expected) ** 2 / expected).sum(axis=(1, 2)) >= chi2 * (1 - 1e-9)).sum())
    return (n_as_large + 1) / (N_TABLES + 1)


def mutual_information(first: Int32, second: Int32) -> float:
    """Return the normalised mutual information of two columns of codes, in [0, 1]; -1 marks no value.

    Notes
    -----
    Over the arithmetic mean of the two entropies, as scikit-learn's `normalized_mutual_info_score`.
    """
    known = (first >= 0) & (second >= 0)
    if not known.any():
        return 0.0
    from sklearn.metrics import normalized_mutual_info_score

    return float(normalized_mutual_info_score(first[known], second[known]))


def confuse_neighbours(graph: NeighborGraph, codes: Int32) -> NeighbourConfusion:
    """Let the labelled neighbours of each image vote on its label, and count label by vote.

    Notes
    -----
    O(n k²); no n_classes x n_classes array, so 5,000 classes cost no more than two.
    """
    around = codes[graph.indices]
    support = np.zeros(around.shape)
    for place in range(around.shape[1]):
        same = around == around[:, place : place + 1]
        # A sum of cosines far below one vote decides between equal counts.
        support[:, place] = same.sum(axis=1) + 1e-3 * np.where(same, graph.similarities, 0).mean(axis=1)
    support[around < 0] = -1
    voted = np.full(codes.size, -1, dtype=np.int32)
    if around.shape[1]:
        best = support.argmax(axis=1)
        voted = around[np.arange(codes.size), best].astype(np.int32)
    known = (codes >= 0) & (voted >= 0)
    cells, counts = np.unique(np.stack([codes[known], voted[known]]), axis=1, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return NeighbourConfusion(
        given=codes.astype(np.int32),
        voted=voted,
        given_codes=cells[0][order].astype(np.int32),
        voted_codes=cells[1][order].astype(np.int32),
        n_images=counts[order].astype(np.int64),
    )
