"""A run's clusters at other settings, kept beside the run: the run itself stays as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dataeval_ui.errors import UnknownNameError
from dataeval_ui.types.stability import ClusterSweep, SweepSummary

if TYPE_CHECKING:
    from dataeval_ui.services.columns import Column
    from dataeval_ui.services.run import Run
    from dataeval_ui.types.base import Int32

VERSION = 1


def cluster_sweep(run: Run) -> ClusterSweep:
    """Cluster a run's map at several values of `min_cluster_size`; kept with the run.

    Raises
    ------
    ParameterError
        The run's clusters are those of k-means.
    """
    from dataeval_ui.analysis.stability import sweep_clusters, swept_sizes
    from dataeval_ui.services.derived import kept

    params = run.record.params
    shape = (run.n_images, len(swept_sizes(run.n_images, params)))
    return kept(
        run,
        "cluster-sweep",
        VERSION,
        ClusterSweep,
        lambda: sweep_clusters(run.projection.xy, run.clustering.cluster_labels, params=params),
        is_valid=lambda found: found.labels.shape == shape and bool((found.labels >= -1).all()),
    )


def sweep_summary(run: Run) -> SweepSummary:
    """Say how the clusters change with `min_cluster_size`.

    Raises
    ------
    ParameterError
        The run's clusters are those of k-means.
    """
    from dataeval_ui.analysis.stability import summarise_sweep

    return summarise_sweep(cluster_sweep(run), run.record.params)


def clusters_at(run: Run, size: int) -> Int32:
    """Return the clusters at a `min_cluster_size` of the sweep; of shape (n_images,), -1 for noise.

    Raises
    ------
    UnknownNameError
        The sweep has no such size.
    ParameterError
        The run's clusters are those of k-means.
    """
    from dataeval_ui.analysis.stability import swept_sizes

    sizes = swept_sizes(run.n_images, run.record.params)
    if size not in sizes:
        raise UnknownNameError("min_cluster_size", str(size), [str(known) for known in sizes])
    labels: Int32 = cluster_sweep(run).labels[:, sizes.index(size)]
    return labels


def cluster_column(run: Run, size: int) -> Column:
    """Return the clusters at another size as a column of the map; see `clusters_at` for the errors."""
    from dataeval_ui.services.columns import Column, cluster_column

    column = cluster_column(clusters_at(run, size))
    return Column(
        name=f"analysis.clusters.{size}",
        title=f"Clusters of at least {size}",
        kind="categorical",
        codes=column.codes,
        categories=column.categories,
        neutral=column.neutral,
    )
