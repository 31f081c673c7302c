"""Where the network is computed: a choice where the machine has one, a sentence where it has none."""

from __future__ import annotations

import streamlit as st

from dataeval_ui.embed.devices import list_devices
from dataeval_ui.ui import cached
from dataeval_ui.ui.text import count

_AUTO = "auto"
_DEVICE, _MIXED = "run_device", "run_mixed"


def render_device_choice() -> tuple[str | None, str | None]:
    """Draw the choice of device and precision.

    Returns
    -------
    device, precision : str or None
        None for what the settings say.
    """
    settings = cached.services().settings
    devices = list_devices()
    st.markdown("**Device**")
    if not devices:
        st.caption(
            f"Computed on this machine's CPU with {count(settings.n_threads, 'thread')}; it has no other device that "
            "torch can use."
        )
        return None, None
    titles = {device.name: f"{device.name}: {device.title}" for device in devices}
    several = len(devices) > 1 and devices[0].name.startswith("cuda")
    found = {_AUTO: f"Automatic: {'all devices' if several else titles[devices[0].name]}", "cpu": "CPU", **titles}
    options = list(dict.fromkeys([settings.device if settings.device in found else _AUTO, *found]))
    device = st.selectbox("Device", options, format_func=found.__getitem__, key=_DEVICE, label_visibility="collapsed")
    is_mixed = st.toggle(
        "Mixed precision",
        value=settings.precision == "mixed",
        key=_MIXED,
        disabled=device == "cpu",
        help="Casts to float16: about twice as fast. Its embeddings are kept apart from those in full precision.",
    )
    return device, "mixed" if is_mixed and device != "cpu" else "full"
