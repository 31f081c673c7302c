"""Browser tests run in a real browser, and are never skipped unseen where one is required."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.chromium import MISSING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.browser
def test_the_browser_draws_with_webgl2(browser: Browser) -> None:
    page = browser.new_page()
    assert page.evaluate("document.createElement('canvas').getContext('webgl2') !== null")
    page.close()


@pytest.mark.parametrize(("required", "code"), [("0", 0), ("1", 1)])
def test_a_skipped_browser_test_fails_where_a_browser_is_required(required: str, code: int) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_chromium.py", "-k", "webgl2"],
        cwd=ROOT,
        env={**os.environ, "DATAEVAL_UI_REQUIRE_BROWSER": required, "DATAEVAL_UI_CHROMIUM": "/nowhere/chromium"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == code, result.stdout
    assert MISSING in result.stdout
