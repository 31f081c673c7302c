"""Mounting of our components: registered when first drawn, since no Streamlit runtime exists on import."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import streamlit as st

from dataeval_ui.ui.components.frontend_files import frontend_files, loader


def base_path() -> str:
    """Path that the server is mounted below, without a slash at its end: empty, or `/dataeval`."""
    path = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{path}" if path else ""


def _ignore() -> None:
    """Streamlit learns an event's name from a callback; ours are read from the result instead."""


@functools.cache
def _registered(name: str, path: str) -> Callable[..., Any]:
    return st.components.v2.component(
        f"dataeval_ui_{name}",
        html='<div class="root"></div>',
        css=frontend_files()[f"{name}/{name}.css"].decode("utf-8"),
        js=loader(f"{name}/index.js", base_path=path),
    )


def mount(name: str, *, key: str, data: dict[str, Any], events: tuple[str, ...]) -> dict[str, Any]:
    """Draw a component.

    Parameters
    ----------
    name : str
        Its folder below `frontend`.
    key : str
        Streamlit's; state in the browser (zoom, scroll) lives as long as the key is drawn.
    data : dict
        JSON-able; handed to the browser's side on each rerun.
    events : tuple of str
        Names of the events that the browser's side may send.

    Returns
    -------
    dict
        A value for each event; None for one that did not happen. It comes from a browser: check it.
    """
    callbacks = {f"on_{event}_change": _ignore for event in events}
    result = _registered(name, base_path())(key=key, data=data, **callbacks)
    return {event: getattr(result, event, None) for event in events}
