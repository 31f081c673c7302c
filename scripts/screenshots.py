"""Take a picture of every page of the demo: 1280 and 390 px wide, light and dark.

    python scripts/screenshots.py [--out docs/screenshots] [--page explore]

Needs Chromium and the `test` extra. Starts a server of its own in a workspace of its own.
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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from tests.chromium import FLAGS, find_chromium  # noqa: E402 - the finder of the tests

PAGES = (
    *("datasets", "run", "explore", "parts", "compare", "drift", "health", "duplicates", "outliers", "quality"),
    *("labels", "slices", "coverage", "review", "share"),
)
SIZES = {1280: 800, 390: 844}
"""Width to height of the window, in pixels."""
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
    const { top, bottom } = image.getBoundingClientRect();
    return image.complete || bottom < 0 || top > innerHeight; // a lazy image far below waits to be scrolled to
})"""


def settle(page: Page) -> None:
    """Wait until the script has run and the pictures are there."""
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=60_000)
    page.wait_for_function(SEEN_ARE_LOADED)
    page.wait_for_timeout(SETTLED_MS)


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
    parser.add_argument("--page", choices=PAGES, action="append")
    args = parser.parse_args()
    chromium = find_chromium()
    if chromium is None:
        sys.exit("No Chromium was found: install it, or name its program in DATAEVAL_UI_CHROMIUM.")
    args.out.mkdir(parents=True, exist_ok=True)
    n_bytes = 0
    with (
        tempfile.TemporaryDirectory() as workspace,
        demo_server(Path(workspace)) as (address, run),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        for width, height in SIZES.items():
            for scheme in SCHEMES:
                context = browser.new_context(
                    viewport={"width": width, "height": height}, color_scheme=scheme, device_scale_factor=1
                )
                page = context.new_page()
                for name in args.page or PAGES:
                    page.goto(f"{address}/{'' if name == 'datasets' else name}?run={run}{QUERIES.get(name, '')}")
                    settle(page)
                    n_bytes += take(page, args.out / f"{name}-{width}-{scheme}.webp")
                context.close()
        browser.close()
    print(f"{n_bytes / 1e6:.2f} MB in {args.out}")


QUERIES = {"explore": "&colour=label&image=24"}
"""What a page's address says beside the run."""


if __name__ == "__main__":
    main()
