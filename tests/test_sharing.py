"""When a run of the tests is shared between processes, and in which order."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from tests import sharing

TESTS = Path(__file__).parent


def config_of(*args: str, **options: object) -> SimpleNamespace:
    """Return what pytest makes of a command line at the top of the checkout."""
    given = {"usepdb": False, "trace": False, "capture": "fd", "collectonly": False, "keyword": "", **options}
    option = SimpleNamespace(**{"numprocesses": None, "dist": "no", "tx": [], **given})
    return SimpleNamespace(option=option, args=list(args), invocation_params=SimpleNamespace(dir=TESTS.parent))


@pytest.mark.parametrize("args", [("tests",), ("./tests/",), (str(TESTS),)])
def test_a_whole_run_is_shared_between_the_cores(args: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    for n_cores, expected in ((1, None), (2, 2), (3, 3), (64, sharing.MAX_PROCESSES)):
        monkeypatch.setattr(sharing, "n_usable_cores", lambda n=n_cores: n)
        config = config_of(*args)
        sharing.share(config)
        assert config.option.numprocesses == expected
        assert config.option.dist == ("no" if expected is None else "loadfile")


@pytest.mark.parametrize(
    ("args", "options"),
    [
        (("tests/test_help.py",), {}),
        (("tests", "tests/test_help.py"), {}),
        (("tests/data",), {}),
        (("tests",), {"keyword": "mask"}),
        (("tests",), {"usepdb": True}),
        (("tests",), {"capture": "no"}),
        (("tests",), {"collectonly": True}),
        (("tests",), {"dist": "load", "tx": ["popen"]}),
        (("tests",), {"numprocesses": 0}),
    ],
)
def test_a_part_of_it_or_what_xdist_was_told_is_left_alone(args: tuple[str, ...], options: dict[str, object]) -> None:
    config = config_of(*args, **options)
    sharing.share(config)
    assert config.option == config_of(*args, **options).option


def test_files_stay_whole_where_processes_alone_are_given() -> None:
    config = config_of("tests/data", numprocesses=3)
    sharing.share(config)
    assert (config.option.numprocesses, config.option.dist) == (3, "loadfile")


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
