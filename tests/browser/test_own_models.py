"""Models of one's own in a real browser, from the card to neighbours on the map: ONNX and `torch.export`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.browser.exploring import assert_same_order, drawn_map, gallery, open_run_of, place_of, query_param, rows_in
from tests.browser.serving import Server, serving, settled
from tests.exported import prepared
from tests.images import make_dataset
from tests.tiny_models import DECLARED, N_DIMS, write_exported, write_onnx

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

RUN_TAKES_AT_MOST_S = 420
"""Compiling the map's kernels takes most of it, on a machine that has not done so before."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    base = tmp_path_factory.mktemp("own")
    workspace = prepared(base / "workspace")
    files = {"onnx": write_onnx(base / "tiny.onnx"), "exported": write_exported(base / "tiny.pt2")}
    tables = [
        "\n".join(
            [
                "[[models]]",
                f'name = "my-{kind}"',
                f'kind = "{kind}"',
                f'path = "{path.as_posix()}"',
                *(f"{key} = {value!r}".replace("'", '"') for key, value in DECLARED.items()),
            ]
        )
        for kind, path in files.items()
    ]
    (workspace / "settings.toml").write_text("\n\n".join(tables), encoding="utf-8")
    make_dataset(base / "shapes", n_per_class=12)
    shutil.make_archive(str(base / "shapes"), "zip", base / "shapes")
    with serving(workspace) as running:
        yield running


@pytest.mark.parametrize("kind", ["onnx", "exported"])
def test_a_model_of_ones_own_is_chosen_run_mapped_and_searched(server: Server, browser: Browser, kind: str) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(60_000)
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))

    if kind == "onnx":
        page.goto(server.url)
        page.get_by_role("tab", name="Upload").click()
        page.locator(".zone input[type=file]").first.set_input_files(server.workspace.parent / "shapes.zip")
        page.get_by_text("40 image files").wait_for()
        page.get_by_role("button", name="Add dataset").click()
    else:  # the dataset is there already
        page.goto(f"{server.url}/run")

    # the card of the model, and the run
    page.get_by_role("radio", name="Your own").click()
    settled(page)
    page.locator(f".st-key-choose_my-{kind}").get_by_role("button").click()
    page.get_by_role("button", name=f"Run shapes with my-{kind}").click()
    opened = page.get_by_role("link", name="Open the map")
    opened.wait_for(timeout=RUN_TAKES_AT_MOST_S * 1_000)
    opened.click()
    drawn_map(page)
    run_id = query_param(page, "run")
    assert run_id is not None
    run = open_run_of(server, run_id)
    assert run.record.backbone == f"my-{kind}"
    assert run.view.embeddings.shape == (run.n_images, N_DIMS)

    # a click on a point: its nearest neighbours, in the order of a brute force over the network's own numbers
    page.mouse.click(*place_of(page, 5))
    page.wait_for_url("**image=*")
    settled(page)
    clicked = int(query_param(page, "image") or -1)
    assert 0 <= clicked < run.n_images
    neighbours = gallery(page, "Most similar images")
    expect(neighbours.locator("img")).to_have_count(24)
    shown = rows_in(neighbours)
    assert_same_order(run, clicked, shown)
    assert failures == []
    context.close()

    expected = tiny_embedding(run.image_path(clicked))
    np.testing.assert_allclose(run.view.embeddings[clicked], expected, atol=1e-4)


def tiny_embedding(path: Path) -> np.ndarray:
    """Compute what the network gives for a file, in numpy."""
    from dataeval_ui.data import decode_file
    from dataeval_ui.embed.preprocessing import normalise
    from dataeval_ui.settings import Settings
    from tests.tiny_models import N_CELLS, PREPROCESSING, weights

    pixels = decode_file(path, preprocessing=PREPROCESSING, settings=Settings()).pixels
    assert pixels is not None
    kernels, bias = weights()
    side = kernels.shape[-1]
    patches = normalise(pixels[None], PREPROCESSING)[0].reshape(3, N_CELLS, side, N_CELLS, side)
    cells = np.maximum(np.einsum("cyixj,dcij->dyx", patches, kernels) + bias[:, None, None], 0)
    means = [cells[:, y : y + 5, x : x + 5].mean(axis=(1, 2)) for y in range(0, 10, 3) for x in range(0, 10, 3)]
    return np.stack(means, axis=1).ravel()
