"""The real browser of the tests marked `browser`: any Chromium on this machine, driven through Playwright."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

REQUIRED = os.environ.get("DATAEVAL_UI_REQUIRE_BROWSER") == "1"
"""Where set, a test marked `browser` that is skipped fails instead."""

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
MISSING = "No Chromium was found: install it, or name its program in DATAEVAL_UI_CHROMIUM."

FLAGS = (
    # WebGL2 without a graphics card, and no sandbox, which root in a container cannot have.
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    # Nothing that asks the network.
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_chromium() -> str | None:
    """Return the path of a Chromium: the one that is named, one on the path, or Playwright's own; None without."""
    named = os.environ.get("DATAEVAL_UI_CHROMIUM")
    if named:
        return shutil.which(named)
    for name in NAMES:
        if path := shutil.which(name):
            return path
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).is_file() else None
