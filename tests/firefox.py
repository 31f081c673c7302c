"""Firefox, asked through its own WebDriver BiDi: the browser as the distribution has it, and no driver beside it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

STARTS_WITHIN_S = 60
MISSING = "This test needs Firefox: apt-get install firefox-esr."


def find_firefox() -> str | None:
    """Return the program, None where there is none."""
    return shutil.which("firefox-esr") or shutil.which("firefox")


class Firefox:
    """One tab."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._n_sent = 0
        self.requests: list[str] = []
        self.errors: list[str] = []
        self.send("session.new", capabilities={})
        self.send("session.subscribe", events=["network.beforeRequestSent", "log.entryAdded"])
        self.tab = self.send("browsingContext.getTree")["contexts"][0]["context"]

    def send(self, method: str, **params: Any) -> Any:
        """Send a command and wait for its answer; what happens meanwhile is kept."""
        self._n_sent += 1
        self._socket.send(json.dumps({"id": self._n_sent, "method": method, "params": params}))
        while True:
            told = json.loads(self._socket.recv(timeout=60))
            if told.get("method") == "network.beforeRequestSent":
                self.requests.append(told["params"]["request"]["url"])
            elif told.get("method") == "log.entryAdded" and told["params"]["level"] == "error":
                self.errors.append(str(told["params"]["text"]))
            elif told.get("id") == self._n_sent:
                if told["type"] == "error":
                    raise RuntimeError(f"{told['error']}: {told['message']}")
                return told["result"]

    def open(self, address: str) -> None:
        """Open a page and wait until it is loaded."""
        self.send("browsingContext.navigate", context=self.tab, url=address, wait="complete")

    def ask(self, expression: str) -> Any:
        """Evaluate an expression, waiting for a promise, and return its value."""
        found = self.send(
            "script.evaluate",
            expression=f"Promise.resolve({expression}).then(JSON.stringify)",
            target={"context": self.tab},
            awaitPromise=True,
        )
        if found["type"] != "success":
            raise RuntimeError(found["exceptionDetails"]["text"])
        return json.loads(found["result"]["value"]) if found["result"]["type"] == "string" else None

    def press(self, *keys: str) -> None:
        """Press and let go of keys, one after the other."""
        acts = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        source = {"type": "key", "id": "keyboard", "actions": acts}
        self.send("input.performActions", context=self.tab, actions=[source])

    def click(self, x: float, y: float) -> None:
        """Click a place of the window."""
        acts = [
            {"type": "pointerMove", "x": round(x), "y": round(y)},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        self.send(
            "input.performActions", context=self.tab, actions=[{"type": "pointer", "id": "mouse", "actions": acts}]
        )


@contextmanager
def firefox(program: str, profile: Path) -> Iterator[Firefox]:
    """Start Firefox with a profile of its own, without a window."""
    profile.mkdir(parents=True)
    # nothing of the browser's own business is asked while the page is watched
    quiet = {"browser.safebrowsing.downloads.enabled": False, "app.normandy.enabled": False}
    lines = [f'user_pref("{name}", {json.dumps(value)});\n' for name, value in quiet.items()]
    (profile / "user.js").write_text("".join(lines))
    log = profile / "log.txt"
    argv = [program, "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0"]
    with log.open("w") as out:
        process = subprocess.Popen([*argv, "about:blank"], stdout=out, stderr=out)
    try:
        with connect(f"{_address(log, process)}/session", max_size=None, open_timeout=30) as socket:
            yield Firefox(socket)
    finally:
        process.terminate()
        process.wait(timeout=30)


def _address(log: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        if told := re.search(r"WebDriver BiDi listening on (ws://\S+)", log.read_text()):
            return told[1]
        time.sleep(0.1)
    raise RuntimeError(f"Firefox did not start:\n{log.read_text()}")
