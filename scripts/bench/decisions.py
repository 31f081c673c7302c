"""Decisions while the server is killed, and how soon another sees one.

python scripts/bench/decisions.py [--writers 10] [--decisions 100] [--kills 5] [--catalog-url URL] [--browser]

Each writer is a guest with a link of its own who sends decisions one after the other by HTTP, each under an id, and
sends again until it is acknowledged. The server gets `kill -9` at random moments and is started anew. At the end every
acknowledged decision must be in the catalog once. `--browser` then measures, on a server that is left alone, the time
from the moment at which a decision is sent until an open Review page of another shows it.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

from dataeval_ui.services.context import Services, open_services
from dataeval_ui.services.demo import install_demo
from dataeval_ui.services.links import make_link
from dataeval_ui.services.runs import open_run
from dataeval_ui.settings import load_settings

N_SEEN = 20


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Server:
    """A server that may be killed and started again at the same port."""

    services: Services
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        settings = self.services.settings
        environment = {**os.environ, "DATAEVAL_UI_CATALOG_URL": settings.catalog_url}
        argv = [sys.executable, "-m", "dataeval_ui", "serve", "--no-browser", "--offline", "--port", str(self.port)]
        self.process = subprocess.Popen(
            [*argv, "--workspace", str(settings.workspace)],
            env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        while True:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
                connection.request("GET", "/_stcore/health")
                if connection.getresponse().status == 200:
                    return
            except OSError:
                pass
            if self.process.poll() is not None:
                raise SystemExit("The server ended by itself.")
            time.sleep(0.05)

    def stop(self, how: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(how)
        self.process.wait()


class Guest:
    """A client that a link has let in; it waits while the server is away."""

    def __init__(self, server: Server, run_id: str, token: str) -> None:
        self.server, self.path = server, f"/api/runs/{quote(run_id)}/decisions"
        self.n_again, self.cookie = 0, ""
        status, headers, _ = self._ask("GET", f"/s/{token}")
        assert status == 303, status
        self.cookie = "; ".join(value.partition(";")[0] for name, value in headers if name.lower() == "set-cookie")

    def _ask(self, method: str, path: str, body: str | None = None) -> tuple[int, list[tuple[str, str]], bytes]:
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
            try:
                headers = {"X-DataEval-UI": "1", "Content-Type": "application/json"}
                connection.request(method, path, body, headers | ({"Cookie": self.cookie} if self.cookie else {}))
                answer = connection.getresponse()
                return answer.status, answer.getheaders(), answer.read()
            except (OSError, http.client.HTTPException):
                self.n_again += 1
                time.sleep(0.05)
            finally:
                connection.close()

    def decide(self, decision_id: str, finding: str) -> float:
        """Send until it is acknowledged; returns the seconds of the exchange."""
        started = time.perf_counter()
        sent = {"id": decision_id, "finding": finding, "verdict": "keep", "comment": decision_id}
        status, _, answer = self._ask("POST", self.path, json.dumps(sent))
        if status != 201:
            raise SystemExit(f"{status}: {answer.decode()}")
        return time.perf_counter() - started


def guest(server: Server, run_id: str) -> Guest:
    _, token = make_link(server.services, run_id, role="decide", expires=timedelta(days=1))
    return Guest(server, run_id, token)


def kills(server: Server, run_id: str, keys: list[str], args: argparse.Namespace) -> bool:
    guests = [guest(server, run_id) for _ in range(args.writers)]
    acknowledged: list[str] = []
    seconds: list[float] = []
    lock = threading.Lock()

    def write(number: int) -> None:
        for i in range(args.decisions):
            name = f"writer-{number:03d}-{i:05d}"
            took = guests[number].decide(name, keys[i % len(keys)])
            with lock:
                acknowledged.append(name)
                seconds.append(took)

    writers = [threading.Thread(target=write, args=(n,)) for n in range(args.writers)]
    started = time.perf_counter()
    for writer in writers:
        writer.start()
    rng, n_all = random.Random(args.seed), args.writers * args.decisions
    at = sorted(rng.sample(range(n_all // 20, n_all - n_all // 20), args.kills))
    done_at_kill = []
    for n in at:
        while len(acknowledged) < n:
            time.sleep(0.002)
        time.sleep(rng.random() * 0.05)
        server.stop(signal.SIGKILL)
        done_at_kill.append(len(acknowledged))
        server.start()
    for writer in writers:
        writer.join()
    took = time.perf_counter() - started
    services = open_services(server.services.settings)
    stored = Counter(
        d.id for dataset in services.catalog.list_datasets() for d in services.catalog.list_decisions(dataset.id)
    )
    n_lost = len(set(acknowledged) - set(stored))
    n_twice = sum(n > 1 for n in stored.values())
    print(
        f"{args.writers} writers x {args.decisions} decisions, {args.kills} x kill -9 after {done_at_kill} of {n_all}"
    )
    print(f"acknowledged {len(acknowledged)}, stored {sum(stored.values())}, lost {n_lost}, duplicated {n_twice}")
    n_again, median_ms = sum(g.n_again for g in guests), 1e3 * statistics.median(seconds)
    print(f"sent again {n_again} times; {took:.1f} s in all, median {median_ms:.0f} ms")
    return not n_lost and not n_twice and len(acknowledged) == n_all == sum(stored.values())


def seen(server: Server, run_id: str, keys: list[str]) -> bool:
    from playwright.sync_api import sync_playwright

    from tests.chromium import FLAGS, find_chromium

    sender, seconds = guest(server, run_id), []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(FLAGS))
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.port}/review?run={run_id}&state=all&item={keys[0]}")
        page.get_by_text("by anybody").wait_for()
        for i in range(N_SEEN):
            time.sleep(random.random())
            name = f"seen-{i:05d}"
            started = time.perf_counter()
            sender.decide(name, keys[0])
            page.get_by_text(name).wait_for()
            seconds.append(time.perf_counter() - started)
        browser.close()
    print(
        f"seen by another after {statistics.median(seconds):.2f} s (median), {max(seconds):.2f} s (worst of {N_SEEN})"
    )
    print("each: " + " ".join(f"{s:.2f}" for s in seconds))
    return max(seconds) < 2


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--writers", type=int, default=10)
    parser.add_argument("--decisions", type=int, default=100)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--catalog-url", default="", help="an empty database in PostgreSQL (default: SQLite)")
    parser.add_argument("--browser", action="store_true", help="also measure how soon another sees a decision")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dataeval-ui-decisions-") as folder:
        given = {"workspace": Path(folder) / "workspace", "catalog_url": args.catalog_url}
        services = open_services(load_settings(given, environment={}))
        run = open_run(services, install_demo(services).id)
        keys = list(run.keyed_findings)
        print("SQLite" if not args.catalog_url else "PostgreSQL")
        server = Server(services)
        server.start()
        try:
            well = kills(server, run.id, keys, args)
            if args.browser:
                well = seen(server, run.id, keys) and well
        finally:
            server.stop(signal.SIGTERM)
        services.catalog.close()
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
