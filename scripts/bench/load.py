"""Reviewers at one server at once: how soon a click is answered, what a session takes, and what goes wrong.

    python scripts/bench/load.py [--sessions 30] [--seconds 300] [--images 50000] [--keep DIR]

A run of generated images is analysed and served; every reviewer opens a link of their own with a web socket, as a
browser does, and then clicks about every two seconds: two of three click points on the map and fetch the thumbnails and
the image that the page shows, the third decides on findings one after another while the page looks for other people's
decisions. *Click* is the time from sending the click to the end of the page's script, in the client; server and
clients share the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import psutil

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from load_client import Reviewer  # noqa: E402
from load_run import N_FILES, make_run  # noqa: E402

from dataeval_ui.services.context import Services, open_services  # noqa: E402
from dataeval_ui.services.links import make_link  # noqa: E402
from dataeval_ui.settings import load_settings  # noqa: E402

EVERY_S = 2.0
PAGES = ("explore", "explore", "review")
MB = 1e6
TARGETS = {"p95_ms": 100.0, "session_mb": 2.0}
K_SHOWN = 24


def start_server(workspace: Path, port: int) -> psutil.Process:
    """Start `dataeval-ui serve` in a process of its own and wait until it answers."""
    argv = [sys.executable, "-m", "dataeval_ui", "serve", "--no-browser", "--offline", "--port", str(port)]
    log = (workspace / "server.log").open("w")
    process = subprocess.Popen([*argv, "--workspace", str(workspace)], cwd=ROOT, stdout=log, stderr=log)
    import httpx

    for _ in range(600):
        try:
            httpx.get(f"http://127.0.0.1:{port}/_stcore/health", timeout=2)
            break
        except httpx.HTTPError:
            time.sleep(0.1)
    return psutil.Process(process.pid)


def memory_mb(process: psutil.Process) -> float:
    """Memory that is the process's own: the shared arrays are mapped files, and count for nobody."""
    return float(process.memory_full_info().uss) / MB


class Tally:
    """What was measured."""

    def __init__(self) -> None:
        self.opened: list[float] = []
        self.clicks: dict[str, list[float]] = {page: [] for page in set(PAGES)}
        self.fetches: list[float] = []
        self.problems: list[str] = []


async def review(reviewer: Reviewer, tally: Tally, rng: random.Random, until: float, n_images: int) -> None:
    """Click until the time is over."""
    await asyncio.sleep(rng.uniform(0, EVERY_S))
    api = f"/api/runs/{reviewer.query.partition('run=')[2].partition('&')[0]}"
    while time.perf_counter() < until:
        started = time.perf_counter()
        if reviewer.page == "explore":
            row = rng.randrange(N_FILES)
            tally.clicks["explore"].append(await reviewer.click_point(row))
            shown = rng.sample(range(n_images), K_SHOWN)
            paths = [f"{api}/images/{row}", f"{api}/thumbs?rows={','.join(map(str, shown))}"]  # as a gallery does
            tally.fetches += await reviewer.fetch(paths)
        else:
            verdict = rng.choice(("keep", "remove", "unsure"))
            tally.clicks["review"].append(await reviewer.press(f"review_{verdict}"))
        await asyncio.sleep(max(0.0, EVERY_S * rng.uniform(0.7, 1.3) - (time.perf_counter() - started)))


async def measure(url: str, services: Services, run_id: str, server: psutil.Process, args: argparse.Namespace) -> Tally:
    """Open all sessions, click, and print."""
    tally = Tally()

    def reviewer(number: int) -> Reviewer:
        _, token = make_link(services, run_id, role="decide", expires=timedelta(days=1), note=f"reviewer {number}")
        return Reviewer(url, f"/s/{token}", page=PAGES[number % len(PAGES)], run_id=run_id)

    early = [reviewer(number) for number in range(len(PAGES))]  # they read files, compile, fill what all share
    for one in early:
        print(f"first visit of {one.page}: {await one.open():.1f} s", flush=True)
        await review(one, Tally(), random.Random(1), time.perf_counter() + 5, args.images)
        await one.close()
    await asyncio.sleep(2)
    before_mb = memory_mb(server)
    reviewers = [reviewer(number) for number in range(args.sessions)]
    tally.opened = list(await asyncio.gather(*(one.open() for one in reviewers)))
    opened_mb = memory_mb(server)
    cpu, started = sum(server.cpu_times()[:2]), time.perf_counter()
    until = started + args.seconds
    clicking = [review(one, tally, random.Random(i), until, args.images) for i, one in enumerate(reviewers)]
    for ended in await asyncio.gather(*clicking, return_exceptions=True):
        if isinstance(ended, BaseException):
            tally.problems.append(f"a session ended: {ended!r}")
    seconds, busy = time.perf_counter() - started, sum(server.cpu_times()[:2]) - cpu
    after_mb = memory_mb(server)
    for one in reviewers:
        tally.problems += one.problems
        await one.close()
    report(tally, args.sessions, before_mb, opened_mb, after_mb, seconds, busy)
    print(f"sent to a session: {np.mean([one.n_bytes for one in reviewers]) / MB:.1f} MB")
    return tally


def report(
    tally: Tally, n: int, before_mb: float, opened_mb: float, after_mb: float, seconds: float, busy: float
) -> None:
    every = np.concatenate([values for values in tally.clicks.values() if values] or [np.zeros(1)]) * 1000
    print(
        f"{n} sessions, {len(every):,} clicks in {seconds:.0f} s, server busy {busy / seconds:.2f} cores, "
        f"{1000 * busy / len(every):.0f} ms of a core a click with all that it fetches"
    )
    print(f"opened all at once: slowest {max(tally.opened):.2f} s")
    for name, values in (*tally.clicks.items(), ("all clicks", every / 1000), ("thumbnails, images", tally.fetches)):
        if len(values):
            p50, p95, p99 = np.percentile(np.asarray(values) * 1000, [50, 95, 99])
            print(f"{name:20} p50 {p50:6.1f} ms   p95 {p95:6.1f} ms   p99 {p99:6.1f} ms   worst {max(values):.2f} s")
    p95 = float(np.percentile(every, 95))
    session_mb = (after_mb - before_mb) / n
    print(f"p95 of a click {p95:.0f} ms (target {TARGETS['p95_ms']:.0f}: {verdict(p95 <= TARGETS['p95_ms'])})")
    print(
        f"memory: {before_mb:.0f} MB before, {opened_mb:.0f} MB opened, {after_mb:.0f} MB at the end: "
        f"{session_mb:.2f} MB a session (target {TARGETS['session_mb']:g}: "
        f"{verdict(session_mb <= TARGETS['session_mb'])})"
    )
    print(f"problems: {len(tally.problems)} (target 0: {verdict(not tally.problems)})")
    for problem in sorted(set(tally.problems))[:5]:
        print(f"  {problem}")


def verdict(met: bool) -> str:
    return "met" if met else "MISSED"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--dims", type=int, default=1_280)
    parser.add_argument("--port", type=int, default=8977)
    parser.add_argument("--keep", type=Path, help="folder of images and workspace, kept for the next time")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.keep or Path(temporary)
        services = open_services(load_settings({"workspace": folder / "workspace", "data_roots": [folder]}))
        runs = services.catalog.list_runs()
        run_id = runs[0].id if runs else make_run(services, folder / "images", n_images=args.images, n_dims=args.dims)
        server = start_server(services.workspace.root, args.port)
        try:
            tally = asyncio.run(measure(f"http://127.0.0.1:{args.port}", services, run_id, server, args))
        finally:
            server.terminate()
            server.wait()
    if tally.problems:
        sys.exit(1)


if __name__ == "__main__":
    main()
