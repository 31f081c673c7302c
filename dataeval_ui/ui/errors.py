"""What a user sees when something goes wrong: our own sentence, or a short one with a reference into the log."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from dataeval_ui.errors import DataEvalUIError
from dataeval_ui.ui.text import plain

logger = logging.getLogger(__name__)


@contextmanager
def shown_errors() -> Iterator[None]:
    """Show errors of the block as a box on the page and go on behind it.

    The one place where the pages catch anything: our errors are sentences and are shown as they are; whatever else
    happens is logged with its traceback under a reference, and the user is told the reference alone.
    """
    _check_viewer()
    try:
        yield
    except DataEvalUIError as error:
        st.error(plain(str(error), max_chars=1_000), icon=":material/error:")
    except Exception:
        reference = secrets.token_hex(4)
        logger.exception("Unexpected error %s on a page", reference)
        st.error(
            "Something went wrong that should not have. Reload the page; if it happens again, look for "
            f"**{reference}** in the server's log.",
            icon=":material/error:",
        )


def _check_viewer() -> None:
    """End the script where whoever looks at the page may not any more: a fragment is run without the page's top."""
    from dataeval_ui.ui.viewer import current_viewer

    viewer = current_viewer()
    if viewer.role == "nobody":
        st.error(plain(viewer.reason), icon=":material/lock:")
        st.stop()
