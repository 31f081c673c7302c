import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataeval_ui.analysis.candidates import MAX_HASH_PARTNERS, hash_distances, hash_pairs, neighbor_pairs
from dataeval_ui.types import NeighborGraph


def brute_force(hashes, radius):
    return [
        [i, j]
        for i in range(len(hashes))
        for j in range(i + 1, len(hashes))
        if hashes[i] and hashes[j] and (int(hashes[i]) ^ int(hashes[j])).bit_count() <= radius
    ]


def test_distances_by_hand():
    left, right = np.array([0b1011, 0], np.uint64), np.array([0b0010, 2**64 - 1], np.uint64)
    assert hash_distances(left, right).tolist() == [2, 64]


@settings(deadline=None)  # the first time compiles
@given(
    st.lists(st.integers(0, 2**64 - 1), max_size=6),
    st.lists(st.tuples(st.integers(0, 5), st.sets(st.integers(0, 63), max_size=18)), max_size=12),
    st.integers(0, 16),
)
def test_all_pairs_within_the_radius_are_found(hashes, changes, radius):
    for source, bits in changes:
        if source < len(hashes):
            hashes.append(hashes[source] ^ sum(1 << bit for bit in bits))
    found = hash_pairs(np.array(hashes, dtype=np.uint64), radius=radius)
    assert found.tolist() == brute_force(hashes, radius)


def test_blank_images_are_in_no_pair():
    assert hash_pairs(np.array([0, 0, 0, 1, 3], np.uint64), radius=2).tolist() == [[3, 4]]


@pytest.mark.parametrize(
    "hashes", [np.full(5000, 77, np.uint64), np.full(5000, 77, np.uint64) ^ (np.arange(5000) % 2).astype(np.uint64)]
)
def test_a_crowd_of_equal_hashes_gives_few_pairs(hashes):
    found = hash_pairs(hashes, radius=8)
    assert 4000 < len(found) <= 2 * 5000 * MAX_HASH_PARTNERS
    assert (found[:, 0] < found[:, 1]).all()


def test_of_a_crowd_the_nearest_are_partners():
    first = 2**63
    two_bits_off = [first ^ (3 << (2 * i)) for i in range(31)]
    one_bit_off = [first ^ (1 << (6 * i + 1)) for i in range(10)]
    found = hash_pairs(np.array([first, *two_bits_off, *one_bit_off], np.uint64), radius=2)
    partners = found[found[:, 0] == 0, 1].tolist()
    assert set(range(32, 42)) <= set(partners)
    crowd = [first ^ (a << 40 | b << 41) for a in (0, 1) for b in (0, 1)] * 12
    distinct = [h ^ (1 << i) for i, h in enumerate(crowd[:40])]
    assert len(hash_pairs(np.array(distinct, np.uint64), radius=4)) <= 40 * MAX_HASH_PARTNERS


def test_edges_of_the_graph_are_pairs_once_and_above_the_floor():
    graph = NeighborGraph(
        indices=np.array([[1, 2], [0, 2], [1, 0]], np.int32),
        similarities=np.array([[0.9, 0.2], [0.9, 0.5], [0.5, 0.2]], np.float32),
    )
    assert neighbor_pairs(graph, min_cosine=0.3).tolist() == [[0, 1], [1, 2]]
    assert neighbor_pairs(graph, min_cosine=0.0).tolist() == [[0, 1], [0, 2], [1, 2]]
