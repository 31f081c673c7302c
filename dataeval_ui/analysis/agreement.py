"""How far reviewers agree, beyond what chance would give."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence


def cohens_kappa(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Agreement of two reviewers beyond chance, at most 1; None where it is undefined.

    References
    ----------
    Cohen, "A coefficient of agreement for nominal scales", doi:10.1177/001316446002000104.
    """
    if not pairs:
        return None
    n = len(pairs)
    alike = sum(a == b for a, b in pairs) / n
    left, right = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    by_chance = sum(left[verdict] * right[verdict] for verdict in left) / n**2
    return None if by_chance == 1 else (alike - by_chance) / (1 - by_chance)


def fleiss_kappa(ratings: Sequence[Sequence[str]]) -> float | None:
    """Agreement of several reviewers beyond chance, at most 1; None where it is undefined.

    Parameters
    ----------
    ratings : sequence of sequence of str
        The verdicts on each finding, of the same number of reviewers, at least two.

    References
    ----------
    Fleiss, "Measuring nominal scale agreement among many raters", doi:10.1037/h0031619.
    """
    if not ratings:
        return None
    n_raters = len(ratings[0])
    counts = [Counter(of_one) for of_one in ratings]
    alike = sum(
        (sum(n * n for n in of_one.values()) - n_raters) / (n_raters * (n_raters - 1)) for of_one in counts
    ) / len(counts)
    total: Counter[str] = sum(counts, Counter())
    by_chance = sum((n / (len(counts) * n_raters)) ** 2 for n in total.values())
    return None if by_chance == 1 else (alike - by_chance) / (1 - by_chance)
