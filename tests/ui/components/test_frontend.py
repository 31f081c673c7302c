import json
import re
from pathlib import Path

import pytest

from dataeval_ui.ui.components.frontend_files import FRONTEND_FOLDER, frontend_digest, frontend_files, loader
from dataeval_ui.ui.components.urls import RunUrls

SCRIPTS = sorted(FRONTEND_FOLDER.rglob("*.js"))


def test_each_component_has_an_entry_and_a_style():
    components = {path.split("/")[0] for path in frontend_files()}
    assert components == {"box", "drop", "gallery", "map", "pair", "shared"}
    for name in components - {"shared"}:
        assert f"{name}/index.js" in frontend_files()
        assert f"{name}/{name}.css" in frontend_files()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.relative_to(FRONTEND_FOLDER).as_posix())
def test_no_script_writes_html_or_runs_text(script: Path):
    text = script.read_text()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.relative_to(FRONTEND_FOLDER).as_posix())
def test_every_import_is_a_file_beside_it(script: Path):
    for name in re.findall(r'^import .* from "(.*)";$', script.read_text(), flags=re.MULTILINE):
        assert name.startswith(("./", "../shared/"))
        assert (script.parent / name).is_file()


def test_the_loader_names_the_digest_so_that_a_new_release_is_fetched():
    assert f"/api/frontend/{frontend_digest()}/map/index.js" in loader("map/index.js")
    assert "/base/api/frontend/" in loader("map/index.js", base_path="/base")


def test_the_loader_asks_for_all_modules_of_its_component_at_once_the_entry_first():
    urls = json.loads(re.search(r"const urls = (\[.*\])", loader("map/index.js"))[1])
    prefix = f"/api/frontend/{frontend_digest()}/"
    assert urls[0] == f"{prefix}map/index.js"
    folders = ("map", "shared")
    assert set(urls) == {
        f"{prefix}{script.parent.name}/{script.name}" for script in SCRIPTS if script.parent.name in folders
    }


def test_urls_escape_what_a_user_named():
    urls = RunUrls("a/b?c", base_path="/base")
    assert urls.points == "/base/api/runs/a%2Fb%3Fc/points"
    assert urls.column("meta.my column/%") == "/base/api/runs/a%2Fb%3Fc/columns/meta.my%20column%2F%25"
    assert urls.thumbnails == "/base/api/runs/a%2Fb%3Fc/thumbs/{row}"
    assert urls.thumbnail(7) == "/base/api/runs/a%2Fb%3Fc/thumbs/7"
