"""Words on the page Explore in a real browser, with a text tower of open_clip: search, classes, names of clusters."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from playwright.sync_api import expect

from dataeval_ui.embed import embedder
from dataeval_ui.embed.networks import load_network
from dataeval_ui.embed.runners import TorchRunner
from dataeval_ui.services.cluster_names import load_cluster_names
from dataeval_ui.services.demo import install_demo
from tests.browser.exploring import drawn_map, gallery, open_run_of, rows_in
from tests.browser.serving import Server, serving, settled
from tests.second_run import add_second_run
from tests.tiny_open_clip import text_embeddings, write_open_clip
from tests.ui.conftest import open_workspace

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from dataeval_ui.services.run import Run

pytestmark = pytest.mark.browser

NAMED_WITHIN_S = 120


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_open_clip(tmp_path_factory.mktemp("words") / "clip")


@pytest.fixture(scope="module")
def server(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The demo's images under a small network of open_clip, and a server."""
    services = open_workspace(tmp_path_factory.mktemp("words") / "workspace")

    def in_torch(backbone, _key, checkpoint, **_):  # type: ignore[no-untyped-def]  # an export takes ten seconds
        return TorchRunner(load_network(backbone, checkpoint.path), backbone.preprocessing)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(embedder, "open_engine", in_torch)
        add_second_run(services, install_demo(services).id, backbone=f"open_clip:{folder}")
    with serving(Path(services.workspace.root)) as running:
        yield running


@pytest.fixture
def page(server: Server, browser: Browser) -> Iterator[Page]:
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(60_000)
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.goto(f"{server.url}/explore?run=second")
    drawn_map(page)
    yield page
    page.context.close()
    assert failures == []


def units_of(run: Run) -> np.ndarray:
    vectors = np.asarray(run.view.embeddings, dtype=np.float64)
    units: np.ndarray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return units


def test_words_with_others_subtracted_find_what_the_library_ranks_first(
    server: Server, page: Page, folder: Path
) -> None:
    page.get_by_test_id("stPopover").get_by_role("button", name="Words").click()
    field = page.get_by_role("textbox", name="Search by words")
    field.fill('a dog in snow -cat -"red car"')
    field.press("Enter")
    page.wait_for_url("**text=*")
    settled(page)
    found = gallery(page, "Most similar images")
    expect(found.locator("img")).to_have_count(24)
    plus, *minus = text_embeddings(folder, ["a dog in snow", "cat", "red car"])
    scores = units_of(open_run_of(server, "second")) @ (plus - np.mean(minus, axis=0))
    shown = rows_in(found)
    assert len(set(shown)) == 24
    np.testing.assert_allclose(scores[shown], np.sort(scores)[::-1][:24], atol=1e-5)


def test_typed_classes_colour_each_image_by_the_word_that_fits_best(server: Server, page: Page, folder: Path) -> None:
    words = ["dog", "car", "tree", "fish", "house", "hat"]
    units = units_of(open_run_of(server, "second"))
    fits = units @ text_embeddings(folder, [f"a photo of a {word}." for word in words]).T
    counts = np.bincount(fits.argmax(axis=1), minlength=len(words))
    assert np.count_nonzero(counts) >= 2  # else every colour would be right
    page.get_by_test_id("stPopover").get_by_role("button", name="Words").click()
    field = page.get_by_role("textbox", name="Colour by your own classes")
    field.fill(", ".join(words))
    field.press("Enter")
    page.wait_for_url("**colour=*")
    settled(page)
    entries = page.locator(".legend .entry")
    expect(entries.locator(".name")).to_have_text(words)
    expect(entries.locator(".count")).to_have_text([str(count) for count in counts])


def test_clusters_are_named_by_a_worker_and_an_example_is_looked_at(server: Server, page: Page) -> None:
    page.get_by_text("Names for clusters").click()
    page.get_by_role("button", name="Name the clusters").click()
    named = gallery(page, "Names for clusters, each with an example and a counter-example")
    named.locator("img").first.wait_for(timeout=NAMED_WITHIN_S * 1_000)
    run = open_run_of(server, "second")
    names = load_cluster_names(run)
    assert names is not None
    expect(named.locator("img")).to_have_count(2 * min(30, len(names)))
    assert rows_in(named)[:2] == [names[0].example_row, names[0].counterexample_row]
    expect(named).to_contain_text(names[0].words[0])
    for name in names:
        assert {run.clustering.cluster_labels[name.example_row]} == {name.cluster}
    named.locator("img").first.click()
    page.wait_for_url(f"**image={names[0].example_row}*")
