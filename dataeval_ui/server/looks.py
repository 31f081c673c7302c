"""A web socket on which a page's look for news never meets the end of what a click made the page do.

A page that shows what others do runs a fragment every second or so (`st.fragment(run_every=...)`), by a clock in the
browser that knows nothing of clicks. Where such a look reaches the server in the milliseconds in which a click's run
has ended and its last messages are not sent yet, Streamlit makes another runner for it and drops the messages of the
first: the page then stays as it was before the click, and the next key press decides on what nobody saw. So a look that
comes while a run is under way is left out; the next one comes soon.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Send

MAX_HELD_S = 30.0
"""A run that takes longer is not waited for: its end may have been missed."""

_MAX_END_BYTES = 512
"""The message that a run has ended is short; longer ones need not be read."""


def without_hasty_looks(
    receive: Receive, send: Send, *, clock: Callable[[], float] = time.monotonic
) -> tuple[Receive, Send]:
    """Wrap the two ends of one web socket of Streamlit's.

    Parameters
    ----------
    receive, send : ASGI callables
    clock : callable
        Seconds, monotonic.
    """
    asked_at: float | None = None

    async def receiving() -> Message:
        nonlocal asked_at
        while True:
            message = await receive()
            kind = _rerun_of(message)
            if kind == "look" and asked_at is not None and clock() - asked_at < MAX_HELD_S:
                continue
            if kind == "click":
                asked_at = clock()
            return message

    async def sending(message: Message) -> None:
        nonlocal asked_at
        await send(message)
        if asked_at is not None and _is_end(message):
            asked_at = None

    return receiving, sending


def _rerun_of(message: Message) -> str:
    """Tell a look ("look") from what a person did ("click"); empty for anything else."""
    from google.protobuf.message import DecodeError
    from streamlit.proto.BackMsg_pb2 import BackMsg

    content = message.get("bytes")
    if message["type"] != "websocket.receive" or not content:
        return ""
    sent = BackMsg()
    try:
        sent.ParseFromString(content)
    except DecodeError:  # Streamlit says so
        return ""
    if sent.WhichOneof("type") != "rerun_script":
        return ""
    return "look" if sent.rerun_script.is_auto_rerun else "click"


def _is_end(message: Message) -> bool:
    """Say whether a message tells the browser that a run has come to its end, and not that another one begins."""
    from google.protobuf.message import DecodeError
    from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

    content = message.get("bytes")
    if message["type"] != "websocket.send" or not content or len(content) > _MAX_END_BYTES:
        return False
    sent = ForwardMsg()
    try:
        sent.ParseFromString(content)
    except DecodeError:
        return False
    is_end = sent.WhichOneof("type") == "script_finished"
    return is_end and sent.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN
