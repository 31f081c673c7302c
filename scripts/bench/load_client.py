"""A reviewer without a browser: Streamlit's web socket, a link's cookie, and the requests that a browser would send."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from typing import Any

import httpx
import websockets
from streamlit.components.v2.bidi_component.main import _make_trigger_id
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState

OPENS_WITHIN_S, ANSWER_WITHIN_S = 300.0, 30.0
"""The first visit of a page may compute what all others then share."""


class Reviewer:
    """One session on one page, as its browser would hold it.

    Parameters
    ----------
    url : str
    link : str
        Path of the reviewer's link, `/s/<token>`; the first visit changes it for a cookie.
    page : {"explore", "review"}
    run_id : str
    """

    def __init__(self, url: str, link: str, *, page: str, run_id: str) -> None:
        self.url, self.link, self.page = url, link, page
        self.query = f"run={run_id}"
        self.http = httpx.AsyncClient(base_url=url, timeout=OPENS_WITHIN_S, follow_redirects=False)
        self.fragments: dict[str, str] = {}
        self.elements: dict[str, Any] = {}
        self.known: set[str] = set()
        self.n_bytes = 0
        self.n_messages = 0
        self.trail: deque[str] = deque(maxlen=400)
        """What came and went, for the sentence about an answer that did not come."""
        self.problems: list[str] = []
        self._page_hash = ""
        self._waits_for = ForwardMsg.FINISHED_SUCCESSFULLY
        self._finished = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._socket: Any = None

    async def open(self) -> float:
        """Visit the link and the page; return the seconds until the page's script has run."""
        answer = await self.http.get(self.link)
        if answer.status_code != 303:
            raise RuntimeError(f"The link answered {answer.status_code}.")
        cookies = "; ".join(f"{name}={value}" for name, value in self.http.cookies.items())
        self._socket = await websockets.connect(
            self.url.replace("http", "ws", 1) + "/_stcore/stream",
            subprotocols=["streamlit"],  # type: ignore[list-item]
            additional_headers={"Cookie": cookies},
            origin=self.url,  # type: ignore[arg-type]
            max_size=None,
        )
        self._tasks.append(asyncio.create_task(self._listen()))
        return await self.act(within_s=OPENS_WITHIN_S)

    async def close(self) -> None:
        """Leave."""
        for task in self._tasks:
            task.cancel()
        await self._socket.close()
        await self.http.aclose()

    async def act(self, *states: WidgetState, fragment: str = "", within_s: float = ANSWER_WITHIN_S) -> float:
        """Send widgets' values, as a click does; return the seconds until the script has run."""
        message = self._rerun(fragment)
        message.rerun_script.widget_states.widgets.extend(states)
        self._finished.clear()
        whole, part = ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY
        self._waits_for = part if fragment else whole  # what looks for others' decisions must not answer a click
        start = time.perf_counter()
        self.trail.append(f"asked {'for a fragment' if fragment else 'for all'}")
        await self._socket.send(message.SerializeToString())
        try:
            await asyncio.wait_for(self._finished.wait(), within_s)
        except TimeoutError:
            lost = self._tasks[0].exception() if self._tasks[0].done() else None
            said = list(self.trail)
            asked = max(at for at, what in enumerate(said) if what.startswith("asked"))
            trail = ", ".join(said[max(0, asked - 6) : asked + 8])
            said = f"{self.page} did not answer within {within_s:.0f} s ({lost or 'connected'}; {trail})"
            raise TimeoutError(said) from None
        return time.perf_counter() - start

    async def click_point(self, row: int) -> float:
        """Click a point of the map."""
        key = self._named("map")
        state = WidgetState(id=_make_trigger_id(key, "events"))
        state.json_trigger_value = json.dumps([{"event": "click", "value": row}])
        return await self.act(state, fragment=self.fragments[key])

    async def press(self, key: str) -> float:
        """Press the button of a key."""
        name = self._named(key)
        return await self.act(WidgetState(id=name, trigger_value=True), fragment=self.fragments[name])

    async def fetch(self, paths: list[str]) -> list[float]:
        """Fetch what the page shows; return the seconds that each took."""

        async def one(path: str) -> float:
            start = time.perf_counter()
            try:
                answer = await self.http.get(path)
            except (httpx.ReadError, httpx.RemoteProtocolError):  # an idle connection had just been closed
                answer = await self.http.get(path)  # browsers ask again too
            self.n_bytes += len(answer.content)
            if answer.status_code != 200:
                self.problems.append(f"{path} answered {answer.status_code}")
            return time.perf_counter() - start

        return list(await asyncio.gather(*map(one, paths)))

    def _rerun(self, fragment: str) -> BackMsg:
        message = BackMsg()
        message.rerun_script.query_string = self.query
        if self._page_hash:
            message.rerun_script.page_script_hash = self._page_hash
        else:
            message.rerun_script.page_name = self.page
        message.rerun_script.fragment_id = fragment
        message.rerun_script.cached_message_hashes.extend(self.known)
        return message

    def _named(self, key: str) -> str:
        """Id of the widget that the page drew with a key: Streamlit's ids end in it."""
        for name in reversed(self.elements):
            if name.endswith(f"-{key}"):
                return name
        raise RuntimeError(f"The page {self.page} has drawn nothing named {key!r}.")

    async def _listen(self) -> None:
        async for data in self._socket:
            self.n_bytes += len(data)
            self.n_messages += 1
            message = ForwardMsg()
            message.ParseFromString(data)
            self._take(message)

    def _take(self, message: ForwardMsg) -> None:
        if message.metadata.cacheable and message.hash:
            self.known.add(message.hash)
        match kind := message.WhichOneof("type"):
            case "new_session" | "session_status_changed" | "auto_rerun":
                self.trail.append(kind)
            case "script_finished":
                self.trail.append(f"finished {message.script_finished}")
        match message.WhichOneof("type"):
            case "delta" if message.delta.WhichOneof("type") == "new_element":
                element = message.delta.new_element
                kind = element.WhichOneof("type")
                shown = getattr(element, kind)
                if name := getattr(shown, "id", ""):
                    self.elements.pop(name, None)
                    self.elements[name] = shown
                    self.fragments[name] = message.delta.fragment_id
                if kind == "exception":
                    self.problems.append(f"an exception on {self.page}: {shown.message[:200]}")
                if kind == "alert":
                    self.problems.append(f"an alert on {self.page}: {shown.body[:200]}")
            case "page_info_changed":
                self.query = message.page_info_changed.query_string
            case "auto_rerun":
                loop = asyncio.create_task(self._repeat(message.auto_rerun.interval, message.auto_rerun.fragment_id))
                self._tasks.append(loop)
            case "navigation":
                self._page_hash = message.navigation.page_script_hash
            case "script_finished" if message.script_finished == self._waits_for:
                self._finished.set()

    async def _repeat(self, every_s: float, fragment: str) -> None:
        """Run a fragment again and again, as the page asked for; the fragment of a page that was drawn anew ends."""
        for task in self._tasks[1:-1]:
            task.cancel()
        del self._tasks[1:-1]
        while True:
            await asyncio.sleep(every_s)
            message = self._rerun(fragment)
            message.rerun_script.is_auto_rerun = True
            self.trail.append("looked")
            await self._socket.send(message.SerializeToString())
