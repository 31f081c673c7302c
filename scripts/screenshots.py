"""Take a picture of every page of the demo: 1280 and 390 px wide, light and dark.

    python scripts/screenshots.py [--out docs/screenshots] [--page explore]

Needs Chromium and the `test` extra. Starts a server of its own in a workspace of its own. For the pages Parts and
Drift it computes the parts of the demo's images and a run of its drifted set first, which takes some minutes.
"""

from __future__ import annotations

import argparse
import io
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from playwright.sync_api import Page, sync_playwright

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from tests.chromium import FLAGS, find_chromium  # noqa: E402 - the finder of the tests

PAGES = (
    *("datasets", "run", "explore", "parts", "compare", "drift", "health", "duplicates", "outliers", "quality"),
    *("labels", "slices", "coverage", "review", "share"),
)
SIZES = {1280: 800, 390: 844}
"""Width to height of the window, in pixels."""
TALLER = {"compare": 1.7, "drift": 1.7, "parts": 1.3}
"""Times the height, for pages whose answer has several parts."""
SCHEMES = ("light", "dark")
START_S = 60
SETTLED_MS = 1_500


@contextmanager
def demo_server(workspace: Path) -> Iterator[tuple[str, str]]:
    """Serve the demo; yield its address, without a slash at the end, and the run's id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "dataeval_ui", "demo", "--no-browser", "--port", str(port)]
    with (workspace / "server.log").open("w+") as log:
        server = subprocess.Popen([*command, "--workspace", str(workspace)], stdout=log, stderr=log, cwd=ROOT)
        try:
            yield _address(server, Path(log.name))
        finally:
            server.terminate()
            server.wait(30)


def _address(server: subprocess.Popen[bytes], log: Path) -> tuple[str, str]:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and server.poll() is None:
        if found := re.search(r"(http://[\w.:]+)/explore\?run=(\w+)", log.read_text(encoding="utf-8")):
            return found[1], found[2]
        time.sleep(0.2)
    sys.exit(f"The server did not start:\n{log.read_text(encoding='utf-8')}")


SEEN_ARE_LOADED = """() => [...document.images].every((image) => {
    const { top, bottom, width } = image.getBoundingClientRect();
    if (width === 0) return true; // in a tab that is not open
    return image.complete || bottom < 0 || top > innerHeight; // a lazy image far below waits to be scrolled to
})"""


def settle(page: Page) -> None:
    """Wait until the script has run and the pictures are there."""
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=60_000)
    page.wait_for_function(SEEN_ARE_LOADED)
    page.wait_for_timeout(SETTLED_MS)


PART_IMAGE = "train/computers/laptop_01.webp"
"""What a part is looked for of."""
PART = (0.16, 0.06, 0.6, 0.55)
"""Left, top, width and height of it, as shares of the image's sides."""


def prepare(workspace: Path, run: str, pages: Sequence[str]) -> dict[str, str]:
    """Compute what the pages are to show; return what each page's address says beside the run."""
    from dataeval_ui.services.context import open_services
    from dataeval_ui.services.runs import find_run, open_run

    def do(*command: str) -> None:
        argv = [sys.executable, "-m", "dataeval_ui", *command, "--workspace", str(workspace)]
        subprocess.run(argv, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)

    queries = {"explore": "&colour=label&image=24"}
    if "parts" in pages:
        do("parts", run)
        queries["parts"] = f"&image={part_row(open_run(open_services(workspace=workspace), run))}"
    if "drift" in pages:
        do("run", str(ROOT / "assets" / "demo" / "drifted"), "--name", "drifted")
        queries["drift"] = f"&with={find_run(open_services(workspace=workspace), 'drifted').id}&tested=1"
    return queries


def part_row(run: Run) -> int:
    """Row of the image that a part is looked for of."""
    (row,) = [row for row in range(run.n_images) if run.places(row)[0].path == PART_IMAGE]
    return row


def find_part(page: Page) -> None:
    """Draw a box on the image and look for it."""
    image = page.locator(".stage img").bounding_box()
    assert image is not None, "the page Parts shows no image"
    left, top, width, height = PART
    page.mouse.move(image["x"] + (left + width) * image["width"], image["y"] + top * image["height"])
    page.mouse.down()
    page.mouse.move(image["x"] + left * image["width"], image["y"] + (top + height) * image["height"], steps=5)
    page.mouse.up()
    settle(page)
    page.get_by_role("button", name="Find this part").click()
    page.mouse.move(0, 0)  # its tooltip lies on the image
    settle(page)
    page.locator("canvas").first.wait_for()


NAME_ANYBODY = """(places) => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        for (const [mine, anybodys] of places) node.data = node.data.replaceAll(mine, anybodys);
    }
}"""
"""Folders of whoever takes the pictures are nobody's business."""


def take(page: Page, out: Path) -> int:
    """Write what the window shows as WebP; return the bytes."""
    page.evaluate(NAME_ANYBODY, [[str(ROOT), "/home/you/dataeval-ui"], [str(Path.home()), "/home/you"]])
    with Image.open(io.BytesIO(page.screenshot())) as image:
        image.convert("RGB").save(out, "WEBP", quality=82, method=6)
    return out.stat().st_size


def main() -> None:
    """Take all pictures, or those of one page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "screenshots")
    parser.add_argument("--workspace", type=Path, help="keeps what was computed for the next time")
    parser.add_argument("--page", choices=PAGES, action="append")
    args = parser.parse_args()
    chromium = find_chromium()
    if chromium is None:
        sys.exit("No Chromium was found: install it, or name its program in DATAEVAL_UI_CHROMIUM.")
    args.out.mkdir(parents=True, exist_ok=True)
    n_bytes = 0
    with (
        tempfile.TemporaryDirectory() as folder,
        demo_server(workspace := args.workspace or Path(folder)) as (address, run),
        sync_playwright() as playwright,
    ):
        queries = prepare(workspace, run, args.page or PAGES)
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        for width, height in SIZES.items():
            for scheme in SCHEMES:
                context = browser.new_context(
                    viewport={"width": width, "height": height}, color_scheme=scheme, device_scale_factor=1
                )
                page = context.new_page()
                for name in args.page or PAGES:
                    page.set_viewport_size({"width": width, "height": round(height * TALLER.get(name, 1))})
                    page.goto(f"{address}/{'' if name == 'datasets' else name}?run={run}{queries.get(name, '')}")
                    settle(page)
                    if name == "parts":
                        find_part(page)
                    n_bytes += take(page, args.out / f"{name}-{width}-{scheme}.webp")
                context.close()
        browser.close()
    print(f"{n_bytes / 1e6:.2f} MB in {args.out}")


if __name__ == "__main__":
    main()
