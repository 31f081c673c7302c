"""What the command line says of itself."""

from __future__ import annotations

import re

import pytest

from dataeval_ui.cli import build_parser, main
from dataeval_ui.commands import COMMANDS
from dataeval_ui.commands.grouped import GROUPS


def test_without_a_command_every_command_is_listed_once_with_its_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    told = capsys.readouterr().err
    for name in COMMANDS:
        assert len(re.findall(rf"^    {name} +\S", told, flags=re.MULTILINE)) == 1, name


def test_groups_name_commands_that_exist_once_each() -> None:
    named = [name for names in GROUPS.values() for name in names]
    assert len(named) == len(set(named))
    assert set(named) <= set(COMMANDS)


def test_the_help_of_a_command_begins_with_its_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        build_parser().parse_args(["export", "--help"])
    assert "\nWrite a run as a table, or as one page for reviewers.\n" in capsys.readouterr().out
