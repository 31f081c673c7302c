"""A look for news is left out while a click's run is under way, and let through before and after it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from dataeval_ui.server.looks import MAX_HELD_S, without_hasty_looks


def asked(*, look: bool = False) -> dict[str, Any]:
    message = BackMsg()
    message.rerun_script.query_string = "run=1"
    message.rerun_script.is_auto_rerun = look
    return {"type": "websocket.receive", "bytes": message.SerializeToString(), "text": None}


def finished(status: int) -> dict[str, Any]:
    return {"type": "websocket.send", "bytes": ForwardMsg(script_finished=status).SerializeToString()}  # type: ignore[arg-type]


CLICK, LOOK = asked(), asked(look=True)
END, FRAGMENT_END, EARLY = (
    finished(ForwardMsg.FINISHED_SUCCESSFULLY),
    finished(ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY),
    finished(ForwardMsg.FINISHED_EARLY_FOR_RERUN),
)
OTHER = {"type": "websocket.receive", "bytes": b"\xff\xff", "text": None}
GONE = {"type": "websocket.disconnect", "code": 1000}


def passed(*events: dict[str, Any] | float) -> list[dict[str, Any]]:
    """What reaches the application of what a browser sends, while it answers; a number lets time pass."""
    now, inbox, got = 0.0, list[dict[str, Any]](), list[dict[str, Any]]()

    async def receive() -> dict[str, Any]:
        if not inbox:
            raise EOFError
        return inbox.pop(0)

    async def send(message: Any) -> None:
        pass

    async def play() -> None:
        nonlocal now
        receiving, sending = without_hasty_looks(receive, send, clock=lambda: now)  # type: ignore[arg-type]
        for event in events:
            if isinstance(event, float):
                now += event
            elif event["type"] == "websocket.send":
                await sending(event)
            else:
                inbox.append(event)
                try:
                    got.append(dict(await receiving()))
                except EOFError:
                    continue

    asyncio.run(play())
    return got


@pytest.mark.parametrize("end", [END, FRAGMENT_END])
def test_a_look_waits_for_the_end_of_a_click(end: dict[str, Any]) -> None:
    assert passed(LOOK, CLICK, LOOK, LOOK, end, LOOK) == [LOOK, CLICK, LOOK]


def test_a_run_that_begins_again_has_not_ended() -> None:
    assert passed(CLICK, EARLY, LOOK, END, LOOK) == [CLICK, LOOK]


def test_clicks_and_all_else_are_never_held_up() -> None:
    assert passed(CLICK, CLICK, OTHER, GONE) == [CLICK, CLICK, OTHER, GONE]


def test_an_end_that_was_missed_holds_up_looks_for_a_while_alone() -> None:
    assert passed(CLICK, MAX_HELD_S - 1, LOOK, 1.5, LOOK) == [CLICK, LOOK]
