"""The documentation says what the code does: settings, commands and options, and no link leads nowhere."""

from __future__ import annotations

import argparse
import re
from dataclasses import fields
from pathlib import Path
from urllib.parse import unquote

import pytest

from dataeval_ui.cli import build_parser
from dataeval_ui.settings import Settings
from dataeval_ui.types import AnalysisParams

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "assets").rglob("*.md")])
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
TEST_COMMAND = 'pip install ".[test]" && pytest'


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def without_code(text: str) -> str:
    return re.sub(r"```.*?```", "", text, flags=re.DOTALL)


def local_links(page: Path) -> list[tuple[Path, str]]:
    """Targets of a page's links within the project, each with its anchor."""
    found = []
    for target in LINK.findall(without_code(text_of(page))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found.append(((page.parent / unquote(path)).resolve() if path else page, anchor))
    return found


def anchors_of(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", without_code(text_of(page)), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands() -> dict[str, argparse.ArgumentParser]:
    actions = build_parser()._actions
    return dict(next(a for a in actions if isinstance(a, argparse._SubParsersAction)).choices)


def section(page: Path, heading: str) -> str:
    parts = re.split(r"^## ", text_of(page), flags=re.MULTILINE)
    return next((part for part in parts if part.split("\n", 1)[0].split(" ")[0] == heading), "")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for target, anchor in local_links(page):
        assert target.exists(), f"{target} is missing"
        assert ROOT in target.parents, f"{target} is outside the project"
        assert not anchor or anchor in anchors_of(target), f"{target} has no heading {anchor!r}"


def test_every_page_is_reached_from_the_index() -> None:
    seen, waiting = set(), [ROOT / "docs" / "index.md"]
    while waiting:
        page = waiting.pop()
        if page not in seen:
            seen.add(page)
            waiting += [target for target, _ in local_links(page) if target.suffix == ".md"]
    assert [page.relative_to(ROOT).as_posix() for page in PAGES if page not in seen] == []


def test_the_table_of_settings_is_that_of_the_code() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \|", text_of(ROOT / "docs" / "settings.md"), flags=re.MULTILINE)
    assert [name for name, _, _ in rows] == [setting.name for setting in fields(Settings)]
    defaults = Settings(workspace=Path("unused"))
    for name, written, unit in rows:
        assert unit
        value = getattr(defaults, name)
        if name in ("workspace", "n_threads", "n_decoders"):  # of the machine
            continue
        value = value or None if isinstance(value, dict | str) else value
        expected = {None: "none", (): "none", False: "false", True: "true"}.get(value, str(value))
        assert written.strip("`") == expected, name


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_is_documented_with_its_options(name: str) -> None:
    text = section(ROOT / "docs" / "command-line.md", name)
    assert text, f"docs/command-line.md has no section on {name!r}"
    everywhere = {"--workspace", "--json", "--help"}
    options = {o for action in commands()[name]._actions for o in action.option_strings if o.startswith("--")}
    if "as for `serve`" in text.lower():
        text += section(ROOT / "docs" / "command-line.md", "serve")
    for option in options - everywhere:
        assert option in text, f"{option} of {name!r} is not documented"


def test_documented_options_exist() -> None:
    known = {o for parser in commands().values() for action in parser._actions for o in action.option_strings}
    written = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text_of(ROOT / "docs" / "command-line.md")))
    assert written - known == set()


def test_documented_defaults_of_a_run_are_those_of_the_code() -> None:
    params = AnalysisParams()
    text = section(ROOT / "docs" / "command-line.md", "run")
    for option, value in (
        ("--neighbors K", params.n_neighbors),
        ("--min-dist D", params.min_dist),
        ("--clusters METHOD", f"`{params.cluster_method}`"),
        ("--n-clusters N", params.n_clusters),
        ("--min-samples N", params.min_samples),
        ("--outlier-threshold T", params.outlier_threshold),
        ("--seed N", params.random_state),
    ):
        assert f"| `{option}` | {value} |" in text


def test_the_readme_has_the_commands_that_ci_runs() -> None:
    readme, ci = text_of(ROOT / "README.md"), text_of(ROOT / ".ci" / "run")
    assert "pip install .\ndataeval-ui demo\n" in readme
    assert f"`{TEST_COMMAND}`" in readme
    assert 'pip install -qq --disable-pip-version-check ".[test]" && pytest' in ci
    assert "scripts/check" in ci


def test_the_demo_of_python_imports_what_exists() -> None:
    code = re.search(r"```python\n(.*?)```", text_of(ROOT / "docs" / "how-to" / "python.md"), flags=re.DOTALL)
    assert code
    compile(code.group(1), "python.md", "exec")
    for module, names in re.findall(r"^from (dataeval_ui\S*) import (.+)$", code.group(1), flags=re.MULTILINE):
        imported = __import__(module, fromlist=names.split(", "))
        for name in names.split(", "):
            assert hasattr(imported, name), f"{module} has no {name}"
