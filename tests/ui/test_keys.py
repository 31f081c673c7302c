"""The list of keys says every key that a page's buttons have, and no other."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from dataeval_ui.ui.panels.keys import EVERYWHERE, OF_PAGE, TITLES
from tests.ui.conftest import Analysed, OpenPage

ROOT = Path(__file__).parents[2]
ARROWS = {"left": "←", "right": "→", "up": "↑", "down": "↓"}


def listed(page: str) -> set[str]:
    """Keys of a page's list, one by one."""
    return {key for keys, _ in OF_PAGE.get(page, ()) for key in keys.split()}


@pytest.mark.parametrize("page", ["duplicates", "labels", "review", "outliers", "quality", "health"])
def test_every_key_of_a_button_is_listed_and_no_other(page: str, analysed: Analysed, open_page: OpenPage) -> None:
    app = open_page(analysed.services, page, run=analysed.run_id, check="1")
    shortcuts = {button.proto.shortcut for button in app.button} - {""}
    assert {ARROWS.get(key.lower(), key.upper()) for key in shortcuts} == listed(page)


def test_every_key_of_the_map_is_listed_and_no_other() -> None:
    script = (ROOT / "dataeval_ui/ui/components/frontend/map/keyboard.js").read_text(encoding="utf-8")
    acts = script[script.index("const acts") : script.index("};\n  canvas")]
    keys = set(re.findall(r'^    (?:"(.+?)"|(\w+)): ', acts, flags=re.MULTILINE))
    known = {"Escape": "Esc", "-": "−", "v": "V", "l": "L", "b": "B", "i": "I", "n": "N"}
    same = {" ": "Enter", "=": "+", "_": "−", "Home": "0"}  # a second key for the same
    names = {same.get(key, known.get(key, key)) for key in (quoted or bare for quoted, bare in keys)}
    assert names | {*ARROWS.values(), "Shift"} == listed("explore")


def test_a_page_shows_its_own_keys_before_those_of_every_page(analysed: Analysed, open_page: OpenPage) -> None:
    app = open_page(analysed.services, "review", run=analysed.run_id)
    tables = [str(e.value) for e in app.html if 'class="keys"' in str(e.value)]
    assert [TITLES["review"] in tables[0], "Everywhere" in tables[1]] == [True, True]
    assert all(f"<kbd>{key}</kbd>" in tables[0] for key, _ in OF_PAGE["review"])
    assert all(f"<kbd>{key}</kbd>" in tables[1] for key, _ in EVERYWHERE)


def test_the_header_names_the_open_page_behind_its_section(analysed: Analysed, open_page: OpenPage) -> None:
    def styles(page: str) -> str:
        return "\n".join(str(e.value) for e in open_page(analysed.services, page, run=analysed.run_id).html)

    health = styles("health")
    assert json.dumps(" · Health", ensure_ascii=False) in health
    assert "nth-child(3)" in health  # Data, Explore, Findings
    assert '" · Explore"' not in styles("explore")  # its section is called the same
