"""How a run of the tests is shared between processes, and in which order."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from tests import sharing


def config_of(**options: object) -> SimpleNamespace:
    return SimpleNamespace(option=SimpleNamespace(**{"numprocesses": None, "dist": "no", **options}))


def test_files_stay_whole_where_processes_alone_are_given() -> None:
    config = config_of(numprocesses=2)
    sharing.share(config)
    assert config.option.dist == "loadfile"
    assert config.option.loadscopereorder is False


@pytest.mark.parametrize("options", [{}, {"numprocesses": 0}, {"numprocesses": 2, "dist": "worksteal"}])
def test_what_xdist_was_told_is_left_alone(options: dict[str, object]) -> None:
    config = config_of(**options)
    sharing.share(config)
    assert config.option == config_of(**options).option


def test_files_with_a_browser_come_first_and_keep_together() -> None:
    def item(path: str, *markers: str) -> SimpleNamespace:
        return SimpleNamespace(path=Path(path), get_closest_marker=lambda name: name in markers or None)

    items = [item("a"), item("b"), item("b", "slow"), item("c"), item("c", "browser"), item("d", "browser")]
    ordered = [*items]
    sharing.longest_first(SimpleNamespace(workerinput={}), ordered)
    assert [item.path.name for item in ordered] == ["c", "c", "d", "b", "b", "a"]
    alone = [*items]
    sharing.longest_first(SimpleNamespace(), alone)
    assert alone == items
