"""Digests and keys."""

from dataclasses import fields, replace

import pytest

from dataeval_ui.types import AnalysisParams, EmbeddingKey, batches, digest_of

KEY = EmbeddingKey(
    backbone="b", checkpoint="c", layer="l", pooling="mean", input_px=224, preprocessing="p", numeric_type="float32"
)


@pytest.mark.parametrize("name", [f.name for f in fields(EmbeddingKey)])
def test_changing_any_part_of_the_key_changes_its_digest(name: str) -> None:
    value = getattr(KEY, name)
    other = replace(KEY, **{name: value + 1 if isinstance(value, int) else f"{value}x"})
    assert other.digest() != KEY.digest()


def test_a_digest_does_not_depend_on_the_order_of_a_mapping() -> None:
    assert digest_of({"a": 1, "b": [2, None]}) == digest_of({"b": [2, None], "a": 1})


def test_a_digest_is_the_same_on_every_machine() -> None:
    import hashlib

    # The canonical text, written out by hand.
    assert digest_of({"b": 1, "a": "é"}) == hashlib.blake2b(b'{"a":"\\u00e9","b":1}', digest_size=32).hexdigest()[:16]


def test_parameters_survive_a_round_trip() -> None:
    params = AnalysisParams(n_neighbors=7, cluster_method="kmeans")
    assert AnalysisParams.from_json(params.to_json()) == params


def test_an_unknown_parameter_is_refused() -> None:
    with pytest.raises(TypeError):
        AnalysisParams.from_json({"neighbours": 7})


def test_batches_cover_everything_once() -> None:
    assert [list(range(10))[s] for s in batches(10, 4)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert list(batches(0, 4)) == []
