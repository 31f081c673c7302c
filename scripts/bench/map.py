"""How soon the map is drawn, and a click answered, against Streamlit's own Plotly chart: seconds and ratios of one run.

    python scripts/bench/map.py [--points N] [--rounds N]

Both pages show the same generated points with the same colours, in one Chromium, by turns. *Drawn* is the time from
opening the page to the frame in which a sample of the points has its colours; *click* is the time from the mouse button
to the frame in which the page says which row was clicked and the chart marks it: ours by rings around the point and its
neighbours, Plotly by fading all others. The median of the rounds counts.
"""

from __future__ import annotations

import argparse
import io
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))  # the generated run and the finder of a browser are the tests'


from tests.browser.generated import GeneratedRun, generated_run  # noqa: E402
from tests.chromium import FLAGS, MISSING, find_chromium  # noqa: E402

TARGETS = {"drawn": 3.0, "click": 5.0}
SIZE = {"width": 1200, "height": 800}

PIXEL_OF_OURS = """row => {
    const find = root => {
        for (const node of root.querySelectorAll('*')) {
            if (node.classList.contains('map') && node.inspect) return node;
            const inside = node.shadowRoot && find(node.shadowRoot);
            if (inside) return inside;
        }
    };
    const map = find(document);
    const box = map?.querySelector('.overlay').getBoundingClientRect();
    if (!map?.dataset.drawn) return null;
    const [x, y] = map.inspect.pixelOf(row);
    return [box.left + x, box.top + y];
}"""
PIXEL_OF_PLOTLY = """([x, y]) => {
    const chart = document.querySelector('.js-plotly-plot');
    const layout = chart?._fullLayout;
    if (!layout?.xaxis || !layout?.yaxis || !chart._fullData?.length) return null;
    const box = chart.getBoundingClientRect();
    const { xaxis, yaxis } = layout;
    return [box.left + xaxis._offset + xaxis.d2p(x), box.top + yaxis._offset + yaxis.d2p(y)];
}"""


WATCH_FOR_ANSWER = """answer => {
    const said = () => [...document.querySelectorAll('[data-testid="stText"]')].some(n => n.textContent === answer);
    const frame = () => new Promise(requestAnimationFrame);
    const answered = new Promise(done => {
        document.addEventListener('pointerup', async event => {
            while (!said()) await new Promise(wake => setTimeout(wake, 2));
            await frame();
            await frame(); // the one after the next begins when the next has been drawn
            done(performance.now() - event.timeStamp);
        }, { capture: true, once: true });
    });
    return { answered };
}"""


def lonely_rows(run: GeneratedRun, n: int = 4) -> list[int]:
    """Find rows at the rim, far from all others: what is drawn at their pixels is theirs alone."""
    xy = run.projection.xy
    middle = xy.mean(axis=0)
    rim = np.argsort(-np.linalg.norm(xy - middle, axis=1))[:300]
    apart = [np.partition(np.linalg.norm(xy - xy[row], axis=1), 1)[1] for row in rim]
    return [int(row) for row in rim[np.argsort(apart)[::-1][:n]]]


class Side:
    """One of the two pages, and where its points are."""

    def __init__(self, name: str, url: str, run: GeneratedRun) -> None:
        self.name, self.url, self.run = name, url, run

    def pixel_of(self, page: Page, row: int) -> tuple[float, float] | None:
        """Place of a point in the window; None before the page knows."""
        if self.name == "ours":
            found = page.evaluate(PIXEL_OF_OURS, row)
        else:
            found = page.evaluate(PIXEL_OF_PLOTLY, [float(v) for v in self.run.projection.xy[row]])
        return None if found is None else (found[0], found[1])


def is_coloured(shot: Image.Image, at: tuple[float, float]) -> bool:
    """Say whether something other than the page's near-grey ground is drawn at a place."""
    x, y = round(at[0]), round(at[1])
    around = np.asarray(shot.crop((x - 2, y - 2, x + 3, y + 3)).convert("RGB"), dtype=int)
    return bool((around.max(axis=2) - around.min(axis=2)).max() > 40)


def seconds_until_drawn(page: Page, side: Side, rows: list[int]) -> float:
    """Open the page and wait until the sample has its colours."""
    start = time.perf_counter()
    page.goto(side.url)
    while time.perf_counter() - start < 120:
        try:
            places = [side.pixel_of(page, row) for row in rows]
        except Exception as error:
            if "Execution context was destroyed" not in str(error):
                raise
            continue
        if all(place is not None for place in places):
            shot = Image.open(io.BytesIO(page.screenshot()))
            if all(is_coloured(shot, place) for place in places if place is not None):
                return time.perf_counter() - start
        time.sleep(0.02)
    raise SystemExit(f"The page of {side.name} was not drawn within 120 s.")


def seconds_to_answer(page: Page, side: Side, row: int) -> float:
    """Click a point and wait until the page has drawn its answer; the page's own clock counts."""
    place = side.pixel_of(page, row)
    assert place is not None
    page.mouse.move(place[0] + 40, place[1] + 30)
    page.mouse.move(*place, steps=4)
    time.sleep(1.0)  # hovering is not what is measured
    answered = page.evaluate_handle(WATCH_FOR_ANSWER, f"clicked={row}")
    page.mouse.down()
    page.mouse.up()
    seconds: float = answered.evaluate("watch => watch.answered") / 1000
    time.sleep(1.5)  # nothing of this click is left when the next one comes
    return seconds


@contextmanager
def serving() -> Iterator[str]:
    """Run the server of the two pages."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as workspace:
        server = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "scripts/bench/map_app.py", "--server.port", str(port)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "DATAEVAL_UI_WORKSPACE": workspace},
            stdout=subprocess.DEVNULL,
        )
        try:
            for _ in range(600):
                try:
                    urllib.request.urlopen(f"{url}/api/health", timeout=2).close()
                    break
                except OSError:
                    time.sleep(0.1)
            yield url
        finally:
            server.terminate()
            server.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    chromium = find_chromium()
    if chromium is None:
        raise SystemExit(MISSING)
    run = generated_run(f"n{arguments.points}")
    rows = lonely_rows(run)
    seconds: dict[str, dict[str, list[float]]] = {side: {"drawn": [], "click": []} for side in ("ours", "plotly")}
    with serving() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        options: dict[str, Any] = {"viewport": SIZE}
        # One visit that does not count, to each: the server reads its files and makes its points.
        for round_ in range(arguments.rounds + 1):
            for name in seconds:
                context = browser.new_context(**options)
                page = context.new_page()
                side = Side(name, f"{url}/?side={name}&run=n{arguments.points}", run)
                drawn = seconds_until_drawn(page, side, rows)
                clicks = [seconds_to_answer(page, side, row) for row in rows[:3]]
                if round_:
                    seconds[name]["drawn"].append(drawn)
                    seconds[name]["click"] += clicks
                context.close()
        browser.close()
    print(f"{arguments.points:,} points, medians of {arguments.rounds} rounds")
    for what, target in TARGETS.items():
        ours, plotly = (statistics.median(seconds[side][what]) for side in ("ours", "plotly"))
        verdict = "met" if plotly / ours >= target else "MISSED"
        ratio = f"ratio {plotly / ours:.1f} (target {target:g}: {verdict})"
        print(f"{what}: ours {ours:.3f} s, plotly {plotly:.3f} s, {ratio}")


if __name__ == "__main__":
    main()
