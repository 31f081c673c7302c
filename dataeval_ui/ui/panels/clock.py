"""Moments in the browser's own time zone."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st


def moment(when: datetime, *, year: bool = False) -> str:
    """Return day and time as the user's clock shows them, in UTC (and saying so) where that is not known.

    Parameters
    ----------
    when : datetime
        With a time zone.
    year : bool, default False
        Whether to say the year.
    """
    form = "%-d %b %Y, %H:%M" if year else "%-d %b, %H:%M"
    name = st.context.timezone
    if name:
        try:
            return when.astimezone(ZoneInfo(name)).strftime(form)
        except (ZoneInfoNotFoundError, ValueError):  # a name that this machine's tables lack
            pass
    return f"{when.astimezone(UTC).strftime(form)} UTC"
