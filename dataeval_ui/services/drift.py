"""Whether a test run has drifted from a reference run, where, and a history of the answers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dataeval_ui.errors import InputError
from dataeval_ui.types import Json

if TYPE_CHECKING:
    import numpy as np

    from dataeval_ui.services.run import Run
    from dataeval_ui.types import Progress

MAX_IMAGES = 10_000
"""Of each set; of a larger one so many are drawn at random, and the answer says so."""

MAX_PERMUTATIONS_OF_ALL = 200
"""Of the MMD of all images of larger sets, which takes a byte for each image and permutation."""

N_SHOWN = 24
"""Images in each gallery."""

_HISTORY_SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftAnswer:
    """What `dataeval-ui drift --json` prints, and what each compared image has to do with it.

    Attributes
    ----------
    told : dict
    rows : pair of ndarray of int64
        Rows of the compared images in the reference's and in the test run.
    among : pair of ndarray of int64
        Rows of both sets before they were sampled.
    scores : pair of ndarray of float32
        Of the domain classifier, for each of these rows; larger is more like the test set.
    ratios : pair of ndarray of float64
        Log ratio of densities; positive where the test set is denser.
    groups : mapping of str to a pair of sequences of str
        `by_cluster` and `by_class`: the group of each of these rows; an image without a class has the empty name.
    """

    told: Json
    rows: tuple[np.ndarray, np.ndarray]
    among: tuple[np.ndarray, np.ndarray]
    scores: tuple[np.ndarray, np.ndarray]
    ratios: tuple[np.ndarray, np.ndarray]
    groups: Mapping[str, tuple[Sequence[str], Sequence[str]]]


def compare_runs_for_drift(
    reference: Run,
    test: Run,
    *,
    splits: tuple[str, str] | None = None,
    filters: tuple[str | None, str | None] | None = None,
    n_permutations: int = 500,
    random_state: int = 0,
    progress: Progress | None = None,
) -> Json:
    """Compare two runs and return what `dataeval-ui drift --json` prints; see `answer_for_drift`."""
    return answer_for_drift(
        reference,
        test,
        splits=splits,
        filters=filters,
        n_permutations=n_permutations,
        random_state=random_state,
        progress=progress,
    ).told


def answer_for_drift(
    reference: Run,
    test: Run,
    *,
    splits: tuple[str, str] | None = None,
    filters: tuple[str | None, str | None] | None = None,
    n_permutations: int = 500,
    random_state: int = 0,
    progress: Progress | None = None,
) -> DriftAnswer:
    """Compare two runs, or two parts of them.

    Parameters
    ----------
    splits, filters : pair, optional
        See `drift_sets.chosen_rows`.

    Returns
    -------
    DriftAnswer
        `told` has `drifted`, `drift_p_value`, `verdict`, `n_reference`, `n_test`, `sampled`, `agreement`, `power`,
        `tests`, `distances`, `boxes` and `cells` (see `drift_frames`; None where there are none), `by_cluster`,
        `by_class`, `by_metadata`, `new_in_test`, `vanished` and `most_shifted`.

    Raises
    ------
    InputError
        See `drift_sets.chosen_rows`.
    ParameterError
        Too few images.
    """
    import numpy as np

    from dataeval_ui.analysis.drift.compare import compare_sets, mmd_of_all
    from dataeval_ui.analysis.drift.kernels import median_bandwidth
    from dataeval_ui.analysis.drift.placement import density_ratios
    from dataeval_ui.services.drift_columns import ChosenRows, factor_rows, shared_factors, shared_statistics
    from dataeval_ui.services.drift_frames import cell_drift, frame_drift
    from dataeval_ui.services.drift_sets import chosen_rows

    rng = np.random.default_rng(random_state)
    chosen = chosen_rows(reference, test, splits=splits, filters=filters)
    n_all = [len(one) for one in chosen]
    rows = [np.sort(rng.choice(one, MAX_IMAGES, replace=False)) if len(one) > MAX_IMAGES else one for one in chosen]
    vectors = [np.asarray(run.view.embeddings[r]) for run, r in zip((reference, test), rows, strict=True)]
    labels = _labels(reference, rows[0]), _labels(test, rows[1])
    names = sorted({name for side in labels for name in side if name is not None})
    code = {name: i for i, name in enumerate(names)}
    coded = [np.array([-1 if name is None else code[name] for name in side], dtype=np.int32) for side in labels]
    factors = shared_factors((reference, test), rows)
    found = compare_sets(
        vectors[0],
        vectors[1],
        statistics=shared_statistics((reference, test), rows),
        labels=(coded[0], coded[1]),
        factors=factors,
        n_permutations=n_permutations,
        random_state=random_state,
        progress=progress,
    )
    of_all = []
    if any(n > MAX_IMAGES for n in n_all):
        sides = [ChosenRows(run.view.embeddings, one) for run, one in zip((reference, test), chosen, strict=True)]
        of_all.append(
            mmd_of_all(
                sides[0],
                sides[1],
                bandwidth=median_bandwidth(np.concatenate(vectors)),
                n_permutations=min(n_permutations, MAX_PERMUTATIONS_OF_ALL),
                random_state=random_state,
                progress=progress,
            )
        )
    clusters = _nearest_clusters(reference, vectors)
    named = [[f"cluster {c}" if c >= 0 else "noise" for c in side] for side in clusters]
    by_cluster = _shares(named[0], named[1])
    by_class = _shares([n for n in labels[0] if n is not None], [n for n in labels[1] if n is not None])
    scores = found.scores[: len(vectors[0])], found.scores[len(vectors[0]) :]
    ratios = density_ratios(vectors[0], vectors[1])
    auroc = next(t.statistic for t in found.tests if t.name == "classifier")
    told = {
        "drifted": found.drifted,
        "drift_p_value": found.p_value,
        "verdict": _verdict(found.drifted, found.p_value, auroc, by_cluster, by_class),
        "n_reference": len(rows[0]),
        "n_test": len(rows[1]),
        "sampled": [n > MAX_IMAGES for n in n_all],
        "agreement": found.agreement,
        "power": found.power.to_json(),
        "tests": [t.to_json() for t in found.tests],
        "distances": [t.to_json() for t in (*found.distances, *of_all)],
        "by_cluster": by_cluster,
        "by_class": by_class,
        "boxes": frame_drift(
            reference, test, (rows[0], rows[1]), n_permutations=n_permutations, random_state=random_state
        ),
        "cells": cell_drift(
            reference, test, (rows[0], rows[1]), n_permutations=n_permutations, random_state=random_state
        ),
        "by_metadata": factor_rows(factors, found.factors, len(rows[0])),
        "new_in_test": _most(test, rows[1], ratios[1]),
        "vanished": _most(reference, rows[0], -ratios[0]),
        "most_shifted": _most(test, rows[1], scores[1]),
    }
    classes = [["" if name is None else name for name in side] for side in labels]
    return DriftAnswer(
        told=told,
        rows=(rows[0], rows[1]),
        among=chosen,
        scores=scores,
        ratios=ratios,
        groups={"by_cluster": (named[0], named[1]), "by_class": (classes[0], classes[1])},
    )


def _most(run: Run, rows: np.ndarray, scores: np.ndarray) -> list[Json]:
    """Return the images of the highest scores, the highest first."""
    import numpy as np

    return [
        {
            "image_id": run.image_ids[rows[i]],
            "path": run.places(int(rows[i]))[0].path,
            "score": round(float(scores[i]), 6),
        }
        for i in np.argsort(-scores, kind="stable")[:N_SHOWN]
    ]


def append_history(path: Path, told: Json, *, reference: str, test: str) -> None:
    """Add one line of JSON to a history; docs/drift.md lists its keys.

    Raises
    ------
    InputError
        The file cannot be written.
    """
    from datetime import UTC, datetime

    line = {
        "schema": _HISTORY_SCHEMA,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "reference": reference,
        "test": test,
        **{name: told[name] for name in ("drifted", "drift_p_value", "verdict", "n_reference", "n_test")},
        "tests": {t["name"]: {k: t[k] for k in ("statistic", "p_value", "effect_size")} for t in told["tests"]},
    }
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
    except OSError as error:
        raise InputError(f"The history {str(path)!r} cannot be written: {error.strerror}. Name another file.") from None


def last_of_history(path: Path, test: str) -> dict[str, float]:
    """Return `drifted` (0 or 1), `drift_p_value` and `drift_auroc` of the last comparison with a test run.

    Raises
    ------
    InputError
        The file cannot be read, is no history, or does not have that run.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise InputError(
            f"The history {str(path)!r} cannot be read; name a file of `dataeval-ui drift --append`."
        ) from None
    for text in reversed(lines):
        try:
            line = json.loads(text)
            if line["test"] != test:
                continue
            return {
                "drifted": float(bool(line["drifted"])),
                "drift_p_value": float(line["drift_p_value"]),
                "drift_auroc": float(line["tests"]["classifier"]["statistic"]),
            }
        except (ValueError, KeyError, TypeError):
            raise InputError(
                f"{str(path)!r} has a line that is no comparison; write it with `drift --append`."
            ) from None
    raise InputError(f"The history {str(path)!r} has no comparison with the run {test}; run `drift --append` first.")


def _labels(run: Run, rows: np.ndarray) -> list[str | None]:
    labels = run.first_places["label"].to_pylist()
    return [labels[row] for row in rows]


def _nearest_clusters(reference: Run, vectors: list[np.ndarray]) -> list[np.ndarray]:
    """Cluster of the reference whose mean embedding is nearest to each image."""
    import numpy as np

    from dataeval_ui.analysis.neighbors import unit_rows

    labels = reference.clustering.cluster_labels
    n_clusters = reference.clustering.n_clusters
    if n_clusters == 0:
        return [np.full(len(side), -1) for side in vectors]
    units = unit_rows(reference.view.embeddings)
    centres = unit_rows(np.stack([units[labels == c].mean(axis=0) for c in range(n_clusters)]))
    return [(unit_rows(side) @ centres.T).argmax(axis=1) for side in vectors]


def _shares(reference: list[str], test: list[str]) -> list[Json]:
    """Share of each group in both sets, lift, and Fisher's p times the number of groups; the most telling first."""
    from collections import Counter

    from scipy.stats import fisher_exact

    before, after = Counter(reference), Counter(test)
    groups = sorted(set(before) | set(after))
    found = []
    for name in groups:
        a, b = before[name], after[name]
        p = float(fisher_exact([[a, len(reference) - a], [b, len(test) - b]]).pvalue)
        old, new = a / max(len(reference), 1), b / max(len(test), 1)
        found.append(
            {
                "name": name,
                "n_reference": a,
                "n_test": b,
                "share_reference": round(old, 6),
                "share_test": round(new, 6),
                "lift": round(new / old, 6) if old > 0 else None,
                "p_value": min(1.0, p * len(groups)),
            }
        )
    return sorted(found, key=lambda g: (g["p_value"], -abs(g["share_test"] - g["share_reference"]), g["name"]))


def _verdict(drifted: bool, p: float, auroc: float, by_cluster: list[Json], by_class: list[Json]) -> str:
    if not drifted:
        return f"No drift found: AUROC {auroc:.2f}, p = {p:.3g} over all tests."
    told = [group[0]["name"] for group in (by_cluster,) if group and group[0]["p_value"] <= 0.05]
    told += [f"class {group[0]['name']!r}" for group in (by_class,) if group and group[0]["p_value"] <= 0.05]
    where = f", mostly {' and '.join(told)}" if told else ", spread over clusters and classes"
    return f"Drifted: AUROC {auroc:.2f}, p = {p:.3g} over all tests{where}."
